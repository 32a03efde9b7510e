/*
 * NVM in EEPROM behind SPI (25LC, M95, AT25): what is written lies in a latch of one page until the transaction ends, and
 * takes milliseconds from there. Bytes that are what they should be are not written again: a cell lasts a million writes
 * or four. The part must leave the bytes of a page that are not written as they are, also when power fails. Parts that
 * correct errors in words of several bytes (M95 with ECC x4) may not: for these, compile with `--line 4`.
 */
#include "brownout_spi_memory.h"

#include "brownout_string.h"

/* The latch: a power of two. */
#ifndef BROWNOUT_NVM_PAGE_BYTES
#define BROWNOUT_NVM_PAGE_BYTES 64u
#endif

static void settle(void) {
  uint32_t looks;
  for (looks = 0; looks < BROWNOUT_NVM_PATIENCE; looks++) {
    if (!(spi_status() & BROWNOUT_SPI_WRITE_IN_PROGRESS)) return;
  }
  brownout_trap();
}

void brownout_nvm_begin(void) {
  spi_power_up();
}

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  settle();
  spi_read(address, scratch, length);
  return scratch;
}

/* Up to the end of a page. */
static void write_piece(uint32_t address, const uint8_t *from, uint32_t length) {
  uint8_t old[BROWNOUT_NVM_PAGE_BYTES];
#ifdef BROWNOUT_NVM_READ_BACK
  uint32_t tries = 0;
  while (memcmp(brownout_nvm_view(address, length, old), from, (size_t)length) != 0) {
    if (tries++ == BROWNOUT_NVM_TRIES) brownout_trap();
    spi_write(address, from, length);
  }
#else
  if (memcmp(brownout_nvm_view(address, length, old), from, (size_t)length) == 0) return;
  spi_write(address, from, length);
#endif
}

void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  const uint8_t *from = source;
  while (length > 0) {
    const uint32_t room = BROWNOUT_NVM_PAGE_BYTES - (BROWNOUT_NVM_ADDRESS + address) % BROWNOUT_NVM_PAGE_BYTES;
    const uint32_t piece = length < room ? length : room;
    write_piece(address, from, piece);
    address += piece;
    from += piece;
    length -= piece;
  }
}

void brownout_nvm_sync(void) {
  settle();
}

#ifdef BROWNOUT_NVM_SLEEP
void brownout_nvm_sleep(void) {
  settle();
  spi_command(BROWNOUT_NVM_SLEEP);
}
#endif
