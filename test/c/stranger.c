/* A stranger's application: numbers of a sensor in, a label out; whatever the power does. */
#include "brownout.h"
#include "brownout_board.h"

void sense(float *reading);

int main(void) {
  static float reading[BROWNOUT_INPUT0_VALUES];
  static float scores[BROWNOUT_OUTPUT0_VALUES];
  static int8_t input[BROWNOUT_INPUT_BYTES];
  static int8_t answer[BROWNOUT_OUTPUT_BYTES];
  int32_t state = brownout_begin();
  if (state == BROWNOUT_IDLE) {
    sense(reading);
    brownout_quantize(&brownout_inputs[0], reading, input);
    state = brownout_input(input);
    if (state >= 0) state = brownout_submit(brownout_ticket() + 1);
  }
  if (state >= 0) state = brownout_work();
  if (state != BROWNOUT_DONE) {
    brownout_board_print(brownout_error_name(state));
    return 1;
  }
  brownout_result(answer);
  brownout_dequantize(&brownout_outputs[0], answer, scores);
  brownout_board_print(brownout_class_names[brownout_argmax(&brownout_outputs[0], answer)]);
  brownout_board_print(scores[brownout_argmax(&brownout_outputs[0], answer)] > 4.0f ? ", surely\n" : ", perhaps\n");
  return brownout_ack(brownout_ticket()) < 0;
}
