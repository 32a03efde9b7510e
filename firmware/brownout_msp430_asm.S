/*
 * What an MSP430 needs by assembler: start-up code, and products by the hardware multiplier (brownout_msp430_runtime.S: the
 * rest of what LLVM calls). R12 to R15 hold arguments and results, R11 to R15 may be changed. Nothing here takes part in
 * interrupts: handlers of your own must leave the multiplier alone, or save it.
 */
#include "brownout_settings.h"

/* Where the multiplier is: that of 32 bits has the registers of the one of 16 bits first. */
#ifndef BROWNOUT_MULTIPLIER
#define BROWNOUT_MULTIPLIER 0x4c0
#endif
MPY = BROWNOUT_MULTIPLIER
MPYS = BROWNOUT_MULTIPLIER + 2
MAC = BROWNOUT_MULTIPLIER + 4
MACS = BROWNOUT_MULTIPLIER + 6
OP2 = BROWNOUT_MULTIPLIER + 8
RESLO = BROWNOUT_MULTIPLIER + 10
RESHI = BROWNOUT_MULTIPLIER + 12
SUMEXT = BROWNOUT_MULTIPLIER + 14

.macro FUNCTION name
  .section .text.\name,"ax",@progbits
  .globl \name
  .balign 2
\name:
.endm

/* After reset: no watchdog, pins on, SRAM as C wants it. */
FUNCTION brownout_reset
  mov #brownout_link_stack_top,r1
  mov #0x5a80,&0x15c
  bic #1,&0x130
  mov #brownout_link_bss,r12
1:cmp #brownout_link_bss_end,r12
  jhs 2f
  clr 0(r12)
  incd r12
  jmp 1b
2:mov #brownout_link_data,r12
  mov #brownout_link_data_load,r13
3:cmp #brownout_link_data_end,r12
  jhs 4f
  mov @r13+,r11
  mov r11,0(r12)
  incd r12
  jmp 3b
4:br #brownout_start

  .section .vectors,"a",@progbits
  .word brownout_reset

/* 16 and 32 bits, the low part of the product. */
FUNCTION __mspabi_mpyi_hw
  mov r12,&MPY
  mov r13,&OP2
  mov &RESLO,r12
  ret

FUNCTION __mspabi_mpyl_hw
  mov r12,&MPY
  mov r15,&OP2
  mov r13,&MAC
  mov r14,&OP2
  mov &RESLO,r11
  mov r12,&MPY
  mov r14,&OP2
  mov &RESLO,r12
  mov &RESHI,r13
  add r11,r13
  ret

/* The words 1 to 3 of a signed product of r12, r13 and r14, r15: word 1 in r11, the others in RESLO and RESHI. */
.macro UPPER alow,ahigh,blow,bhigh,word1
  mov \alow,&MPY
  mov \blow,&OP2
  mov &RESHI,&RESLO
  clr &RESHI
  mov \alow,&MAC
  mov \bhigh,&OP2
  mov \ahigh,&MAC
  mov \blow,&OP2
  mov &RESLO,\word1
  mov &RESHI,&RESLO
  mov &SUMEXT,&RESHI
  mov \ahigh,&MAC
  mov \bhigh,&OP2
  tst \ahigh
  jge 8f
  sub \blow,&RESLO
  subc \bhigh,&RESHI
8:tst \bhigh
  jge 9f
  sub \alow,&RESLO
  subc \ahigh,&RESHI
9:
.endm

/* int64_t brownout_msp430_product(int32_t a, int32_t b) */
FUNCTION brownout_msp430_product
  push r10
  mov r12,&MPY
  mov r14,&OP2
  mov &RESLO,r10
  UPPER r12,r13,r14,r15,r11
  mov r10,r12
  mov r11,r13
  mov &RESLO,r14
  mov &RESHI,r15
  pop r10
  ret

/* int32_t brownout_msp430_high(int32_t x, int32_t m): (x * m + 2^30) >> 31, of a positive m. */
FUNCTION brownout_msp430_high
  UPPER r12,r13,r14,r15,r11
  add #0x4000,r11
  mov &RESLO,r12
  mov &RESHI,r13
  adc r12
  adc r13
  rla r11
  rlc r12
  rlc r13
  ret

