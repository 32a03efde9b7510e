/*
 * Circulant layers by number-theoretic transform: bodies of accel.ntt_* (docs/ACCEL.md). By assembler for cores with the DSP
 * extension (brownout_accel_ntt_dsp.h), in plain C elsewhere. What is transformed is known only modulo the prime: bodies differ
 * there, and agree in the int8 that come out. Made from the image, and defined before: BROWNOUT_NTT_SIZES(x), x(K) for each block
 * size K; BROWNOUT_NTT_BLOCKS, the most blocks in a row; ntt_forward_twiddles_K and ntt_inverse_twiddles_K, pairs of w and
 * round(w * 2^32 / p); BROWNOUT_NTT_CLAMPED, if a layer clamps to less than int8.
 */
#ifndef BROWNOUT_ACCEL_NTT_H
#define BROWNOUT_ACCEL_NTT_H

#include "brownout_accel.h"

#define BROWNOUT_NTT_PRIME 167772161

/* Of few registers and dear calls: there a step is a function. */
#ifdef BROWNOUT_ACCEL_MSP430
#define BROWNOUT_NTT_STEP BROWNOUT_ACCEL_APART
#else
#define BROWNOUT_NTT_STEP BROWNOUT_ACCEL_WITHIN
#endif

/* The upper word of a product, rounded. */
static BROWNOUT_ACCEL_WITHIN int32_t ntt_upper(int32_t a, int32_t b) {
  const int64_t product = BROWNOUT_WASM_PRODUCT(a, b);
  return (int32_t)(uint32_t)((uint64_t)product >> 32) + (int32_t)((uint32_t)product >> 31);
}

/* Known to the compiler only as a value: else it is loaded again and again. */
static BROWNOUT_ACCEL_WITHIN uint32_t ntt_prime(void) {
  uint32_t prime = BROWNOUT_NTT_PRIME;
#if defined(__GNUC__)
  __asm__("" : "+r"(prime));
#endif
  return prime;
}

/* u + v * w and u - v * w: w * 2^32 / p tells how many primes to take off, so that a product is within p/2. */
#ifdef BROWNOUT_ACCEL_MSP430
void brownout_msp430_turn(int32_t *u, int32_t *v, const int32_t *twiddle);
/* It knows the prime. */
static BROWNOUT_ACCEL_WITHIN void ntt_turn(int32_t *u, int32_t *v, const int32_t *twiddle, uint32_t p) {
  (void)p;
  brownout_msp430_turn(u, v, twiddle);
}
#else
static BROWNOUT_ACCEL_WITHIN void ntt_turn(int32_t *u, int32_t *v, const int32_t *twiddle, uint32_t p) {
  const uint32_t quotient = (uint32_t)ntt_upper(*v, twiddle[1]);
  uint32_t sum = (uint32_t)*u + (uint32_t)*v * (uint32_t)twiddle[0] - quotient * p;
#if defined(__GNUC__)
  /* Known only as a value: else both of its summands are kept, to be added and taken off one by one. */
  __asm__("" : "+r"(sum));
#endif
  *v = (int32_t)((uint32_t)*u * 2u - sum);
  *u = (int32_t)sum;
}
#endif

static BROWNOUT_NTT_STEP void ntt_add(int32_t *u, int32_t *v) {
  const int32_t sum = *u + *v;
  *v = *u - *v;
  *u = sum;
}

/* Eight or four values, natural order in and bit-reversed out, with all twiddles. */
static BROWNOUT_NTT_STEP void ntt_eight(int32_t v[8], const int32_t *t, uint32_t p) {
  ntt_turn(v, v + 4, t, p);
  ntt_turn(v + 1, v + 5, t, p);
  ntt_turn(v + 2, v + 6, t, p);
  ntt_turn(v + 3, v + 7, t, p);
  ntt_turn(v, v + 2, t + 2, p);
  ntt_turn(v + 1, v + 3, t + 2, p);
  ntt_turn(v + 4, v + 6, t + 4, p);
  ntt_turn(v + 5, v + 7, t + 4, p);
  ntt_turn(v, v + 1, t + 6, p);
  ntt_turn(v + 2, v + 3, t + 8, p);
  ntt_turn(v + 4, v + 5, t + 10, p);
  ntt_turn(v + 6, v + 7, t + 12, p);
}

