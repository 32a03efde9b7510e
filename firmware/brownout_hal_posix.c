/* The supply and faults of a program at the desk. */
#include "brownout_hal.h"

#include <stdlib.h>

int brownout_power_low(void) {
  return 0;
}

void brownout_trap(void) {
  abort();
}
