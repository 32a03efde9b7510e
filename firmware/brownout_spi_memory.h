/*
 * What memories behind SPI have in common, FRAM and EEPROM: a transaction is an opcode, an address, bytes. For the body of
 * one, which includes it once. Every write is a transaction of its own behind a write enable, which the part drops when
 * the transaction ends; so a program that runs wild, or wakes up in the middle, writes nothing.
 */
#ifndef BROWNOUT_SPI_MEMORY_H
#define BROWNOUT_SPI_MEMORY_H

#include "brownout_hal.h"
#include "brownout_model.h"
#include "brownout_spi.h"

/* Where the region begins in the memory. */
#ifndef BROWNOUT_NVM_ADDRESS
#define BROWNOUT_NVM_ADDRESS 0u
#endif
/* What the part takes: 2 up to 64 KB, 3 beyond. To be said for a part of more than 64 KB whose region lies below. */
#ifndef BROWNOUT_NVM_ADDRESS_BYTES
#if BROWNOUT_NVM_ADDRESS + BROWNOUT_NVM_BYTES > 0x10000
#define BROWNOUT_NVM_ADDRESS_BYTES 3
#else
#define BROWNOUT_NVM_ADDRESS_BYTES 2
#endif
#endif
#if BROWNOUT_NVM_ADDRESS_BYTES != 2 && BROWNOUT_NVM_ADDRESS_BYTES != 3
#error "BROWNOUT_NVM_ADDRESS_BYTES is 2 or 3, by the data sheet of the memory"
#elif BROWNOUT_NVM_ADDRESS + BROWNOUT_NVM_BYTES > 1 << 8 * BROWNOUT_NVM_ADDRESS_BYTES
#error "the image needs more NVM than BROWNOUT_NVM_ADDRESS_BYTES can address: take a larger part, or compile it smaller"
#endif
/*
 * BROWNOUT_NVM_SLEEP: the opcode that puts the part to sleep, where it has one. Then there is brownout_nvm_sleep();
 * brownout_nvm_begin() wakes it: by chip select, or by the opcode BROWNOUT_NVM_WAKE where there is one.
 */
/* Questions to a part that is not up yet before it counts as absent. */
#ifndef BROWNOUT_NVM_PATIENCE
#define BROWNOUT_NVM_PATIENCE 100000u
#endif
/*
 * With BROWNOUT_NVM_READ_BACK every write is read, and made again where it did not take: a bus may lose a write enable, and no
 * part says so. So many times; then the part counts as broken.
 */
#ifndef BROWNOUT_NVM_TRIES
#define BROWNOUT_NVM_TRIES 8u
#endif

/* What most parts have. */
#ifndef BROWNOUT_SPI_WRITE
#define BROWNOUT_SPI_WRITE 0x02
#endif
#ifndef BROWNOUT_SPI_READ
#define BROWNOUT_SPI_READ 0x03
#endif
#ifndef BROWNOUT_SPI_WRITE_DISABLE
#define BROWNOUT_SPI_WRITE_DISABLE 0x04
#endif
#ifndef BROWNOUT_SPI_READ_STATUS
#define BROWNOUT_SPI_READ_STATUS 0x05
#endif
#ifndef BROWNOUT_SPI_WRITE_ENABLE
#define BROWNOUT_SPI_WRITE_ENABLE 0x06
#endif
/* Bits of the status. */
#ifndef BROWNOUT_SPI_WRITE_IN_PROGRESS
#define BROWNOUT_SPI_WRITE_IN_PROGRESS 0x01
#endif
#ifndef BROWNOUT_SPI_WRITE_ENABLED
#define BROWNOUT_SPI_WRITE_ENABLED 0x02
#endif

static void spi_command(uint8_t opcode) {
  brownout_spi_select(1);
  brownout_spi_transfer(opcode);
  brownout_spi_select(0);
}

static uint8_t spi_status(void) {
  uint8_t status;
  brownout_spi_select(1);
  brownout_spi_transfer(BROWNOUT_SPI_READ_STATUS);
  status = brownout_spi_transfer(0);
  brownout_spi_select(0);
  return status;
}

/*
 * Waits until the part is up, up to a millisecond after its supply, or awake: then it answers that writes are enabled and none is
 * under way. A line that nobody drives reads as zeros or ones, and says neither.
 */
static void spi_power_up(void) {
  uint32_t looks;
  brownout_spi_begin();
  for (looks = 0; looks < BROWNOUT_NVM_PATIENCE; looks++) {
#ifdef BROWNOUT_NVM_WAKE
    spi_command(BROWNOUT_NVM_WAKE);
#endif
    spi_command(BROWNOUT_SPI_WRITE_ENABLE);
    if ((spi_status() & (BROWNOUT_SPI_WRITE_ENABLED | BROWNOUT_SPI_WRITE_IN_PROGRESS)) == BROWNOUT_SPI_WRITE_ENABLED) {
      spi_command(BROWNOUT_SPI_WRITE_DISABLE);
      return;
    }
  }
  brownout_trap();
}

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
  spi_command(BROWNOUT_SPI_WRITE_ENABLE);
  spi_begin(BROWNOUT_SPI_WRITE, BROWNOUT_NVM_ADDRESS + address);
  while (length-- > 0) brownout_spi_transfer(*from++);
  brownout_spi_select(0);
}

#endif
