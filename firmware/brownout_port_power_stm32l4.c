/* The supply of STM32L4 parts by their voltage detector (RM0351, 5.2.3, PVD): low as long as VDD is below the threshold. */
#include "brownout_registers.h"

#define BROWNOUT_RCC_APB1ENR1 BROWNOUT_REGISTER(0x40021058u)
#define BROWNOUT_PWR(offset) BROWNOUT_REGISTER(0x40007000u + (offset))
enum { BROWNOUT_PWR_CLOCK = 1 << 28, BROWNOUT_PWR_CR2 = 0x04, BROWNOUT_PWR_SR2 = 0x14 };
enum { BROWNOUT_PWR_ON = 1, BROWNOUT_PWR_LOW = 1 << 11 };
/* 0: 2.0 V, 1: 2.2 V, 2: 2.4 V, 3: 2.5 V, 4: 2.6 V, 5: 2.8 V, 6: 2.9 V. */
#ifndef BROWNOUT_POWER_THRESHOLD
#define BROWNOUT_POWER_THRESHOLD 1u
#endif

int brownout_power_low(void) {
  const uint32_t wanted = BROWNOUT_PWR_ON | BROWNOUT_POWER_THRESHOLD << 1;
  if ((BROWNOUT_PWR(BROWNOUT_PWR_CR2) & 0xfu) != wanted) {
    BROWNOUT_RCC_APB1ENR1 |= BROWNOUT_PWR_CLOCK;
    BROWNOUT_PWR(BROWNOUT_PWR_CR2) = wanted;
  }
  return (BROWNOUT_PWR(BROWNOUT_PWR_SR2) & BROWNOUT_PWR_LOW) != 0;
}
