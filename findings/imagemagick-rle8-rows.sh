#!/usr/bin/env bash
# ImageMagick packs a .bmp of 17 to 256 colours with run lengths (RLE8) without being asked, and its rows are longer than the
# picture is wide: they take in the bytes that fill a plain row up to a multiple of four.
#
# The format's documents say that a run may not go beyond its row. Whoever reads samples from such files (a decoder of one's
# own, on a desk or on a device) and takes that as an error, or lets the run go on into the next row, gets no picture or one
# that is askew, and only where the width is no multiple of four.
#
# Takes ImageMagick from the PATH: apt-get install imagemagick (6.9.11 in Debian 12).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

convert -version | head -1
changed=0
for width in 5 6 7 8; do
  # 20 colours, each once or twice.
  {
    echo "P3 $width 4 255"
    for ((i = 0; i < width * 4; i++)); do echo "$((i % 20 * 12)) $((i % 20 * 7)) $((i % 20 * 3))"; done
  } >in.ppm
  convert in.ppm -type Palette out.bmp
  # Bytes as numbers; the pixels begin where bytes 10 to 13 say, how they are packed stands at 30.
  mapfile -t bytes < <(od -An -v -tu1 -w1 out.bmp | tr -d ' ')
  packing=${bytes[30]}
  at=$((bytes[10] + 256 * bytes[11]))
  length=0
  # Runs up to the mark of the row's end: a count and a colour each.
  while ((bytes[at] > 0)); do
    length=$((length + bytes[at]))
    at=$((at + 2))
  done
  echo "$width pixels wide: packing $packing (1 is RLE8), a row of $length"
  if ((packing != 1 || length != 8)); then changed=1; fi
done
((changed == 0)) || {
  echo 'changed: not packed, or rows as long as the picture is wide' >&2
  exit 1
}
