/*
 * An application that is killed at any moment: job after job, each answer delivered as a line before it is
 * acknowledged. What a line says is known to the host; what was said twice, or not at all, too.
 */
#include "boards.h"
#include "brownout.h"

static void scramble(void) {
  uint8_t *arena = brownout_arena();
  uint32_t x = CONTROL->garbage | 1u;
  uint32_t at;
  for (at = 0; at < BROWNOUT_SRAM_BYTES - BROWNOUT_ARENA; at++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    arena[at] = (uint8_t)x;
  }
}

/* One line in one call, so that being killed leaves a whole line or none. */
static void deliver(uint32_t ticket) {
  static int8_t answer[BROWNOUT_OUTPUT_BYTES];
  static char line[12 + 2 * BROWNOUT_OUTPUT_BYTES];
  static const char digits[] = "0123456789abcdef";
  char *at = line;
  uint32_t i;
  brownout_answer(answer);
  *at++ = 'A';
  *at++ = ' ';
  for (i = 8; i-- > 0;) *at++ = digits[ticket >> (4 * i) & 15u];
  *at++ = ' ';
  for (i = 0; i < BROWNOUT_OUTPUT_BYTES; i++) {
    *at++ = digits[(uint8_t)answer[i] >> 4];
    *at++ = digits[answer[i] & 15];
  }
  *at++ = '\n';
  *at = 0;
  board_print(line);
}

static int fail(int32_t code) {
  board_print("E ");
  print_hex((uint32_t)code, 8);
  board_print("\n");
  return 1;
}

int main(void) {
  int32_t state;
  scramble();
  state = brownout_begin();
  for (;;) {
    const uint32_t ticket = brownout_ticket();
    if (state < 0) return fail(state);
    if (state == BROWNOUT_IDLE) {
      if (ticket >= CONTROL->last_ticket) return 0;
      state = brownout_input(CONTROL_INPUTS + ticket % CONTROL->inputs * BROWNOUT_INPUT_BYTES);
      if (state >= 0) state = brownout_submit(ticket + 1u, 0);
    } else if (state == BROWNOUT_DONE) {
      deliver(ticket);
      state = brownout_ack(ticket);
    } else {
      state = brownout_run(0);
    }
  }
}
