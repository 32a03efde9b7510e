/*
 * Stands in for the headers of TI's MSP DSP Library and of the part, which do not come with this: of their published interface
 * what brownout_accel_lea.h uses. It comes into no folder: where C is compared with its module (compare.c), and in tests.
 */
#ifndef DSPLIB_H
#define DSPLIB_H

#include <stdbool.h>
#include <stdint.h>

typedef int16_t _q15;
typedef int32_t _iq31;

/* Where LEA reaches. TI's section is .leaRAM; without the dot, the linker says where it begins and ends. */
#define DSPLIB_DATA(var, align) __attribute__((section("leaRAM"), aligned(align)))

/* Addresses as LEA takes them: words of 32 bits. Off the part, from where its RAM begins; where it does not reach, 0xffff. */
#ifdef __MSP430__
#define MSP_LEA_CONVERT_ADDRESS(x) ((uint16_t)((uintptr_t)(x) >> 2))
#else
extern char __start_leaRAM[];
extern char __stop_leaRAM[];
static inline uint16_t brownout_lea_address(const volatile void *at) {
  const uintptr_t byte = (uintptr_t)at - (uintptr_t)__start_leaRAM;
  const uintptr_t bytes = (uintptr_t)__stop_leaRAM - (uintptr_t)__start_leaRAM;
  return byte % 4 || byte >= bytes || byte / 4 > 0xffffu ? 0xffffu : (uint16_t)(byte / 4);
}
#define MSP_LEA_CONVERT_ADDRESS(x) brownout_lea_address(x)
#endif

/* Registers: the first operand, the parameters, whether commands are enabled. */
extern volatile uint16_t LEAPMS0, LEAPMS1, LEAPMCTL;
#define LEACMDEN 1u
/* What the interrupt of the last command said. */
extern volatile uint16_t msp_lea_ifg;
#define LEACOVLIFG 1u
#define LEAOORIFG 4u
#define LEASDIIFG 8u

/* The sum of products of two Q15 vectors of an even length, in Q31. */
#define LEACMD__MAC 1u
typedef struct {
  uint16_t vectorSize;
  uint16_t input2;
  uint16_t output;
  uint16_t reserved;
} MSP_LEA_MAC_PARAMS;

/* A row times a matrix of `rowSize` rows of `colSize`, behind each other, both even, in Q15. */
#define LEACMD__MPYMATRIXROW 2u
typedef struct {
  uint16_t rowSize;
  uint16_t colSize;
  uint16_t colVector;
  uint16_t output;
} MSP_LEA_MPYMATRIXROW_PARAMS;

void msp_lea_init(void);
bool msp_lea_acquireLock(void);
void msp_lea_freeLock(void);
/* Returns when the command is done. */
void msp_lea_invokeCommand(uint16_t command);

#endif
