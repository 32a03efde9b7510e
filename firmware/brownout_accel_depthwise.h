/*
 * accel.depthwise_s8 (docs/ACCEL.md): four channels at a time with the DSP extension. Windows of 3 x 3, side by side, as almost
 * all networks have: each column of three rows is loaded and widened once, for the three windows it is in (of stride 2, the two),
 * two channels at a time, two rows in one SMLAD. Included by brownout_accel.h.
 */
#ifndef BROWNOUT_ACCEL_DEPTHWISE_H
#define BROWNOUT_ACCEL_DEPTHWISE_H

#ifdef BROWNOUT_ACCEL_DSP
/* What two channels need to know, twice as much of everything as their sums come out doubled: weights of a column of taps as
 * {rows 0 and 1 of one, rows 0 and 1 of the other, row 2 of both}; in the order in which the assembler below asks for it. */
typedef struct {
  uint32_t last[3];
  struct {
    int32_t multiplier;
    int32_t half;
    int32_t right;
  } scale[2];
  uint32_t middle[3];
  int32_t bias[2];
  uint32_t first[3];
  uint32_t pixel;
  uint8_t *end;
} brownout_accel_columns;

/* From three rows at r1, r2 bytes apart: two channels of a column, in r11, r9 and r10 as the weights are. */
#define BROWNOUT_ACCEL_COLUMN(turn) \
  "ldr r8, [r1]\n\tldr r9, [r1, r2]\n\tldr r10, [r1, r2, lsl #1]\n\t" \
  "sxtb16 r8, r8" turn "\n\tsxtb16 r9, r9" turn "\n\tsxtb16 r10, r10" turn "\n\t" \
  "pkhbt r11, r8, r9, lsl #16\n\tpkhtb r9, r9, r8, asr #16\n\t"
/* Times the weights in r8, r12 and lr: `to` is `from` and that, for each of both channels. */
#define BROWNOUT_ACCEL_COLUMN_SUMS(to0, to1, from0, from1) \
  "smlad " to0 ", r11, r8, " from0 "\n\tsmlad " to1 ", r9, r12, " from1 "\n\t" \
  "smlabb " to0 ", r10, lr, " to0 "\n\tsmlatt " to1 ", r10, lr, " to1 "\n\t"
/* The next three words, and the sums of the window that ends with this column, goes on with it, begins with it. */
#define BROWNOUT_ACCEL_COLUMN_NEXT "ldm r0!, {r8, r12, lr}\n\t"
#define BROWNOUT_ACCEL_COLUMN_LAST BROWNOUT_ACCEL_COLUMN_NEXT BROWNOUT_ACCEL_COLUMN_SUMS("r4", "r5", "r4", "r5")
#define BROWNOUT_ACCEL_COLUMN_MIDDLE BROWNOUT_ACCEL_COLUMN_NEXT BROWNOUT_ACCEL_COLUMN_SUMS("r4", "r5", "r6", "r7")
#define BROWNOUT_ACCEL_COLUMN_FIRST \
  "ldm r0!, {r6, r7, r8, r12, lr}\n\t" BROWNOUT_ACCEL_COLUMN_SUMS("r6", "r7", "r6", "r7") "ldm r0, {r8, r12}\n\tadd r1, r8\n\t"
/* A doubled sum to int8 as accel_round does it; zero point and half a step are added before the shift. */
#define BROWNOUT_ACCEL_COLUMN_ROUND(sum, at) \
  BROWNOUT_ACCEL_COLUMN_NEXT "smmlar r8, " sum ", r8, r12\n\tadd r8, r8, " sum ", asr #31\n\t" \
  "asr r8, r8, lr\n\tssat r8, #8, r8, asr #1\n\tstrb r8, [r3, #" at "]\n\t"
