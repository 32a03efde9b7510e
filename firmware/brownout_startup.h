/*
 * Start-up code of a part without an operating system, for any core: data, the way to main, and its end. The file of a core
 * includes it once, behind its own semihosting().
 *
 * With BROWNOUT_SEMIHOSTING text goes to the debugger or emulator, and returning from main ends the emulation; without it
 * main's end is sleep, and its failure or a fault a restart: by restart() of the core's file.
 */
#ifndef BROWNOUT_STARTUP_H
#define BROWNOUT_STARTUP_H

#include <stdint.h>

#include "brownout_board.h"

extern uint32_t brownout_link_stack_top, brownout_link_data_load, brownout_link_data, brownout_link_data_end,
    brownout_link_bss, brownout_link_bss_end;
int main(void);
void brownout_reset(void);
void brownout_board_exit(int code);

#ifdef BROWNOUT_SEMIHOSTING
__attribute__((weak)) void brownout_board_print(const char *text) {
  semihosting(0x04, text); /* SYS_WRITE0 */
}

static void leave(int code) {
  const uint32_t block[2] = {0x20026u, (uint32_t)code}; /* ADP_Stopped_ApplicationExit */
  semihosting(0x20, block);                             /* SYS_EXIT_EXTENDED */
}
#else
/* A port of the board may do better: brownout_port_text_… */
__attribute__((weak)) void brownout_board_print(const char *text) {
  (void)text;
}

static void leave(int code) {
  (void)code;
}
#endif

/* With BROWNOUT_RESTARTS an emulator does as a part does: it lives on. */
#if !defined(BROWNOUT_SEMIHOSTING) || defined(BROWNOUT_RESTARTS)
enum { BROWNOUT_LIVES_ON = 1 };
#else
enum { BROWNOUT_LIVES_ON = 0 };
#endif

void brownout_board_sleep(void) {
  /* To fill in: wait until the supply is up again. */
}

void brownout_board_exit(int code) {
  if (BROWNOUT_LIVES_ON && code != 0) restart();
  leave(code);
  for (;;) __asm__ volatile("wfi");
}

/* Any exception that nobody expects, NMI among them: parts whose memory corrects errors report there one that it could not. */
static void fault(void) {
  brownout_board_print("fault\n");
  brownout_board_exit(70);
}

/* Static data as it is before main, and main. */
static inline void run_main(void) {
  const uint32_t *from = &brownout_link_data_load;
  uint32_t *to;
  for (to = &brownout_link_data; to < &brownout_link_data_end;) *to++ = *from++;
  for (to = &brownout_link_bss; to < &brownout_link_bss_end;) *to++ = 0;
  brownout_board_exit(main());
}

#endif
