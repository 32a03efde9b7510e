/* What the part tells of its supply, and what becomes of a fault. To fill in. */
#include "hal.h"

int power_low(void) {
  return 0;
}

void wasm_trap(void) {
  for (;;) {
  }
}
