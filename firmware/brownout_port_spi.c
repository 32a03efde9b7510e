/* The bus that NVM is behind. To fill in with the part's SPI: mode 0, most significant bit first. */
#include "brownout_hal.h"
#include "brownout_spi.h"

void brownout_spi_begin(void) {
  /* Clocks, pins, the bus: chip select high. */
  BROWNOUT_FILL_IN_BODY(brownout_spi_begin);
}

void brownout_spi_select(int on) {
  /* Drive chip select low for 1, high for 0. */
  (void)on;
  BROWNOUT_FILL_IN_BODY(brownout_spi_select);
}

uint8_t brownout_spi_transfer(uint8_t byte) {
  /* Wait until the byte is out and another one is in. */
  BROWNOUT_FILL_IN_BODY(brownout_spi_transfer);
  return byte;
}
