/*
 * accel.gemm_s8 and accel.circulant_s8 on the Low-Energy Accelerator of the MSP430, by commands that TI's DSP Library invokes.
 * brownout_accel.h includes it where BROWNOUT_LEA is defined; docs/ACCEL.md says how. Not yet run on hardware.
 *
 * int8 are widened to int16 in LEA's RAM. LEA gives the sum of products in Q31, which is twice that of the integers: of n
 * products, |2 * sum| <= n * 2^15, so nothing can saturate up to n = 65535. Longer rows go in pieces, which are added in
 * int32. What LEA reports as an error, and all where it is another's, the core computes: the result is the same to the bit.
 * LEA's RAM keeps nothing between calls. The library's functions check, lock and lay parameters out for each command, which
 * takes some 200 cycles: here that is done once a call.
 */
#ifndef BROWNOUT_ACCEL_LEA_H
#define BROWNOUT_ACCEL_LEA_H

#include <DSPLib.h>

/* int16 of vectors, and of a row, in LEA's RAM: 3.5 KB of 4 with these; the library takes 312 bytes. */
#ifndef BROWNOUT_ACCEL_LEA_VECTORS
#define BROWNOUT_ACCEL_LEA_VECTORS 1536
#endif
#ifndef BROWNOUT_ACCEL_LEA_ROW
#define BROWNOUT_ACCEL_LEA_ROW 256
#endif
#if BROWNOUT_ACCEL_LEA_ROW < 2 || BROWNOUT_ACCEL_LEA_ROW > 65534 || BROWNOUT_ACCEL_LEA_VECTORS < BROWNOUT_ACCEL_LEA_ROW || \
    (BROWNOUT_ACCEL_LEA_ROW | BROWNOUT_ACCEL_LEA_VECTORS) % 2
#error "BROWNOUT_ACCEL_LEA_ROW, BROWNOUT_ACCEL_LEA_VECTORS: even, 2 <= ROW <= 65534, ROW <= VECTORS"
#endif
/* A command takes as long as 30 products of the core, widening a value as long as a product: shorter rows, and those of fewer
 * vectors, go by the core. */
#ifndef BROWNOUT_ACCEL_LEA_LEAST_ROW
#define BROWNOUT_ACCEL_LEA_LEAST_ROW 96
#endif
#ifndef BROWNOUT_ACCEL_LEA_LEAST_VECTORS
#define BROWNOUT_ACCEL_LEA_LEAST_VECTORS 4
#endif
/* Vectors at a time, at most. */
#define BROWNOUT_ACCEL_LEA_TILE 16u
/* Rows of circulant blocks at a time, at least, where there are so many. */
#define BROWNOUT_ACCEL_LEA_BATCH 32u

DSPLIB_DATA(accel_lea_ram, 4)
static _q15 accel_lea_ram[BROWNOUT_ACCEL_LEA_VECTORS + BROWNOUT_ACCEL_LEA_ROW];
DSPLIB_DATA(accel_lea_sum, 4)
static _iq31 accel_lea_sum[1];
#define BROWNOUT_ACCEL_LEA_WORDS (BROWNOUT_ACCEL_LEA_VECTORS + BROWNOUT_ACCEL_LEA_ROW)

/* LEA takes products by twos. */
static inline brownout_accel_size accel_lea_even(brownout_accel_size length) {
  return length + (length & 1u);
}

/* `length` int8, and a 0 behind an odd number of them. */
static void accel_lea_widen(_q15 *to, const uint8_t *from, brownout_accel_size length) {
#ifdef BROWNOUT_ACCEL_MSP430
  brownout_msp430_widen(from, (uint16_t)length, (uint8_t *)to);
#else
  brownout_accel_size i;
  for (i = 0; i < length; i++) to[i] = (int8_t)from[i];
#endif
  if (length & 1u) to[length] = 0;
}

/* What the commands read of their parameters, the rest being the registers'. */
DSPLIB_DATA(accel_lea_sum_of, 4)
static MSP_LEA_MAC_PARAMS accel_lea_sum_of;
DSPLIB_DATA(accel_lea_row_of, 4)
static MSP_LEA_MPYMATRIXROW_PARAMS accel_lea_row_of;
/* Whether LEA is this call's. */
static uint8_t accel_lea_taken;

static void accel_lea_take(void) {
  accel_lea_taken = (uint8_t)msp_lea_acquireLock();
  if (!accel_lea_taken) return;
  if (!(LEAPMCTL & LEACMDEN)) msp_lea_init();
  accel_lea_sum_of.output = MSP_LEA_CONVERT_ADDRESS(accel_lea_sum);
}

