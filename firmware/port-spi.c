/* The bus that NVM is behind. To fill in with the part's SPI: as it stands it traps. */
#include "hal.h"
#include "spi.h"

void spi_select(int on) {
  /* Drive chip select low for 1, high for 0. nvm_begin() comes first, with 0. */
  if (on) wasm_trap();
}

uint8_t spi_transfer(uint8_t byte) {
  /* Wait until the byte is out and another one is in. */
  wasm_trap();
  return byte;
}
