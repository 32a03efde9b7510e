/*
 * LEA as TI documents it, for programs on a host: operands and results in its RAM at multiples of 4, even sizes, sums that leave
 * their 32 bits reported. A body must not count on how sums in Q15 are rounded, or whether they saturate on the way: those that
 * would be are errors here.
 */
#include "DSPLib.h"

volatile uint16_t LEAPMS0, LEAPMS1, LEAPMCTL, msp_lea_ifg;

/* Where an address of LEA's is, if `bytes` from there are its. */
static void *lea_at(uint16_t address, uint32_t bytes) {
  char *const at = __start_leaRAM + (uint32_t)address * 4u;
  return (uint32_t)address * 4u + bytes <= (uint32_t)(__stop_leaRAM - __start_leaRAM) ? at : 0;
}

/* Each returns products, or sets what the interrupt says and returns 0. */
static uint32_t lea_mac(void) {
  const MSP_LEA_MAC_PARAMS *const p = lea_at(LEAPMS1, sizeof *p);
  const uint16_t length = p->vectorSize;
  const _q15 *const a = lea_at(LEAPMS0, length * 2u);
  const _q15 *const b = lea_at(p->input2, length * 2u);
  _iq31 *const to = lea_at(p->output, 4);
  int64_t sum = 0;
  uint16_t i;
  if (!a || !b || !to || length % 2) {
    msp_lea_ifg = LEAOORIFG;
    return 0;
  }
  for (i = 0; i < length; i++) {
    sum += (int64_t)a[i] * b[i] * 2;
    if (sum > INT32_MAX || sum < INT32_MIN) {
      msp_lea_ifg = LEACOVLIFG;
      return 0;
    }
  }
  *to = (_iq31)sum;
  return length;
}

static uint32_t lea_row(void) {
  const MSP_LEA_MPYMATRIXROW_PARAMS *const p = lea_at(LEAPMS1, sizeof *p);
  const uint16_t length = p->rowSize;
  const uint16_t columns = p->colSize;
  const _q15 *const a = lea_at(LEAPMS0, length * 2u);
  const _q15 *const b = lea_at(p->colVector, (uint32_t)length * columns * 2u);
  _q15 *const to = lea_at(p->output, columns * 2u);
  uint16_t column;
  if (!a || !b || !to || length % 2 || columns % 2) {
    msp_lea_ifg = LEAOORIFG;
    return 0;
  }
  for (column = 0; column < columns; column++) {
    int64_t sum = 0;
    uint16_t i;
    for (i = 0; i < length; i++) {
      sum += (int64_t)a[i] * b[i * columns + column];
      /* Whatever order LEA adds in, and however it rounds. */
      if (sum > INT32_MAX || sum < INT32_MIN) msp_lea_ifg = LEACOVLIFG;
    }
    if (sum % 32768 != 0 || sum / 32768 > INT16_MAX || sum / 32768 < INT16_MIN) msp_lea_ifg = LEACOVLIFG;
    if (msp_lea_ifg) return 0;
    to[column] = (_q15)(sum / 32768);
  }
  return (uint32_t)length * columns;
}

static uint32_t lea_do(uint16_t command) {
  msp_lea_ifg = 0;
  return command == LEACMD__MAC ? lea_mac() : lea_row();
}
