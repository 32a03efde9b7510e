/*
 * An application that is killed at any moment: job after job, each answer delivered as a line before it is
 * acknowledged. What a line says is known to the host; what was said twice, or not at all, too.
 */
#include "brownout_boards.h"
#include "brownout.h"

#ifndef BROWNOUT_CLASSES
#define BROWNOUT_CLASSES 1u
#endif

static void scramble(void) {
  uint8_t *arena = brownout_arena();
  uint32_t x = BROWNOUT_CONTROL->garbage | 1u;
  uint32_t at;
  for (at = 0; at < BROWNOUT_SRAM_BYTES - BROWNOUT_ARENA; at++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    arena[at] = (uint8_t)x;
  }
}

/* The label of a ticket's input, from the sensor's point of view. */
static uint32_t label_of(uint32_t ticket) {
  return (ticket * 0x9e3779b1u >> 16) % BROWNOUT_CLASSES;
}

static int is_learned(uint32_t ticket) {
  return BROWNOUT_CONTROL->learn_every != 0 && ticket % BROWNOUT_CONTROL->learn_every == 0;
}

/* Whether the label of an inferred ticket comes when the answer is gone. */
static int is_labelled(uint32_t ticket) {
#ifdef BROWNOUT_KEEPS_INPUTS
  return BROWNOUT_CONTROL->learn_every != 0 && ticket % BROWNOUT_CONTROL->learn_every % 2 == 1;
#else
  (void)ticket;
  return 0;
#endif
}

static int is_forgetting(uint32_t ticket) {
  return BROWNOUT_CONTROL->forget_every != 0 && ticket % BROWNOUT_CONTROL->forget_every == 0;
}

/* One line in one call, so that being killed leaves a whole line or none. */
static void deliver(uint32_t ticket) {
  static int8_t answer[BROWNOUT_OUTPUT_BYTES];
  static char line[21 + 2 * BROWNOUT_OUTPUT_BYTES];
  static const char digits[] = "0123456789abcdef";
  const uint32_t words[2] = {ticket, brownout_steps()};
  char *at = line;
  uint32_t word;
  uint32_t i;
  brownout_result(answer);
  *at++ = brownout_kind() == BROWNOUT_LEARN ? 'T' : 'A';
  for (word = 0; word < 2; word++) {
    *at++ = ' ';
    for (i = 8; i-- > 0;) *at++ = digits[words[word] >> (4 * i) & 15u];
  }
  *at++ = ' ';
  for (i = 0; i < BROWNOUT_OUTPUT_BYTES; i++) {
    *at++ = digits[(uint8_t)answer[i] >> 4];
    *at++ = digits[answer[i] & 15];
  }
  *at++ = '\n';
  *at = 0;
  brownout_board_print(line);
}

static int fail(int32_t code) {
  brownout_board_print("E ");
  print_hex((uint32_t)code, 8);
  brownout_board_print("\n");
  return 1;
}

/* What comes behind a job that is acknowledged: its label, or the next input. */
static int32_t next(uint32_t ticket) {
  int32_t state;
  if (brownout_kind() == BROWNOUT_INFER && ticket != 0 && is_labelled(ticket)) {
    return brownout_label(ticket, label_of(ticket));
  }
  if (is_forgetting(ticket + 1)) return brownout_forget(ticket + 1, label_of(ticket + 1));
  state = brownout_input(BROWNOUT_CONTROL_INPUTS + ticket % BROWNOUT_CONTROL->inputs * BROWNOUT_INPUT_BYTES);
  if (state < 0) return state;
  ticket++;
  return is_learned(ticket) ? brownout_learn(ticket, label_of(ticket)) : brownout_submit(ticket);
}

int main(void) {
  uint32_t budget = 0;
  int32_t state;
  scramble();
  state = brownout_begin();
  if (state == BROWNOUT_E_NO_PROGRESS) {
    budget = 1;
    state = brownout_status();
  }
  for (;;) {
    const uint32_t ticket = brownout_ticket();
    if (state < 0) return fail(state);
    if (state == BROWNOUT_IDLE) {
      if (ticket >= BROWNOUT_CONTROL->last_ticket) return 0;
      state = next(ticket);
    } else if (state == BROWNOUT_DONE) {
      deliver(ticket);
      state = brownout_ack(ticket);
    } else {
      state = brownout_run(budget);
    }
  }
}
