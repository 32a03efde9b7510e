/* Start-up code of a RISC-V core without an operating system: its stack and traps; other harts sleep. */
#ifdef BROWNOUT_SEMIHOSTING
static int semihosting(int operation, const void *argument) {
  register int a0 __asm__("a0") = operation;
  register const void *a1 __asm__("a1") = argument;
  /* The three instructions, uncompressed, in which a debugger knows a semihosting call. */
  __asm__ volatile(
      ".option push\n.option norvc\n.balign 16\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n.option pop\n"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
}
#endif

void brownout_reset(void);

/* A core without a reset of its own begins again; peripherals stay as they are. */
static void restart(void) {
  brownout_reset();
}

#include "brownout_startup.h"

void brownout_start(void);

void brownout_start(void) {
  __asm__ volatile(".option push\n .option arch, +zicsr\n csrw mtvec, %0\n .option pop" : : "r"(fault));
  run_main();
}

/* The first instruction of the program. */
__attribute__((section(".vectors"), naked, used)) void brownout_reset(void) {
  __asm__ volatile(".option push\n"
                   ".option arch, +zicsr\n"
                   "csrr t0, mhartid\n"
                   "1: beqz t0, 2f\n"
                   "wfi\n"
                   "j 1b\n"
                   "2: la sp, brownout_link_stack_top\n"
                   "j brownout_start\n"
                   ".option pop\n");
}
