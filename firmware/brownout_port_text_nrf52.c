/* Text of nRF52 parts by UARTE0, 115,200 baud (product specification, UARTE). Its DMA reads SRAM alone: text is copied there. */
#include "brownout_board.h"
#include "brownout_registers.h"

#define BROWNOUT_UARTE(offset) BROWNOUT_REGISTER(0x40002000u + (offset))
enum {
  BROWNOUT_UARTE_START = 0x008,
  BROWNOUT_UARTE_STOP = 0x00c,
  BROWNOUT_UARTE_END = 0x120,
  BROWNOUT_UARTE_STOPPED = 0x158,
  BROWNOUT_UARTE_ENABLE = 0x500,
  BROWNOUT_UARTE_PSEL_TXD = 0x50c,
  BROWNOUT_UARTE_BAUD = 0x524,
  BROWNOUT_UARTE_FROM = 0x544,
  BROWNOUT_UARTE_COUNT = 0x548
};
enum { BROWNOUT_UARTE_ON = 8, BROWNOUT_UARTE_115200 = 0x01d60000 };

void brownout_board_print(const char *text) {
  uint8_t piece[32];
  BROWNOUT_UARTE(BROWNOUT_UARTE_PSEL_TXD) = BROWNOUT_TEXT_PIN;
  BROWNOUT_UARTE(BROWNOUT_UARTE_BAUD) = BROWNOUT_UARTE_115200;
  BROWNOUT_UARTE(BROWNOUT_UARTE_ENABLE) = BROWNOUT_UARTE_ON;
  while (*text) {
    uint32_t count = 0;
    while (*text && count < sizeof piece) piece[count++] = (uint8_t)*text++;
    BROWNOUT_UARTE(BROWNOUT_UARTE_END) = 0;
    BROWNOUT_UARTE(BROWNOUT_UARTE_FROM) = (uint32_t)(uintptr_t)piece;
    BROWNOUT_UARTE(BROWNOUT_UARTE_COUNT) = count;
    __asm__ volatile("" ::: "memory");
    BROWNOUT_UARTE(BROWNOUT_UARTE_START) = 1;
    while (BROWNOUT_UARTE(BROWNOUT_UARTE_END) == 0) {
    }
  }
  BROWNOUT_UARTE(BROWNOUT_UARTE_STOPPED) = 0;
  BROWNOUT_UARTE(BROWNOUT_UARTE_STOP) = 1;
  while (BROWNOUT_UARTE(BROWNOUT_UARTE_STOPPED) == 0) {
  }
  BROWNOUT_UARTE(BROWNOUT_UARTE_ENABLE) = 0;
}
