/*
 * What the module imports as accel.*: docs/ACCEL.md says what each computes. On cores with the DSP extension (Cortex-M4,
 * M7, M33) by SMLAD, two products an instruction; with BROWNOUT_LEA, gemm_s8 and circulant_s8 on the MSP430's accelerator
 * (brownout_accel_lea.h); elsewhere, or with BROWNOUT_PLAIN, in plain C. Sums are exact and rounded alike, so all are the
 * same to the bit. Include it behind brownout_wasm.h.
 */
#ifndef BROWNOUT_ACCEL_H
#define BROWNOUT_ACCEL_H

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(BROWNOUT_PLAIN)
#define BROWNOUT_ACCEL_DSP
#endif
#if defined(__MSP430__) && defined(__clang__) && !defined(BROWNOUT_PLAIN)
#define BROWNOUT_ACCEL_MSP430
int32_t brownout_msp430_high(int32_t x, int32_t multiplier);
#endif
/* A function of its own: inlined into a kernel, its loops would run out of registers. */
#if defined(__GNUC__)
#define BROWNOUT_ACCEL_APART __attribute__((noinline, unused))
#define BROWNOUT_ACCEL_WITHIN inline __attribute__((always_inline))
#else
#define BROWNOUT_ACCEL_APART
#define BROWNOUT_ACCEL_WITHIN inline
#endif

/* As many bits as addresses have. */
typedef uintptr_t brownout_accel_size;

/* How sums become int8. */
typedef struct {
  const uint8_t *bias;
  const uint8_t *pair;
  uint32_t stride;
  int32_t zero_point;
  int32_t low;
  int32_t high;
} brownout_accel_output;

/* One row: its bias, multiplier and shift. `right`: what is shifted by at once, 0 where the quick way of rounding is not open. */
typedef struct {
  int32_t bias;
  int32_t multiplier;
  int32_t shift;
  int32_t right;
} brownout_accel_row;

/* A word at any address. Almost all are at multiples of 4: cores that load no others ask first, as a word of bytes is dear. */
static inline uint32_t accel_u32(const uint8_t *from) {
  uint32_t value;
#if defined(__GNUC__) && (defined(__riscv) || defined(__ARM_ARCH_6M__))
  if (!((uintptr_t)from & 3u)) return BROWNOUT_WASM_GET(uint32_t, from);
#endif
  memcpy(&value, from, 4);
  return value;
}

static inline int32_t accel_s32(const uint8_t *from) {
  return (int32_t)accel_u32(from);
}

/* Row `row`, sums of `length` products. */
static BROWNOUT_ACCEL_WITHIN brownout_accel_row accel_row_of(const brownout_accel_output *out, uint32_t row,
                                                             uint32_t length) {
  const uint8_t *pair = out->pair + row * out->stride;
  brownout_accel_row found;
  found.bias = accel_s32(out->bias + row * 4u);
  found.multiplier = accel_s32(pair);
  found.shift = accel_s32(pair + 4);
  found.right = 0;
#ifdef BROWNOUT_ACCEL_DSP
  /* Twice the sum must fit. */
  if (found.shift <= -2 && length < 1u << 14 && found.bias >> 29 == found.bias >> 31) found.right = -1 - found.shift;
#else
  (void)length;
#ifndef BROWNOUT_ACCEL_MSP430
  if (found.shift <= -2) found.right = -1 - found.shift;
#endif
#endif
  return found;
}

/* gemmlowp's two roundings of x * multiplier * 2^(shift - 31). */
static BROWNOUT_ACCEL_WITHIN int32_t accel_scale_sum(const brownout_accel_row *row, int32_t x) {
  const uint32_t left = row->shift > 0 ? (uint32_t)row->shift : 0u;
  const uint32_t right = row->shift < 0 ? (uint32_t)-row->shift : 0u;
#ifdef BROWNOUT_ACCEL_MSP430
  const int32_t high = brownout_msp430_high((int32_t)((uint32_t)x << left), row->multiplier);
#else
  const int64_t product = BROWNOUT_WASM_PRODUCT((int32_t)((uint32_t)x << left), row->multiplier);
  const int32_t high = (int32_t)((product + ((int32_t)1 << 30)) >> 31);
#endif
  const int32_t mask = (int32_t)(((uint32_t)1 << right) - 1u);
  return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0));
}

