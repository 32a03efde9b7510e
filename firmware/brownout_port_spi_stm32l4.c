/* SPI1 of STM32L4 parts (RM0351, 42.6). A pin is 16 times its port, A being 0, and its number; SCK, MISO, MOSI by function 5. */
#include "brownout_registers.h"
#include "brownout_spi.h"

#define BROWNOUT_RCC(offset) BROWNOUT_REGISTER(0x40021000u + (offset))
#define BROWNOUT_SPI1(offset) BROWNOUT_REGISTER(0x40013000u + (offset))
#define BROWNOUT_SPI1_BYTE (*(volatile uint8_t *)(uintptr_t)0x4001300cu)
#define BROWNOUT_GPIO(pin, offset) BROWNOUT_REGISTER(0x48000000u + 0x400u * ((pin) >> 4) + (offset))
enum { BROWNOUT_RCC_AHB2ENR = 0x4c, BROWNOUT_RCC_APB2ENR = 0x60, BROWNOUT_RCC_SPI1 = 1 << 12 };
enum { BROWNOUT_SPI_CR1 = 0x00, BROWNOUT_SPI_CR2 = 0x04, BROWNOUT_SPI_SR = 0x08 };
enum { BROWNOUT_SPI_MASTER = 0x304, BROWNOUT_SPI_ENABLED = 0x40, BROWNOUT_SPI_EIGHT_BITS = 0x1700 };
enum { BROWNOUT_SPI_RECEIVED = 1, BROWNOUT_SPI_ROOM = 2 };
enum { BROWNOUT_GPIO_MODE = 0x00, BROWNOUT_GPIO_SET = 0x18, BROWNOUT_GPIO_FUNCTION = 0x20 };
enum { BROWNOUT_GPIO_OUT = 1, BROWNOUT_GPIO_FUNCTIONAL = 2, BROWNOUT_GPIO_SPI1 = 5 };

static void set_field(volatile uint32_t *word, uint32_t at, uint32_t bits, uint32_t value) {
  *word = (*word & ~(((1u << bits) - 1u) << at)) | value << at;
}

static void set_pin(uint32_t pin, uint32_t mode, uint32_t function) {
  const uint32_t number = pin & 15u;
  BROWNOUT_RCC(BROWNOUT_RCC_AHB2ENR) |= 1u << (pin >> 4);
  set_field(&BROWNOUT_GPIO(pin, BROWNOUT_GPIO_FUNCTION + 4u * (number >> 3)), 4u * (number & 7u), 4, function);
  set_field(&BROWNOUT_GPIO(pin, BROWNOUT_GPIO_MODE), 2u * number, 2, mode);
}

void brownout_spi_begin(void) {
  if (BROWNOUT_SPI_PIN_SCK == BROWNOUT_FILL_IN || BROWNOUT_SPI_PIN_MOSI == BROWNOUT_FILL_IN ||
      BROWNOUT_SPI_PIN_MISO == BROWNOUT_FILL_IN || BROWNOUT_SPI_PIN_CS == BROWNOUT_FILL_IN)
    brownout_unported();
  BROWNOUT_RCC(BROWNOUT_RCC_APB2ENR) |= BROWNOUT_RCC_SPI1;
  BROWNOUT_RCC(BROWNOUT_RCC_AHB2ENR) |= 1u << (BROWNOUT_SPI_PIN_CS >> 4);
  brownout_spi_select(0);
  set_pin(BROWNOUT_SPI_PIN_CS, BROWNOUT_GPIO_OUT, 0);
  set_pin(BROWNOUT_SPI_PIN_SCK, BROWNOUT_GPIO_FUNCTIONAL, BROWNOUT_GPIO_SPI1);
  set_pin(BROWNOUT_SPI_PIN_MISO, BROWNOUT_GPIO_FUNCTIONAL, BROWNOUT_GPIO_SPI1);
  set_pin(BROWNOUT_SPI_PIN_MOSI, BROWNOUT_GPIO_FUNCTIONAL, BROWNOUT_GPIO_SPI1);
  /* Half of the bus clock. */
  BROWNOUT_SPI1(BROWNOUT_SPI_CR2) = BROWNOUT_SPI_EIGHT_BITS;
  BROWNOUT_SPI1(BROWNOUT_SPI_CR1) = BROWNOUT_SPI_MASTER;
  BROWNOUT_SPI1(BROWNOUT_SPI_CR1) = BROWNOUT_SPI_MASTER | BROWNOUT_SPI_ENABLED;
}

void brownout_spi_select(int on) {
  const uint32_t bit = BROWNOUT_SPI_PIN_CS & 15u;
  BROWNOUT_GPIO(BROWNOUT_SPI_PIN_CS, BROWNOUT_GPIO_SET) = 1u << (on ? bit + 16u : bit);
}

uint8_t brownout_spi_transfer(uint8_t byte) {
  while (!(BROWNOUT_SPI1(BROWNOUT_SPI_SR) & BROWNOUT_SPI_ROOM)) {
  }
  /* A word would send two. */
  BROWNOUT_SPI1_BYTE = byte;
  while (!(BROWNOUT_SPI1(BROWNOUT_SPI_SR) & BROWNOUT_SPI_RECEIVED)) {
  }
  return BROWNOUT_SPI1_BYTE;
}
