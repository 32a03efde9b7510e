/*
 * accel.nibbles_s8: rows of weights of 4 bits, two a byte, the first in the lower half. Two rows on two vectors, four rows on
 * one, so that what is loaded is multiplied more than once; no row is unpacked to memory. Included by brownout_accel.h.
 */

/* The lower and the upper weight of a byte. */
static BROWNOUT_ACCEL_WITHIN int32_t accel_nibble_low(uint8_t byte) {
  return (int8_t)(uint8_t)(byte << 4) >> 4;
}
static BROWNOUT_ACCEL_WITHIN int32_t accel_nibble_high(uint8_t byte) {
  return (int8_t)byte >> 4;
}

/* sum and the products of `length` values with a row. */
static BROWNOUT_ACCEL_APART int32_t accel_nibble_dot(const uint8_t *x, const uint8_t *w, uint32_t length, int32_t sum) {
  for (; length > 1u; length -= 2u, x += 2, w++)
    sum += (int8_t)x[0] * accel_nibble_low(*w) + (int8_t)x[1] * accel_nibble_high(*w);
  return length ? sum + (int8_t)x[0] * accel_nibble_low(*w) : sum;
}

/* A bias without what sums have too much; it need not fit until sums are added. */
static BROWNOUT_ACCEL_WITHIN int32_t accel_nibble_begin(int32_t bias, int32_t less) {
  return (int32_t)((uint32_t)bias - (uint32_t)less);
}

#ifdef BROWNOUT_ACCEL_DSP
/*
 * Eight weights are a word. Of value i and value i + 4 of eight the weights are 16 bits apart: shifted to where 16 bits end they
 * are int16, 2^12 times too large. Sums of 512 products, from 512 * -8 * 127 to 512 * -8 * -128, span less than 2^20, so that
 * 32 bits tell them apart.
 */
#define BROWNOUT_ACCEL_NIBBLES_EIGHTS 64u
static BROWNOUT_ACCEL_WITHIN int32_t accel_nibble_sum(int32_t scaled) {
  return ((int32_t)((uint32_t)scaled - 4096u) >> 12) + 1;
}

/* Values 0 and 4, 2 and 6, 1 and 5, 3 and 7 of each eight as int16, those of two vectors by turns. */
static BROWNOUT_ACCEL_APART void accel_nibble_widen(const uint8_t *x, const uint8_t *next, uint32_t eights, uint32_t *to) {
  BROWNOUT_ACCEL_BEGIN();
  for (; eights; eights--) {
    uint32_t vector;
    for (vector = 0; vector < 2u; vector++, to++) {
      const uint32_t first = accel_next(vector ? &next : &x);
      const uint32_t second = accel_next(vector ? &next : &x);
      __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(to[0]) : "r"(accel_even(first)), "r"(accel_even(second)));
      __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(to[2]) : "r"(accel_even(first)), "r"(accel_even(second)));
      __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(to[4]) : "r"(accel_odd(first)), "r"(accel_odd(second)));
      __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(to[6]) : "r"(accel_odd(first)), "r"(accel_odd(second)));
    }
    to += 6;
  }
}

/* Sums of products, 2^12 times too large: `eights` of them before. */
typedef struct {
  int32_t sums[4];
  uint32_t eights;
} brownout_accel_nibbles;

/* Rows w and next times two vectors, widened: sums [vector][row]. */
#define BROWNOUT_ACCEL_NIBBLES_TWO(up)                                                                       \
  "ldrd r3, r11, [r0], #8\n\tand r12, r8, r9, lsl #" up "\n\tsmlad r4, r3, r12, r4\n\t"                      \
  "smlad r6, r11, r12, r6\n\tand r12, r8, r10, lsl #" up "\n\tsmlad r5, r3, r12, r5\n\tsmlad r7, r11, r12, r7\n\t"
static __attribute__((naked, noinline, unused)) void accel_nibble_two(
    __attribute__((unused)) const uint32_t *x, __attribute__((unused)) const uint8_t *w,
    __attribute__((unused)) const uint8_t *next, __attribute__((unused)) brownout_accel_nibbles *job) {
  __asm__ volatile(
      "push {r3-r11, lr}\n\tldr lr, [r3, #16]\n\tmovs r4, #0\n\tmovs r5, #0\n\tmovs r6, #0\n\tmovs r7, #0\n\t"
      "mov r8, #0xf000f000\n"
      "1:\n\tldr r9, [r1], #4\n\tldr r10, [r2], #4\n\t"
      BROWNOUT_ACCEL_NIBBLES_TWO("12") BROWNOUT_ACCEL_NIBBLES_TWO("4")
      BROWNOUT_ACCEL_NIBBLES_TWO("8") BROWNOUT_ACCEL_NIBBLES_TWO("0")
      "subs lr, #1\n\tbne 1b\n\tpop {r3}\n\tstm r3, {r4-r7}\n\tpop {r4-r11, pc}\n\t");
}

