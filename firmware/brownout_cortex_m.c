/* Start-up code of a Cortex-M: its vectors. */
#ifdef BROWNOUT_SEMIHOSTING
static int semihosting(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}
#endif

#include <stdint.h>

static void restart(void) {
  __asm__ volatile("dsb" ::: "memory");
  *(volatile uint32_t *)0xe000ed0cu = 0x05fa0004u; /* AIRCR: SYSRESETREQ */
  for (;;) {
  }
}

#include "brownout_startup.h"

void brownout_board_tick(void);
void brownout_board_nmi(void);

void brownout_reset(void) {
  run_main();
}

__attribute__((weak)) void brownout_board_tick(void) {
}

/* A port may know an NMI after which the program goes on. */
__attribute__((weak)) void brownout_board_nmi(void) {
  fault();
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))&brownout_link_stack_top,
    brownout_reset,
    brownout_board_nmi,
    fault,
    fault,
    fault,
    fault,
    fault,
    0,
    0,
    0,
    fault,
    fault,
    0,
    fault,
    brownout_board_tick,
};