/* All windows from x on, rows `across` bytes apart, to `to`: bytes `at0` and `at1` of each four. */
#define BROWNOUT_ACCEL_COLUMNS(name, turn, at0, at1) \
  static __attribute__((naked, noinline, unused)) void name( \
      __attribute__((unused)) const brownout_accel_columns *columns, __attribute__((unused)) const uint8_t *x, \
      __attribute__((unused)) uint32_t across, __attribute__((unused)) uint8_t *to) { \
    __asm__ volatile( \
        "push {r4-r11, lr}\n\tadds r0, #48\n\t" \
        BROWNOUT_ACCEL_COLUMN(turn) BROWNOUT_ACCEL_COLUMN_FIRST "subs r0, #32\n\t" \
        BROWNOUT_ACCEL_COLUMN(turn) BROWNOUT_ACCEL_COLUMN_MIDDLE BROWNOUT_ACCEL_COLUMN_FIRST \
        "1:\n\tsubs r0, #68\n\t" \
        BROWNOUT_ACCEL_COLUMN(turn) BROWNOUT_ACCEL_COLUMN_LAST \
        BROWNOUT_ACCEL_COLUMN_ROUND("r4", at0) BROWNOUT_ACCEL_COLUMN_ROUND("r5", at1) \
        BROWNOUT_ACCEL_COLUMN_MIDDLE BROWNOUT_ACCEL_COLUMN_FIRST \
        "add r3, r8\n\tcmp r3, r12\n\tbne 1b\n\tpop {r4-r11, pc}\n\t"); \
  }
BROWNOUT_ACCEL_COLUMNS(accel_columns_even, "", "0", "2")
BROWNOUT_ACCEL_COLUMNS(accel_columns_odd, ", ror #8", "1", "3")
#ifdef BROWNOUT_ACCEL_STRIDED
/*
 * The same of every other window, where the image has such (brownout_model.h): a column is the last of one and the first of the
 * next, or in the middle of one alone.
 */
#define BROWNOUT_ACCEL_OTHERS(name, turn, at0, at1) \
  static __attribute__((naked, noinline, unused)) void name( \
      __attribute__((unused)) const brownout_accel_columns *columns, __attribute__((unused)) const uint8_t *x, \
      __attribute__((unused)) uint32_t across, __attribute__((unused)) uint8_t *to) { \
    __asm__ volatile( \
        "push {r4-r11, lr}\n\tadds r0, #48\n\t" \
        BROWNOUT_ACCEL_COLUMN(turn) BROWNOUT_ACCEL_COLUMN_FIRST \
        "1:\n\tsubs r0, #32\n\t" \
        BROWNOUT_ACCEL_COLUMN(turn) BROWNOUT_ACCEL_COLUMN_MIDDLE "ldr r8, [r0, #20]\n\tadd r1, r8\n\tsubs r0, #48\n\t" \
        BROWNOUT_ACCEL_COLUMN(turn) BROWNOUT_ACCEL_COLUMN_LAST \
        BROWNOUT_ACCEL_COLUMN_ROUND("r4", at0) BROWNOUT_ACCEL_COLUMN_ROUND("r5", at1) \
        "adds r0, #12\n\t" BROWNOUT_ACCEL_COLUMN_FIRST \
        "add r3, r8\n\tcmp r3, r12\n\tbne 1b\n\tpop {r4-r11, pc}\n\t"); \
  }
BROWNOUT_ACCEL_OTHERS(accel_strided_even, "", "0", "2")
BROWNOUT_ACCEL_OTHERS(accel_strided_odd, ", ror #8", "1", "3")
#define BROWNOUT_ACCEL_COLUMNS_OF(step, pixel, which) ((step) == (pixel) ? accel_columns_##which : accel_strided_##which)
#define BROWNOUT_ACCEL_HAS_COLUMNS(step, pixel) ((step) == (pixel) || (step) == (pixel) * 2u)
#else
#define BROWNOUT_ACCEL_COLUMNS_OF(step, pixel, which) ((void)(step), accel_columns_##which)
#define BROWNOUT_ACCEL_HAS_COLUMNS(step, pixel) ((step) == (pixel))
#endif

typedef void accel_columns_body(const brownout_accel_columns *columns, const uint8_t *x, uint32_t across, uint8_t *to);

static inline uint32_t accel_doubled(uint32_t pair) {
  uint32_t twice;
  __asm__("sadd16 %0, %1, %1" : "=r"(twice) : "r"(pair));
  return twice;
}

static inline void accel_pack_column(uint32_t to[3], uint32_t row0, uint32_t row1, uint32_t row2) {
  const uint32_t upper = accel_doubled(row0);
  const uint32_t lower = accel_doubled(row1);
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(to[0]) : "r"(upper), "r"(lower));
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(to[1]) : "r"(lower), "r"(upper));
  to[2] = accel_doubled(row2);
}