static BROWNOUT_NTT_STEP void ntt_four(int32_t v[4], const int32_t *t, uint32_t p) {
  ntt_turn(v, v + 2, t, p);
  ntt_turn(v + 1, v + 3, t, p);
  ntt_turn(v, v + 1, t + 2, p);
  ntt_turn(v + 2, v + 3, t + 4, p);
}

/* The first twiddle of every layer is 1: those are left out. */
static BROWNOUT_NTT_STEP void ntt_plain_eight(int32_t v[8], const int32_t *t, uint32_t p) {
  ntt_add(v, v + 4);
  ntt_add(v + 1, v + 5);
  ntt_add(v + 2, v + 6);
  ntt_add(v + 3, v + 7);
  ntt_add(v, v + 2);
  ntt_add(v + 1, v + 3);
  ntt_turn(v + 4, v + 6, t, p);
  ntt_turn(v + 5, v + 7, t, p);
  ntt_add(v, v + 1);
  ntt_turn(v + 2, v + 3, t, p);
  ntt_turn(v + 4, v + 5, t + 2, p);
  ntt_turn(v + 6, v + 7, t + 4, p);
}

static BROWNOUT_NTT_STEP void ntt_plain_four(int32_t v[4], const int32_t *t, uint32_t p) {
  ntt_add(v, v + 2);
  ntt_add(v + 1, v + 3);
  ntt_add(v, v + 1);
  ntt_turn(v + 2, v + 3, t, p);
}

#define BROWNOUT_NTT_EIGHT_FROM(x, s) {(x)[0], (x)[s], (x)[2 * (s)], (x)[3 * (s)], (x)[4 * (s)], (x)[5 * (s)], (x)[6 * \
  (s)], (x)[7 * (s)]}
#define BROWNOUT_NTT_FOUR_FROM(x, s) {(x)[0], (x)[s], (x)[2 * (s)], (x)[3 * (s)]}
#define BROWNOUT_NTT_EIGHT_REVERSED(x, s) {(x)[0], (x)[4 * (s)], (x)[2 * (s)], (x)[6 * (s)], (x)[s], (x)[5 * (s)], (x)[3 * \
  (s)], (x)[7 * (s)]}
#define BROWNOUT_NTT_FOUR_REVERSED(x, s) {(x)[0], (x)[2 * (s)], (x)[s], (x)[3 * (s)]}
static BROWNOUT_ACCEL_WITHIN void ntt_put_eight(int32_t *to, uint32_t s, const int32_t v[8]) {
  to[0] = v[0];
  to[s] = v[1];
  to[2 * s] = v[2];
  to[3 * s] = v[3];
  to[4 * s] = v[4];
  to[5 * s] = v[5];
  to[6 * s] = v[6];
  to[7 * s] = v[7];
}
static BROWNOUT_ACCEL_WITHIN void ntt_put_eight_reversed(int32_t *to, uint32_t s, const int32_t v[8]) {
  to[0] = v[0];
  to[s] = v[4];
  to[2 * s] = v[2];
  to[3 * s] = v[6];
  to[4 * s] = v[1];
  to[5 * s] = v[5];
  to[6 * s] = v[3];
  to[7 * s] = v[7];
}
static BROWNOUT_ACCEL_WITHIN void ntt_put_four(int32_t *to, uint32_t s, const int32_t v[4]) {
  to[0] = v[0];
  to[s] = v[1];
  to[2 * s] = v[2];
  to[3 * s] = v[3];
}
static BROWNOUT_ACCEL_WITHIN void ntt_put_four_reversed(int32_t *to, uint32_t s, const int32_t v[4]) {
  to[0] = v[0];
  to[s] = v[2];
  to[2 * s] = v[1];
  to[3 * s] = v[3];
}

/* Forward: the first pass takes int8 `s` apart, those after blocks of words, the last ends in groups of four. */
static BROWNOUT_ACCEL_WITHIN const int32_t *ntt_first(const int8_t *x, int32_t *to, uint32_t s, uint32_t radix, const
                                                      int32_t *t, uint32_t p) {
  uint32_t n;
  for (n = s; n; n--, x++, to++) {
    if (radix == 8) {
      int32_t v[8] = BROWNOUT_NTT_EIGHT_FROM(x, s);
      ntt_plain_eight(v, t, p);
      ntt_put_eight(to, s, v);
    } else {
      int32_t v[4] = BROWNOUT_NTT_FOUR_FROM(x, s);
      ntt_plain_four(v, t, p);
      ntt_put_four(to, s, v);
    }
  }
  return t + (radix == 8 ? 6 : 2);
}