/*
 * void brownout_msp430_rows(const void *x, uint8_t *to, const brownout_msp430_job *job): a byte a row, the sum of products of
 * int8 and a bias, scaled. x: int8, or int16 where the job says so, which takes two cycles less a product.
 */
W = 0
BIAS = 2
PAIR = 4
STRIDE = 6
LENGTH = 8
ROWS = 10
WIDE = 12
TWICE = 14
LOW = 18
HIGH = 20
ZERO = 22
.macro TAP
  mov.b @r12+,r11
  sxt r11
  mov r11,&MACS
  mov.b @r9+,r15
  sxt r15
  mov r15,&OP2
.endm
/* mov @r12+,&MACS, which LLVM 14 does not assemble. */
.macro WIDETAP
  .word 0x4cb2,MACS
  mov.b @r9+,r15
  sxt r15
  mov r15,&OP2
.endm
.macro TAPS tap
  .rept 8
  \tap
  .endr
  dec r14
  jnz 1b
2:tst r13
  jz scaled
3:\tap
  dec r13
  jnz 3b
.endm
/* A sum in r12, r13 to a byte in r12, by the pair at r5, within the clamp of the job at r10: the whole way. */
.macro EXACT at
  mov @r5,r14
  mov 2(r5),r15
  cmp #-1,4(r5)
  jge left\at
  mov r12,&MPY
  mov r14,&OP2
  mov &RESHI,&RESLO
  clr &RESHI
  mov r12,&MAC
  mov r15,&OP2
  mov r13,&MAC
  mov r14,&OP2
  mov &RESLO,r11
  mov &RESHI,&RESLO
  mov &SUMEXT,&RESHI
  mov r13,&MAC
  mov r15,&OP2
  tst r13
  jn 1f
  add #0x4000,r11
  mov &RESLO,r12
  mov &RESHI,r13
  adc r12
  adc r13
  jmp 2f
/* Of a negative sum the first rounding adds half, the second takes 1 off. */
1:sub r14,&RESLO
  subc r15,&RESHI
  add #0xc000,r11
  mov &RESLO,r12
  mov &RESHI,r13
  addc #-1,r12
  addc #-1,r13
2:mov 4(r5),r11
  inv r11
  dec r11
3:cmp #8,r11
  jlo 4f
  swpb r12
  mov.b r12,r12
  mov r13,r14
  swpb r14
  and #0xff00,r14
  bis r14,r12
  swpb r13
  sxt r13
  sub #8,r11
  jmp 3b
4:rla r11
  rla r11
  mov #shifted\at,r14
  sub r11,r14
  br r14
/* To the left, and right by none or one. */
left\at:
  mov 4(r5),r11
1:tst r11
  jeq 2f
  jn 2f
  rla r12
  rlc r13
  dec r11
  jmp 1b
2:call #brownout_msp430_high
  tst 4(r5)
  jge 4f
  tst r13
  jn 3f
  inc r12
  adc r13
3:rra r13
  rrc r12
4:mov TWICE(r10),r14
  mov TWICE+2(r10),r15
  rra r15
  rrc r14
  add r14,r12
  addc r15,r13
  jmp clamped\at
  .rept 7
  rra r13
  rrc r12
  .endr
shifted\at:
  add TWICE(r10),r12
  addc TWICE+2(r10),r13
  rra r13
  rrc r12
/* Within 16 bits, then within the clamp. */
clamped\at:
  mov r12,r14
  rla r14
  subc r14,r14
  inv r14
  cmp r14,r13
  jeq 5f
  mov #0x7fff,r12
  tst r13
  jge 5f
  inv r12
5:
.endm
.macro CLAMP
  cmp HIGH(r10),r12
  jl 6f
  mov HIGH(r10),r12
6:cmp LOW(r10),r12
  jge 7f
  mov LOW(r10),r12
7:mov.b r12,0(r8)
.endm
FUNCTION brownout_msp430_rows
  push r10
  push r9
  push r8
  push r7
  push r6
  push r5
  push r4
  mov r12,r4
  mov r13,r8
  mov r14,r10
  mov W(r10),r9
  mov BIAS(r10),r6
  mov PAIR(r10),r5
  mov ROWS(r10),r7
row:
  mov @r6+,r11
  mov r11,&RESLO
  mov @r6+,r11
  mov r11,&RESHI
  mov LENGTH(r10),r14
  mov r14,r13
  and #7,r13
  rra r14
  rra r14
  rra r14
  mov r4,r12
  tst WIDE(r10)
  jnz wide
  tst r14
  jz 2f
