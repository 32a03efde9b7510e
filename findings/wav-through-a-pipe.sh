#!/usr/bin/env bash
# A .wav that ffmpeg writes into a pipe, or sox from one pipe into another, says that it is 4 GB or 2 GB long, whatever
# follows; and ffmpeg writes plain mono floats as WAVE_FORMAT_EXTENSIBLE, which sox does not.
#
# Recordings are often cut with `ffmpeg … - > clip.wav`. A reader that trusts the length refuses them as cut off, or asks
# for gigabytes; one that only knows formats 1 (PCM) and 3 (float) refuses ffmpeg's floats though there is one channel and
# nothing to extend. Both lengths have to be read as "to the end of the file", and the format from the GUID.
#
# Takes both from the PATH: apt-get install ffmpeg sox (5.1 and 14.4.2 in Debian 12).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

ffmpeg -version | head -1
sox --version
# 100 samples of silence.
head -c 400 /dev/zero >in.s32
raw=(-f s32le -ar 8000 -ac 1 -i in.s32)
quiet=(ffmpeg -hide_banner -loglevel error -y)
"${quiet[@]}" "${raw[@]}" -c:a pcm_s16le -bitexact -f wav - | cat >ffmpeg-pipe.wav
cat in.s32 | sox -D -t s32 -r 8000 -c 1 - -b 24 -t wav - 2>sox-said | cat >sox-pipe.wav
"${quiet[@]}" "${raw[@]}" -c:a pcm_f32le -bitexact ffmpeg-float.wav
sox -D -t s32 -r 8000 -c 1 in.s32 -e floating-point -b 32 sox-float.wav

number() { od -An -tu"$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
report() {
  echo "$1: $(stat -c %s "$1") bytes; says $(number "$1" 4 4) after the first 8, and format $(number "$1" 20 2)"
}
for file in ffmpeg-pipe.wav sox-pipe.wav ffmpeg-float.wav sox-float.wav; do report "$file"; done
[[ $(number ffmpeg-pipe.wav 4 4) == 4294967295 ]] && (($(number sox-pipe.wav 4 4) > 2147000000)) &&
  [[ $(number ffmpeg-float.wav 20 2) == 65534 && $(number sox-float.wav 20 2) == 3 ]] || {
  echo 'changed: true lengths, or another format' >&2
  exit 1
}
