/*
 * Flash of STM32L4 parts (RM0351, 3.3.7 and 3.7): double words of 8 bytes with an ECC of their own, each programmed once after
 * an erasure, or to zeros; pages of 2 KB in two banks. A double word that a cut has torn may read as an error that ECC
 * cannot correct: the core gets an NMI, which says so and lets the read go on; the log's checksums do the rest.
 */
#include "brownout_nvm_flash.h"
#include "brownout_registers.h"

#define BROWNOUT_FLASH(offset) BROWNOUT_REGISTER(0x40022000u + (offset))
enum {
  BROWNOUT_FLASH_KEYR = 0x08,
  BROWNOUT_FLASH_SR = 0x10,
  BROWNOUT_FLASH_CR = 0x14,
  BROWNOUT_FLASH_ECCR = 0x18
};
enum { BROWNOUT_FLASH_BUSY = 1 << 16, BROWNOUT_FLASH_ERRORS = 0xc3fa };
enum { BROWNOUT_FLASH_PG = 1, BROWNOUT_FLASH_PER = 2, BROWNOUT_FLASH_START = 1 << 16 };
#define BROWNOUT_FLASH_LOCK 0x80000000u
#define BROWNOUT_FLASH_ECCD 0x80000000u
#define BROWNOUT_FLASH_START_OF_BANKS 0x08000000u
/* Pages of a bank: of the part with 1 MB. */
#ifndef BROWNOUT_FLASH_BANK_PAGES
#define BROWNOUT_FLASH_BANK_PAGES 256u
#endif

const uint8_t *brownout_flash_at(uint32_t offset) {
  return (const uint8_t *)(uintptr_t)(BROWNOUT_FLASH_ADDRESS + offset);
}

/* In place of the fault that an NMI is elsewhere. Anything but such an error still is one. */
void brownout_board_nmi(void);
void brownout_board_nmi(void) {
  if (!(BROWNOUT_FLASH(BROWNOUT_FLASH_ECCR) & BROWNOUT_FLASH_ECCD)) brownout_trap();
  BROWNOUT_FLASH(BROWNOUT_FLASH_ECCR) = BROWNOUT_FLASH_ECCD;
}

static void settle(void) {
  while (BROWNOUT_FLASH(BROWNOUT_FLASH_SR) & BROWNOUT_FLASH_BUSY) {
  }
}

static void unlock(void) {
  settle();
  if (BROWNOUT_FLASH(BROWNOUT_FLASH_CR) & BROWNOUT_FLASH_LOCK) {
    BROWNOUT_FLASH(BROWNOUT_FLASH_KEYR) = 0x45670123u;
    BROWNOUT_FLASH(BROWNOUT_FLASH_KEYR) = 0xcdef89abu;
  }
  BROWNOUT_FLASH(BROWNOUT_FLASH_SR) = BROWNOUT_FLASH_ERRORS;
}

static void lock(void) {
  BROWNOUT_FLASH(BROWNOUT_FLASH_CR) = BROWNOUT_FLASH_LOCK;
}

void brownout_flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  const uint32_t *from = source;
  volatile uint32_t *to = (volatile uint32_t *)(uintptr_t)(BROWNOUT_FLASH_ADDRESS + offset);
  unlock();
  for (; bytes > 0; bytes -= 8) {
    BROWNOUT_FLASH(BROWNOUT_FLASH_CR) = BROWNOUT_FLASH_PG;
    to[0] = from[0];
    to[1] = from[1];
    settle();
    to += 2;
    from += 2;
  }
  lock();
}

void brownout_flash_erase(uint32_t page) {
  const uint32_t start = (BROWNOUT_FLASH_ADDRESS - BROWNOUT_FLASH_START_OF_BANKS) / BROWNOUT_FLASH_PAGE_BYTES;
  const uint32_t all = start + page;
  const uint32_t bank = all / BROWNOUT_FLASH_BANK_PAGES;
  const uint32_t which = BROWNOUT_FLASH_PER | (all % BROWNOUT_FLASH_BANK_PAGES) << 3 | bank << 11;
  unlock();
  BROWNOUT_FLASH(BROWNOUT_FLASH_CR) = which;
  BROWNOUT_FLASH(BROWNOUT_FLASH_CR) = which | BROWNOUT_FLASH_START;
  settle();
  lock();
}
