/* What the part tells of its supply, and what becomes of a fault. To fill in. */
#include "brownout_hal.h"

int brownout_power_low(void) {
  return 0;
}

void brownout_trap(void) {
  for (;;) {
  }
}
