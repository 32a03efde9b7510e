/*
 * Start-up code of a Cortex-M: vectors, data, and the way to main. With BOARD_SEMIHOSTING text goes to the debugger or
 * emulator, and returning from main ends the emulation; without it main's end is sleep.
 */
#include "board.h"

#include <stdint.h>

extern uint32_t link_stack_top, link_data_load, link_data, link_data_end, link_bss, link_bss_end;
int main(void);
void reset(void);
void board_tick(void);

#ifdef BOARD_SEMIHOSTING
static int semihosting(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
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

void reset(void) {
  const uint32_t *from = &link_data_load;
  uint32_t *to;
  for (to = &link_data; to < &link_data_end;) *to++ = *from++;
  for (to = &link_bss; to < &link_bss_end;) *to++ = 0;
  board_exit(main());
}

static void fault(void) {
  board_print("fault\n");
  board_exit(70);
}

__attribute__((weak)) void board_tick(void) {
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))&link_stack_top, reset, fault, fault, fault, fault, fault, fault, 0, 0, 0, fault, fault, 0, fault,
    board_tick,
};
