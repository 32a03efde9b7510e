/*
 * Stands in for the header of TI's MSP DSP Library, which does not come with this: of its published interface what
 * brownout_accel_lea.h calls. It comes into no folder: where C is compared with its module (compare.c), and in tests.
 */
#ifndef DSPLIB_H
#define DSPLIB_H

#include <stdint.h>

typedef int16_t _q15;
typedef int32_t _iq31;

typedef enum {
  MSP_SUCCESS = 0,
  MSP_SIZE_ERROR = 1,
  MSP_LEA_BUSY = 4,
  MSP_LEA_INVALID_ADDRESS = 5,
  MSP_LEA_COMMAND_OVERFLOW = 8
} msp_status;

typedef struct {
  uint16_t length;
} msp_mac_q15_params;

typedef struct {
  uint16_t srcARows;
  uint16_t srcACols;
  uint16_t srcBRows;
  uint16_t srcBCols;
} msp_matrix_mpy_q15_params;

/* Where LEA reaches. TI's section is .leaRAM; without the dot, the linker says where it begins and ends. */
#define DSPLIB_DATA(var, align) __attribute__((section("leaRAM"), aligned(align)))

/* The sum of products of two Q15 vectors, in Q31. */
msp_status msp_mac_q15(const msp_mac_q15_params *params, const _q15 *srcA, const _q15 *srcB, _iq31 *result);

/* The product of two matrices, rows behind each other, in Q15. */
msp_status msp_matrix_mpy_q15(const msp_matrix_mpy_q15_params *params, const _q15 *srcA, const _q15 *srcB, _q15 *dst);

#endif