#if !defined(BROWNOUT_ACCEL_DSP) && !defined(BROWNOUT_ACCEL_MSP430)
#define BROWNOUT_ACCEL_QUICK
/* accel_scale where row->right is not 0. Where the first rounding adds half, the second takes 1 off negative values. */
static BROWNOUT_ACCEL_WITHIN uint8_t accel_quick(const brownout_accel_output *out, const brownout_accel_row *row, int32_t x) {
  const int64_t half = ((int64_t)x & -((int64_t)1 << 31)) | ((int64_t)1 << 30);
  const uint64_t scaled = (uint64_t)(BROWNOUT_WASM_PRODUCT(x, row->multiplier) + half);
  const int32_t y = (((int32_t)(uint32_t)(scaled >> 32) >> (row->right - 1)) + out->zero_point * 2 + 1) >> 1;
  return (uint8_t)(y > out->high ? out->high : y < out->low ? out->low : y);
}
#endif

static BROWNOUT_ACCEL_APART uint8_t accel_scale(const brownout_accel_output *out, const brownout_accel_row *row,
                                                int32_t x) {
  const int32_t y = accel_scale_sum(row, x) + out->zero_point;
  return (uint8_t)(y > out->high ? out->high : y < out->low ? out->low : y);
}

/* The same, in place where the quick way is open. */
static BROWNOUT_ACCEL_WITHIN uint8_t accel_to_byte(const brownout_accel_output *out, const brownout_accel_row *row, int32_t x) {
#ifdef BROWNOUT_ACCEL_QUICK
  if (row->right) return accel_quick(out, row, x);
#endif
  return accel_scale(out, row, x);
}

#ifdef BROWNOUT_ACCEL_DSP
/* To int8, not yet clamped. SMMULR rounds once. The second rounding takes one off negative values, drops all bits but one,
 * and rounds that up. */
static inline int32_t accel_round(const brownout_accel_row *row, int32_t twice, int32_t x) {
  int32_t y;
  __asm__("smmulr %0, %1, %2" : "=r"(y) : "r"(x * 2), "r"(row->multiplier));
  y = ((y + (x >> 31)) >> row->right) + twice;
  __asm__("ssat %0, #8, %1, asr #1" : "=r"(y) : "r"(y));
  return y;
}

/* Four int8 within the clamp, each of whose bytes is `lows`, `highs`. */
static inline uint32_t accel_clamp_four(uint32_t word, uint32_t lows, uint32_t highs) {
  uint32_t difference;
  __asm__("ssub8 %1, %0, %2\n\tsel %0, %2, %0\n\tssub8 %1, %0, %3\n\tsel %0, %0, %3"
          : "+r"(word), "=&r"(difference)
          : "r"(highs), "r"(lows)
          : "cc");
  return word;
}

/* Sums of the four `rows` to four bytes within the clamp. */
static inline uint32_t accel_round_four(const brownout_accel_row *const rows[4], int32_t twice, uint32_t lows,
                                        uint32_t highs, int32_t a, int32_t b, int32_t c, int32_t d) {
  uint32_t word = (uint32_t)accel_round(rows[0], twice, a);
  __asm__("bfi %0, %1, #8, #8" : "+r"(word) : "r"(accel_round(rows[1], twice, b)));
  __asm__("bfi %0, %1, #16, #8" : "+r"(word) : "r"(accel_round(rows[2], twice, c)));
  __asm__("bfi %0, %1, #24, #8" : "+r"(word) : "r"(accel_round(rows[3], twice, d)));
  return accel_clamp_four(word, lows, highs);
}
#define BROWNOUT_ACCEL_BYTES(value) (((uint32_t)(value) & 255u) * 0x01010101u)
#endif

