/*
 * What LLVM calls on an MSP430: shifts of 32 bits, memory, divisions. R12 to R15 hold arguments and results, R11 to R15 may
 * be changed.
 */
.macro FUNCTION name
  .section .text.\name,"ax",@progbits
  .globl \name
  .balign 2
\name:
.endm

/* Shifts of 32 bits by r14; by sixteen and eight first. */
FUNCTION __mspabi_slll
  and #31,r14
  cmp #16,r14
  jlo 1f
  mov r12,r13
  clr r12
  sub #16,r14
1:tst r14
  jz 3f
2:rla r12
  rlc r13
  dec r14
  jnz 2b
3:ret

FUNCTION __mspabi_sral
  and #31,r14
  cmp #16,r14
  jlo 1f
  mov r13,r12
  rla r13
  subc r13,r13
  inv r13
  sub #16,r14
1:tst r14
  jz 3f
2:rra r13
  rrc r12
  dec r14
  jnz 2b
3:ret

FUNCTION __mspabi_srll
  and #31,r14
  cmp #16,r14
  jlo 1f
  mov r13,r12
  clr r13
  sub #16,r14
1:tst r14
  jz 3f
2:clrc
  rrc r13
  rrc r12
  dec r14
  jnz 2b
3:ret

/* mov @r13+,n(r15), and of a byte, which LLVM 14 does not assemble. */
.macro WORD n
  .word 0x4dbf,\n
.endm
.macro BYTE n
  .word 0x4dff,\n
.endm
FUNCTION memmove
  cmp r12,r13
  jhs memcpy
  mov r12,r15
  add r14,r15
  cmp r15,r13
  jhs memcpy
  add r14,r13
1:tst r14
  jz 2f
  dec r13
  dec r15
  mov.b @r13,0(r15)
  dec r14
  jmp 1b
2:ret
/* By words where both ends are even, or odd. */
  .globl memcpy
memcpy:
  mov r12,r15
  mov r12,r11
  xor r13,r11
  bit #1,r11
  jnz 6f
  bit #1,r13
  jz 1f
  tst r14
  jz 5f
  BYTE 0
  inc r15
  dec r14
1:sub #8,r14
  jlo 2f
  WORD 0
  WORD 2
  WORD 4
  WORD 6
  add #8,r15
  jmp 1b
2:add #8,r14
3:tst r14
  jz 5f
4:BYTE 0
  inc r15
  dec r14
  jnz 4b
5:ret
6:sub #4,r14
  jlo 7f
  BYTE 0
  BYTE 1
  BYTE 2
  BYTE 3
  add #4,r15
  jmp 6b
7:add #4,r14
  jmp 3b

FUNCTION memset
  mov r12,r15
1:tst r14
  jz 2f
  mov.b r13,0(r15)
  inc r15
  dec r14
  jmp 1b
2:ret

FUNCTION memcmp
1:tst r14
  jz 2f
  mov.b @r12+,r11
  mov.b @r13+,r15
  dec r14
  sub r15,r11
  jz 1b
  mov r11,r12
  ret
2:clr r12
  ret

/* Divisions: r12 by r13, or r12, r13 by r14, r15; quotients where the dividend was. A divisor of 0 is the caller's affair. */
FUNCTION __mspabi_divu
divide16:
  clr r14
  mov #16,r15
1:rla r12
  rlc r14
  jc 2f
  cmp r13,r14
  jlo 3f
2:sub r13,r14
  inc r12
3:dec r15
  jnz 1b
  ret
FUNCTION __mspabi_remu
  call #divide16
  mov r14,r12
  ret

/* Signed: of magnitudes, the sign kept. */
.macro ABSOLUTE low,high
  tst \high
  jge 7f
  inv \low
.ifnc \low,\high
  inv \high
.endif
  inc \low
.ifnc \low,\high
  adc \high
.endif
7:
.endm
FUNCTION __mspabi_divi
  mov r12,r11
  xor r13,r11
  ABSOLUTE r12,r12
  ABSOLUTE r13,r13
  call #divide16
sign16:
  tst r11
  jge 1f
  inv r12
  inc r12
1:ret
FUNCTION __mspabi_remi
  mov r12,r11
  ABSOLUTE r12,r12
  ABSOLUTE r13,r13
  call #divide16
  mov r14,r12
  jmp sign16

/* The remainder in r14, r15. By 16 bits where both are of so many: most are counts. */
FUNCTION __mspabi_divul
divide32:
  tst r13
  jnz 4f
  tst r15
  jnz 4f
  mov r14,r13
  call #divide16
  clr r13
  ret
4:push r10
  push r9
  push r8
  clr r8
  clr r9
  mov #32,r10
1:rla r12
  rlc r13
  rlc r8
  rlc r9
  jc 2f
  cmp r15,r9
  jlo 3f
  jne 2f
  cmp r14,r8
  jlo 3f
2:sub r14,r8
  subc r15,r9
  inc r12
3:dec r10
  jnz 1b
  mov r8,r14
  mov r9,r15
  pop r8
  pop r9
  pop r10
  ret
FUNCTION __mspabi_remul
  call #divide32
  mov r14,r12
  mov r15,r13
  ret
FUNCTION __mspabi_divli
  mov r13,r11
  xor r15,r11
  ABSOLUTE r12,r13
  ABSOLUTE r14,r15
  call #divide32
sign32:
  tst r11
  jge 1f
  inv r12
  inv r13
  inc r12
  adc r13
1:ret
FUNCTION __mspabi_remli
  mov r13,r11
  ABSOLUTE r12,r13
  ABSOLUTE r14,r15
  call #divide32
  mov r14,r12
  mov r15,r13
  jmp sign32