static void accel_lea_leave(void) {
  if (accel_lea_taken) msp_lea_freeLock();
}

/* A command, the core asleep meanwhile; whether LEA reported no error. */
static inline int accel_lea_command(const _q15 *first, const void *params, uint16_t command) {
  if (!accel_lea_taken) return 0;
  LEAPMS0 = MSP_LEA_CONVERT_ADDRESS(first);
  LEAPMS1 = MSP_LEA_CONVERT_ADDRESS(params);
  msp_lea_invokeCommand(command);
  return !(msp_lea_ifg & (LEACOVLIFG | LEAOORIFG | LEASDIIFG));
}

/* The sum of an even number of products. */
static int32_t accel_lea_mac(const _q15 *a, const _q15 *b, uint16_t length) {
  int32_t sum = 0;
  accel_lea_sum_of.vectorSize = length;
  accel_lea_sum_of.input2 = MSP_LEA_CONVERT_ADDRESS(b);
  /* Even: a shift loses nothing. */
  if (accel_lea_command(a, &accel_lea_sum_of, LEACMD__MAC)) return accel_lea_sum[0] >> 1;
  for (; length; length--) sum += (int32_t)*a++ * *b++;
  return sum;
}

/* `count` sums with their biases to bytes, by the pairs from `pair` on, `stride` bytes apart. */
static void accel_lea_scale(const brownout_accel_output *out, const uint8_t *pair, uint32_t stride, const int32_t *sums,
                            brownout_accel_size count, uint8_t *to) {
#ifdef BROWNOUT_ACCEL_MSP430
  /* Rows of no products. */
  brownout_msp430_job job;
  job.w = to;
  job.bias = (const uint8_t *)sums;
  job.pair = pair;
  job.stride = (uint16_t)stride;
  job.length = 0;
  job.rows = (uint16_t)count;
  job.wide = 0;
  job.twice = out->zero_point * 2 + 1;
  job.low = (int16_t)out->low;
  job.high = (int16_t)out->high;
  brownout_msp430_rows(sums, to, &job);
#else
  brownout_accel_output each = *out;
  for (each.pair = pair; count; count--, each.pair += stride) {
    const brownout_accel_row row = accel_row_of(&each, 0, 0);
    *to++ = accel_scale(&each, &row, *sums++);
  }
#endif
}

/* The row `w` times `tile` vectors at x, added to `sums`. `apart`: int16 between vectors that LEA's RAM holds, or 0. */
static void accel_lea_sums(const uint8_t *x, brownout_accel_size tile, brownout_accel_size apart, const uint8_t *w,
                           brownout_accel_size length, int32_t *sums) {
  _q15 *const row = accel_lea_ram + BROWNOUT_ACCEL_LEA_VECTORS;
  const _q15 *piece = accel_lea_ram;
  while (length) {
    const brownout_accel_size n = length > BROWNOUT_ACCEL_LEA_ROW ? BROWNOUT_ACCEL_LEA_ROW : length;
    const _q15 *vector = piece;
    int32_t *sum = sums;
    brownout_accel_size left;
    accel_lea_widen(row, w, n);
    if (apart)
      piece += n;
    else
      accel_lea_widen(accel_lea_ram, x, n);
    for (left = tile; left; left--, vector += apart) *sum++ += accel_lea_mac(vector, row, (uint16_t)accel_lea_even(n));
    w += n;
    x += n;
    length -= n;
  }
}

