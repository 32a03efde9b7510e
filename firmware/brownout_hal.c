/* What the part tells of its supply, and what becomes of a fault. To fill in. */
#include "brownout_hal.h"

/* With a threshold there is a port of the board's monitor; in an archive it would not take this one's place. */
#ifndef BROWNOUT_POWER_THRESHOLD
#if defined(__GNUC__)
__attribute__((weak))
#endif
int brownout_power_low(void) {
  return 0;
}
#endif

/*
 * A restart, which counts as a boot; so a job that faults again and again is given up (main.c). Cores that cannot ask for
 * one wait here for the watchdog.
 */
void brownout_trap(void) {
  for (;;) {
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
    *(volatile uint32_t *)0xe000ed0cu = 0x05fa0004u; /* AIRCR: SYSRESETREQ */
#elif defined(__riscv)
    __builtin_trap();
#endif
  }
}
