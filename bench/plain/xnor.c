/*
 * A convolution of 16×16×32 by 3×3 to 32 whose weights and activations are signs, a bit each, and whose outputs are bits: whether
 * a sum reaches its channel's threshold. Two ways, both against sums one by one: entering the op runs the first, its tile the
 * second. No op of ours: what one would take (bench/xnor.ts).
 */
#include <stdint.h>

#include "brownout_hal.h"
#include "brownout_model.h"

#define SIDE 16
#define WIDE (SIDE + 2)
#define TAPS 9
#define OUTPUTS 32

static uint32_t pixels[WIDE * WIDE]; /* 32 channels a word, with a border of -1 */
static uint32_t rows[OUTPUTS][TAPS]; /* weights inverted: a bit of x ^ w is 1 where the signs are equal */
static uint32_t columns[TAPS * 32]; /* the same by input: a bit an output */
static int32_t thresholds[OUTPUTS]; /* in bits that are equal */
static uint32_t planes[9]; /* thresholds less 1, a bit an output */
static uint32_t expected[SIDE * SIDE];
static uint32_t outputs[SIDE * SIDE];

static void fail(void) {
  *(volatile uint32_t *)0xfffffff0u = 0;
}

static uint32_t next(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static const uint32_t *window(uint32_t at) {
  return pixels + at / SIDE * WIDE + at % SIDE;
}

void brownout_module_start(void) {
  uint32_t state = 1;
  uint32_t at, o, tap, i;
  for (at = 0; at < SIDE * SIDE; at++) pixels[(at / SIDE + 1) * WIDE + at % SIDE + 1] = next(&state);
  for (o = 0; o < OUTPUTS; o++) {
    thresholds[o] = 130 + (int32_t)(next(&state) & 31u);
    for (tap = 0; tap < TAPS; tap++) {
      rows[o][tap] = next(&state);
      for (i = 0; i < 32; i++) columns[tap * 32 + i] |= (rows[o][tap] >> i & 1u) << o;
    }
    for (i = 0; i < 9; i++) planes[i] |= ((uint32_t)(thresholds[o] - 1) >> i & 1u) << o;
  }
  for (at = 0; at < SIDE * SIDE; at++)
    for (o = 0; o < OUTPUTS; o++) {
      int32_t equal = 0;
      for (tap = 0; tap < TAPS; tap++)
        for (i = 0; i < 32; i++)
          equal += (int32_t)((window(at)[tap / 3 * WIDE + tap % 3] ^ rows[o][tap]) >> i & 1u);
      expected[at] |= (uint32_t)(equal >= thresholds[o]) << o;
    }
}

static void check(void) {
  uint32_t at;
  for (at = 0; at < SIDE * SIDE; at++) {
    if (outputs[at] != expected[at]) fail();
    outputs[at] = ~expected[at];
  }
}

/* Carry-save: a + b + c = sum + 2 carry, bit by bit. */
#define ADD(sum, carry, a, b, c)            \
  do {                                      \
    const uint32_t first_ = (a);            \
    const uint32_t third_ = (c);            \
    const uint32_t half_ = first_ ^ (b);    \
    carry = (first_ & (b)) | (half_ & third_); \
    sum = half_ ^ third_;                   \
  } while (0)

/* By rows: the nine words of a window by nine of weights, added up to four words, whose bits are counted. */
static __attribute__((noinline)) void by_rows(void) {
  uint32_t at, o;
  for (at = 0; at < SIDE * SIDE; at++) {
    const uint32_t *x = window(at);
    const uint32_t x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[WIDE], x4 = x[WIDE + 1], x5 = x[WIDE + 2];
    const uint32_t x6 = x[2 * WIDE], x7 = x[2 * WIDE + 1], x8 = x[2 * WIDE + 2];
    uint32_t word = 0;
    for (o = 0; o < OUTPUTS; o++) {
      const uint32_t *w = rows[o];
      uint32_t s1, s2, s3, c1, c2, c3, c4, one, two, four, eight, low, high;
      ADD(s1, c1, x0 ^ w[0], x1 ^ w[1], x2 ^ w[2]);
      ADD(s2, c2, x3 ^ w[3], x4 ^ w[4], x5 ^ w[5]);
      ADD(s3, c3, x6 ^ w[6], x7 ^ w[7], x8 ^ w[8]);
      ADD(one, c4, s1, s2, s3);
      ADD(two, four, c1, c2, c3);
      eight = two & c4;
      two ^= c4;
      c1 = four & eight;
      four ^= eight;
      eight = c1;
      one -= one >> 1 & 0x55555555u;
      two -= two >> 1 & 0x55555555u;
      four -= four >> 1 & 0x55555555u;
      eight -= eight >> 1 & 0x55555555u;
      low = (one & 0x33333333u) + (one >> 2 & 0x33333333u) + 2u * ((two & 0x33333333u) + (two >> 2 & 0x33333333u));
      high = (four & 0x33333333u) + (four >> 2 & 0x33333333u) + 2u * ((eight & 0x33333333u) + (eight >> 2 & 0x33333333u));
      low = (low & 0x0f0f0f0fu) + (low >> 4 & 0x0f0f0f0fu);
      high = (high & 0x0f0f0f0fu) + (high >> 4 & 0x0f0f0f0fu);
      low += 4u * high;
      low = (low & 0x00ff00ffu) + (low >> 8 & 0x00ff00ffu);
      word |= (uint32_t)((int32_t)((low + (low >> 16)) & 0xffffu) >= thresholds[o]) << o;
    }
    outputs[at] = word;
  }
}

static uint32_t sixteens[5]; /* in memory: there are not registers for all */

/* By outputs: a bit of each word is an output's. For every input a word of weights, or its inverse; counters stand upright. */
static __attribute__((noinline)) void by_outputs(void) {
  uint32_t at, i;
  for (at = 0; at < SIDE * SIDE; at++) {
    const uint32_t *x = window(at);
    const uint32_t *w = columns;
    uint32_t one = 0, two = 0, four = 0, eight = 0;
    uint32_t greater = 0, equal = ~0u;
    uint32_t tap, half;
    for (i = 0; i < 5; i++) sixteens[i] = 0;
    for (tap = 0; tap < TAPS; tap++) {
      uint32_t bits = x[tap / 3 * WIDE + tap % 3];
      for (half = 0; half < 2; half++, w += 16, bits >>= 16) {
        uint32_t a, b, c, d, e, f;
#define SIGNED(n) (w[n] ^ (uint32_t)((int32_t)(bits << (31 - (n))) >> 31))
#define EIGHT(carry, n)                              \
  do {                                               \
    ADD(one, a, one, SIGNED(n), SIGNED((n) + 1));     \
    ADD(one, b, one, SIGNED((n) + 2), SIGNED((n) + 3)); \
    ADD(two, c, two, a, b);                          \
    ADD(one, a, one, SIGNED((n) + 4), SIGNED((n) + 5)); \
    ADD(one, b, one, SIGNED((n) + 6), SIGNED((n) + 7)); \
    ADD(two, d, two, a, b);                          \
    ADD(four, carry, four, c, d);                    \
  } while (0)
        EIGHT(e, 0);
        EIGHT(f, 8);
        ADD(eight, a, eight, e, f);
        for (i = 0; i < 5; i++) {
          b = sixteens[i];
          sixteens[i] = b ^ a;
          a &= b;
        }
      }
    }
    for (i = 9; i-- > 0;) {
      const uint32_t count = i > 3 ? sixteens[i - 4] : i == 3 ? eight : i == 2 ? four : i == 1 ? two : one;
      greater |= equal & count & ~planes[i];
      equal &= ~(count ^ planes[i]);
    }
    outputs[at] = greater;
  }
}

void brownout_enter(uint32_t record) {
  (void)record;
  by_rows();
}

void brownout_tile(uint32_t index) {
  if (index == 0) {
    check();
    by_outputs();
  } else if (index == 1) {
    check();
  }
}
