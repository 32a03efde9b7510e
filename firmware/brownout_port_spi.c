/* The bus that NVM is behind. To fill in with the part's SPI: as it stands it traps. */
#include "brownout_hal.h"
#include "brownout_spi.h"

void brownout_spi_select(int on) {
  /* Drive chip select low for 1, high for 0. brownout_nvm_begin() comes first, with 0. */
  if (on) brownout_trap();
}

uint8_t brownout_spi_transfer(uint8_t byte) {
  /* Wait until the byte is out and another one is in. */
  brownout_trap();
  return byte;
}
