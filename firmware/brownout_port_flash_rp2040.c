/*
 * The flash chip beside an RP2040: commands to it through the SSI (RP2040 data sheet, 4.10.13; commands of W25Q parts and
 * their like). While it takes them nothing can be fetched from it: what sends them is in SRAM, with what they carry, and
 * interrupts are off.
 */
#include "brownout_nvm_flash.h"
#include "brownout_registers.h"

#include "brownout_string.h"

/* Past the cache: it does not see what is programmed. */
const uint8_t *brownout_flash_at(uint32_t offset) {
  return (const uint8_t *)(uintptr_t)(BROWNOUT_FLASH_ADDRESS + 0x03000000u + offset);
}

#define BROWNOUT_SSI(offset) BROWNOUT_REGISTER(0x18000000u + (offset))
#define BROWNOUT_CHIP_SELECT BROWNOUT_REGISTER(0x4001800cu) /* IO_QSPI, GPIO_QSPI_SS_CTRL: OUTOVER */
#define BROWNOUT_IN_SRAM __attribute__((section(".ramfunc"), noinline))
enum {
  BROWNOUT_SSI_CTRLR0 = 0x00,
  BROWNOUT_SSI_CTRLR1 = 0x04,
  BROWNOUT_SSI_SSIENR = 0x08,
  BROWNOUT_SSI_SR = 0x28,
  BROWNOUT_SSI_DR0 = 0x60,
  BROWNOUT_SSI_RECEIVED = 8,
};
enum {
  BROWNOUT_SSI_EIGHT_BITS = 0x00070000,
  BROWNOUT_SSI_READ_MAPPED = 0x001f0300,
  BROWNOUT_SELECT_NORMAL = 0,
  BROWNOUT_SELECT_LOW = 0x200,
  BROWNOUT_SELECT_HIGH = 0x300,
};
enum {
  BROWNOUT_CHIP_PROGRAM = 0x02,
  BROWNOUT_CHIP_READ_STATUS = 0x05,
  BROWNOUT_CHIP_WRITE_ENABLE = 0x06,
  BROWNOUT_CHIP_ERASE_4K = 0x20,
  BROWNOUT_CHIP_BUSY = 1,
};
enum { BROWNOUT_CHIP_PAGE = 256, BROWNOUT_CHIP_PIECE = 64 };

BROWNOUT_IN_SRAM static uint32_t transfer(uint32_t byte) {
  BROWNOUT_SSI(BROWNOUT_SSI_DR0) = byte;
  while (!(BROWNOUT_SSI(BROWNOUT_SSI_SR) & BROWNOUT_SSI_RECEIVED)) {
  }
  return BROWNOUT_SSI(BROWNOUT_SSI_DR0);
}

BROWNOUT_IN_SRAM static void set_mode(uint32_t mode) {
  BROWNOUT_SSI(BROWNOUT_SSI_SSIENR) = 0;
  BROWNOUT_SSI(BROWNOUT_SSI_CTRLR0) = mode;
  BROWNOUT_SSI(BROWNOUT_SSI_CTRLR1) = 0;
  BROWNOUT_SSI(BROWNOUT_SSI_SSIENR) = 1;
}

BROWNOUT_IN_SRAM static void command(uint32_t opcode, uint32_t address, const uint8_t *from, uint32_t bytes) {
  uint32_t mask;
  uint32_t status;
  __asm__ volatile("mrs %0, primask\n cpsid i" : "=r"(mask) : : "memory");
  set_mode(BROWNOUT_SSI_EIGHT_BITS);
  BROWNOUT_CHIP_SELECT = BROWNOUT_SELECT_LOW;
  transfer(BROWNOUT_CHIP_WRITE_ENABLE);
  BROWNOUT_CHIP_SELECT = BROWNOUT_SELECT_HIGH;
  BROWNOUT_CHIP_SELECT = BROWNOUT_SELECT_LOW;
  transfer(opcode);
  transfer(address >> 16 & 0xffu);
  transfer(address >> 8 & 0xffu);
  transfer(address & 0xffu);
  while (bytes-- > 0) transfer(*from++);
  BROWNOUT_CHIP_SELECT = BROWNOUT_SELECT_HIGH;
  do {
    BROWNOUT_CHIP_SELECT = BROWNOUT_SELECT_LOW;
    transfer(BROWNOUT_CHIP_READ_STATUS);
    status = transfer(0);
    BROWNOUT_CHIP_SELECT = BROWNOUT_SELECT_HIGH;
  } while (status & BROWNOUT_CHIP_BUSY);
  BROWNOUT_CHIP_SELECT = BROWNOUT_SELECT_NORMAL;
  set_mode(BROWNOUT_SSI_READ_MAPPED);
  __asm__ volatile("msr primask, %0" : : "r"(mask) : "memory");
}

void brownout_flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  const uint8_t *from = source;
  uint32_t address = BROWNOUT_FLASH_ADDRESS - 0x10000000u + offset;
  while (bytes > 0) {
    uint8_t piece[BROWNOUT_CHIP_PIECE];
    uint32_t count = BROWNOUT_CHIP_PAGE - address % BROWNOUT_CHIP_PAGE;
    if (count > BROWNOUT_CHIP_PIECE) count = BROWNOUT_CHIP_PIECE;
    if (count > bytes) count = bytes;
    memcpy(piece, from, (size_t)count);
    command(BROWNOUT_CHIP_PROGRAM, address, piece, count);
    address += count;
    from += count;
    bytes -= count;
  }
}

void brownout_flash_erase(uint32_t page) {
  command(BROWNOUT_CHIP_ERASE_4K, BROWNOUT_FLASH_ADDRESS - 0x10000000u + page * BROWNOUT_FLASH_PAGE_BYTES, 0, 0);
}
