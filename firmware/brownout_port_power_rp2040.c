/*
 * The supply of a Raspberry Pi Pico: VSYS, a third of which is at GPIO29, by the ADC (RP2040 data sheet, 4.9; Pico data
 * sheet, 4.4). Low as long as it is below BROWNOUT_POWER_THRESHOLD. A Pico W needs GPIO25 high to measure it.
 */
#include "brownout_port_rp2040.h"

#define BROWNOUT_ADC(offset) BROWNOUT_REGISTER(0x4004c000u + (offset))
enum { BROWNOUT_ADC_CS = 0x00, BROWNOUT_ADC_RESULT = 0x04, BROWNOUT_ADC_ON = 1, BROWNOUT_ADC_ONCE = 1 << 2 };
enum { BROWNOUT_ADC_READY = 1 << 8, BROWNOUT_ADC_VSYS = 3 << 12, BROWNOUT_ADC_PAD = 0x80 };
enum { BROWNOUT_RESET_ADC = 1, BROWNOUT_CLOCK_ADC = 0x60, BROWNOUT_CLOCK_ADC_CRYSTAL = 3 << 5 };
#if BROWNOUT_POWER_THRESHOLD > 9900
#error "BROWNOUT_POWER_THRESHOLD is in mV, of which the ADC measures 9,900 at most"
#endif
/* Full scale is 3.3 V, of a third. */
#define BROWNOUT_POWER_STEPS (BROWNOUT_POWER_THRESHOLD * 4096u / 9900u)

static void set_up(void) {
  brownout_rp2040_clock();
  brownout_rp2040_start(BROWNOUT_RESET_PINS | BROWNOUT_RESET_ADC);
  BROWNOUT_REGISTER(BROWNOUT_CLOCKS + BROWNOUT_CLOCK_ADC) = BROWNOUT_CLOCK_ON | BROWNOUT_CLOCK_ADC_CRYSTAL;
  BROWNOUT_REGISTER(0x4001c004u + 4u * 29u) = BROWNOUT_ADC_PAD; /* input, output and pulls off */
  BROWNOUT_ADC(BROWNOUT_ADC_CS) = BROWNOUT_ADC_ON;
  while (!(BROWNOUT_ADC(BROWNOUT_ADC_CS) & BROWNOUT_ADC_READY)) {
  }
}

int brownout_power_low(void) {
  /* After a reset of the block its registers are 0. */
  if (!(BROWNOUT_REGISTER(BROWNOUT_RESETS_DONE) & BROWNOUT_RESET_ADC) || !(BROWNOUT_ADC(BROWNOUT_ADC_CS) & BROWNOUT_ADC_ON))
    set_up();
  BROWNOUT_ADC(BROWNOUT_ADC_CS) = BROWNOUT_ADC_ON | BROWNOUT_ADC_VSYS | BROWNOUT_ADC_ONCE;
  while (!(BROWNOUT_ADC(BROWNOUT_ADC_CS) & BROWNOUT_ADC_READY)) {
  }
  return BROWNOUT_ADC(BROWNOUT_ADC_RESULT) < BROWNOUT_POWER_STEPS;
}
