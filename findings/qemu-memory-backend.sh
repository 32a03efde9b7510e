#!/usr/bin/env bash
# QEMU's Arm boards all take `-machine …,memory-backend=…`, but only some use it: on the others RAM is QEMU's own, and the file
# stays as it was, without a word.
#
# A file as memory backend is how a program that must survive power cuts can be tried on an emulated board: kill QEMU, start
# it again, and the memory is what it was. On a board that ignores the option every such trial looks like lost data.
#
# Takes QEMU from the PATH: apt-get install qemu-system-arm (7.2 in Debian 12).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

qemu-system-arm --version | head -1
backend=(-object 'memory-backend-file,id=nv,size=16M,mem-path=nv.bin,share=on')

# Whether a board's memory map has the backend; `said`: what QEMU says beside.
uses_backend() {
  printf 'info mtree -f\nquit\n' |
    qemu-system-arm -M "$1,memory-backend=nv" "${backend[@]}" -display none -serial none -monitor stdio -S >map 2>said
  grep -qE ': nv[[:space:]]*$' map
}

changed=0
for board in mps2-an386 netduinoplus2 lm3s6965evb microbit; do
  if uses_backend "$board"; then found=used; else found=ignored; fi
  case "$board" in mps2-an386) expected=used ;; *) expected=ignored ;; esac
  echo "$board: memory-backend is $found"
  # A word about memory would be a warning.
  if [[ "$found" != "$expected" ]] || grep -qiE 'memory|backend' said; then changed=1; fi
done
((changed == 0)) || {
  echo 'changed: another board uses it, or QEMU says that it does not' >&2
  exit 1
}
