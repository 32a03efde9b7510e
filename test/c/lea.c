/*
 * LEA as firmware/boards/lea-model.h has it, behind TI's functions. Also prints what test/accel.c does, and how often LEA was
 * called.
 *
 * LEA_BUSY_EVERY n    every n-th command ends in an error, and leaves rubbish where the result would be.
 * LEA_LOCKED          LEA is another's.
 * LEA_OFF_BY n        a wrong result: what is added to it.
 */
#include <stdio.h>

#include "brownout_board.h"
#include "lea-model.h"

#ifndef LEA_BUSY_EVERY
#define LEA_BUSY_EVERY 0
#endif
#ifndef LEA_OFF_BY
#define LEA_OFF_BY 0
#endif

static unsigned calls;
static unsigned products;
static unsigned busy;
static unsigned errors;
static bool is_locked;

void msp_lea_init(void) {
  LEAPMCTL = LEACMDEN;
}

bool msp_lea_acquireLock(void) {
#ifdef LEA_LOCKED
  return false;
#else
  /* Who takes it twice has left it locked. */
  if (is_locked) errors++;
  is_locked = true;
  return true;
#endif
}

void msp_lea_freeLock(void) {
  if (!is_locked) errors++;
  is_locked = false;
}

void msp_lea_invokeCommand(uint16_t command) {
  /* Where each command leaves a result of 16 bits at least. */
  const MSP_LEA_MAC_PARAMS *const sum = lea_at(LEAPMS1, sizeof *sum);
  const MSP_LEA_MPYMATRIXROW_PARAMS *const row = lea_at(LEAPMS1, sizeof *row);
  _q15 *const to = lea_at(command == LEACMD__MAC ? sum->output : row->output, 2);
  uint32_t done;
  calls++;
  if (!is_locked || !(LEAPMCTL & LEACMDEN)) errors++;
  if (LEA_BUSY_EVERY && calls % (LEA_BUSY_EVERY + !LEA_BUSY_EVERY) == 0) {
    *to = 0x1234;
    msp_lea_ifg = LEACOVLIFG;
    busy++;
    return;
  }
  done = lea_do(command);
  errors += msp_lea_ifg != 0;
  products += done;
  if (LEA_OFF_BY) *to = (_q15)(*to + LEA_OFF_BY);
}

void brownout_board_print(const char *text) {
  printf("%scalls %u, products %u, busy %u, errors %u\n", text, calls, products, busy, errors);
}
