/*
 * accel.gemm_s8 on the Low-Energy Accelerator of the MSP430, by msp_mac_q15 of TI's DSP Library. accel.h includes it where
 * BROWNOUT_LEA is defined; docs/ACCEL.md says how. Not yet run on hardware.
 *
 * int8 are widened to int16 in LEA's RAM. The library gives the sum of products in Q31, which is twice that of the integers:
 * of n products, |2 * sum| <= n * 2^15, so nothing can saturate up to n = 65535. Longer rows go in pieces, which are added
 * in int32. What the library refuses, plain C computes: the result is the same to the bit. LEA's RAM keeps nothing between
 * calls.
 */
#ifndef BROWNOUT_ACCEL_LEA_H
#define BROWNOUT_ACCEL_LEA_H

#include <DSPLib.h>

/* int16 of vectors, and of a row, in LEA's RAM: 2.5 KB of 4 with these. */
#ifndef ACCEL_LEA_VECTORS
#define ACCEL_LEA_VECTORS 1024
#endif
#ifndef ACCEL_LEA_ROW
#define ACCEL_LEA_ROW 256
#endif
#if ACCEL_LEA_ROW < 2 || ACCEL_LEA_ROW > 65534 || ACCEL_LEA_VECTORS < ACCEL_LEA_ROW || \
    (ACCEL_LEA_ROW | ACCEL_LEA_VECTORS) % 2
#error "ACCEL_LEA_ROW, ACCEL_LEA_VECTORS: even, 2 <= ROW <= 65534, ROW <= VECTORS"
#endif
/* Vectors at a time, at most. */
#define ACCEL_LEA_TILE 16u

DSPLIB_DATA(accel_lea_vectors, 4)
static _q15 accel_lea_vectors[ACCEL_LEA_VECTORS];
DSPLIB_DATA(accel_lea_row, 4)
static _q15 accel_lea_row[ACCEL_LEA_ROW];
DSPLIB_DATA(accel_lea_sum, 4)
static _iq31 accel_lea_sum[1];

/* LEA takes products by twos. */
static inline u32 accel_lea_even(u32 length) {
  return length + (length & 1u);
}

/* `length` int8, and a 0 behind an odd number of them. */
static void accel_lea_widen(_q15 *to, const u8 *from, u32 length) {
  u32 i;
  for (i = 0; i < length; i++) to[i] = (s8)from[i];
  if (length & 1u) to[length] = 0;
}

/* The row `w` times `tile` vectors at x, added to `sums`. `apart`: int16 between vectors that LEA's RAM holds, or 0. */
static void accel_lea_sums(const u8 *x, u32 tile, u32 apart, const u8 *w, u32 length, s32 sums[ACCEL_LEA_TILE]) {
  u32 at;
  u32 n;
  for (at = 0; at < length; at += n) {
    msp_mac_q15_params params;
    u32 v;
    n = length - at > ACCEL_LEA_ROW ? ACCEL_LEA_ROW : length - at;
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
static ACCEL_APART void module_import_accel_gemm_s8(u32 x_at, u32 vectors, u32 w_at, u32 rows, u32 length, u32 bias,
                                                    u32 pair, u32 stride, u32 zero_point, u32 low, u32 high, u32 to_at,
                                                    u32 to_stride) {
  const accel_output out = {(const u8 *)(WASM_BASE + bias), (const u8 *)(WASM_BASE + pair), stride, (s32)zero_point,
                            (s32)low, (s32)high};
  const u8 *x = (const u8 *)(WASM_BASE + x_at);
  const u8 *w = (const u8 *)(WASM_BASE + w_at);
  u8 *to = (u8 *)(WASM_BASE + to_at);
  const u32 apart = length > ACCEL_LEA_VECTORS ? 0u : accel_lea_even(length);
  u32 tile = apart ? ACCEL_LEA_VECTORS / apart : 1u;
  wasm_check(x_at, 0, (u64)vectors * length, 1);
  wasm_check(w_at, 0, (u64)rows * length, 1);
  wasm_check(to_at, 0, (u64)(vectors - 1u) * to_stride + rows, 1);
  if (tile > ACCEL_LEA_TILE) tile = ACCEL_LEA_TILE;
  for (; vectors; vectors -= tile) {
    u32 row;
    u32 v;
    if (tile > vectors) tile = vectors;
    for (v = 0; apart && v < tile; v++) accel_lea_widen(accel_lea_vectors + v * apart, x + v * length, length);
    for (row = 0; row < rows; row++) {
      const accel_row each = accel_row_of(&out, row, length);
      s32 sums[ACCEL_LEA_TILE];
      for (v = 0; v < tile; v++) sums[v] = each.bias;
      accel_lea_sums(x, tile, apart, w + row * length, length, sums);
      for (v = 0; v < tile; v++) to[v * to_stride + row] = accel_scale(&out, &each, sums[v]);
    }
    x += tile * length;
    to += tile * to_stride;
  }
}

#endif