/* A column of weights of four channels, its rows 3 `w_stride` bytes apart, as the assembler wants them. */
static inline void accel_pack_columns(uint32_t even[3], uint32_t odd[3], const uint8_t *w, uint32_t w_stride) {
  const uint32_t row0 = accel_word(w, 0);
  const uint32_t row1 = accel_word(w, w_stride * 3u);
  const uint32_t row2 = accel_word(w, w_stride * 6u);
  accel_pack_column(even, accel_even(row0), accel_even(row1), accel_even(row2));
  accel_pack_column(odd, accel_odd(row0), accel_odd(row1), accel_odd(row2));
}

/* `windows` times four bytes, `pixel` bytes apart, to within the clamp. */
static BROWNOUT_ACCEL_APART void accel_clamp(uint8_t *to, uint32_t windows, uint32_t pixel, int32_t low, int32_t high) {
  const uint32_t lows = BROWNOUT_ACCEL_BYTES(low);
  const uint32_t highs = BROWNOUT_ACCEL_BYTES(high);
  for (; windows; windows--) {
    const uint32_t word = accel_clamp_four(accel_word(to, 0), lows, highs);
    memcpy(to, &word, 4);
    to += pixel;
  }
}

/* What is known of the sums of one of both channels; false where their scale is another. */
static BROWNOUT_ACCEL_WITHIN int accel_scale_column(brownout_accel_columns *columns, uint32_t which, const uint8_t *bias,
                                                    const uint8_t *pair, int32_t twice) {
  const int32_t sum = accel_s32(bias);
  const int32_t right = -1 - accel_s32(pair + 4);
  columns->bias[which] = sum * 2;
  columns->scale[which].multiplier = accel_s32(pair);
  /* It must fit, and twice the sum as well. */
  columns->scale[which].half = (int32_t)((uint32_t)twice << (right & 31));
  columns->scale[which].right = right;
  return (uint32_t)right - 1u < 20u && sum >> 29 == sum >> 31;
}

/*
 * Windows of 3 x 3, side by side or every other one, of channels four by four: returns the first channel that it did not do, as
 * its scale is another.
 */
static BROWNOUT_ACCEL_APART uint32_t accel_windows_3x3(const brownout_accel_output *out, const uint8_t *x, uint32_t pixel,
                                                       uint32_t step, uint32_t across, uint32_t windows, const uint8_t *w,
                                                       uint32_t w_stride, uint32_t count, uint8_t *to) {
  brownout_accel_columns even;
  brownout_accel_columns odd;
  accel_columns_body *const even_body = BROWNOUT_ACCEL_COLUMNS_OF(step, pixel, even);
  accel_columns_body *const odd_body = BROWNOUT_ACCEL_COLUMNS_OF(step, pixel, odd);
  const int32_t twice = out->zero_point * 2 + 1;
  const uint32_t stride = out->stride;
  uint32_t from;
  even.pixel = odd.pixel = pixel;
  for (from = 0; from + 3 < count; from += 4) {
    const uint8_t *const bias = out->bias + from * 4u;
    const uint8_t *const pair = out->pair + from * stride;
    const uint8_t *row = w + from;
    if (!(accel_scale_column(&even, 0, bias, pair, twice) && accel_scale_column(&odd, 0, bias + 4, pair + stride, twice) &&
          accel_scale_column(&even, 1, bias + 8, pair + stride * 2u, twice) &&
          accel_scale_column(&odd, 1, bias + 12, pair + stride * 3u, twice)))
      break;
    even.end = odd.end = to + from + windows * pixel;
    accel_pack_columns(even.first, odd.first, row, w_stride);
    accel_pack_columns(even.middle, odd.middle, row + w_stride, w_stride);
    accel_pack_columns(even.last, odd.last, row + w_stride * 2u, w_stride);
    /* All of it is in memory, where the assembler looks for it. */
    __asm__ volatile("" : : "r"(&even), "r"(&odd) : "memory");
    even_body(&even, x + from, across, to + from);
    odd_body(&odd, x + from, across, to + from);
    if (out->low > -128 || out->high < 127) accel_clamp(to + from, windows, pixel, out->low, out->high);
  }
  return from;
}
#elif !defined(BROWNOUT_ACCEL_MSP430)
/* A column of three pixels at `x`, times a column of weights. */
#define BROWNOUT_ACCEL_COLUMN_OF(x, a, b, c) \
  const int32_t a = (int8_t)(x)[0]; \
  const int32_t b = (int8_t)(x)[across]; \
  const int32_t c = (int8_t)(x)[across * 2u]
