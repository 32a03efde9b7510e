// Sense, infer, send the answer once, again and again, whatever the power does.
#include <brownout.h>

static int8_t answer[BROWNOUT_OUTPUT_BYTES];

// A sensor's reading in the model's input format; here the sample that the image carries.
static const int8_t *sense() {
  return brownout_sample;
}

void setup() {
  Serial.begin(115200);
  brownout_begin();
}

void loop() {
  const uint32_t ticket = brownout_ticket();
  switch (brownout_work()) {
    case BROWNOUT_IDLE:
      if (brownout_input(sense()) >= 0) brownout_submit(ticket + 1);
      break;
    case BROWNOUT_LOW:
      delay(100);
      break;
    case BROWNOUT_DONE:
      brownout_result(answer);
      // Sent again if power fails before the next line: the receiver drops tickets it has seen.
      Serial.print(ticket);
      for (unsigned i = 0; i < BROWNOUT_OUTPUT_BYTES; i++) {
        Serial.print(' ');
        Serial.print(answer[i]);
      }
      Serial.println();
      brownout_ack(ticket);
      break;
    default:
      Serial.println("error");
      delay(1000);
  }
}
