// Sense, infer, send the answer once, again and again, whatever the power does.
#include <brownout.h>

// Boots at one place of a job after which it is given up; after a few, brownout_work commits every tile.
static const uint32_t MOST_BOOTS = 128;

static int8_t answer[BROWNOUT_OUTPUT_BYTES];

// A sensor's reading in the model's input format; here the sample that the image carries.
static const int8_t *sense() {
  return brownout_sample;
}

// Boots; NVM that cannot be read as this image is provisioned anew, unless it is a later release's.
static void begin() {
  int32_t state = brownout_begin();
  if (state < 0 && state != BROWNOUT_E_NO_PROGRESS && brownout_provision() >= 0) {
    Serial.print("provisioned anew after ");
    Serial.print(state);
    Serial.println();
    state = brownout_begin();
  }
  if (state == BROWNOUT_E_NO_PROGRESS) delay(1000);  // more charge
  if (brownout_status() != BROWNOUT_RUN || brownout_boots() <= MOST_BOOTS) return;
  Serial.print("given up: ticket ");
  Serial.print(brownout_ticket());
  Serial.println();
  brownout_cancel(brownout_ticket());
}

void setup() {
  Serial.begin(115200);
  begin();
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
#ifdef BROWNOUT_IS_CLASSIFIER
      Serial.print(" class ");
      Serial.print(brownout_class_names[brownout_argmax(brownout_outputs, answer)]);
#endif
      Serial.println();
      brownout_ack(ticket);
      break;
    default:
      Serial.println("error");
      delay(1000);
      begin();
  }
}