static BROWNOUT_ACCEL_WITHIN const int32_t *ntt_middle(int32_t *x, uint32_t blocks, uint32_t s, uint32_t radix, const
                                                       int32_t *t, uint32_t p) {
  for (; blocks; blocks--, x += (radix - 1) * s, t += radix * 2 - 2) {
    uint32_t n;
    for (n = s; n; n--, x++) {
      if (radix == 8) {
        int32_t v[8] = BROWNOUT_NTT_EIGHT_FROM(x, s);
        ntt_eight(v, t, p);
        ntt_put_eight(x, s, v);
      } else {
        int32_t v[4] = BROWNOUT_NTT_FOUR_FROM(x, s);
        ntt_four(v, t, p);
        ntt_put_four(x, s, v);
      }
    }
  }
  return t;
}

static BROWNOUT_ACCEL_WITHIN void ntt_last(const int32_t *x, uint32_t blocks, uint32_t radix, uint8_t *to, uint32_t stride,
                                           const int32_t *t, uint32_t p) {
  for (; blocks; blocks--, x += radix, t += radix * 2 - 2, to += stride) {
    if (radix == 8) {
      int32_t v[8] = BROWNOUT_NTT_EIGHT_FROM(x, 1);
      ntt_eight(v, t, p);
      ntt_put_four((int32_t *)(void *)to, 1, v);
      to += stride;
      ntt_put_four((int32_t *)(void *)to, 1, v + 4);
    } else {
      int32_t v[4] = BROWNOUT_NTT_FOUR_FROM(x, 1);
      ntt_four(v, t, p);
      ntt_put_four((int32_t *)(void *)to, 1, v);
    }
  }
}

/* Inverse, in place: neighbours first, then positions of blocks that have grown. */
static BROWNOUT_ACCEL_WITHIN const int32_t *ntt_neighbours(int32_t *x, uint32_t blocks, uint32_t radix, const int32_t *t,
                                                           uint32_t p) {
  for (; blocks; blocks--, x += radix) {
    if (radix == 8) {
      int32_t v[8] = BROWNOUT_NTT_EIGHT_REVERSED(x, 1);
      ntt_plain_eight(v, t, p);
      ntt_put_eight_reversed(x, 1, v);
    } else {
      int32_t v[4] = BROWNOUT_NTT_FOUR_REVERSED(x, 1);
      ntt_plain_four(v, t, p);
      ntt_put_four_reversed(x, 1, v);
    }
  }
  return t + (radix == 8 ? 6 : 2);
}

static BROWNOUT_ACCEL_WITHIN const int32_t *ntt_positions(int32_t *x, uint32_t blocks, uint32_t s, uint32_t radix, const
                                                          int32_t *t, uint32_t p) {
  const int32_t *const end = x + s;
  for (; x < end; x++, t += radix * 2 - 2) {
    int32_t *at = x;
    uint32_t n;
    for (n = blocks; n; n--, at += radix * s) {
      if (radix == 8) {
        int32_t v[8] = BROWNOUT_NTT_EIGHT_REVERSED(at, s);
        ntt_eight(v, t, p);
        ntt_put_eight_reversed(at, s, v);
      } else {
        int32_t v[4] = BROWNOUT_NTT_FOUR_REVERSED(at, s);
        ntt_four(v, t, p);
        ntt_put_four_reversed(at, s, v);
      }
    }
  }
  return t;
}

/*
 * k known when compiling. Passes of four values first, until eights are left, as host/firmware/ntt-tables.ts has them; the
 * inverse has them in reverse.
 */
static BROWNOUT_ACCEL_WITHIN void ntt_forward(uint32_t k, const uint8_t *x, int32_t *work, uint8_t *to, uint32_t stride,
                                              const int32_t *t) {
  const uint32_t first = k & 0x1248u ? 8 : 4;
  const uint32_t second = k & 0x490u ? 4 : 8;
  const uint32_t p = ntt_prime();
  if (k <= 8) {
    int32_t v[8];
    ntt_first((const int8_t *)x, v, 1, first, t, p);
    ntt_put_four((int32_t *)(void *)to, 1, v);
    if (k == 8) ntt_put_four((int32_t *)(void *)(to + stride), 1, v + 4);
    return;
  }
  t = ntt_first((const int8_t *)x, work, k / first, first, t, p);
  if (k >= 128) t = ntt_middle(work, first, k / first / second, second, t, p);
  if (k >= 1024) t = ntt_middle(work, first * second, 8, 8, t, p);
  ntt_last(work, k == 16 ? 4 : k / 8, k == 16 ? 4 : 8, to, stride, t, p);
}

