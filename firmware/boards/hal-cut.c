/* Mapped NVM in which power fails after so many bytes and barriers, and writes may take time. */
#include "hal.h"

#include <string.h>

#include "boards.h"

enum { CUT_EXIT = 75 };

static uint32_t used;

void nvm_begin(void) {
}

const void *nvm_view(uint32_t address, uint32_t length, void *scratch) {
  (void)length;
  (void)scratch;
  return (const void *)(uintptr_t)(NVM_ADDRESS + address);
}

void nvm_write(uint32_t address, const void *source, uint32_t length) {
  volatile uint8_t *to = (volatile uint8_t *)(uintptr_t)(NVM_ADDRESS + address);
  const uint8_t *from = source;
  volatile uint32_t turn;
  while (length-- > 0) {
    if (used == CONTROL->cut_units) board_exit(CUT_EXIT);
    *to++ = *from++;
    used++;
    for (turn = CONTROL->slow; turn > 0;) turn--;
  }
}

void nvm_sync(void) {
  if (used == CONTROL->cut_units) board_exit(CUT_EXIT);
  used++;
}

int power_low(void) {
  static uint32_t draws;
  uint32_t x = (CONTROL->garbage + ++draws) * 0x9e3779b1u;
  x ^= x >> 15;
  x *= 0x85ebca77u;
  return (x >> 24) < CONTROL->low;
}

void wasm_trap(void) {
  board_print("trap\n");
  board_exit(71);
}