#define BROWNOUT_ACCEL_COLUMN_TIMES(column, a, b, c) ((a) * w0##column + (b) * w1##column + (c) * w2##column)

/* One channel of windows of 3 x 3. Of those side by side each column is loaded once, for the three windows that it is in. */
static BROWNOUT_ACCEL_APART void accel_square(const brownout_accel_output *out, const brownout_accel_row *row,
                                              const uint8_t *x, uint32_t pixel, uint32_t step, uint32_t across,
                                              uint32_t windows, const uint8_t *w, uint32_t w_stride, uint8_t *to) {
  /* Copies, which stores to `to` cannot change. */
  const brownout_accel_output own = *out;
  const brownout_accel_row each = *row;
#define BROWNOUT_ACCEL_WEIGHT(i) ((int8_t)w[(i) * w_stride])
  const int32_t w00 = BROWNOUT_ACCEL_WEIGHT(0u), w01 = BROWNOUT_ACCEL_WEIGHT(1u), w02 = BROWNOUT_ACCEL_WEIGHT(2u);
  const int32_t w10 = BROWNOUT_ACCEL_WEIGHT(3u), w11 = BROWNOUT_ACCEL_WEIGHT(4u), w12 = BROWNOUT_ACCEL_WEIGHT(5u);
  const int32_t w20 = BROWNOUT_ACCEL_WEIGHT(6u), w21 = BROWNOUT_ACCEL_WEIGHT(7u), w22 = BROWNOUT_ACCEL_WEIGHT(8u);
#undef BROWNOUT_ACCEL_WEIGHT
  const uint8_t *const end = to + windows * pixel;
  if (step == pixel) {
    /* Of the window that ends with the next column, and of that which has it in the middle. */
    int32_t first = each.bias;
    int32_t next = each.bias;
    {
      BROWNOUT_ACCEL_COLUMN_OF(x, a, b, c);
      first += BROWNOUT_ACCEL_COLUMN_TIMES(0, a, b, c);
    }
    x += pixel;
    {
      BROWNOUT_ACCEL_COLUMN_OF(x, a, b, c);
      first += BROWNOUT_ACCEL_COLUMN_TIMES(1, a, b, c);
      next += BROWNOUT_ACCEL_COLUMN_TIMES(0, a, b, c);
    }
    for (; to < end; to += pixel) {
      x += pixel;
      BROWNOUT_ACCEL_COLUMN_OF(x, a, b, c);
      *to = accel_to_byte(&own, &each, first + BROWNOUT_ACCEL_COLUMN_TIMES(2, a, b, c));
      first = next + BROWNOUT_ACCEL_COLUMN_TIMES(1, a, b, c);
      next = each.bias + BROWNOUT_ACCEL_COLUMN_TIMES(0, a, b, c);
    }
    return;
  }
  for (; to < end; to += pixel, x += step) {
    int32_t sum = each.bias;
    {
      BROWNOUT_ACCEL_COLUMN_OF(x, a, b, c);
      sum += BROWNOUT_ACCEL_COLUMN_TIMES(0, a, b, c);
    }
    {
      BROWNOUT_ACCEL_COLUMN_OF(x + pixel, a, b, c);
      sum += BROWNOUT_ACCEL_COLUMN_TIMES(1, a, b, c);
    }
    {
      BROWNOUT_ACCEL_COLUMN_OF(x + pixel * 2u, a, b, c);
      sum += BROWNOUT_ACCEL_COLUMN_TIMES(2, a, b, c);
    }
    *to = accel_to_byte(&own, &each, sum);
  }
}
#endif

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_depthwise_s8(uint32_t x_at, uint32_t pixel, uint32_t step,
    uint32_t across, uint32_t windows, uint32_t w_at, uint32_t w_stride, uint32_t height, uint32_t width, uint32_t count,
    uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low, uint32_t high, uint32_t to_at) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  const uint32_t taps = height * width;
  uint32_t channel = 0;
