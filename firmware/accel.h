/*
 * What the module imports as accel.*: docs/ACCEL.md says what each computes. On cores with the DSP extension (Cortex-M4, M7,
 * M33) by SMLAD, two products an instruction; with BROWNOUT_LEA, gemm_s8 on the MSP430's accelerator (accel-lea.h); elsewhere,
 * or with BROWNOUT_PLAIN, in plain C. Sums are exact and rounded alike, so all are the same to the bit. Include it behind
 * wasm.h.
 */
#ifndef BROWNOUT_ACCEL_H
#define BROWNOUT_ACCEL_H

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(BROWNOUT_PLAIN)
#define ACCEL_DSP
#endif
/* A function of its own: inlined into a kernel, its loops would run out of registers. */
#if defined(__GNUC__)
#define ACCEL_APART __attribute__((noinline, unused))
#define ACCEL_WITHIN inline __attribute__((always_inline))
#else
#define ACCEL_APART
#define ACCEL_WITHIN inline
#endif

/* How sums become int8. */
typedef struct {
  const u8 *bias;
  const u8 *pair;
  u32 stride;
  s32 zero_point;
  s32 low;
  s32 high;
} accel_output;

/* One row: its bias, multiplier and shift. `right`: what SMMULR's product is shifted by, 0 where that way is not open. */
typedef struct {
  s32 bias;
  s32 multiplier;
  s32 shift;
  s32 right;
} accel_row;

static inline s32 accel_s32(const u8 *from) {
  s32 value;
  memcpy(&value, from, 4);
  return value;
}

/* Row `row`, sums of `length` products. */
static ACCEL_WITHIN accel_row accel_row_of(const accel_output *out, u32 row, u32 length) {
  const u8 *pair = out->pair + row * out->stride;
  accel_row found;
  found.bias = accel_s32(out->bias + row * 4u);
  found.multiplier = accel_s32(pair);
  found.shift = accel_s32(pair + 4);
  found.right = 0;
#ifdef ACCEL_DSP
  /* Twice the sum must fit. */
  if (found.shift <= -2 && length < 1u << 14 && found.bias >> 29 == found.bias >> 31) found.right = -1 - found.shift;
#else
  (void)length;
#endif
  return found;
}

/* gemmlowp's two roundings of x * multiplier * 2^(shift - 31). */
static ACCEL_APART u8 accel_scale(const accel_output *out, const accel_row *row, s32 x) {
  const u32 left = row->shift > 0 ? (u32)row->shift : 0u;
  const u32 right = row->shift < 0 ? (u32)-row->shift : 0u;
  const s32 high = (s32)(((s64)(s32)((u32)x << left) * row->multiplier + ((s32)1 << 30)) >> 31);
  const s32 mask = (s32)(((u32)1 << right) - 1u);
  const s32 y = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0)) + out->zero_point;
  return (u8)(y > out->high ? out->high : y < out->low ? out->low : y);
}

#ifdef ACCEL_DSP
/* To int8, not yet clamped. SMMULR rounds once. The second rounding takes one off negative values, drops all bits but one,
 * and rounds that up. */
static inline s32 accel_round(const accel_row *row, s32 twice, s32 x) {
  s32 y;
  __asm__("smmulr %0, %1, %2" : "=r"(y) : "r"(x * 2), "r"(row->multiplier));
  y = ((y + (x >> 31)) >> row->right) + twice;
  __asm__("ssat %0, #8, %1, asr #1" : "=r"(y) : "r"(y));
  return y;
}

/* Sums of the four `rows` to four bytes within the clamp, each of whose bytes is `lows`, `highs`. */
static inline u32 accel_round_four(const accel_row *const rows[4], s32 twice, u32 lows, u32 highs, s32 a, s32 b, s32 c,
                                   s32 d) {
  u32 word = (u32)accel_round(rows[0], twice, a);
  u32 difference;
  __asm__("bfi %0, %1, #8, #8" : "+r"(word) : "r"(accel_round(rows[1], twice, b)));
  __asm__("bfi %0, %1, #16, #8" : "+r"(word) : "r"(accel_round(rows[2], twice, c)));
  __asm__("bfi %0, %1, #24, #8" : "+r"(word) : "r"(accel_round(rows[3], twice, d)));
  __asm__("ssub8 %1, %0, %2\n\tsel %0, %2, %0\n\tssub8 %1, %0, %3\n\tsel %0, %0, %3"
          : "+r"(word), "=&r"(difference)
          : "r"(highs), "r"(lows)
          : "cc");
  return word;
}
#define ACCEL_BYTES(value) (((u32)(value) & 255u) * 0x01010101u)
#endif

