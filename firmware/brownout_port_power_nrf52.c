/*
 * The supply of nRF52 parts by their power-fail comparator (product specification, POWER, POFCON): a warning each time that
 * VDD falls below the threshold. Not beside --nvm flash: while it warns, nothing is programmed or erased.
 */
#include "brownout_registers.h"

#define BROWNOUT_POWER(offset) BROWNOUT_REGISTER(0x40000000u + (offset))
enum { BROWNOUT_POWER_WARNING = 0x108, BROWNOUT_POWER_POFCON = 0x510, BROWNOUT_POWER_ON = 1 };
#if BROWNOUT_POWER_THRESHOLD < 4 || BROWNOUT_POWER_THRESHOLD > 15
#error "BROWNOUT_POWER_THRESHOLD is 4, for 1.7 V, to 15, for 2.8 V"
#endif

int brownout_power_low(void) {
  if (BROWNOUT_POWER(BROWNOUT_POWER_POFCON) == 0)
    BROWNOUT_POWER(BROWNOUT_POWER_POFCON) = BROWNOUT_POWER_ON | BROWNOUT_POWER_THRESHOLD << 1;
  if (BROWNOUT_POWER(BROWNOUT_POWER_WARNING) == 0) return 0;
  BROWNOUT_POWER(BROWNOUT_POWER_WARNING) = 0;
  return 1;
}
