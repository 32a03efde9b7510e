/*
 * msp_matrix_mpy_q15, of even sizes, sums in Q15, here refused where they are rounded or leave 16 bits; and
 * msp_mac_q15 as TI documents it: an even length, vectors and result in LEA's RAM at multiples of 4, the sum of products in
 * Q31, twice that of the integers; an overflow is reported. Also prints what test/accel.c does, and how often it was
 * called.
 *
 * LEA_BUSY_EVERY n    every n-th call is refused, and leaves rubbish where the result would be.
 * LEA_OFF_BY n        a wrong result: what is added to it.
 */
#include <stdio.h>

#include "DSPLib.h"
#include "brownout_board.h"

#ifndef LEA_BUSY_EVERY
#define LEA_BUSY_EVERY 0
#endif
#ifndef LEA_OFF_BY
#define LEA_OFF_BY 0
#endif

extern const char __start_leaRAM[];
extern const char __stop_leaRAM[];

static unsigned calls;
static unsigned products;
static unsigned busy;
static unsigned errors;

/* Whether `bytes` from `at` on are LEA's. */
static int reaches(const void *at, uint32_t bytes) {
  const uintptr_t from = (uintptr_t)at;
  return from % 4 == 0 && from >= (uintptr_t)__start_leaRAM && from + bytes <= (uintptr_t)__stop_leaRAM;
}

static msp_status multiply(uint16_t length, const _q15 *a, const _q15 *b, _iq31 *result) {
  int64_t sum = 0;
  uint16_t i;
  if (length % 2 != 0) return MSP_SIZE_ERROR;
  if (!reaches(a, length * 2u) || !reaches(b, length * 2u) || !reaches(result, 4)) return MSP_LEA_INVALID_ADDRESS;
  for (i = 0; i < length; i++) {
    sum += (int64_t)a[i] * b[i] * 2;
    if (sum > INT32_MAX || sum < INT32_MIN) return MSP_LEA_COMMAND_OVERFLOW;
  }
  *result = (_iq31)sum + LEA_OFF_BY;
  products += length;
  return MSP_SUCCESS;
}

msp_status msp_mac_q15(const msp_mac_q15_params *params, const _q15 *srcA, const _q15 *srcB, _iq31 *result) {
  msp_status status;
  calls++;
  if (LEA_BUSY_EVERY && calls % (LEA_BUSY_EVERY + !LEA_BUSY_EVERY) == 0) {
    *result = 0x12345678;
    busy++;
    return MSP_LEA_BUSY;
  }
  status = multiply(params->length, srcA, srcB, result);
  errors += status != MSP_SUCCESS;
  return status;
}

static msp_status product(const msp_matrix_mpy_q15_params *params, const _q15 *a, const _q15 *b, _q15 *to) {
  const uint16_t rows = params->srcARows;
  const uint16_t length = params->srcACols;
  const uint16_t columns = params->srcBCols;
  uint16_t row;
  if (length != params->srcBRows || (rows | length | columns) % 2 != 0) return MSP_SIZE_ERROR;
  if (!reaches(a, rows * length * 2u) || !reaches(b, length * columns * 2u) || !reaches(to, rows * columns * 2u))
    return MSP_LEA_INVALID_ADDRESS;
  for (row = 0; row < rows; row++, a += length) {
    uint16_t column;
    for (column = 0; column < columns; column++) {
      int64_t sum = 0;
      uint16_t i;
      for (i = 0; i < length; i++) {
        sum += (int64_t)a[i] * b[i * columns + column];
        /* Whatever order LEA adds in, and however it rounds. */
        if (sum > INT32_MAX || sum < INT32_MIN) return MSP_LEA_COMMAND_OVERFLOW;
      }
      if (sum % 32768 != 0 || sum / 32768 > INT16_MAX || sum / 32768 < INT16_MIN) return MSP_LEA_COMMAND_OVERFLOW;
      *to++ = (_q15)(sum / 32768 + LEA_OFF_BY);
    }
  }
  products += (unsigned)rows * length * columns;
  return MSP_SUCCESS;
}

msp_status msp_matrix_mpy_q15(const msp_matrix_mpy_q15_params *params, const _q15 *srcA, const _q15 *srcB, _q15 *dst) {
  msp_status status;
  calls++;
  if (LEA_BUSY_EVERY && calls % (LEA_BUSY_EVERY + !LEA_BUSY_EVERY) == 0) {
    *dst = 0x1234;
    busy++;
    return MSP_LEA_BUSY;
  }
  status = product(params, srcA, srcB, dst);
  errors += status != MSP_SUCCESS;
  return status;
}

void brownout_board_print(const char *text) {
  printf("%scalls %u, products %u, busy %u, errors %u\n", text, calls, products, busy, errors);
}
