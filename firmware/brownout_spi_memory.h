/*
 * What memories behind SPI have in common, FRAM and EEPROM: a transaction is an opcode, an address, bytes. For the body of
 * one, which includes it once. Every write is a transaction of its own behind a write enable, which the part drops when
 * the transaction ends; so a program that runs wild, or wakes up in the middle, writes nothing.
 */
#ifndef BROWNOUT_SPI_MEMORY_H
#define BROWNOUT_SPI_MEMORY_H

#include "brownout_hal.h"
#include "brownout_spi.h"

/* 2 up to 64 KB, 3 beyond. */
#ifndef BROWNOUT_NVM_ADDRESS_BYTES
#define BROWNOUT_NVM_ADDRESS_BYTES 2
#endif
/* Where the region begins in the memory. */
#ifndef BROWNOUT_NVM_ADDRESS
#define BROWNOUT_NVM_ADDRESS 0u
#endif

enum { BROWNOUT_SPI_WRITE = 0x02, BROWNOUT_SPI_READ = 0x03, BROWNOUT_SPI_WRITE_ENABLE = 0x06 };

/* A function of its own: inlined where it is called, it takes more code. */
#if defined(__GNUC__)
__attribute__((noinline))
#endif
static void spi_begin(uint8_t opcode, uint32_t address) {
  int byte;
  brownout_spi_select(1);
  brownout_spi_transfer(opcode);
  for (byte = BROWNOUT_NVM_ADDRESS_BYTES - 1; byte >= 0; byte--) {
    brownout_spi_transfer((uint8_t)(address >> (8 * byte)));
  }
}

static void spi_read(uint32_t address, uint8_t *to, uint32_t length) {
  spi_begin(BROWNOUT_SPI_READ, BROWNOUT_NVM_ADDRESS + address);
  while (length-- > 0) *to++ = brownout_spi_transfer(0);
  brownout_spi_select(0);
}

static void spi_write(uint32_t address, const uint8_t *from, uint32_t length) {
  brownout_spi_select(1);
  brownout_spi_transfer(BROWNOUT_SPI_WRITE_ENABLE);
  brownout_spi_select(0);
  spi_begin(BROWNOUT_SPI_WRITE, BROWNOUT_NVM_ADDRESS + address);
  while (length-- > 0) brownout_spi_transfer(*from++);
  brownout_spi_select(0);
}

#endif
