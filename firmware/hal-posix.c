/* The supply and faults of a program at the desk. */
#include "hal.h"

#include <stdlib.h>

int power_low(void) {
  return 0;
}

void wasm_trap(void) {
  abort();
}
