/*
 * accel.gemm_s8 on the Low-Energy Accelerator of the MSP430, by msp_mac_q15 of TI's DSP Library. brownout_accel.h includes
 * it where BROWNOUT_LEA is defined; docs/ACCEL.md says how. Not yet run on hardware.
 *
 * int8 are widened to int16 in LEA's RAM. The library gives the sum of products in Q31, which is twice that of the
 * integers: of n products, |2 * sum| <= n * 2^15, so nothing can saturate up to n = 65535. Longer rows go in pieces, which
 * are added in int32. What the library refuses, plain C computes: the result is the same to the bit. LEA's RAM keeps
 * nothing between calls.
 */
#ifndef BROWNOUT_ACCEL_LEA_H
#define BROWNOUT_ACCEL_LEA_H

#include <DSPLib.h>

/* int16 of vectors, and of a row, in LEA's RAM: 2.5 KB of 4 with these. */
#ifndef BROWNOUT_ACCEL_LEA_VECTORS
#define BROWNOUT_ACCEL_LEA_VECTORS 1024
#endif
#ifndef BROWNOUT_ACCEL_LEA_ROW
#define BROWNOUT_ACCEL_LEA_ROW 256
#endif
#if BROWNOUT_ACCEL_LEA_ROW < 2 || BROWNOUT_ACCEL_LEA_ROW > 65534 || BROWNOUT_ACCEL_LEA_VECTORS < BROWNOUT_ACCEL_LEA_ROW || \
    (BROWNOUT_ACCEL_LEA_ROW | BROWNOUT_ACCEL_LEA_VECTORS) % 2
#error "BROWNOUT_ACCEL_LEA_ROW, BROWNOUT_ACCEL_LEA_VECTORS: even, 2 <= ROW <= 65534, ROW <= VECTORS"
#endif
/* Vectors at a time, at most. */
#define BROWNOUT_ACCEL_LEA_TILE 16u

DSPLIB_DATA(accel_lea_vectors, 4)
static _q15 accel_lea_vectors[BROWNOUT_ACCEL_LEA_VECTORS];
DSPLIB_DATA(accel_lea_row, 4)
static _q15 accel_lea_row[BROWNOUT_ACCEL_LEA_ROW];
DSPLIB_DATA(accel_lea_sum, 4)
static _iq31 accel_lea_sum[1];

/* LEA takes products by twos. */
static inline uint32_t accel_lea_even(uint32_t length) {
  return length + (length & 1u);
}

/* `length` int8, and a 0 behind an odd number of them. */
static void accel_lea_widen(_q15 *to, const uint8_t *from, uint32_t length) {
  uint32_t i;
  for (i = 0; i < length; i++) to[i] = (int8_t)from[i];
  if (length & 1u) to[length] = 0;
}

/* The row `w` times `tile` vectors at x, added to `sums`. `apart`: int16 between vectors that LEA's RAM holds, or 0. */
static void accel_lea_sums(const uint8_t *x, uint32_t tile, uint32_t apart, const uint8_t *w, uint32_t length,
                           int32_t sums[BROWNOUT_ACCEL_LEA_TILE]) {
  uint32_t at;
  uint32_t n;
  for (at = 0; at < length; at += n) {
    msp_mac_q15_params params;
    uint32_t v;
    n = length - at > BROWNOUT_ACCEL_LEA_ROW ? BROWNOUT_ACCEL_LEA_ROW : length - at;
    params.length = (uint16_t)accel_lea_even(n);
    accel_lea_widen(accel_lea_row, w + at, n);
    if (!apart) accel_lea_widen(accel_lea_vectors, x + at, n);
    for (v = 0; v < tile; v++) {
      const _q15 *vector = accel_lea_vectors + (apart ? v * apart + at : 0u);
      if (msp_mac_q15(&params, vector, accel_lea_row, accel_lea_sum) == MSP_SUCCESS)
        sums[v] += accel_lea_sum[0] / 2;
      else
        sums[v] = accel_dot(x + v * length + at, w + at, n, sums[v]);
    }
  }
}

/* As many vectors at a time as LEA's RAM holds; of one too long for it, pieces, anew for every row. */
static BROWNOUT_ACCEL_APART void brownout_module_import_accel_gemm_s8(uint32_t x_at, uint32_t vectors, uint32_t w_at,
    uint32_t rows, uint32_t length, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low,
    uint32_t high, uint32_t to_at, uint32_t to_stride, uint32_t room) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  const uint32_t apart = length > BROWNOUT_ACCEL_LEA_VECTORS ? 0u : accel_lea_even(length);
  uint32_t tile = apart ? BROWNOUT_ACCEL_LEA_VECTORS / apart : 1u;
  (void)room;
  brownout_wasm_check(x_at, 0, (uint64_t)vectors * length, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)rows * length, 1);
  brownout_wasm_check(to_at, 0, (uint64_t)(vectors - 1u) * to_stride + rows, 1);
  if (tile > BROWNOUT_ACCEL_LEA_TILE) tile = BROWNOUT_ACCEL_LEA_TILE;
  for (; vectors; vectors -= tile) {
    uint32_t row;
    uint32_t v;
    if (tile > vectors) tile = vectors;
    for (v = 0; apart && v < tile; v++) accel_lea_widen(accel_lea_vectors + v * apart, x + v * length, length);
    for (row = 0; row < rows; row++) {
      const brownout_accel_row each = accel_row_of(&out, row, length);
      int32_t sums[BROWNOUT_ACCEL_LEA_TILE];
      for (v = 0; v < tile; v++) sums[v] = each.bias;
      accel_lea_sums(x, tile, apart, w + row * length, length, sums);
      for (v = 0; v < tile; v++) to[v * to_stride + row] = accel_scale(&out, &each, sums[v]);
    }
    x += tile * length;
    to += tile * to_stride;
  }
}

#endif