/* As many vectors at a time as LEA's RAM holds; of one too long for it, pieces, anew for every row. */
static void accel_lea_gemm(const brownout_accel_output *out, const uint8_t *weights, brownout_accel_size rows,
                           brownout_accel_size length, const uint8_t *x, brownout_accel_size vectors, uint8_t *to,
                           brownout_accel_size to_stride) {
  const brownout_accel_size apart = length > BROWNOUT_ACCEL_LEA_VECTORS ? 0u : accel_lea_even(length);
  brownout_accel_size tile = apart ? BROWNOUT_ACCEL_LEA_VECTORS / apart : 1u;
  if (tile > BROWNOUT_ACCEL_LEA_TILE) tile = BROWNOUT_ACCEL_LEA_TILE;
  for (; vectors; vectors -= tile) {
    const uint8_t *w = weights;
    const uint8_t *bias = out->bias;
    const uint8_t *pair = out->pair;
    brownout_accel_size row;
    brownout_accel_size v;
    if (tile > vectors) tile = vectors;
    for (v = 0; v < tile; v++, x += length)
      if (apart) accel_lea_widen(accel_lea_ram + v * apart, x, length);
    for (row = 0; row < rows; row++) {
      const int32_t first = accel_s32(bias);
      int32_t sums[BROWNOUT_ACCEL_LEA_TILE];
      uint8_t bytes[BROWNOUT_ACCEL_LEA_TILE];
      uint8_t *at = to + row;
      for (v = 0; v < tile; v++) sums[v] = first;
      accel_lea_sums(x - length, tile, apart, w, length, sums);
      accel_lea_scale(out, pair, 0, sums, tile, bytes);
      for (v = 0; v < tile; v++, at += to_stride) *at = bytes[v];
      w += length;
      bias += 4;
      pair += out->stride;
    }
    to += tile * to_stride;
  }
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_gemm_s8(uint32_t x_at, uint32_t vectors, uint32_t w_at,
    uint32_t rows, uint32_t length, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low,
    uint32_t high, uint32_t to_at, uint32_t to_stride, uint32_t room) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  brownout_wasm_check(x_at, 0, (uint64_t)vectors * length, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)rows * length, 1);
  brownout_wasm_check(to_at, 0, (uint64_t)(vectors - 1u) * to_stride + rows, 1);
  if (vectors >= BROWNOUT_ACCEL_LEA_LEAST_VECTORS && length >= BROWNOUT_ACCEL_LEA_LEAST_ROW) {
    accel_lea_take();
    accel_lea_gemm(&out, w, (brownout_accel_size)rows, (brownout_accel_size)length, x, (brownout_accel_size)vectors, to,
                   (brownout_accel_size)to_stride);
    accel_lea_leave();
    return;
  }
#ifdef BROWNOUT_ACCEL_MSP430
  accel_gemm(&out, w, (uint16_t)rows, (uint16_t)length, x, (uint16_t)vectors, to, (uint16_t)to_stride,
             room ? (uint8_t *)(BROWNOUT_WASM_BASE + room) : 0);
#else
  (void)room;
  for (; vectors; vectors--, x += length, to += to_stride) {
    uint32_t row;
    for (row = 0; row < rows; row++) {
      const brownout_accel_row each = accel_row_of(&out, row, length);
      to[row] = accel_scale(&out, &each, accel_dot(x, w + row * length, length, each.bias));
    }
  }
#endif
}

/* `count` int8, the next `step` bytes on, as int16 `apart` of them apart. */
static void accel_lea_spread(const uint8_t *from, int step, brownout_accel_size count, brownout_accel_size apart, _q15 *to) {
#ifdef BROWNOUT_ACCEL_MSP430
  brownout_msp430_spread(from, to, count, apart * 2u, step);
#else
  for (; count; count--, from += step, to += apart) *to = (int8_t)*from;
#endif
}

/* Where the inputs begin that accel_lea_lay leaves. */
static brownout_accel_size accel_lea_met(brownout_accel_size k, brownout_accel_size blocks, brownout_accel_size rows) {
  const brownout_accel_size length = (k + rows - 1u) * blocks;
  return length + (length & 1u);
}

/*
 * Lays out what `rows` outputs up to `last` of `blocks` circulant blocks of k are sums of: columns side by side and backwards,
 * turned[u * blocks + b] = w[b * k + (last - u) mod k], u < k + rows - 1; and inputs as they are met, met[c * blocks + b] =
 * x[b * k + c]. LEA's vectors begin at even places, so of odd `blocks` inputs lie there again, one place further round, for
 * columns that begin at an odd one.
 */
static void accel_lea_lay(const uint8_t *x, const uint8_t *w, brownout_accel_size k, brownout_accel_size blocks,
                          brownout_accel_size last, brownout_accel_size rows) {
  const brownout_accel_size length = k * blocks;
  _q15 *const met = accel_lea_ram + accel_lea_met(k, blocks, rows);
  brownout_accel_size block;
  brownout_accel_size i;
  for (block = 0; block < blocks; block++, w += k, x += k) {
    /* Backwards from `last`, round and round. */
    brownout_accel_size at = last & (k - 1u);
    brownout_accel_size left = k + rows - 1u;
    _q15 *to = accel_lea_ram + block;
    while (left) {
      const brownout_accel_size run = at + 1u < left ? at + 1u : left;
      accel_lea_spread(w + at, -1, run, blocks, to);
      to += run * blocks;
      left -= run;
      at = k - 1u;
    }
    accel_lea_spread(x, 1, k, blocks, met + block);
  }
  if (blocks & 1u) {
    met[length] = met[length - 1u];
    for (i = 1; i < length; i++) met[length + i] = met[i - 1u];
  }
}

