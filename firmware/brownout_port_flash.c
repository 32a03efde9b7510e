/* The flash that the log is in: what brownout_nvm_flash.c needs of the part's controller. To fill in. */
#include "brownout_hal.h"
#include "brownout_nvm_flash.h"

const uint8_t *brownout_flash_at(uint32_t offset) {
  return (const uint8_t *)(uintptr_t)(BROWNOUT_FLASH_ADDRESS + offset);
}

void brownout_flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  /* Units of BROWNOUT_FLASH_UNIT bytes, one after the other. Returns when the last is programmed. */
  (void)offset;
  (void)source;
  (void)bytes;
  BROWNOUT_FILL_IN_BODY(brownout_flash_program);
}

void brownout_flash_erase(uint32_t page) {
  (void)page;
  BROWNOUT_FILL_IN_BODY(brownout_flash_erase);
}
