/*
 * Start-up code of a RISC-V core without an operating system: stack, data, and the way to main; other harts sleep. With
 * BOARD_SEMIHOSTING text goes to the debugger or emulator, and returning from main ends the emulation.
 */
#include "board.h"

#include <stdint.h>

extern uint32_t link_stack_top, link_data_load, link_data, link_data_end, link_bss, link_bss_end;
int main(void);
void reset(void);
void start(void);
void board_exit(int code);

#ifdef BOARD_SEMIHOSTING
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

void board_print(const char *text) {
  semihosting(0x04, text); /* SYS_WRITE0 */
}

static void leave(int code) {
  const uint32_t block[2] = {0x20026u, (uint32_t)code}; /* ADP_Stopped_ApplicationExit */
  semihosting(0x20, block);                             /* SYS_EXIT_EXTENDED */
}
#else
void board_print(const char *text) {
  (void)text;
}

static void leave(int code) {
  (void)code;
}
#endif

void board_sleep(void) {
  /* To fill in: wait until the supply is up again. */
}

void board_exit(int code) {
  leave(code);
  for (;;) __asm__ volatile("wfi");
}

static void fault(void) {
  board_print("fault\n");
  board_exit(70);
}

void start(void) {
  const uint32_t *from = &link_data_load;
  uint32_t *to;
  __asm__ volatile(".option push\n .option arch, +zicsr\n csrw mtvec, %0\n .option pop" : : "r"(fault));
  for (to = &link_data; to < &link_data_end;) *to++ = *from++;
  for (to = &link_bss; to < &link_bss_end;) *to++ = 0;
  board_exit(main());
}

/* The first instruction of the program. */
__attribute__((section(".vectors"), naked, used)) void reset(void) {
  __asm__ volatile(".option push\n"
                   ".option arch, +zicsr\n"
                   "csrr t0, mhartid\n"
                   "1: beqz t0, 2f\n"
                   "wfi\n"
                   "j 1b\n"
                   "2: la sp, link_stack_top\n"
                   "j start\n"
                   ".option pop\n");
}