/* How many rows of `blocks` circulant blocks of k LEA's RAM holds; 0: none. */
static brownout_accel_size accel_lea_rows(brownout_accel_size k, brownout_accel_size blocks) {
  const brownout_accel_size met = k * blocks * (1u + (blocks & 1u));
  const brownout_accel_size left = met < BROWNOUT_ACCEL_LEA_WORDS ? (BROWNOUT_ACCEL_LEA_WORDS - met) / blocks : 0u;
  return left < k ? 0u : left - k;
}

/* `count` sums, of the rows from `first` on, get those of `blocks` blocks, which LEA's RAM holds with `batch` rows. */
static void accel_lea_blocks(const uint8_t *x, const uint8_t *w, brownout_accel_size k, brownout_accel_size blocks,
                             brownout_accel_size first, brownout_accel_size count, brownout_accel_size batch, int32_t *sums) {
  const brownout_accel_size length = k * blocks;
  while (count) {
    const brownout_accel_size rows = count < batch ? count : batch;
    const _q15 *const met = accel_lea_ram + accel_lea_met(k, blocks, rows);
    brownout_accel_size at = (rows - 1u) * blocks;
    brownout_accel_size left;
    accel_lea_lay(x, w, k, blocks, first + rows - 1u, rows);
    for (left = rows; left; left--, at -= blocks) {
      const brownout_accel_size odd = at & 1u;
      *sums++ += accel_lea_mac(accel_lea_ram + (at - odd), met + (odd ? length : 0u), (uint16_t)length);
    }
    first += rows;
    count -= rows;
  }
}

/* The same of one block by the core: LEA's RAM does not hold it. */
static void accel_lea_large(const uint8_t *x, const uint8_t *w, brownout_accel_size k, brownout_accel_size first,
                            brownout_accel_size count, int32_t *sums) {
  for (; count; count--, first++, sums++) {
    brownout_accel_size column;
    for (column = 0; column < k; column++) *sums += accel_product(x + column, w + ((first - column) & (k - 1u)));
  }
}

/* As many blocks at a time as LEA's RAM holds with a batch of rows. */
static BROWNOUT_ACCEL_APART void brownout_module_import_accel_circulant_s8(uint32_t x_at, uint32_t w_at, uint32_t k,
    uint32_t blocks, uint32_t first, uint32_t count, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point,
    uint32_t low, uint32_t high, uint32_t to_at, uint32_t room) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const brownout_accel_size wanted = (brownout_accel_size)(count < BROWNOUT_ACCEL_LEA_BATCH ? count : BROWNOUT_ACCEL_LEA_BATCH);
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  int32_t *sums = (int32_t *)(void *)(BROWNOUT_WASM_BASE + room);
  const brownout_accel_size size = (brownout_accel_size)k;
  const brownout_accel_size outputs = (brownout_accel_size)count;
  brownout_accel_size left = (brownout_accel_size)blocks;
  brownout_accel_size together = left;
  brownout_accel_size i;
  brownout_wasm_check(x_at, 0, (uint64_t)blocks * k, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)blocks * k, 1);
  brownout_wasm_check(to_at, 0, count, 1);
  brownout_wasm_check(room, 0, (uint64_t)count * 4u, 4);
  for (i = 0; i < outputs; i++) sums[i] = accel_s32(out.bias + i * 4u);
  while (together > 1u && accel_lea_rows(size, together) < wanted) together--;
  accel_lea_take();
  for (; left; left -= together) {
    brownout_accel_size batch;
    if (together > left) together = left;
    batch = accel_lea_rows(size, together);
    if (batch)
      accel_lea_blocks(x, w, size, together, (brownout_accel_size)first, outputs, batch, sums);
    else
      accel_lea_large(x, w, size, (brownout_accel_size)first, outputs, sums);
    x += together * size;
    w += together * size;
  }
  accel_lea_leave();
  accel_lea_scale(&out, out.pair, out.stride, sums, (brownout_accel_size)count, (uint8_t *)(BROWNOUT_WASM_BASE + to_at));
}

#include "brownout_accel_lea_windows.h"

#endif
