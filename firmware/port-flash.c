/*
 * The flash that the log is in: pages behind the program, mapped at FLASH_ADDRESS. With FLASH_NRF52 the controller of
 * nRF52 parts (product specification, NVMC), written after its description and not tried on a board; without it programming
 * traps: to fill in.
 */
#include "hal.h"
#include "nvm-flash.h"

/* The first page of the log: behind the program, as the linker script must know. */
#ifndef FLASH_ADDRESS
#define FLASH_ADDRESS 0x00080000u
#endif

const uint8_t *flash_at(uint32_t offset) {
  return (const uint8_t *)(uintptr_t)(FLASH_ADDRESS + offset);
}

#ifdef FLASH_NRF52
#define NVMC(offset) (*(volatile uint32_t *)(uintptr_t)(0x4001e000u + (offset)))
enum { READY = 0x400, CONFIG = 0x504, ERASE_PAGE = 0x508, READ_ONLY = 0, WRITING = 1, ERASING = 2 };

static void settle(void) {
  while (NVMC(READY) == 0) {
  }
}

void flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  const uint32_t *from = source;
  volatile uint32_t *to = (volatile uint32_t *)(uintptr_t)(FLASH_ADDRESS + offset);
  NVMC(CONFIG) = WRITING;
  for (; bytes > 0; bytes -= 4) {
    *to++ = *from++;
    settle();
  }
  NVMC(CONFIG) = READ_ONLY;
}

void flash_erase(uint32_t page) {
  NVMC(CONFIG) = ERASING;
  NVMC(ERASE_PAGE) = FLASH_ADDRESS + page * FLASH_PAGE_BYTES;
  settle();
  NVMC(CONFIG) = READ_ONLY;
}
#else
void flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  (void)offset;
  (void)source;
  (void)bytes;
  wasm_trap();
}

void flash_erase(uint32_t page) {
  (void)page;
  wasm_trap();
}
#endif
