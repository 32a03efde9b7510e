/* What an MSP430 does by assembler beside LEA (brownout_accel_lea_windows.h): laying out, and adding pieces up. */
#include "brownout_settings.h"

#ifndef BROWNOUT_MULTIPLIER
#define BROWNOUT_MULTIPLIER 0x4c0
#endif
MACS = BROWNOUT_MULTIPLIER + 6
OP2 = BROWNOUT_MULTIPLIER + 8
RESLO = BROWNOUT_MULTIPLIER + 10
RESHI = BROWNOUT_MULTIPLIER + 12

.macro FUNCTION name
  .section .text.\name,"ax",@progbits
  .globl \name
  .balign 2
\name:
.endm

/*
 * void brownout_msp430_columns(const uint8_t *from, int16_t *to, const brownout_msp430_map *map): columns of int8, the rows of
 * each side by side, as int16, or 2^8 times as large.
 */
FUNCTION brownout_msp430_columns
  push r10
  push r9
  push r8
  push r7
  push r6
  push r5
  push r4
  mov @r14,r10
  mov 2(r14),r4
  mov 4(r14),r6
  mov 6(r14),r5
  sub r5,r6
1:mov r12,r8
  mov r4,r9
2:mov r5,r7
  tst 10(r14)
  jnz 4f
3:mov.b @r8+,r11
  sxt r11
  mov r11,0(r13)
  incd r13
  dec r7
  jnz 3b
  jmp 5f
4:mov.b @r8+,r11
  swpb r11
  mov r11,0(r13)
  incd r13
  dec r7
  jnz 4b
5:add r6,r8
  dec r9
  jnz 2b
  tst 8(r14)
  jz 6f
  clr 0(r13)
  incd r13
6:add r5,r12
  dec r10
  jnz 1b
  pop r4
  pop r5
  pop r6
  pop r7
  pop r8
  pop r9
  pop r10
  ret

/*
 * void brownout_msp430_spread(const uint8_t *from, int16_t *to, uint16_t count, uint16_t apart, int16_t step): `count` int8, each
 * `step` bytes on, as int16 `apart` bytes apart.
 */
FUNCTION brownout_msp430_spread
  push r10
  mov 4(r1),r10
1:mov.b @r12,r11
  sxt r11
  mov r11,0(r13)
  add r10,r12
  add r15,r13
  dec r14
  jnz 1b
  pop r10
  ret

/* void brownout_msp430_split(...), the same, of each value 2^7 times the multiple of 16 next to it, and the
 * rest. */
FUNCTION brownout_msp430_split
  push r10
  push r9
  push r8
  push r7
  push r6
  push r5
  push r4
  mov @r14,r11
  push r11
  mov 2(r14),r4
  mov 4(r14),r6
  mov 6(r14),r5
  mov 10(r14),r15
  sub r5,r6
1:mov r12,r8
  mov r4,r9
2:mov r5,r7
3:mov.b @r8+,r11
  sxt r11
  mov r11,r10
  add #8,r10
  bic #15,r10
  sub r10,r11
  rla r10
  rla r10
  rla r10
  mov r10,0(r13)
  mov.b r11,r11
  swpb r11
  rra r11
  mov r11,2(r13)
  add r15,r13
  dec r7
  jnz 3b
  add r6,r8
  dec r9
  jnz 2b
  tst 8(r14)
  jz 6f
  clr 0(r13)
  clr 2(r13)
  add r15,r13
6:add r5,r12
  dec 0(r1)
  jnz 1b
  incd r1
  pop r4
  pop r5
  pop r6
  pop r7
  pop r8
  pop r9
  pop r10
  ret

/*
 * void brownout_msp430_copy(const int16_t *from, int16_t *to, uint16_t length, uint16_t count, uint16_t gap): `count` times
 * `length`, which is even, the next `gap` bytes behind.
 */
FUNCTION brownout_msp430_copy
  push r10
  mov 4(r1),r10
1:mov r14,r11
  sub #8,r11
  jlo 3f
/* mov @r12+,0(r13) and so on, which LLVM 14 does not assemble. */
2:.word 0x4cbd,0
  .word 0x4cbd,2
  .word 0x4cbd,4
  .word 0x4cbd,6
  .word 0x4cbd,8
  .word 0x4cbd,10
  .word 0x4cbd,12
  .word 0x4cbd,14
  add #16,r13
  sub #8,r11
  jhs 2b
3:add #8,r11
  jz 5f
4:.word 0x4cbd,0
  .word 0x4cbd,2
  add #4,r13
  decd r11
  jnz 4b
5:
  add r10,r12
  dec r15
  jnz 1b
  pop r10
  ret

/*
 * void brownout_msp430_combine(const int16_t *from, int32_t *sums, const brownout_msp430_pieces *job): of each window the bias,
 * 16 times the first of all its pairs and the second ones. At most 10 pieces.
 */
FUNCTION brownout_msp430_combine
  push r10
  push r9
  push r8
  push r7
  push r6
  push r5
  push r4
  mov @r14,r10
  mov 2(r14),r9
  mov 4(r14),r8
  mov 8(r14),r6
  mov 10(r14),r5
/* Into the midst of the products, by so many as there are: 3 words each. */
  mov 6(r14),r11
  mov r11,r15
  rla r15
  add r11,r15
  rla r15
  mov #5f,r7
  sub r15,r7
  mov #6f,r4
  sub r15,r4
1:mov r10,&RESLO
  mov r9,&RESHI
  mov #16,&MACS
  mov r12,r11
  br r7
  .rept 10
  mov @r11,&OP2
  add r6,r11
  .endr
5:mov #1,&MACS
  mov r12,r11
  incd r11
  br r4
  .rept 10
  mov @r11,&OP2
  add r6,r11
  .endr
6:add r5,r12
  mov &RESLO,0(r13)
  mov &RESHI,2(r13)
  add #4,r13
  dec r8
  jnz 1b
  pop r4
  pop r5
  pop r6
  pop r7
  pop r8
  pop r9
  pop r10
  ret
