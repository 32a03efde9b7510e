/*
 * The flash that the log is in: pages behind the program, mapped at FLASH_ADDRESS. With FLASH_NRF52 the controller of
 * nRF52 parts (product specification, NVMC), with FLASH_RP2040 the chip beside an RP2040; both are written after their
 * descriptions and not tried on a board. Without either programming traps: to fill in.
 */
#include "hal.h"
#include "nvm-flash.h"

/* The first page of the log: behind the program, as the linker script must know. */
#ifndef FLASH_ADDRESS
#define FLASH_ADDRESS 0x00080000u
#endif

#ifdef FLASH_RP2040
/* Past the cache: it does not see what is programmed. */
#define FLASH_MAPPED (FLASH_ADDRESS + 0x03000000u)
#else
#define FLASH_MAPPED FLASH_ADDRESS
#endif

const uint8_t *flash_at(uint32_t offset) {
  return (const uint8_t *)(uintptr_t)(FLASH_MAPPED + offset);
}

#if defined(FLASH_NRF52)
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
#elif defined(FLASH_RP2040)
/*
 * Commands to the chip through the SSI (RP2040 data sheet, 4.10.13; commands of W25Q parts and their like). While it takes
 * them nothing can be fetched from it: what sends them is in SRAM, with what they carry, and interrupts are off.
 */
#include <string.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define SSI(offset) REGISTER(0x18000000u + (offset))
#define CHIP_SELECT REGISTER(0x4001800cu) /* IO_QSPI, GPIO_QSPI_SS_CTRL: OUTOVER */
#define IN_SRAM __attribute__((section(".ramfunc"), noinline))
enum { CTRLR0 = 0x00, CTRLR1 = 0x04, SSIENR = 0x08, SR = 0x28, DR0 = 0x60, RECEIVED = 8 };
enum { EIGHT_BITS = 0x00070000, READ_MAPPED = 0x001f0300, NORMAL = 0, LOW = 0x200, HIGH = 0x300 };
enum { PROGRAM = 0x02, READ_STATUS = 0x05, WRITE_ENABLE = 0x06, ERASE_4K = 0x20, BUSY = 1 };
enum { CHIP_PAGE = 256, PIECE = 64 };

IN_SRAM static uint32_t transfer(uint32_t byte) {
  SSI(DR0) = byte;
  while (!(SSI(SR) & RECEIVED)) {
  }
  return SSI(DR0);
}

IN_SRAM static void set_mode(uint32_t mode) {
  SSI(SSIENR) = 0;
  SSI(CTRLR0) = mode;
  SSI(CTRLR1) = 0;
  SSI(SSIENR) = 1;
}

IN_SRAM static void command(uint32_t opcode, uint32_t address, const uint8_t *from, uint32_t bytes) {
  uint32_t mask;
  uint32_t status;
  __asm__ volatile("mrs %0, primask\n cpsid i" : "=r"(mask) : : "memory");
  set_mode(EIGHT_BITS);
  CHIP_SELECT = LOW;
  transfer(WRITE_ENABLE);
  CHIP_SELECT = HIGH;
  CHIP_SELECT = LOW;
  transfer(opcode);
  transfer(address >> 16 & 0xffu);
  transfer(address >> 8 & 0xffu);
  transfer(address & 0xffu);
  while (bytes-- > 0) transfer(*from++);
  CHIP_SELECT = HIGH;
  do {
    CHIP_SELECT = LOW;
    transfer(READ_STATUS);
    status = transfer(0);
    CHIP_SELECT = HIGH;
  } while (status & BUSY);
  CHIP_SELECT = NORMAL;
  set_mode(READ_MAPPED);
  __asm__ volatile("msr primask, %0" : : "r"(mask) : "memory");
}

void flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  const uint8_t *from = source;
  uint32_t address = FLASH_ADDRESS - 0x10000000u + offset;
  while (bytes > 0) {
    uint8_t piece[PIECE];
    uint32_t count = CHIP_PAGE - address % CHIP_PAGE;
    if (count > PIECE) count = PIECE;
    if (count > bytes) count = bytes;
    memcpy(piece, from, (size_t)count);
    command(PROGRAM, address, piece, count);
    address += count;
    from += count;
    bytes -= count;
  }
}

void flash_erase(uint32_t page) {
  command(ERASE_4K, FLASH_ADDRESS - 0x10000000u + page * FLASH_PAGE_BYTES, 0, 0);
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
