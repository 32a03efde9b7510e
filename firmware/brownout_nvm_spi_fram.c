/* NVM in FRAM behind SPI (MB85RS, FM25, CY15B): a byte is durable as soon as it is sent. */
#include "brownout_spi_memory.h"

void brownout_nvm_begin(void) {
  spi_power_up();
}

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  spi_read(address, scratch, length);
  return scratch;
}

void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  spi_write(address, source, length);
}

void brownout_nvm_sync(void) {
}