/* Rows w, w + bytes and so on times one vector of bytes: sums of four rows. */
#define BROWNOUT_ACCEL_NIBBLES_ROW(sum, from)                                                      \
  "ldr lr, " from "\n\tand r11, r4, lr, lsl #12\n\tsmlad " sum ", r0, r11, " sum "\n\t"            \
  "and r11, r4, lr, lsl #4\n\tsmlad " sum ", r10, r11, " sum "\n\tand r11, r4, lr, lsl #8\n\t"     \
  "smlad " sum ", r9, r11, " sum "\n\tand r11, r4, lr\n\tsmlad " sum ", r12, r11, " sum "\n\t"
static __attribute__((naked, noinline, unused)) void accel_nibble_four(
    __attribute__((unused)) const uint8_t *x, __attribute__((unused)) const uint8_t *w,
    __attribute__((unused)) uint32_t bytes, __attribute__((unused)) brownout_accel_nibbles *job) {
  __asm__ volatile(
      "push {r3-r11, lr}\n\tldr lr, [r3, #16]\n\tadd lr, r0, lr, lsl #3\n\tsub sp, #8\n\tstr lr, [sp, #4]\n\t"
      "add r3, r2, r2, lsl #1\n\tadd r3, r1\n\tmov r4, #0xf000f000\n\t"
      "movs r5, #0\n\tmovs r6, #0\n\tmovs r7, #0\n\tmov r8, r5\n"
      "1:\n\tldr r9, [r0], #4\n\tldr r10, [r0], #4\n\tstr r0, [sp]\n\t"
      "sxtb16 r11, r9, ror #8\n\tsxtb16 r12, r10, ror #8\n\tsxtb16 r9, r9\n\tsxtb16 r10, r10\n\t"
      "pkhbt r0, r9, r10, lsl #16\n\tpkhtb r10, r10, r9, asr #16\n\t"
      "pkhbt r9, r11, r12, lsl #16\n\tpkhtb r12, r12, r11, asr #16\n\t"
      BROWNOUT_ACCEL_NIBBLES_ROW("r6", "[r1, r2]") BROWNOUT_ACCEL_NIBBLES_ROW("r7", "[r1, r2, lsl #1]")
      BROWNOUT_ACCEL_NIBBLES_ROW("r5", "[r1], #4") BROWNOUT_ACCEL_NIBBLES_ROW("r8", "[r3], #4")
      "ldrd r0, lr, [sp]\n\tcmp r0, lr\n\tbne 1b\n\tadd sp, #8\n\tpop {r3}\n\tstm r3, {r5-r8}\n\tpop {r4-r11, pc}\n\t");
}

/* Rows w and w + bytes times vectors x and x + apart, which are widened in `room`: sums [vector][row], biases before. */
static BROWNOUT_ACCEL_APART void accel_nibble_block(const uint8_t *x, uint32_t apart, const uint32_t *room, const uint8_t *w,
                                                    uint32_t bytes, uint32_t length, int32_t sums[4]) {
  uint32_t left = length >> 3;
  uint32_t i;
  while (left) {
    brownout_accel_nibbles job;
    job.eights = left < BROWNOUT_ACCEL_NIBBLES_EIGHTS ? left : BROWNOUT_ACCEL_NIBBLES_EIGHTS;
    accel_nibble_two(room, w, w + bytes, &job);
    for (i = 0; i < 4u; i++) sums[i] += accel_nibble_sum(job.sums[i]);
    left -= job.eights;
    room += job.eights * 8u;
    w += job.eights * 4u;
  }
  left = length & 7u;
  if (!left) return;
  x += length - left;
  for (i = 0; i < 4u; i++) sums[i] = accel_nibble_dot(x + (i >> 1) * apart, w + (i & 1u) * bytes, left, sums[i]);
}

