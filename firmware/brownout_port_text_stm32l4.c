/* Text of STM32L4 parts by USART2, 115,200 baud from the 4 MHz after reset (RM0351, 40.8). Pins as for SPI. */
#include "brownout_board.h"
#include "brownout_registers.h"

#define BROWNOUT_RCC(offset) BROWNOUT_REGISTER(0x40021000u + (offset))
#define BROWNOUT_USART2(offset) BROWNOUT_REGISTER(0x40004400u + (offset))
#define BROWNOUT_GPIO(pin, offset) BROWNOUT_REGISTER(0x48000000u + 0x400u * ((pin) >> 4) + (offset))
enum { BROWNOUT_RCC_AHB2ENR = 0x4c, BROWNOUT_RCC_APB1ENR1 = 0x58, BROWNOUT_RCC_USART2 = 1 << 17 };
enum { BROWNOUT_USART_CR1 = 0x00, BROWNOUT_USART_BRR = 0x0c, BROWNOUT_USART_ISR = 0x1c, BROWNOUT_USART_TDR = 0x28 };
enum { BROWNOUT_USART_SENDING = 9, BROWNOUT_USART_SENT = 1 << 6, BROWNOUT_USART_ROOM = 1 << 7 };
enum { BROWNOUT_GPIO_MODE = 0x00, BROWNOUT_GPIO_FUNCTION = 0x20, BROWNOUT_GPIO_USART2 = 7 };

static void set_up(void) {
  const uint32_t number = BROWNOUT_TEXT_PIN & 15u;
  volatile uint32_t *function = &BROWNOUT_GPIO(BROWNOUT_TEXT_PIN, BROWNOUT_GPIO_FUNCTION + 4u * (number >> 3));
  volatile uint32_t *mode = &BROWNOUT_GPIO(BROWNOUT_TEXT_PIN, BROWNOUT_GPIO_MODE);
  BROWNOUT_RCC(BROWNOUT_RCC_AHB2ENR) |= 1u << (BROWNOUT_TEXT_PIN >> 4);
  BROWNOUT_RCC(BROWNOUT_RCC_APB1ENR1) |= BROWNOUT_RCC_USART2;
  *function = (*function & ~(15u << 4u * (number & 7u))) | (uint32_t)BROWNOUT_GPIO_USART2 << 4u * (number & 7u);
  *mode = (*mode & ~(3u << 2u * number)) | 2u << 2u * number;
  BROWNOUT_USART2(BROWNOUT_USART_BRR) = (4000000u + 57600u) / 115200u;
  BROWNOUT_USART2(BROWNOUT_USART_CR1) = BROWNOUT_USART_SENDING;
}

void brownout_board_print(const char *text) {
  if (BROWNOUT_USART2(BROWNOUT_USART_CR1) != BROWNOUT_USART_SENDING) set_up();
  for (; *text; text++) {
    while (!(BROWNOUT_USART2(BROWNOUT_USART_ISR) & BROWNOUT_USART_ROOM)) {
    }
    BROWNOUT_USART2(BROWNOUT_USART_TDR) = (uint8_t)*text;
  }
  while (!(BROWNOUT_USART2(BROWNOUT_USART_ISR) & BROWNOUT_USART_SENT)) {
  }
}
