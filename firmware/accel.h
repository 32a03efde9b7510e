/*
 * Sums that the module imports as accel.*: docs/ACCEL.md says what each computes. On cores with the DSP extension (Cortex-M4,
 * M7, M33) by SMLAD, two products an instruction; elsewhere, or with BROWNOUT_PLAIN, in plain C. Both are exact, so the
 * same to the bit. Include it behind wasm.h.
 */
#ifndef BROWNOUT_ACCEL_H
#define BROWNOUT_ACCEL_H

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(BROWNOUT_PLAIN)
#define ACCEL_DSP
#endif

/* Pointers to what the module calls an address. */
#define ACCEL_AT(address) ((const u8 *)(WASM_BASE + (address)))

static inline u32 accel_word(const u8 *from) {
  u32 word;
  memcpy(&word, from, 4);
  return word;
}

static inline s32 accel_product(const u8 *x, const u8 *w) { return (s32)(s8)*x * (s8)*w; }

static inline s32 accel_start(u32 start, u32 index) { return (s32)load32_unaligned(start, index * 4u); }

static inline void accel_keep(u32 sums, s32 a, s32 b, s32 c, s32 d) {
  store32(sums, 0, (u32)a);
  store32(sums, 4, (u32)b);
  store32(sums, 8, (u32)c);
  store32(sums, 12, (u32)d);
}

#ifdef ACCEL_DSP
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
#define ACCEL_MULTIPLY(name, instruction)                                                        \
  static inline s32 accel_##name(u32 x, u32 w, s32 sum) {                                        \
    s32 result;                                                                                  \
    __asm__(instruction " %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(w), "r"(sum));            \
    return result;                                                                               \
  }
ACCEL_MULTIPLY(both, "smlad")
ACCEL_MULTIPLY(low, "smlabb")
ACCEL_MULTIPLY(high, "smlatt")
#endif

static inline void module_import_accel_rows_s8(u32 x, u32 w, u32 stride, u32 length, u32 start, u32 sums) {
  const u8 *v = ACCEL_AT(x);
  const u8 *w0 = ACCEL_AT(w);
  const u8 *w1 = w0 + stride;
  const u8 *w2 = w1 + stride;
  const u8 *w3 = w2 + stride;
  s32 a = accel_start(start, 0), b = accel_start(start, 1), c = accel_start(start, 2), d = accel_start(start, 3);
  u32 n = length;
  wasm_check(x, 0, length, 1);
  wasm_check(w, 0, (u64)stride * 3u + length, 1);
#ifdef ACCEL_DSP
  for (; n >= 4; n -= 4) {
    const u32 word = accel_word(v);
    const u32 even = accel_even(word);
    const u32 odd = accel_odd(word);
    u32 row = accel_word(w0);
    a = accel_both(odd, accel_odd(row), accel_both(even, accel_even(row), a));
    row = accel_word(w1);
    b = accel_both(odd, accel_odd(row), accel_both(even, accel_even(row), b));
    row = accel_word(w2);
    c = accel_both(odd, accel_odd(row), accel_both(even, accel_even(row), c));
    row = accel_word(w3);
    d = accel_both(odd, accel_odd(row), accel_both(even, accel_even(row), d));
    v += 4, w0 += 4, w1 += 4, w2 += 4, w3 += 4;
  }
#endif
  for (; n; n--) {
    a += accel_product(v, w0++);
    b += accel_product(v, w1++);
    c += accel_product(v, w2++);
    d += accel_product(v++, w3++);
  }
  accel_keep(sums, a, b, c, d);
}

static inline void module_import_accel_block_s8(u32 x, u32 w, u32 length, u32 start, u32 sums) {
  const u8 *v0 = ACCEL_AT(x);
  const u8 *v1 = v0 + length;
  const u8 *w0 = ACCEL_AT(w);
  const u8 *w1 = w0 + length;
  s32 a = accel_start(start, 0), b = accel_start(start, 1), c = a, d = b;
  u32 n = length;
  wasm_check(x, 0, (u64)length * 2u, 1);
  wasm_check(w, 0, (u64)length * 2u, 1);
#ifdef ACCEL_DSP
  for (; n >= 4; n -= 4) {
    u32 word = accel_word(v0);
    const u32 even0 = accel_even(word);
    const u32 odd0 = accel_odd(word);
    u32 even1;
    u32 odd1;
    word = accel_word(v1);
    even1 = accel_even(word);
    odd1 = accel_odd(word);
    word = accel_word(w0);
    a = accel_both(even0, accel_even(word), a);
    c = accel_both(even1, accel_even(word), c);
    a = accel_both(odd0, accel_odd(word), a);
    c = accel_both(odd1, accel_odd(word), c);
    word = accel_word(w1);
    b = accel_both(even0, accel_even(word), b);
    d = accel_both(even1, accel_even(word), d);
    b = accel_both(odd0, accel_odd(word), b);
    d = accel_both(odd1, accel_odd(word), d);
    v0 += 4, v1 += 4, w0 += 4, w1 += 4;
  }
#endif
  for (; n; n--) {
    a += accel_product(v0, w0);
    b += accel_product(v0++, w1);
    c += accel_product(v1, w0++);
    d += accel_product(v1++, w1++);
  }
  accel_keep(sums, a, b, c, d);
}

static inline void module_import_accel_columns_s8(u32 x, u32 x_stride, u32 w, u32 w_stride, u32 count, u32 start,
                                                  u32 sums) {
  const u8 *v = ACCEL_AT(x);
  const u8 *row = ACCEL_AT(w);
  s32 a = accel_start(start, 0), b = accel_start(start, 1), c = accel_start(start, 2), d = accel_start(start, 3);
  wasm_check(x, 0, (u64)x_stride * (count - 1u) + 4u, 1);
  wasm_check(w, 0, (u64)w_stride * (count - 1u) + 4u, 1);
  do {
#ifdef ACCEL_DSP
    const u32 word = accel_word(v);
    const u32 weights = accel_word(row);
    const u32 even = accel_even(word);
    const u32 odd = accel_odd(word);
    const u32 even_weights = accel_even(weights);
    const u32 odd_weights = accel_odd(weights);
    a = accel_low(even, even_weights, a);
    b = accel_low(odd, odd_weights, b);
    c = accel_high(even, even_weights, c);
    d = accel_high(odd, odd_weights, d);
#else
    a += accel_product(v, row);
    b += accel_product(v + 1, row + 1);
    c += accel_product(v + 2, row + 2);
    d += accel_product(v + 3, row + 3);
#endif
    v += x_stride;
    row += w_stride;
  } while (--count);
  accel_keep(sums, a, b, c, d);
}

#endif