1:TAPS TAP
  jmp scaled
wide:
  tst r14
  jz 2f
1:TAPS WIDETAP
scaled:
  mov &RESLO,r12
  mov &RESHI,r13
  EXACT _row
  CLAMP
  inc r8
  add STRIDE(r10),r5
  dec r7
  jnz again
  pop r4
  pop r5
  pop r6
  pop r7
  pop r8
  pop r9
  pop r10
  ret
again:
  br #row

/*
 * void brownout_msp430_same(const int32_t *sums, uint8_t *to, const brownout_msp430_job *job): `rows` sums by the pair of the
 * job, bytes `stride` apart. Where a scale shifts right by 6 to 20, by one product of 16 bits: of the sum the upper ones that a
 * result of 10 bits is of, t = sum >> (right - 6), and of the multiplier the upper ones. What is left out adds -1/64 to 1/32 to
 * the result, the first rounding up to 1/128 either way; where the result is further from where it rounds, that is all. Others,
 * one in eleven, go the whole way.
 */
FUNCTION brownout_msp430_same
  push r10
  push r9
  push r8
  push r7
  push r6
  push r5
  push r4
  mov r12,r4
  mov r13,r8
  mov r14,r10
  mov PAIR(r10),r5
  mov ROWS(r10),r7
  mov 2(r5),r6
  mov #whole,r9
  cmp #0x4000,r6
  jl next
  mov 4(r5),r11
  inv r11
  sub #5,r11
  cmp #15,r11
  jhs next
  rla r11
  rla r11
  mov #upper,r9
  sub r11,r9
next:
  mov @r4+,r12
  mov @r4+,r13
  br r9
  .rept 14
  rra r13
  rrc r12
  .endr
upper:
  mov r12,r14
  rla r14
  subc r14,r14
  inv r14
  cmp r14,r13
  jne nearer
  mov r12,&MPYS
  mov r6,&OP2
  mov &RESHI,r12
  add #16,r12
  mov r12,r14
  and #31,r14
  dec r14
  cmp #29,r14
  jhs nearer
  rra r12
  rra r12
  rra r12
  rra r12
  rra r12
  add ZERO(r10),r12
same:
  CLAMP
  add STRIDE(r10),r8
  dec r7
  jnz next
  pop r4
  pop r5
  pop r6
  pop r7
  pop r8
  pop r9
  pop r10
  ret
nearer:
  mov -4(r4),r12
  mov -2(r4),r13
whole:
  EXACT _same
  br #same

/* void brownout_msp430_widen(const uint8_t *x, uint16_t count, int16_t *to), of at least one. */
FUNCTION brownout_msp430_widen
1:mov.b @r12+,r11
  sxt r11
  mov r11,0(r14)
  incd r14
  dec r13
  jnz 1b
  ret

/*
 * void brownout_msp430_turn(int32_t *u, int32_t *v, const int32_t *twiddle): u + v * w and u - v * w modulo the prime
 * 0x0a000001, as ntt_turn has it.
 */
FUNCTION brownout_msp430_turn
  push r10
  push r9
  push r8
  push r7
  mov @r13,r8
  mov 2(r13),r9
  mov 4(r14),r10
  mov 6(r14),r11
  UPPER r8,r9,r10,r11,r15
  mov &RESLO,r10
  mov &RESHI,r11
  rla r15
  adc r10
  adc r11
  mov @r14,r15
  mov 2(r14),r7
  mov r8,&MPY
  mov r7,&OP2
  mov r9,&MAC
  mov r15,&OP2
  mov &RESLO,r7
  mov r8,&MPY
  mov r15,&OP2
  mov &RESLO,r8
  mov &RESHI,r9
  add r7,r9
  sub r10,r8
  subc r11,r9
  mov r10,&MPY
  mov #0x0a00,&OP2
  sub &RESLO,r9
  mov @r12,r10
  mov 2(r12),r11
  add r10,r8
  addc r11,r9
  mov r8,0(r12)
  mov r9,2(r12)
  rla r10
  rlc r11
  sub r8,r10
  subc r9,r11
  mov r10,0(r13)
  mov r11,2(r13)
  pop r7
  pop r8
  pop r9
  pop r10
  ret