static BROWNOUT_ACCEL_WITHIN void ntt_inverse(uint32_t k, int32_t *x, const int32_t *t) {
  const uint32_t last = k & 0x1248u ? 8 : 4;
  const uint32_t second = k & 0x490u ? 4 : 8;
  const uint32_t first = k == 4 || k == 16 ? 4 : 8;
  const uint32_t p = ntt_prime();
  t = ntt_neighbours(x, k / first, first, t, p);
  if (k >= 1024) t = ntt_positions(x, k / 64, 8, 8, t, p);
  if (k >= 128) t = ntt_positions(x, last, k / last / second, second, t, p);
  if (k >= 16) ntt_positions(x, 1, k / last, last, t, p);
}

#define BROWNOUT_NTT_PLAIN(k) \
  static BROWNOUT_ACCEL_APART void ntt_forward_##k(const uint8_t *x, int32_t *work, uint8_t *to, uint32_t stride, const \
  int32_t *twiddles) { \
    ntt_forward(k, x, work, to, stride, twiddles); \
  } \
  static BROWNOUT_ACCEL_APART void ntt_inverse_##k(int32_t *x, const int32_t *twiddles) { \
    ntt_inverse(k, x, twiddles); \
  }

/* A sum as the inverse leaves it, |sum| < 12 p, to what it stands for: within p/4. */
static BROWNOUT_ACCEL_WITHIN int32_t ntt_centre(int32_t sum, uint32_t p) {
  return (int32_t)((uint32_t)sum - (uint32_t)ntt_upper(sum, 26) * p);
}

/* Sums to int8 by whatever pairs there are: `out` as it comes, apart from what goes by one pair. */
static BROWNOUT_ACCEL_APART void ntt_scale_any(const int32_t *x, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t
                                               zero_point, uint32_t low, uint32_t high,
                                      uint8_t *to, uint32_t count) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias), (const uint8_t *)(BROWNOUT_WASM_BASE +
      pair), stride, (int32_t)zero_point,
                            (int32_t)low, (int32_t)high};
  const uint32_t p = ntt_prime();
  uint32_t i;
  for (i = 0; i < count; i++) {
    const brownout_accel_row row = accel_row_of(&out, i, 0);
    to[i] = accel_scale(&out, &row, (int32_t)((uint32_t)ntt_centre(x[i], p) + (uint32_t)row.bias));
  }
}

#ifdef BROWNOUT_ACCEL_DSP
#include "brownout_accel_ntt_dsp.h"
#else
#define BROWNOUT_NTT_DEFINE(k) BROWNOUT_NTT_PLAIN(k)
/* Four sums of products at a time, reduced as assembly/kernels/field.ts has it. */
static BROWNOUT_ACCEL_WITHIN int32_t ntt_reduce(int64_t sum) {
  const uint32_t quotient = (uint32_t)sum * 4127195137u;
  return (int32_t)(uint32_t)((uint64_t)(sum + BROWNOUT_WASM_PRODUCT((int32_t)quotient, -BROWNOUT_NTT_PRIME)) >> 32);
}

#ifdef BROWNOUT_ACCEL_MSP430
static BROWNOUT_ACCEL_APART void ntt_sums(const uint8_t *x_at, const uint8_t *w_at, uint32_t blocks, int32_t *to, const
                                          int32_t *end) {
  const int32_t *x = (const int32_t *)(const void *)x_at;
  const int32_t *w = (const int32_t *)(const void *)w_at;
  const uint16_t step = (uint16_t)blocks * 4u;
  while (to < end) {
    int64_t sum = 0;
    uint16_t i;
    for (i = 0; i < step; i += 4) sum += BROWNOUT_WASM_PRODUCT(x[i], w[i]);
    *to++ = ntt_reduce(sum);
    x++;
    w++;
    if (((uintptr_t)x & 15u) == ((uintptr_t)x_at & 15u)) {
      x += step - 4u;
      w += step - 4u;
    }
  }
}
#elif defined(BROWNOUT_ACCEL_THUMB2)
/* Two frequencies at a time, of which four lie side by side. */
#define BROWNOUT_NTT_TWO(count, steps) \
  __asm__ volatile( \
      "1:\n\t.rept " #steps "\n\tldrd %7, %8, [%4], #16\n\tldrd %9, %10, [%5], #16\n\tsmlal %0, %1, %7, %9\n\t" \
      "smlal %2, %3, %8, %10\n\t.endr\n\tsubs %6, #1\n\tbne 1b" \
      : "+r"(low), "+r"(high), "+r"(next_low), "+r"(next_high), "+r"(a), "+r"(b), "+r"(count), "=&r"(x0), "=&r"(x1), \
        "=&r"(w0), "=&r"(w1) \
      : \
      : "memory", "cc")
