/* The supply of STM32L4 parts by their voltage detector (RM0351, 5.2.3, PVD): low as long as VDD is below the threshold. */
#include "brownout_registers.h"

#define BROWNOUT_RCC_APB1ENR1 BROWNOUT_REGISTER(0x40021058u)
#define BROWNOUT_PWR(offset) BROWNOUT_REGISTER(0x40007000u + (offset))
enum { BROWNOUT_PWR_CLOCK = 1 << 28, BROWNOUT_PWR_CR2 = 0x04, BROWNOUT_PWR_SR2 = 0x14 };
enum { BROWNOUT_PWR_ON = 1, BROWNOUT_PWR_DETECTOR = 0xf, BROWNOUT_PWR_LOW = 1 << 11 };
#if BROWNOUT_POWER_THRESHOLD > 6
#error "BROWNOUT_POWER_THRESHOLD is 0, for 2.0 V, to 6, for 2.9 V"
#endif

int brownout_power_low(void) {
  const uint32_t wanted = BROWNOUT_PWR_ON | BROWNOUT_POWER_THRESHOLD << 1;
  BROWNOUT_RCC_APB1ENR1 |= BROWNOUT_PWR_CLOCK;
  /* The other bits say that USB and port G have their supply, and are not ours. */
  if ((BROWNOUT_PWR(BROWNOUT_PWR_CR2) & BROWNOUT_PWR_DETECTOR) != wanted)
    BROWNOUT_PWR(BROWNOUT_PWR_CR2) = (BROWNOUT_PWR(BROWNOUT_PWR_CR2) & ~(uint32_t)BROWNOUT_PWR_DETECTOR) | wanted;
  return (BROWNOUT_PWR(BROWNOUT_PWR_SR2) & BROWNOUT_PWR_LOW) != 0;
}