/* Four rows from w on times one vector. */
static BROWNOUT_ACCEL_APART void accel_nibble_rows(const uint8_t *x, const uint8_t *w, uint32_t bytes, uint32_t length,
                                                   int32_t sums[4]) {
  uint32_t left = length >> 3;
  uint32_t i;
  while (left) {
    brownout_accel_nibbles job;
    job.eights = left < BROWNOUT_ACCEL_NIBBLES_EIGHTS ? left : BROWNOUT_ACCEL_NIBBLES_EIGHTS;
    accel_nibble_four(x, w, bytes, &job);
    for (i = 0; i < 4u; i++) sums[i] += accel_nibble_sum(job.sums[i]);
    left -= job.eights;
    x += job.eights * 8u;
    w += job.eights * 4u;
  }
  left = length & 7u;
  for (i = 0; left && i < 4u; i++) sums[i] = accel_nibble_dot(x, w + i * bytes, left, sums[i]);
}
#elif !defined(__MSP430__)
#include "brownout_accel_halves.h"
#else
static BROWNOUT_ACCEL_APART void accel_nibble_block(const uint8_t *x, uint32_t apart, const uint32_t *room, const uint8_t *w,
                                                    uint32_t bytes, uint32_t length, int32_t sums[4]) {
  const uint8_t *x1 = x + apart;
  const uint8_t *w1 = w + bytes;
  int32_t a = sums[0];
  int32_t b = sums[1];
  int32_t c = sums[2];
  int32_t d = sums[3];
  (void)room;
  for (; length; length -= length > 1u ? 2u : 1u) {
    const uint8_t row = *w++;
    const uint8_t next = *w1++;
    const int32_t first = (int8_t)*x++;
    const int32_t other = (int8_t)*x1++;
    a += first * accel_nibble_low(row);
    b += first * accel_nibble_low(next);
    c += other * accel_nibble_low(row);
    d += other * accel_nibble_low(next);
    if (length > 1u) {
      const int32_t second = (int8_t)*x++;
      const int32_t last = (int8_t)*x1++;
      a += second * accel_nibble_high(row);
      b += second * accel_nibble_high(next);
      c += last * accel_nibble_high(row);
      d += last * accel_nibble_high(next);
    }
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

static BROWNOUT_ACCEL_APART void accel_nibble_rows(const uint8_t *x, const uint8_t *w, uint32_t bytes, uint32_t length,
                                                   int32_t sums[4]) {
  const uint8_t *w1 = w + bytes;
  const uint8_t *w2 = w1 + bytes;
  const uint8_t *w3 = w2 + bytes;
  int32_t a = sums[0];
  int32_t b = sums[1];
  int32_t c = sums[2];
  int32_t d = sums[3];
  for (; length; length -= length > 1u ? 2u : 1u) {
    const uint8_t rows[4] = {*w++, *w1++, *w2++, *w3++};
    const int32_t first = (int8_t)*x++;
    a += first * accel_nibble_low(rows[0]);
    b += first * accel_nibble_low(rows[1]);
    c += first * accel_nibble_low(rows[2]);
    d += first * accel_nibble_low(rows[3]);
    if (length > 1u) {
      const int32_t second = (int8_t)*x++;
      a += second * accel_nibble_high(rows[0]);
      b += second * accel_nibble_high(rows[1]);
      c += second * accel_nibble_high(rows[2]);
      d += second * accel_nibble_high(rows[3]);
    }
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}
#endif

#ifndef BROWNOUT_ACCEL_NIBBLES_HALVES
static BROWNOUT_ACCEL_WITHIN int32_t accel_nibble_less(const uint8_t *x, uint32_t length) {
  (void)x;
  (void)length;
  return 0;
}
#endif

/* Sums of four rows to a byte each: the first two to `to`, the others `apart` bytes on. */
static BROWNOUT_ACCEL_APART void accel_nibble_finish(const brownout_accel_output *out, const brownout_accel_row *const rows[4],
                                                     const int32_t sums[4], uint8_t *to, uint32_t apart) {
#ifdef BROWNOUT_ACCEL_DSP
  if (rows[0]->right && rows[1]->right && rows[2]->right && rows[3]->right) {
    const uint32_t four = accel_round_four(rows, out->zero_point * 2 + 1, BROWNOUT_ACCEL_BYTES(out->low),
                                           BROWNOUT_ACCEL_BYTES(out->high), sums[0], sums[1], sums[2], sums[3]);
    const uint16_t upper = (uint16_t)(four >> 16);
    memcpy(to, &four, 2);
    memcpy(to + apart, &upper, 2);
    return;
  }
#endif
  to[0] = accel_to_byte(out, rows[0], sums[0]);
  to[1] = accel_to_byte(out, rows[1], sums[1]);
  to[apart] = accel_to_byte(out, rows[2], sums[2]);
  to[apart + 1u] = accel_to_byte(out, rows[3], sums[3]);
}

/* Rows from `row` on, each by itself. */
static BROWNOUT_ACCEL_APART void accel_nibble_each(const brownout_accel_output *out, const uint8_t *x, const uint8_t *w,
                                                   uint32_t row, uint32_t rows, uint32_t length, uint8_t *to) {
  for (; row < rows; row++) {
    const brownout_accel_row each = accel_row_of(out, row, length);
    to[row] = accel_scale(out, &each, accel_nibble_dot(x, w + row * ((length + 1u) >> 1), length, each.bias));
  }
}

/* An even number of vectors, `room` for 4 * length bytes to widen two of them. */
static BROWNOUT_ACCEL_APART void accel_nibble_pairs(const brownout_accel_output *out, const uint8_t *x, uint32_t vectors,
                                                    const uint8_t *w, uint32_t rows, uint32_t length, uint8_t *to,
                                                    uint32_t to_stride, uint32_t *room) {
  const uint32_t bytes = (length + 1u) >> 1;
  for (; vectors; vectors -= 2u, x += length * 2u, to += to_stride * 2u) {
    uint32_t row;
    const int32_t less = accel_nibble_less(x, length);
    const int32_t less_other = accel_nibble_less(x + length, length);
#ifdef BROWNOUT_ACCEL_DSP
    accel_nibble_widen(x, x + length, length >> 3, room);
#endif
    for (row = 0; row + 1u < rows; row += 2u) {
      const brownout_accel_row first = accel_row_of(out, row, length);
      const brownout_accel_row second = accel_row_of(out, row + 1u, length);
      const brownout_accel_row *const each[4] = {&first, &second, &first, &second};
      int32_t sums[4] = {accel_nibble_begin(first.bias, less), accel_nibble_begin(second.bias, less),
                         accel_nibble_begin(first.bias, less_other), accel_nibble_begin(second.bias, less_other)};
      accel_nibble_block(x, length, room, w + row * bytes, bytes, length, sums);
      accel_nibble_finish(out, each, sums, to + row, to_stride);
    }
    accel_nibble_each(out, x, w, row, rows, length, to);
    accel_nibble_each(out, x + length, w, row, rows, length, to + to_stride);
  }
}

/* One vector. */
static BROWNOUT_ACCEL_APART void accel_nibble_single(const brownout_accel_output *out, const uint8_t *x, const uint8_t *w,
                                                     uint32_t rows, uint32_t length, uint8_t *to) {
  const uint32_t bytes = (length + 1u) >> 1;
  const int32_t less = accel_nibble_less(x, length);
  uint32_t row;
  for (row = 0; row + 3u < rows; row += 4u) {
    brownout_accel_row four[4];
    const brownout_accel_row *const each[4] = {four, four + 1, four + 2, four + 3};
    int32_t sums[4];
    uint32_t i;
    for (i = 0; i < 4u; i++) {
      four[i] = accel_row_of(out, row + i, length);
      sums[i] = accel_nibble_begin(four[i].bias, less);
    }
    accel_nibble_rows(x, w + row * bytes, bytes, length, sums);
    accel_nibble_finish(out, each, sums, to + row, 2);
  }
  accel_nibble_each(out, x, w, row, rows, length, to);
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_nibbles_s8(uint32_t x_at, uint32_t vectors, uint32_t w_at,
    uint32_t rows, uint32_t length, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low,
    uint32_t high, uint32_t to_at, uint32_t to_stride, uint32_t room) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  uint32_t pairs = vectors & ~1u;
  brownout_wasm_check(x_at, 0, (uint64_t)vectors * length, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)rows * ((length + 1u) >> 1), 1);
  brownout_wasm_check(to_at, 0, (uint64_t)(vectors - 1u) * to_stride + rows, 1);
#ifdef BROWNOUT_ACCEL_DSP
  if (!room) pairs = 0;
#endif
  if (pairs) accel_nibble_pairs(&out, x, pairs, w, rows, length, to, to_stride, accel_words(room));
  for (; pairs < vectors; pairs++) accel_nibble_single(&out, x + pairs * length, w, rows, length, to + pairs * to_stride);
}
