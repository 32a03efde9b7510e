/*
 * An example of an application: one job a run, whatever the power does. It may die between any two lines; the ticket
 * in the cursor says where to go on.
 */
#include "board.h"
#include "brownout.h"

/* The input that the image carries, or zeros. An application would read its sensor here. */
static const int8_t *sense(void) {
  return brownout_sample;
}

static void print_number(int32_t value) {
  char text[13];
  char *at = text + sizeof text - 1;
  uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
  *at = 0;
  do *--at = (char)('0' + rest % 10u);
  while (rest /= 10u);
  if (value < 0) *--at = '-';
  *--at = ' ';
  board_print(at);
}

int main(void) {
  static int8_t answer[BROWNOUT_OUTPUT_BYTES];
  uint32_t ticket;
  uint32_t i;
  int32_t state = brownout_begin();
  if (state == BROWNOUT_IDLE) {
    state = brownout_input(sense());
    if (state >= 0) state = brownout_submit(brownout_ticket() + 1u);
  }
  ticket = brownout_ticket();
  while (state >= 0 && (state = brownout_work()) == BROWNOUT_LOW) board_sleep();
  if (state != BROWNOUT_DONE) {
    board_print("error");
    print_number(state);
    board_print("\n");
    return 1;
  }
  brownout_result(answer);
  board_print("ticket");
  print_number((int32_t)ticket);
  board_print(" answer");
  for (i = 0; i < BROWNOUT_OUTPUT_BYTES; i++) print_number(answer[i]);
  board_print("\n");
  return brownout_ack(ticket) < 0;
}
