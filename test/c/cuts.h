/*
 * What models of NVM that can be cut share. A model has a `part`, the bytes that outlive a cut, counts its steps and does
 * longjmp(off, 1) in step number cut_at, which then is done in part.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brownout_hal.h"
#include "brownout_model.h"

enum { NVM = BROWNOUT_NVM_BYTES };

static uint32_t steps;
static uint32_t cut_at; /* fails in step number cut_at; 0: never */
static jmp_buf off;
static uint64_t state;
static uint32_t workload; /* number of what is played */

static uint32_t draw(uint32_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 32) % below;
}

static void fail(const char *what) {
  fprintf(stderr, "workload %u, cut at step %u: %s\n", workload, cut_at, what);
  exit(1);
}

void brownout_trap(void) {
  fail("trap");
  abort();
}

static int is_steady; /* the monitor never warns */

static int is_asked; /* the monitor, since the last erasure */
static int is_low;   /* what it said */

int brownout_power_low(void) {
  is_asked = 1;
  is_low = !is_steady && draw(8) == 0;
  return is_low;
}