#ifdef BROWNOUT_ACCEL_DSP
  const int32_t twice = (int32_t)zero_point * 2 + 1;
  const uint32_t lows = BROWNOUT_ACCEL_BYTES(low);
  const uint32_t highs = BROWNOUT_ACCEL_BYTES(high);
#endif
  brownout_wasm_check(
      x_at, 0,
      (uint64_t)step * (windows - 1u) + (uint64_t)across * (height - 1u) + (uint64_t)pixel * (width - 1u) + count, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)w_stride * (taps - 1u) + count, 1);
  brownout_wasm_check(to_at, 0, (uint64_t)pixel * (windows - 1u) + count, 1);
#ifdef BROWNOUT_ACCEL_DSP
#define BROWNOUT_ACCEL_TAP(word, weights)             \
  do {                                                \
    const uint32_t x_word = word;                     \
    const uint32_t w_word = weights;                  \
    const uint32_t even = accel_even(x_word);         \
    const uint32_t odd = accel_odd(x_word);           \
    const uint32_t even_weights = accel_even(w_word); \
    const uint32_t odd_weights = accel_odd(w_word);   \
    a = accel_low(even, even_weights, a);             \
    b = accel_low(odd, odd_weights, b);               \
    c = accel_high(even, even_weights, c);            \
    d = accel_high(odd, odd_weights, d);              \
  } while (0)
  BROWNOUT_ACCEL_BEGIN();
  if (height == 3u && width == 3u && BROWNOUT_ACCEL_HAS_COLUMNS(step, pixel))
    channel = accel_windows_3x3(&out, x, pixel, step, across, windows, w, w_stride, count, to);
  for (; channel + 3 < count; channel += 4) {
    brownout_accel_row rows[4];
    const brownout_accel_row *const each[4] = {rows, rows + 1, rows + 2, rows + 3};
    uint32_t fast = 1;
    const uint8_t *window = x + channel;
    uint8_t *y = to + channel;
    uint32_t left;
    for (left = 0; left < 4; left++) {
      rows[left] = accel_row_of(&out, channel + left, taps);
      if (!rows[left].right) fast = 0;
    }
    for (left = windows; left; left--) {
      const uint8_t *row = window;
      const uint8_t *tap = w + channel;
      int32_t a = rows[0].bias;
      int32_t b = rows[1].bias;
      int32_t c = rows[2].bias;
      int32_t d = rows[3].bias;
      uint32_t n;
      /* Rows of three: no loop within the loop. */
      for (n = width == 3u ? height : 0u; n; n--) {
        BROWNOUT_ACCEL_TAP(accel_word(row, 0), accel_word(tap, 0));
        BROWNOUT_ACCEL_TAP(accel_word(row, pixel), accel_word(tap, w_stride));
        BROWNOUT_ACCEL_TAP(accel_twice(row, pixel), accel_twice(tap, w_stride));
        row += across;
        tap += w_stride * 3u;
      }
      for (n = width == 3u ? 0u : height; n; n--) {
        const uint8_t *v = row;
        uint32_t m;
        for (m = width; m; m--) {
          BROWNOUT_ACCEL_TAP(accel_word(v, 0), accel_word(tap, 0));
          v += pixel;
          tap += w_stride;
        }
        row += across;
      }
      window += step;
      if (fast) {
        const uint32_t four = accel_round_four(each, twice, lows, highs, a, b, c, d);
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
    const brownout_accel_row row = accel_row_of(&out, channel, taps);
    const uint8_t *window = x + channel;
    uint8_t *y = to + channel;
    uint32_t left;
#if !defined(BROWNOUT_ACCEL_DSP) && !defined(BROWNOUT_ACCEL_MSP430)
    if (height == 3u && width == 3u) {
      accel_square(&out, &row, window, pixel, step, across, windows, w + channel, w_stride, y);
      continue;
    }
#endif
    for (left = windows; left; left--) {
      const uint8_t *tap = w + channel;
      int32_t sum = row.bias;
      uint32_t n;
      for (n = 0; n < height; n++) {
        const uint8_t *v = window + n * across;
        uint32_t m;
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
