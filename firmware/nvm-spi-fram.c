/*
 * NVM in FRAM behind SPI (MB85RS, FM25, CY15B): a byte is durable as soon as it is sent. Every write is a transaction
 * of its own behind a write enable, which the part drops when the transaction ends; so a program that runs wild, or
 * wakes up in the middle, writes nothing.
 */
#include "hal.h"
#include "spi.h"

/* 2 up to 64 KB, 3 beyond. */
#ifndef NVM_ADDRESS_BYTES
#define NVM_ADDRESS_BYTES 2
#endif
/* Where the region begins in the memory. */
#ifndef NVM_ADDRESS
#define NVM_ADDRESS 0u
#endif

enum { WRITE = 0x02, READ = 0x03, WRITE_ENABLE = 0x06 };

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
  begin(READ, NVM_ADDRESS + address);
  while (length-- > 0) *to++ = spi_transfer(0);
  spi_select(0);
  return scratch;
}

void nvm_write(uint32_t address, const void *source, uint32_t length) {
  const uint8_t *from = source;
  spi_select(1);
  spi_transfer(WRITE_ENABLE);
  spi_select(0);
  begin(WRITE, NVM_ADDRESS + address);
  while (length-- > 0) spi_transfer(*from++);
  spi_select(0);
}

void nvm_sync(void) {
}