static BROWNOUT_ACCEL_APART void ntt_sums(const uint8_t *x, const uint8_t *w, uint32_t blocks, int32_t *to,
                                          const int32_t *end) {
  uint32_t half = 0;
  for (; to < end; to += 2) {
    uint32_t low = 0, high = 0, next_low = 0, next_high = 0;
    uint32_t fours = blocks >> 2;
    uint32_t rest = blocks & 3u;
    const uint8_t *a = x;
    const uint8_t *b = w;
    int32_t x0, x1, w0, w1;
    if (fours) BROWNOUT_NTT_TWO(fours, 4);
    if (rest) BROWNOUT_NTT_TWO(rest, 1);
    to[0] = ntt_reduce((int64_t)((uint64_t)high << 32 | low));
    to[1] = ntt_reduce((int64_t)((uint64_t)next_high << 32 | next_low));
    x = half ? a - 8 : x + 8;
    w = half ? b - 8 : w + 8;
    half ^= 1u;
  }
}
#else
/* sum + a * b. Cores without a flag of the carry compare for it, with the product, which is not needed any more. */
static BROWNOUT_ACCEL_WITHIN int64_t ntt_sum(int64_t sum, int32_t a, int32_t b) {
#ifdef __riscv
  const uint64_t product = (uint64_t)BROWNOUT_WASM_PRODUCT(a, b);
  uint32_t low = (uint32_t)(uint64_t)sum + (uint32_t)product;
  uint32_t high;
  /* Known only as a value: else it is compared with the sum before, of which a copy is made. */
  __asm__("" : "+r"(low));
  high = (uint32_t)((uint64_t)sum >> 32) + (uint32_t)(product >> 32) + (low < (uint32_t)product);
  return (int64_t)((uint64_t)high << 32 | low);
#else
  return sum + BROWNOUT_WASM_PRODUCT(a, b);
#endif
}

static BROWNOUT_ACCEL_APART void ntt_sums(const uint8_t *x_at, const uint8_t *w_at, uint32_t blocks, int32_t *to, const
                                          int32_t *end) {
  const int32_t *x = (const int32_t *)(const void *)x_at;
  const int32_t *w = (const int32_t *)(const void *)w_at;
  for (; to < end; to += 4) {
    int64_t a = 0;
    int64_t b = 0;
    int64_t c = 0;
    int64_t d = 0;
    uint32_t left;
    for (left = blocks; left; left--, x += 4, w += 4) {
      a = ntt_sum(a, x[0], w[0]);
      b = ntt_sum(b, x[1], w[1]);
      c = ntt_sum(c, x[2], w[2]);
      d = ntt_sum(d, x[3], w[3]);
    }
    to[0] = ntt_reduce(a);
    to[1] = ntt_reduce(b);
    to[2] = ntt_reduce(c);
    to[3] = ntt_reduce(d);
  }
}
#endif
#endif
BROWNOUT_NTT_SIZES(BROWNOUT_NTT_DEFINE)

#if !defined(BROWNOUT_ACCEL_DSP) && !defined(BROWNOUT_ACCEL_MSP430)
/* By one pair that shifts right by 2 or more: where the first rounding adds half, the second takes 1 off negative values. */
static BROWNOUT_ACCEL_APART void ntt_scale_one(const int32_t *x, const uint8_t *bias, int32_t multiplier, int32_t shift,
                                               int32_t zero_point, int32_t low, int32_t high, uint8_t *to,
                                               uint32_t count) {
  const uint32_t p = ntt_prime();
  const int32_t twice = zero_point * 2 + 1;
  const uint8_t *const end = to + count;
  for (; to < end; bias += 4) {
    const int32_t sum = (int32_t)((uint32_t)ntt_centre(*x++, p) + (uint32_t)accel_s32(bias));
    const int64_t half = ((int64_t)sum & -((int64_t)1 << 31)) | ((int64_t)1 << 30);
    const uint64_t scaled = (uint64_t)(BROWNOUT_WASM_PRODUCT(sum, multiplier) + half);
    int32_t y = ((int32_t)(uint32_t)(scaled >> 32) >> (-2 - shift)) + twice;
#if defined(BROWNOUT_ACCEL_THUMB2) && !defined(BROWNOUT_NTT_CLAMPED)
    (void)low;
    (void)high;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(y) : "r"(y));
    *to++ = (uint8_t)y;
#else
    y >>= 1;
    *to++ = (uint8_t)(y > high ? high : y < low ? low : y);
#endif
  }
}
#endif

