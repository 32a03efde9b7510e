/* What the programs for emulated boards share. NVM is a file on the host; its last MiB is for host and program. */
#ifndef BROWNOUT_BOARDS_H
#define BROWNOUT_BOARDS_H

#include <stdint.h>

#include "brownout_board.h"

/* What the host asks for, at BROWNOUT_NVM_ADDRESS + BROWNOUT_CONTROL_OFFSET. Inputs follow it. */
struct brownout_control {
  uint32_t last_ticket;   /* stop when idle behind this ticket */
  uint32_t inputs;        /* how many; ticket t has input (t - 1) mod inputs */
  uint32_t cut_units;     /* stop after so many bytes written and barriers passed; 0xffffffff: never */
  uint32_t slow;          /* turns of a loop for every byte written: NVM that takes time */
  uint32_t garbage;       /* seed of what SRAM holds when power comes up, and of the monitor's answers */
  uint32_t learn_every;   /* every so many tickets one learns; of those between, every other is labelled late; 0: none */
  uint32_t low;           /* of 256 answers of the voltage monitor so many say that power is low */
  uint32_t forget_every;  /* every so many tickets one forgets a class instead; 0: none */
};
#define BROWNOUT_CONTROL ((const struct brownout_control *)(uintptr_t)(BROWNOUT_NVM_ADDRESS + BROWNOUT_CONTROL_OFFSET))
#define BROWNOUT_CONTROL_INPUTS ((const int8_t *)(BROWNOUT_CONTROL + 1))

void brownout_board_exit(int code);

static inline void print_hex(uint32_t value, uint32_t digits) {
  char text[9];
  char *at = text + 8;
  *at = 0;
  while (digits-- > 0) {
    *--at = "0123456789abcdef"[value & 15u];
    value >>= 4;
  }
  brownout_board_print(at);
}

#endif
