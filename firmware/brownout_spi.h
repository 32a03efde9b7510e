/* What memories behind SPI need of the part: mode 0, most significant bit first. To fill in. */
#ifndef BROWNOUT_SPI_H
#define BROWNOUT_SPI_H

#include <stdint.h>

/* What the bus needs after power came up; chip select is high behind it. */
void brownout_spi_begin(void);
/* Chip select: 1 begins a transaction, 0 ends it. */
void brownout_spi_select(int on);
/* Sends a byte, and returns the one that came meanwhile. */
uint8_t brownout_spi_transfer(uint8_t byte);

#endif