#ifdef BROWNOUT_ACCEL_DSP
/* Stores of before are done, which the loads below do not say that they depend on. */
#define BROWNOUT_ACCEL_BEGIN() __asm__ volatile("" : : : "memory")
/* Four bytes at any address, and the pointer behind them: left to itself, gcc keeps one pointer and many distances. */
static inline uint32_t accel_next(const uint8_t **at) {
  uint32_t word;
  __asm__ volatile("ldr %0, [%1], #4" : "=r"(word), "+r"(*at));
  return word;
}
static inline uint32_t accel_word(const uint8_t *at, uint32_t offset) {
  uint32_t word;
  __asm__ volatile("ldr %0, [%1, %2]" : "=r"(word) : "r"(at), "rI"(offset));
  return word;
}
/* The same, twice as far. */
static inline uint32_t accel_twice(const uint8_t *at, uint32_t offset) {
  uint32_t word;
  __asm__ volatile("ldr %0, [%1, %2, lsl #1]" : "=r"(word) : "r"(at), "r"(offset));
  return word;
}
/* Bytes 0 and 2, and bytes 1 and 3, as two int16. */
static inline uint32_t accel_even(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
  return pair;
}
static inline uint32_t accel_odd(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
  return pair;
}
/* sum and the product of both halves, or of the lower, or of the upper ones. */
#define BROWNOUT_ACCEL_MULTIPLY(name, instruction)                                    \
  static inline int32_t accel_##name(uint32_t x, uint32_t w, int32_t sum) {           \
    int32_t result;                                                                   \
    __asm__(instruction " %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(w), "r"(sum)); \
    return result;                                                                    \
  }
BROWNOUT_ACCEL_MULTIPLY(both, "smlad")
BROWNOUT_ACCEL_MULTIPLY(low, "smlabb")
BROWNOUT_ACCEL_MULTIPLY(high, "smlatt")
#define BROWNOUT_ACCEL_FOUR(sum, word, even, odd) accel_both(odd, accel_odd(word), accel_both(even, accel_even(word), sum))
#endif

static inline int32_t accel_product(const uint8_t *x, const uint8_t *w) {
  return (int32_t)(int8_t)*x * (int8_t)*w;
}

/* sum and the products of `length` int8. */
static BROWNOUT_ACCEL_APART int32_t accel_dot(const uint8_t *x, const uint8_t *w, uint32_t length, int32_t sum) {
#ifdef BROWNOUT_ACCEL_DSP
  uint32_t n;
  BROWNOUT_ACCEL_BEGIN();
  for (n = length >> 2; n; n--) {
    uint32_t word = accel_next(&x);
    const uint32_t even = accel_even(word);
    const uint32_t odd = accel_odd(word);
    word = accel_next(&w);
    sum = BROWNOUT_ACCEL_FOUR(sum, word, even, odd);
  }
  length &= 3u;
#elif !defined(BROWNOUT_ACCEL_MSP430)
  for (; length > 3u; length -= 4u, x += 4, w += 4)
    sum += accel_product(x, w) + accel_product(x + 1, w + 1) + accel_product(x + 2, w + 2) + accel_product(x + 3, w + 3);
#endif
  for (; length; length--) sum += accel_product(x++, w++);
  return sum;
}

#ifdef BROWNOUT_ACCEL_MSP430
#include "brownout_accel_msp430.h"
#endif
#ifdef BROWNOUT_LEA
#include "brownout_accel_lea.h"
#elif !defined(BROWNOUT_ACCEL_DSP) && !defined(BROWNOUT_ACCEL_MSP430)
#include "brownout_accel_plain.h"
#elif defined(BROWNOUT_ACCEL_DSP)
/* Rows w and w + length times vectors x and x + length: sums [vector][row], which hold the biases before. */
static inline void accel_block(const uint8_t *x, const uint8_t *w, uint32_t length, int32_t sums[4]) {
  const uint8_t *x1 = x + length;
  const uint8_t *w1 = w + length;
  int32_t a = sums[0];
  int32_t b = sums[1];
  int32_t c = sums[2];
  int32_t d = sums[3];
  uint32_t n = length;
#define BROWNOUT_ACCEL_BLOCK()                     \
  do {                                             \
    uint32_t word = accel_next(&x);                \
    const uint32_t even0 = accel_even(word);       \
    const uint32_t odd0 = accel_odd(word);         \
    uint32_t even1;                                \
    uint32_t odd1;                                 \
    word = accel_next(&x1);                        \
    even1 = accel_even(word);                      \
    odd1 = accel_odd(word);                        \
    word = accel_next(&w);                         \
    a = BROWNOUT_ACCEL_FOUR(a, word, even0, odd0); \
    c = BROWNOUT_ACCEL_FOUR(c, word, even1, odd1); \
    word = accel_next(&w1);                        \
    b = BROWNOUT_ACCEL_FOUR(b, word, even0, odd0); \
    d = BROWNOUT_ACCEL_FOUR(d, word, even1, odd1); \
  } while (0)
  BROWNOUT_ACCEL_BEGIN();
  for (n >>= 3; n; n--) {
    BROWNOUT_ACCEL_BLOCK();
    BROWNOUT_ACCEL_BLOCK();
  }
  if (length & 4u) BROWNOUT_ACCEL_BLOCK();
  n = length & 3u;
  for (; n; n--) {
    a += accel_product(x, w);
    b += accel_product(x++, w1);
    c += accel_product(x1, w++);
    d += accel_product(x1++, w1++);
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

/* Four rows from w on times one vector. */
static inline void accel_rows(const uint8_t *x, const uint8_t *w, uint32_t length, int32_t sums[4]) {
  const uint8_t *w1 = w + length;
  const uint8_t *w2 = w1 + length;
  const uint8_t *w3 = w2 + length;
  int32_t a = sums[0];
  int32_t b = sums[1];
  int32_t c = sums[2];
  int32_t d = sums[3];
  uint32_t n = length;
  BROWNOUT_ACCEL_BEGIN();
  for (n >>= 2; n; n--) {
    uint32_t word = accel_next(&x);
    const uint32_t even = accel_even(word);
    const uint32_t odd = accel_odd(word);
    word = accel_next(&w);
    a = BROWNOUT_ACCEL_FOUR(a, word, even, odd);
    word = accel_next(&w1);
    b = BROWNOUT_ACCEL_FOUR(b, word, even, odd);
    word = accel_next(&w2);
    c = BROWNOUT_ACCEL_FOUR(c, word, even, odd);
    word = accel_next(&w3);
    d = BROWNOUT_ACCEL_FOUR(d, word, even, odd);
  }
  n = length & 3u;
  for (; n; n--) {
    a += accel_product(x, w++);
    b += accel_product(x, w1++);
    c += accel_product(x, w2++);
    d += accel_product(x++, w3++);
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

/* Firmware whose image has no room for it does without: BROWNOUT_ACCEL_WIDE, in brownout_model.h. */
#ifdef BROWNOUT_ACCEL_WIDE
#include "brownout_accel_wide.h"
#endif

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_gemm_s8(uint32_t x_at, uint32_t vectors, uint32_t w_at,
    uint32_t rows, uint32_t length, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low,
    uint32_t high, uint32_t to_at, uint32_t to_stride, uint32_t room) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  /* Vectors that go by pairs. */
  uint32_t done = vectors & ~1u;
  uint32_t row = 0;
  uint32_t n;
  int32_t sums[4];
  const int32_t twice = (int32_t)zero_point * 2 + 1;
  const uint32_t lows = BROWNOUT_ACCEL_BYTES(low);
  const uint32_t highs = BROWNOUT_ACCEL_BYTES(high);
  brownout_wasm_check(x_at, 0, (uint64_t)vectors * length, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)rows * length, 1);
  brownout_wasm_check(to_at, 0, (uint64_t)(vectors - 1u) * to_stride + rows, 1);
#ifdef BROWNOUT_ACCEL_WIDE
  if (room && done && rows > 1 && !(length & 3u) && accel_wide_scales(out.pair, stride, rows)) {
    accel_wide_gemm(x, done, w, rows, length, &out, to, to_stride, (void *)(BROWNOUT_WASM_BASE + room));
    row = rows;
  }
#else
  (void)room;
#endif
  for (; done && row + 1 < rows; row += 2) {
    const brownout_accel_row first = accel_row_of(&out, row, length);
    const brownout_accel_row second = accel_row_of(&out, row + 1, length);
    const uint8_t *at = x;
    uint8_t *y = to + row;
    const brownout_accel_row *const both[4] = {&first, &second, &first, &second};
    const uint32_t fast = first.right && second.right;
    for (n = done; n; n -= 2) {
      sums[0] = sums[2] = first.bias;
      sums[1] = sums[3] = second.bias;
      accel_block(at, w + row * length, length, sums);
      at += length * 2u;
      if (fast) {
        const uint32_t four = accel_round_four(both, twice, lows, highs, sums[0], sums[1], sums[2], sums[3]);
        const uint16_t upper = (uint16_t)(four >> 16);
        memcpy(y, &four, 2);
        memcpy(y + to_stride, &upper, 2);
        y += to_stride * 2u;
        continue;
      }
      y[0] = accel_scale(&out, &first, sums[0]);
      y[1] = accel_scale(&out, &second, sums[1]);
      y += to_stride;
      y[0] = accel_scale(&out, &first, sums[2]);
      y[1] = accel_scale(&out, &second, sums[3]);
      y += to_stride;
    }
  }
  /* Vectors left by pairs, four rows at a time; then what rows are left, and the last of an odd number for all vectors. */
  x += done * length;
  to += done * to_stride;
  for (row = 0; done < vectors && row + 3 < rows; row += 4) {
    brownout_accel_row four[4];
    uint32_t i;
    for (i = 0; i < 4; i++) {
      four[i] = accel_row_of(&out, row + i, length);
      sums[i] = four[i].bias;
    }
    accel_rows(x, w + row * length, length, sums);
    if (four[0].right && four[1].right && four[2].right && four[3].right) {
      const brownout_accel_row *const each[4] = {four, four + 1, four + 2, four + 3};
      const uint32_t word = accel_round_four(each, twice, lows, highs, sums[0], sums[1], sums[2], sums[3]);
      memcpy(to + row, &word, 4);
      continue;
    }
    for (i = 0; i < 4; i++) to[row + i] = accel_scale(&out, four + i, sums[i]);
  }
  for (; done < vectors && row < rows; row++) {
    const brownout_accel_row each = accel_row_of(&out, row, length);
    to[row] = accel_scale(&out, &each, accel_dot(x, w + row * length, length, each.bias));
  }
  if (done && rows & 1u) {
    const brownout_accel_row each = accel_row_of(&out, rows - 1u, length);
    for (; done; done--) {
      x -= length;
      to -= to_stride;
      to[rows - 1u] = accel_scale(&out, &each, accel_dot(x, w + (rows - 1u) * length, length, each.bias));
    }
  }
}
#endif

#ifndef BROWNOUT_LEA
#include "brownout_accel_circulant.h"
#include "brownout_accel_windows.h"
#endif
#include "brownout_accel_depthwise.h"
#include "brownout_accel_add.h"
#include "brownout_accel_signs.h"
#include "brownout_accel_xnor.h"
#include "brownout_accel_nibbles.h"
#include "brownout_accel_winograd.h"

#endif
