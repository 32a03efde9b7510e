/* Mapped NVM in which power fails after so many bytes and barriers, and writes may take time. */
#include "brownout_hal.h"

#include "brownout_string.h"

#include "brownout_boards.h"

enum { CUT_EXIT = 75 };

static uint32_t used;

void brownout_nvm_begin(void) {
}

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  (void)length;
  (void)scratch;
  return (const void *)(uintptr_t)(BROWNOUT_NVM_ADDRESS + address);
}

void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  volatile uint8_t *to = (volatile uint8_t *)(uintptr_t)(BROWNOUT_NVM_ADDRESS + address);
  const uint8_t *from = source;
  volatile uint32_t turn;
  while (length-- > 0) {
    if (used == BROWNOUT_CONTROL->cut_units) brownout_board_exit(CUT_EXIT);
    *to++ = *from++;
    used++;
    for (turn = BROWNOUT_CONTROL->slow; turn > 0;) turn--;
  }
}

void brownout_nvm_sync(void) {
  if (used == BROWNOUT_CONTROL->cut_units) brownout_board_exit(CUT_EXIT);
  used++;
}

int brownout_power_low(void) {
  static uint32_t draws;
  uint32_t x = (BROWNOUT_CONTROL->garbage + ++draws) * 0x9e3779b1u;
  x ^= x >> 15;
  x *= 0x85ebca77u;
  return (x >> 24) < BROWNOUT_CONTROL->low;
}

void brownout_trap(void) {
  brownout_board_print("trap\n");
  brownout_board_exit(71);
}
