/*
 * NVM in EEPROM behind SPI (25LC, M95, AT25): what is written lies in a latch of one page until the transaction ends, and
 * takes milliseconds from there. Bytes that are what they should be are not written again: a cell lasts a million writes
 * or four. The part must leave the bytes of a page that are not written as they are, also when power fails: parts that
 * correct errors in words of several bytes (M95 with ECC x4) may not, and are no NVM for this.
 */
#include "hal.h"
#include "spi.h"

#include <string.h>

#ifndef NVM_ADDRESS_BYTES
#define NVM_ADDRESS_BYTES 2
#endif
#ifndef NVM_ADDRESS
#define NVM_ADDRESS 0u
#endif
/* The latch: a power of two. */
#ifndef NVM_PAGE_BYTES
#define NVM_PAGE_BYTES 64u
#endif
/* Looks at the status register before a write counts as stuck. */
#ifndef NVM_PATIENCE
#define NVM_PATIENCE 100000u
#endif

enum { WRITE = 0x02, READ = 0x03, READ_STATUS = 0x05, WRITE_ENABLE = 0x06, WRITE_IN_PROGRESS = 1 };

static void settle(void) {
  uint32_t looks;
  for (looks = 0; looks < NVM_PATIENCE; looks++) {
    uint8_t status;
    spi_select(1);
    spi_transfer(READ_STATUS);
    status = spi_transfer(0);
    spi_select(0);
    if (!(status & WRITE_IN_PROGRESS)) return;
  }
  wasm_trap();
}

static void begin(uint8_t opcode, uint32_t address) {
  int byte;
  spi_select(1);
  spi_transfer(opcode);
  for (byte = NVM_ADDRESS_BYTES - 1; byte >= 0; byte--) spi_transfer((uint8_t)(address >> (8 * byte)));
}

void nvm_begin(void) {
  spi_select(0);
}

const void *nvm_view(uint32_t address, uint32_t length, void *scratch) {
  uint8_t *to = scratch;
  settle();
  begin(READ, NVM_ADDRESS + address);
  while (length-- > 0) *to++ = spi_transfer(0);
  spi_select(0);
  return scratch;
}

/* Up to the end of a page. */
static void write_piece(uint32_t address, const uint8_t *from, uint32_t length) {
  uint8_t old[NVM_PAGE_BYTES];
  if (memcmp(nvm_view(address, length, old), from, (size_t)length) == 0) return;
  spi_select(1);
  spi_transfer(WRITE_ENABLE);
  spi_select(0);
  begin(WRITE, NVM_ADDRESS + address);
  while (length-- > 0) spi_transfer(*from++);
  spi_select(0);
}

void nvm_write(uint32_t address, const void *source, uint32_t length) {
  const uint8_t *from = source;
  while (length > 0) {
    const uint32_t room = NVM_PAGE_BYTES - (NVM_ADDRESS + address) % NVM_PAGE_BYTES;
    const uint32_t piece = length < room ? length : room;
    write_piece(address, from, piece);
    address += piece;
    from += piece;
    length -= piece;
  }
}

void nvm_sync(void) {
  settle();
}