#define BROWNOUT_NTT_CASE_FORWARD(k) \
  case k: \
    ntt_forward_##k(x, work, to, stride, ntt_forward_twiddles_##k); \
    break;
#define BROWNOUT_NTT_CASE_INVERSE(k) \
  case k: \
    ntt_inverse_##k(x, ntt_inverse_twiddles_##k); \
    break;

static BROWNOUT_ACCEL_WITHIN void brownout_module_import_accel_ntt_forward_s8(uint32_t x_at, uint32_t k, uint32_t work_at,
                                                            uint32_t to_at, uint32_t stride) {
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  int32_t *work = (int32_t *)(BROWNOUT_WASM_BASE + work_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  brownout_wasm_check(x_at, 0, k, 1);
  brownout_wasm_check(work_at, 0, (uint64_t)k * 4u, 4);
  brownout_wasm_check(to_at, 0, (uint64_t)stride * (k / 4u - 1u) + 16u, 4);
  switch (k) { BROWNOUT_NTT_SIZES(BROWNOUT_NTT_CASE_FORWARD) }
}

static BROWNOUT_ACCEL_WITHIN void brownout_module_import_accel_ntt_sums(uint32_t x_at, uint32_t w_at, uint32_t blocks,
                                                            uint32_t count, uint32_t to_at) {
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  int32_t *to = (int32_t *)(BROWNOUT_WASM_BASE + to_at);
#ifdef BROWNOUT_NTT_LOOPS
  const uint32_t loops = blocks > 1 ? (blocks - 2u) / BROWNOUT_NTT_UNROLLED : 0;
#elif defined(BROWNOUT_ACCEL_DSP)
  const uint32_t loops = 0;
#endif
  brownout_wasm_check(x_at, 0, (uint64_t)blocks * count * 4u, 4);
  brownout_wasm_check(w_at, 0, (uint64_t)blocks * count * 4u, 4);
  brownout_wasm_check(to_at, 0, (uint64_t)count * 4u, 4);
#ifdef BROWNOUT_ACCEL_DSP
  ntt_sums(x, w, to, to + count, blocks - 1u - loops * BROWNOUT_NTT_UNROLLED, loops);
#else
  ntt_sums(x, w, blocks, to, to + count);
#endif
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_ntt_inverse_s8(uint32_t x_at, uint32_t k, uint32_t bias,
                                                            uint32_t pair, uint32_t stride, uint32_t zero_point,
                                                           uint32_t low, uint32_t high, uint32_t to_at, uint32_t count) {
  int32_t *x = (int32_t *)(BROWNOUT_WASM_BASE + x_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
#ifndef BROWNOUT_ACCEL_MSP430
  const int32_t multiplier = accel_s32((const uint8_t *)(BROWNOUT_WASM_BASE + pair));
  const int32_t shift = accel_s32((const uint8_t *)(BROWNOUT_WASM_BASE + pair + 4u));
#endif
  brownout_wasm_check(x_at, 0, (uint64_t)k * 4u, 4);
  brownout_wasm_check(to_at, 0, count, 1);
  switch (k) { BROWNOUT_NTT_SIZES(BROWNOUT_NTT_CASE_INVERSE) }
#ifdef BROWNOUT_ACCEL_MSP430
  ntt_scale_any(x, bias, pair, stride, zero_point, low, high, to, count);
#else
  if (stride || count & 3u || shift > -2 || shift < -20 || multiplier < (int32_t)1 << 30) {
    ntt_scale_any(x, bias, pair, stride, zero_point, low, high, to, count);
  } else {
    ntt_scale_one(x, (const uint8_t *)(BROWNOUT_WASM_BASE + bias), multiplier, shift, (int32_t)zero_point, (int32_t)low,
                  (int32_t)high, to, count);
  }
#endif
}

#endif
