#!/usr/bin/env bash
# mspdebug's simulator counts the MSP430's constants 0, 1, 2, 4, 8 and -1 as operands in memory: too many cycles.
#
# Those six come from the constant generator, without a word behind the instruction, and take as long as a register: `mov #1, r5`
# one cycle (TI's family guides, "instruction cycles and lengths"; MSP430x5xx and FR5xx too). The simulator goes by the
# addressing mode that encodes them, so that it counts 2 or 3. Compiled code is full of them: cycles of a whole program come out
# several per cent too high, more in loops that count by one, and a comparison of two kernels can be wrong in its order.
#
# Takes mspdebug, clang and ld.lld from the PATH: apt-get install mspdebug clang lld (0.22 and 14 in Debian 12).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mspdebug --version | head -1
# The instruction, and the cycles that the guides give.
list=('mov r8, r5:1' 'mov #1, r5:1' 'mov #2, r5:1' 'add #4, r5:1' 'add #-1, r5:1' 'mov #1234, r5:2')
{
  echo '.text'
  echo '_start:'
  for item in "${list[@]}"; do echo "  ${item%:*}"; done
  printf 'done:\n  jmp done\n'
  echo '.section .reset,"a"'
  echo '  .word _start'
} >program.s
echo 'SECTIONS { . = 0x4400; .text : { *(.text*) } . = 0xfffe; .reset : { *(.reset) } }' >program.ld
clang --target=msp430 -c program.s -o program.o
ld.lld -T program.ld program.o -o program.elf 2>/dev/null

commands=('simio add tracer t' 'prog program.elf' 'reset')
for _ in "${list[@]}"; do commands+=('simio config t clear' 'step 1' 'simio info t'); done
mapfile -t cycles < <(mspdebug -q sim "${commands[@]}" 2>&1 | sed -n 's/^MCLK: *//p')

found=''
for i in "${!list[@]}"; do
  echo "${list[i]%:*}: ${cycles[i]} counted, ${list[i]#*:} on the chip"
  found+="${cycles[i]} "
done
[[ "$found" == '1 3 2 2 2 2 ' ]] || {
  echo "changed: $found" >&2
  exit 1
}
