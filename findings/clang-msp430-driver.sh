#!/usr/bin/env bash
# clang builds for the MSP430, but knows none of TI's FRAM parts by name, and its driver takes no linker but TI's.
#
# `-mmcu=` has the parts with the first instruction set (msp430g2553), none with the extended one, which all FRAM parts have:
# msp430fr5994, the usual board of papers on intermittent computing, "is not supported". Without a name it builds for the old
# instruction set, which runs there, and the hardware multiplier has to be asked for (`-mhwmult=16bit`). And `-fuse-ld=lld`, which
# every other bare target follows, is ignored without a word: the driver calls msp430-elf-ld, which Debian has not. ld.lld itself
# links MSP430 objects, so it has to be called by name.
#
# Takes clang and ld.lld from the PATH: apt-get install clang lld (14 in Debian 12).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

clang --version | head -1
cat >program.c <<'C'
int main(void) { return 0; }
C
changed=0

for part in msp430g2553 msp430fr5994 msp430fr5969 msp430fr2433; do
  if said="$(clang --target=msp430 -mmcu="$part" -c program.c -o program.o 2>&1)"; then found=known; else found=unknown; fi
  case "$part" in msp430g2553) expected=known ;; *) expected=unknown ;; esac
  echo "-mmcu=$part is $found${said:+: $said}"
  if [[ "$found" != "$expected" ]]; then changed=1; fi
done

linker() { clang "$@" -fuse-ld=lld -### program.c 2>&1 | tail -1 | sed 's/^ *"\([^"]*\)".*/\1/'; }
for target in riscv32-unknown-elf msp430; do
  found="$(linker --target="$target")"
  echo "--target=$target -fuse-ld=lld calls $found"
  case "$target" in msp430) [[ "$found" == *msp430-elf-ld* ]] || changed=1 ;; *) [[ "$found" == *ld.lld ]] || changed=1 ;; esac
done

clang --target=msp430 -mhwmult=16bit -ffreestanding -c program.c -o program.o
ld.lld -e main program.o -o program.elf
echo "ld.lld links $(od -An -tu2 -j18 -N2 program.elf | tr -d ' ') (105 is EM_MSP430)"

((changed == 0)) || {
  echo 'changed: clang knows more parts, or follows -fuse-ld' >&2
  exit 1
}
