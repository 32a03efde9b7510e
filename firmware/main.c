/*
 * An example of an application: sense, infer, send the answer, learn from a label that comes late. It may die between
 * any two lines; what NVM holds says where to go on. Each run takes one step of that; a loop, or a task of an RTOS that
 * calls step() and sleeps, makes it an application.
 */
#include "brownout_board.h"
#include "brownout.h"
#include "brownout_hal.h"

/*
 * Never stuck. A boot at the cursor of an earlier one means that what came between took more than the charge had, or
 * broke. So after a few of them every tile is committed (brownout_work does that); after the bound of the image
 * (E_NO_PROGRESS) the board sleeps first; and a job that still stands there is given up, so that the next has its chance.
 * A fault restarts the part, and so counts as such a boot. NVM that cannot be read as this image is provisioned anew,
 * unless it is a later release's.
 */
enum { MOST_BOOTS = 128 };

/* The input that the image carries, or zeros. An application would read its sensor here. */
static const int8_t *sense(void) {
  return brownout_sample;
}

/* The truth about the input of `ticket`, if anybody has told: by a button, say, or by radio. Here nobody does. */
static int label_of(uint32_t ticket, uint32_t *y) {
  (void)ticket;
  *y = 0;
  return 0;
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
  brownout_board_print(at);
}

/* Sends an answer. It is sent again if power fails before it is acknowledged: the receiver drops tickets it has seen. */
static void send(uint32_t ticket) {
  static int8_t answer[BROWNOUT_OUTPUT_BYTES];
  uint32_t i;
  brownout_result(answer);
  brownout_board_print("ticket");
  print_number((int32_t)ticket);
  brownout_board_print(" answer");
  for (i = 0; i < BROWNOUT_OUTPUT_BYTES; i++) print_number(answer[i]);
#ifdef BROWNOUT_IS_CLASSIFIER
  brownout_board_print(" class ");
  brownout_board_print(brownout_class_names[brownout_argmax(&brownout_outputs[0], answer)]);
#endif
  brownout_board_print("\n");
}

/* What comes next where no job is: the label of the last answer, or another sample. */
static int32_t next(void) {
  const uint32_t last = brownout_ticket();
  uint32_t y;
  int32_t state;
  if (last != 0 && brownout_kind() == BROWNOUT_INFER && label_of(last, &y)) {
    state = brownout_label(last, y);
    /* Forgotten meanwhile, or never kept: no reason to stop. */
    if (state != BROWNOUT_E_TICKET && state != BROWNOUT_E_KIND) return state;
  }
  state = brownout_input(sense());
  return state < 0 ? state : brownout_submit(last + 1u);
}

/* Until there is more charge; the memory sleeps, too, where it can. */
static void doze(void) {
#ifdef BROWNOUT_NVM_SLEEP
  brownout_nvm_sleep();
#endif
  brownout_board_sleep();
#ifdef BROWNOUT_NVM_SLEEP
  brownout_nvm_begin();
#endif
}

/* The record of what could not be done: whoever receives answers waits no longer. */
static void report(const char *what, int32_t number) {
  brownout_board_print(what);
  print_number(number);
  brownout_board_print("\n");
}

/* Boots. Returns the state of a job, or an error that only other firmware or another part mends. */
static int32_t begin(void) {
  int32_t state = brownout_begin();
  if (state == BROWNOUT_E_NO_PROGRESS) {
    doze();
    state = BROWNOUT_RUN;
  } else if (state < 0) {
    /* What was learnt is gone, and tickets start again. */
    if (brownout_provision() < 0) return state;
    report("provisioned anew after", state);
    return brownout_begin();
  }
  if (state != BROWNOUT_RUN || brownout_boots() <= MOST_BOOTS) return state;
  report("given up: ticket", (int32_t)brownout_ticket());
  return brownout_cancel(brownout_ticket());
}

/* From a job begun, or none, to one acknowledged. Returns BROWNOUT_IDLE or an error. */
static int32_t step(int32_t state) {
  uint32_t ticket;
  if (state == BROWNOUT_IDLE) state = next();
  while (state >= 0 && (state = brownout_work()) == BROWNOUT_LOW) doze();
  if (state != BROWNOUT_DONE) return state;
  ticket = brownout_ticket();
  if (brownout_kind() == BROWNOUT_INFER) send(ticket);
  return brownout_ack(ticket);
}

int main(void) {
  const int32_t state = step(begin());
  if (state == BROWNOUT_IDLE) return 0;
  report("error", state);
  doze();
  return 1;
}
