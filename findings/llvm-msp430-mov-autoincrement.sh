#!/usr/bin/env bash
# LLVM's MSP430 assembler refuses `mov @r13+,0(r15)`, the natural step of every copy, though `add @r13+,0(r15)` assembles.
#
# MSP430 instructions of two operands all take a source that moves on, to any destination; so does the processor. LLVM 14 knows
# MOV from such a source to a register alone ("invalid operand for instruction"), for words and bytes, and its disassembler shows
# the encoding as unknown. ADD, XOR, CMP are complete. A copy, or a table fed to the hardware multiplier, takes a register between,
# three cycles in place of none, or the instruction as `.word`. Also refused: `push @r13+`, `br @r13+`.
#
# Takes clang, llvm-objdump and mspdebug from the PATH: apt-get install clang llvm mspdebug (14 and 0.22 in Debian 12).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

clang --version | head -1
changed=0
try() {
  local expected="$1" text="$2" found=assembles said
  echo " $text" >one.s
  said="$(clang --target=msp430 -c one.s -o one.o 2>&1 | head -1)" || true
  if [[ -n "$said" ]]; then found='is refused'; fi
  echo "$text $found${said:+: ${said#*: }}"
  [[ "$found" == "$expected" ]] || changed=1
}
try 'is refused' 'mov @r13+,0(r15)'
try 'is refused' 'mov.b @r13+,0(r15)'
try 'is refused' 'mov @r13+,&0x0136'
try 'is refused' 'push @r13+'
try assembles 'mov @r13+,r15'
try assembles 'mov @r13,0(r15)'
try assembles 'add @r13+,0(r15)'
try assembles 'xor @r13+,&0x0136'

# The same instruction as words, seen by LLVM's disassembler and by another.
echo ' .word 0x4dbf,0' >words.s
clang --target=msp430 -c words.s -o words.o
ours="$(llvm-objdump -d words.o | grep '0: bf 4d' || true)"
theirs="$(mspdebug -q sim 'fill 0x1000 4 0xbf 0x4d 0 0' 'dis 0x1000 4' 2>&1 | grep -i 'mov' || true)"
echo "llvm-objdump: $ours"
echo "mspdebug:     $theirs"
[[ "$ours" == *unknown* && "$theirs" == *MOV* ]] || changed=1

((changed == 0)) || {
  echo 'changed: LLVM takes a moving source of mov, or something else' >&2
  exit 1
}
