/* Start-up code of an MSP430FR5994: clock, protection of FRAM, text. */
#include <stdint.h>

#include "brownout_board.h"
#include "brownout_hal.h"

#define BROWNOUT_WORD(address) (*(volatile uint16_t *)(address))
int main(void);
void brownout_start(void);
/* Where a debugger or simulator stops: the program has ended. */
void brownout_board_end(void);

/* MSP430FR5994 (SLAU367): 8 MHz, for which FRAM needs no wait states; code and constants can be written by nobody. */
static void set_up(void) {
  BROWNOUT_WORD(0x160) = 0xa500; /* CSCTL0: key */
  BROWNOUT_WORD(0x162) = 0x000c; /* CSCTL1: DCO 8 MHz */
  BROWNOUT_WORD(0x166) = 0;      /* CSCTL3: undivided */
  BROWNOUT_WORD(0x160) = 0;
  BROWNOUT_WORD(0x5a0) = 0xa500; /* MPUCTL0: key */
  BROWNOUT_WORD(0x5a4) = (uint16_t)BROWNOUT_NVM_ADDRESS >> 4; /* MPUSEGB1: up to here code and constants, then NVM */
  BROWNOUT_WORD(0x5a2) = (uint16_t)(BROWNOUT_NVM_END >> 4);   /* MPUSEGB2: then vectors */
  BROWNOUT_WORD(0x5a6) = 0x3535; /* MPUSAM: run, write, run; information memory */
  BROWNOUT_WORD(0x5a0) = 0xa501; /* MPUCTL0: on */
}

#ifdef BROWNOUT_TEXT_CONSOLE
/* The simulator's: a byte that is written is printed. */
void brownout_board_print(const char *text) {
  while (*text) *(volatile uint8_t *)BROWNOUT_TEXT_CONSOLE = (uint8_t)*text++;
}
#else
/* eUSCI_A0 on P2.0, to the debugger of the LaunchPad: 115,200 baud of 8 MHz (SLAU367, table 30-5). */
void brownout_board_print(const char *text) {
  if (BROWNOUT_WORD(0x5c6) != 4) {
    *(volatile uint8_t *)0x20d |= 1;
    BROWNOUT_WORD(0x5c0) = 0x81;   /* UCA0CTLW0: SMCLK, in reset */
    BROWNOUT_WORD(0x5c6) = 4;      /* UCA0BRW */
    BROWNOUT_WORD(0x5c8) = 0x5551; /* UCA0MCTLW */
    BROWNOUT_WORD(0x5c0) = 0x80;
  }
  for (; *text; text++) {
    while (!(BROWNOUT_WORD(0x5dc) & 2)) {
    }
    BROWNOUT_WORD(0x5ce) = (uint8_t)*text;
  }
}
#endif

void brownout_board_sleep(void) {
  /* To fill in: wait until the supply is up again. */
}

/* Apart, so that a debugger can stop there. */
__attribute__((noinline)) void brownout_board_end(void) {
  for (;;) __asm__ volatile("" ::: "memory");
}

void brownout_start(void) {
  set_up();
  /* A failure begins again, as after a cut: a write of the watchdog without its key. */
  if (main() != 0) brownout_trap();
  brownout_board_end();
}

/* What LLVM calls for 64 bits: products, of the low 64 bits, and shifts. Learning and int16 take them. */
int64_t brownout_msp430_product(int32_t a, int32_t b);
typedef union {
  uint64_t whole;
  uint32_t half[2];
} brownout_msp430_wide;

uint64_t __mspabi_mpyll_hw(uint64_t a, uint64_t b);
uint64_t __mspabi_mpyll_hw(uint64_t a, uint64_t b) {
  const brownout_msp430_wide x = {a};
  const brownout_msp430_wide y = {b};
  brownout_msp430_wide product;
  product.whole = (uint64_t)brownout_msp430_product((int32_t)x.half[0], (int32_t)y.half[0]);
  product.half[1] += x.half[0] * y.half[1] + x.half[1] * y.half[0];
  /* The product was signed. */
  if ((int32_t)x.half[0] < 0) product.half[1] += y.half[0];
  if ((int32_t)y.half[0] < 0) product.half[1] += x.half[0];
  return product.whole;
}

int64_t __ashrdi3(int64_t a, int count);
int64_t __ashrdi3(int64_t a, int count) {
  brownout_msp430_wide x = {(uint64_t)a};
  for (; count; count--) {
    x.half[0] = x.half[0] >> 1 | x.half[1] << 31;
    x.half[1] = (uint32_t)((int32_t)x.half[1] >> 1);
  }
  return (int64_t)x.whole;
}
uint64_t __lshrdi3(uint64_t a, int count);
uint64_t __lshrdi3(uint64_t a, int count) {
  brownout_msp430_wide x = {a};
  for (; count; count--) {
    x.half[0] = x.half[0] >> 1 | x.half[1] << 31;
    x.half[1] >>= 1;
  }
  return x.whole;
}
uint64_t __ashldi3(uint64_t a, int count);
uint64_t __ashldi3(uint64_t a, int count) {
  brownout_msp430_wide x = {a};
  for (; count; count--) {
    x.half[1] = x.half[1] << 1 | x.half[0] >> 31;
    x.half[0] <<= 1;
  }
  return x.whole;
}