#ifdef ACCEL_DSP
/* Stores of before are done, which the loads below do not say that they depend on. */
#define ACCEL_BEGIN() __asm__ volatile("" : : : "memory")
/* Four bytes at any address, and the pointer behind them: left to itself, gcc keeps one pointer and many distances. */
static inline u32 accel_next(const u8 **at) {
  u32 word;
  __asm__ volatile("ldr %0, [%1], #4" : "=r"(word), "+r"(*at));
  return word;
}
static inline u32 accel_word(const u8 *at, u32 offset) {
  u32 word;
  __asm__ volatile("ldr %0, [%1, %2]" : "=r"(word) : "r"(at), "rI"(offset));
  return word;
}
/* The same, twice as far. */
static inline u32 accel_twice(const u8 *at, u32 offset) {
  u32 word;
  __asm__ volatile("ldr %0, [%1, %2, lsl #1]" : "=r"(word) : "r"(at), "r"(offset));
  return word;
}
/* Bytes 0 and 2, and bytes 1 and 3, as two int16. */
static inline u32 accel_even(u32 word) {
  u32 pair;
  __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
  return pair;
}
static inline u32 accel_odd(u32 word) {
  u32 pair;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
  return pair;
}
/* sum and the product of both halves, or of the lower, or of the upper ones. */
#define ACCEL_MULTIPLY(name, instruction)                                             \
  static inline s32 accel_##name(u32 x, u32 w, s32 sum) {                             \
    s32 result;                                                                       \
    __asm__(instruction " %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(w), "r"(sum)); \
    return result;                                                                    \
  }
ACCEL_MULTIPLY(both, "smlad")
ACCEL_MULTIPLY(low, "smlabb")
ACCEL_MULTIPLY(high, "smlatt")
#define ACCEL_FOUR(sum, word, even, odd) accel_both(odd, accel_odd(word), accel_both(even, accel_even(word), sum))
#endif

static inline s32 accel_product(const u8 *x, const u8 *w) {
  return (s32)(s8)*x * (s8)*w;
}

/* sum and the products of `length` int8. */
static ACCEL_APART s32 accel_dot(const u8 *x, const u8 *w, u32 length, s32 sum) {
#ifdef ACCEL_DSP
  u32 n;
  ACCEL_BEGIN();
  for (n = length >> 2; n; n--) {
    u32 word = accel_next(&x);
    const u32 even = accel_even(word);
    const u32 odd = accel_odd(word);
    word = accel_next(&w);
    sum = ACCEL_FOUR(sum, word, even, odd);
  }
  length &= 3u;
#endif
  for (; length; length--) sum += accel_product(x++, w++);
  return sum;
}

#ifdef BROWNOUT_LEA
#include "accel-lea.h"
#else
/* Rows w and w + length times vectors x and x + length: sums [vector][row], which hold the biases before. */
static inline void accel_block(const u8 *x, const u8 *w, u32 length, s32 sums[4]) {
  const u8 *x1 = x + length;
  const u8 *w1 = w + length;
  s32 a = sums[0];
  s32 b = sums[1];
  s32 c = sums[2];
  s32 d = sums[3];
  u32 n = length;
#ifdef ACCEL_DSP
#define ACCEL_BLOCK()                      \
  do {                                     \
    u32 word = accel_next(&x);             \
    const u32 even0 = accel_even(word);    \
    const u32 odd0 = accel_odd(word);      \
    u32 even1;                             \
    u32 odd1;                              \
    word = accel_next(&x1);                \
    even1 = accel_even(word);              \
    odd1 = accel_odd(word);                \
    word = accel_next(&w);                 \
    a = ACCEL_FOUR(a, word, even0, odd0);  \
    c = ACCEL_FOUR(c, word, even1, odd1);  \
    word = accel_next(&w1);                \
    b = ACCEL_FOUR(b, word, even0, odd0);  \
    d = ACCEL_FOUR(d, word, even1, odd1);  \
  } while (0)
  ACCEL_BEGIN();
  for (n >>= 3; n; n--) {
    ACCEL_BLOCK();
    ACCEL_BLOCK();
  }
  if (length & 4u) ACCEL_BLOCK();
  n = length & 3u;
#endif
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
static inline void accel_rows(const u8 *x, const u8 *w, u32 length, s32 sums[4]) {
  const u8 *w1 = w + length;
  const u8 *w2 = w1 + length;
  const u8 *w3 = w2 + length;
  s32 a = sums[0];
  s32 b = sums[1];
  s32 c = sums[2];
  s32 d = sums[3];
  u32 n = length;
#ifdef ACCEL_DSP
  ACCEL_BEGIN();
  for (n >>= 2; n; n--) {
    u32 word = accel_next(&x);
    const u32 even = accel_even(word);
    const u32 odd = accel_odd(word);
    word = accel_next(&w);
    a = ACCEL_FOUR(a, word, even, odd);
    word = accel_next(&w1);
    b = ACCEL_FOUR(b, word, even, odd);
    word = accel_next(&w2);
    c = ACCEL_FOUR(c, word, even, odd);
    word = accel_next(&w3);
    d = ACCEL_FOUR(d, word, even, odd);
  }
  n = length & 3u;
#endif
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

static ACCEL_APART void module_import_accel_gemm_s8(u32 x_at, u32 vectors, u32 w_at, u32 rows, u32 length, u32 bias,
                                                    u32 pair, u32 stride, u32 zero_point, u32 low, u32 high, u32 to_at,
                                                    u32 to_stride) {
  const accel_output out = {(const u8 *)(WASM_BASE + bias), (const u8 *)(WASM_BASE + pair), stride, (s32)zero_point,
                            (s32)low, (s32)high};
  const u8 *x = (const u8 *)(WASM_BASE + x_at);
  const u8 *w = (const u8 *)(WASM_BASE + w_at);
  u8 *to = (u8 *)(WASM_BASE + to_at);
  /* Vectors that go by pairs. */
  u32 done = vectors & ~1u;
  u32 row = 0;
  u32 n;
  s32 sums[4];
#ifdef ACCEL_DSP
  const s32 twice = (s32)zero_point * 2 + 1;
  const u32 lows = ACCEL_BYTES(low);
  const u32 highs = ACCEL_BYTES(high);
#endif
  wasm_check(x_at, 0, (u64)vectors * length, 1);
  wasm_check(w_at, 0, (u64)rows * length, 1);
  wasm_check(to_at, 0, (u64)(vectors - 1u) * to_stride + rows, 1);
  for (; done && row + 1 < rows; row += 2) {
    const accel_row first = accel_row_of(&out, row, length);
    const accel_row second = accel_row_of(&out, row + 1, length);
    const u8 *at = x;
    u8 *y = to + row;
#ifdef ACCEL_DSP
    const accel_row *const both[4] = {&first, &second, &first, &second};
    const u32 fast = first.right && second.right;
#endif
    for (n = done; n; n -= 2) {
      sums[0] = sums[2] = first.bias;
      sums[1] = sums[3] = second.bias;
      accel_block(at, w + row * length, length, sums);
      at += length * 2u;
#ifdef ACCEL_DSP
      if (fast) {
        const u32 four = accel_round_four(both, twice, lows, highs, sums[0], sums[1], sums[2], sums[3]);
        const u16 upper = (u16)(four >> 16);
        memcpy(y, &four, 2);
        memcpy(y + to_stride, &upper, 2);
        y += to_stride * 2u;
        continue;
      }
#endif
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
    accel_row four[4];
    u32 i;
    for (i = 0; i < 4; i++) {
      four[i] = accel_row_of(&out, row + i, length);
      sums[i] = four[i].bias;
    }
    accel_rows(x, w + row * length, length, sums);
#ifdef ACCEL_DSP
    if (four[0].right && four[1].right && four[2].right && four[3].right) {
      const accel_row *const each[4] = {four, four + 1, four + 2, four + 3};
      const u32 word = accel_round_four(each, twice, lows, highs, sums[0], sums[1], sums[2], sums[3]);
      memcpy(to + row, &word, 4);
      continue;
    }
#endif
    for (i = 0; i < 4; i++) to[row + i] = accel_scale(&out, four + i, sums[i]);
  }
  for (; done < vectors && row < rows; row++) {
    const accel_row each = accel_row_of(&out, row, length);
    to[row] = accel_scale(&out, &each, accel_dot(x, w + row * length, length, each.bias));
  }
  if (done && rows & 1u) {
    const accel_row each = accel_row_of(&out, rows - 1u, length);
    for (; done; done--) {
      x -= length;
      to -= to_stride;
      to[rows - 1u] = accel_scale(&out, &each, accel_dot(x, w + (rows - 1u) * length, length, each.bias));
    }
  }
}
#endif

static ACCEL_APART void module_import_accel_depthwise_s8(u32 x_at, u32 pixel, u32 step, u32 across, u32 windows,
                                                         u32 w_at, u32 w_stride, u32 height, u32 width, u32 count,
                                                         u32 bias, u32 pair, u32 stride, u32 zero_point, u32 low,
                                                         u32 high, u32 to_at) {
  const accel_output out = {(const u8 *)(WASM_BASE + bias), (const u8 *)(WASM_BASE + pair), stride, (s32)zero_point,
                            (s32)low, (s32)high};
  const u8 *x = (const u8 *)(WASM_BASE + x_at);
  const u8 *w = (const u8 *)(WASM_BASE + w_at);
  u8 *to = (u8 *)(WASM_BASE + to_at);
  const u32 taps = height * width;
  u32 channel = 0;
#ifdef ACCEL_DSP
  const s32 twice = (s32)zero_point * 2 + 1;
  const u32 lows = ACCEL_BYTES(low);
  const u32 highs = ACCEL_BYTES(high);
#endif
  wasm_check(x_at, 0, (u64)step * (windows - 1u) + (u64)across * (height - 1u) + (u64)pixel * (width - 1u) + count, 1);
  wasm_check(w_at, 0, (u64)w_stride * (taps - 1u) + count, 1);
  wasm_check(to_at, 0, (u64)pixel * (windows - 1u) + count, 1);
#ifdef ACCEL_DSP
#define ACCEL_TAP(word, weights)                \
  do {                                          \
    const u32 x_word = word;                    \
    const u32 w_word = weights;                 \
    const u32 even = accel_even(x_word);        \
    const u32 odd = accel_odd(x_word);          \
    const u32 even_weights = accel_even(w_word);\
    const u32 odd_weights = accel_odd(w_word);  \
    a = accel_low(even, even_weights, a);       \
    b = accel_low(odd, odd_weights, b);         \
    c = accel_high(even, even_weights, c);      \
    d = accel_high(odd, odd_weights, d);        \
  } while (0)
  ACCEL_BEGIN();
  for (; channel + 3 < count; channel += 4) {
    accel_row rows[4];
    const accel_row *const each[4] = {rows, rows + 1, rows + 2, rows + 3};
    u32 fast = 1;
    const u8 *window = x + channel;
    u8 *y = to + channel;
    u32 left;
    for (left = 0; left < 4; left++) {
      rows[left] = accel_row_of(&out, channel + left, taps);
      if (!rows[left].right) fast = 0;
    }
    for (left = windows; left; left--) {
      const u8 *row = window;
      const u8 *tap = w + channel;
      s32 a = rows[0].bias;
      s32 b = rows[1].bias;
      s32 c = rows[2].bias;
      s32 d = rows[3].bias;
      u32 n;
      /* Rows of three: no loop within the loop. */
      for (n = width == 3u ? height : 0u; n; n--) {
        ACCEL_TAP(accel_word(row, 0), accel_word(tap, 0));
        ACCEL_TAP(accel_word(row, pixel), accel_word(tap, w_stride));
        ACCEL_TAP(accel_twice(row, pixel), accel_twice(tap, w_stride));
        row += across;
        tap += w_stride * 3u;
      }
      for (n = width == 3u ? 0u : height; n; n--) {
        const u8 *v = row;
        u32 m;
        for (m = width; m; m--) {
          ACCEL_TAP(accel_word(v, 0), accel_word(tap, 0));
          v += pixel;
          tap += w_stride;
        }
        row += across;
      }
      window += step;
      if (fast) {
        const u32 four = accel_round_four(each, twice, lows, highs, a, b, c, d);
        memcpy(y, &four, 4);
      } else {
        y[0] = accel_scale(&out, rows, a);
        y[1] = accel_scale(&out, rows + 1, b);
        y[2] = accel_scale(&out, rows + 2, c);
        y[3] = accel_scale(&out, rows + 3, d);
      }
      y += pixel;
    }
  }
#endif
  for (; channel < count; channel++) {
    const accel_row row = accel_row_of(&out, channel, taps);
    const u8 *window = x + channel;
    u8 *y = to + channel;
    u32 left;
    for (left = windows; left; left--) {
      const u8 *tap = w + channel;
      s32 sum = row.bias;
      u32 n;
      for (n = 0; n < height; n++) {
        const u8 *v = window + n * across;
        u32 m;
        for (m = width; m; m--) {
          sum += accel_product(v, tap);
          v += pixel;
          tap += w_stride;
        }
      }
      window += step;
      *y = accel_scale(&out, &row, sum);
      y += pixel;
    }
  }
}

#endif
