/*
 * Flash of nRF52 parts by their NVMC (product specification, NVMC): words, pages of 4 KB. A word may be programmed twice
 * between two erasures. The part must not program or erase while its power-fail comparator warns: this port uses none.
 */
#include "brownout_nvm_flash.h"
#include "brownout_registers.h"

const uint8_t *brownout_flash_at(uint32_t offset) {
  return (const uint8_t *)(uintptr_t)(BROWNOUT_FLASH_ADDRESS + offset);
}

#define BROWNOUT_NVMC(offset) BROWNOUT_REGISTER(0x4001e000u + (offset))
enum {
  BROWNOUT_NVMC_READY = 0x400,
  BROWNOUT_NVMC_CONFIG = 0x504,
  BROWNOUT_NVMC_ERASE_PAGE = 0x508,
  BROWNOUT_NVMC_READ_ONLY = 0,
  BROWNOUT_NVMC_WRITING = 1,
  BROWNOUT_NVMC_ERASING = 2,
};

static void settle(void) {
  while (BROWNOUT_NVMC(BROWNOUT_NVMC_READY) == 0) {
  }
}

void brownout_flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  const uint32_t *from = source;
  volatile uint32_t *to = (volatile uint32_t *)(uintptr_t)(BROWNOUT_FLASH_ADDRESS + offset);
  BROWNOUT_NVMC(BROWNOUT_NVMC_CONFIG) = BROWNOUT_NVMC_WRITING;
  for (; bytes > 0; bytes -= 4) {
    *to++ = *from++;
    settle();
  }
  BROWNOUT_NVMC(BROWNOUT_NVMC_CONFIG) = BROWNOUT_NVMC_READ_ONLY;
}

void brownout_flash_erase(uint32_t page) {
  BROWNOUT_NVMC(BROWNOUT_NVMC_CONFIG) = BROWNOUT_NVMC_ERASING;
  BROWNOUT_NVMC(BROWNOUT_NVMC_ERASE_PAGE) = BROWNOUT_FLASH_ADDRESS + page * BROWNOUT_FLASH_PAGE_BYTES;
  settle();
  BROWNOUT_NVMC(BROWNOUT_NVMC_CONFIG) = BROWNOUT_NVMC_READ_ONLY;
}
