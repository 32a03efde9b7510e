/* NVM in FRAM behind SPI (MB85RS, FM25, CY15B): a byte is durable as soon as it is sent. */
#include "brownout_spi_memory.h"

#include "brownout_string.h"

void brownout_nvm_begin(void) {
  spi_power_up();
}

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  spi_read(address, scratch, length);
  return scratch;
}

#ifdef BROWNOUT_NVM_READ_BACK
static int holds(uint32_t address, const uint8_t *bytes, uint32_t length) {
  uint8_t found[16];
  while (length > 0) {
    const uint32_t piece = length < sizeof found ? length : (uint32_t)sizeof found;
    spi_read(address, found, piece);
    if (memcmp(found, bytes, (size_t)piece) != 0) return 0;
    address += piece;
    bytes += piece;
    length -= piece;
  }
  return 1;
}
#endif

void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
#ifdef BROWNOUT_NVM_READ_BACK
  uint32_t tries = 0;
  do {
    if (tries++ == BROWNOUT_NVM_TRIES) brownout_trap();
    spi_write(address, source, length);
  } while (!holds(address, source, length));
#else
  spi_write(address, source, length);
#endif
}

void brownout_nvm_sync(void) {
}

#ifdef BROWNOUT_NVM_SLEEP
void brownout_nvm_sleep(void) {
  spi_command(BROWNOUT_NVM_SLEEP);
}
#endif
