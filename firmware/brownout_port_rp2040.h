/* What the ports of an RP2040 share: its clock, resets, pins (data sheet, 2.14, 2.15, 2.19). For one C file each. */
#ifndef BROWNOUT_PORT_RP2040_H
#define BROWNOUT_PORT_RP2040_H

#include "brownout_registers.h"

/* Beside each register are copies of it that set or clear bits. */
#define BROWNOUT_SET_BITS 0x2000u
#define BROWNOUT_CLEAR_BITS 0x3000u
#define BROWNOUT_RESETS 0x4000c000u
#define BROWNOUT_RESETS_DONE 0x4000c008u
#define BROWNOUT_CLOCKS 0x40008000u
#define BROWNOUT_CRYSTAL 0x40024000u
enum { BROWNOUT_RESET_PINS = 1 << 5 | 1 << 8, BROWNOUT_RESET_SPI0 = 1 << 16, BROWNOUT_RESET_UART0 = 1 << 22 };
enum { BROWNOUT_CLOCK_REF = 0x30, BROWNOUT_CLOCK_PERI = 0x48, BROWNOUT_CLOCK_ON = 1 << 11, BROWNOUT_CLOCK_CRYSTAL = 2 };
enum { BROWNOUT_PIN_SPI = 1, BROWNOUT_PIN_UART = 2, BROWNOUT_PIN_SIO = 5 };

/* The crystal's 12 MHz for core and peripherals; the oscillator at reset is off by half. */
static inline void brownout_rp2040_clock(void) {
  if (BROWNOUT_REGISTER(BROWNOUT_CLOCKS + BROWNOUT_CLOCK_PERI) & BROWNOUT_CLOCK_ON) return;
  BROWNOUT_REGISTER(BROWNOUT_CRYSTAL + 0x0c) = 47; /* a millisecond, in 256 cycles */
  BROWNOUT_REGISTER(BROWNOUT_CRYSTAL) = 0xfabaa0;
  while (!(BROWNOUT_REGISTER(BROWNOUT_CRYSTAL + 0x04) & 0x80000000u)) {
  }
  BROWNOUT_REGISTER(BROWNOUT_CLOCKS + BROWNOUT_CLOCK_REF) = BROWNOUT_CLOCK_CRYSTAL;
  BROWNOUT_REGISTER(BROWNOUT_CLOCKS + BROWNOUT_CLOCK_PERI) = BROWNOUT_CLOCK_ON;
}

static inline void brownout_rp2040_start(uint32_t blocks) {
  BROWNOUT_REGISTER(BROWNOUT_RESETS + BROWNOUT_CLEAR_BITS) = blocks;
  while ((BROWNOUT_REGISTER(BROWNOUT_RESETS_DONE) & blocks) != blocks) {
  }
}

static inline void brownout_rp2040_pin(uint32_t pin, uint32_t function) {
  BROWNOUT_REGISTER(0x4001c004u + 4u * pin) = 0x52; /* input and output on, pulled down */
  BROWNOUT_REGISTER(0x40014004u + 8u * pin) = function;
}

#endif
