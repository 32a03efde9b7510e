/*
 * dense, conv2d, depthwise and circulant by transform, written by hand in plain C from assembly/kernels: what C made from WASM is
 * measured against. Same algorithms, same tiles, same hardware layer; pointers, structures and types as C has them.
 */
#include <stdint.h>
#include <string.h>

#include "brownout_hal.h"
#include "brownout_model.h"

typedef struct {
  uint8_t kind, activation_type, weight_type, scale_format;
  uint32_t flags, tiles, input, output, weights, bias, requant;
  int16_t input_zero, output_zero, clamp_min, clamp_max;
  uint32_t requant_stride, reserved;
  uint32_t scratch[6];
  int32_t p[14];
} record;

static union {
  uint64_t align;
  uint8_t bytes[BROWNOUT_SRAM_BYTES];
} sram;

#define OP ((const record *)sram.bytes)
#define SCRATCH(n) (sram.bytes + OP->scratch[n])
#define P 167772161
#define P_INVERSE (-167772159)

void brownout_module_start(void) {
}

static int32_t smaller(int32_t a, int32_t b) {
  return a < b ? a : b;
}

static int32_t dot(const int8_t *a, const int8_t *b, int32_t length) {
  int32_t sum = 0;
  const int8_t *end = a + length;
  const int8_t *whole = a + (length & ~3);
  for (; a < whole; a += 4, b += 4) sum += a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
  for (; a < end; a++, b++) sum += *a * *b;
  return sum;
}

static inline int32_t scale(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t right = shift < 0 ? -shift : 0;
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t mask = (int32_t)((1u << right) - 1u);
  const int32_t high = (int32_t)(((int64_t)(x << left) * multiplier + (1 << 30)) >> 31);
  return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0));
}

static int32_t clamp(int32_t y) {
  y += OP->output_zero;
  if (y > OP->clamp_max) y = OP->clamp_max;
  return y < OP->clamp_min ? OP->clamp_min : y;
}

/* Both roundings at once, see scaleTwice in assembly/kernels/requantize.ts. */
static inline int32_t scale_twice(int32_t x, int32_t multiplier, int32_t rest) {
  const int64_t half = ((int64_t)x & -0x80000000LL) | 0x40000000;
  return (int32_t)(((int64_t)x * multiplier + half) >> 32) >> rest;
}

static int32_t requantize(int32_t sum, const int32_t *pair) {
  const int32_t rest = -2 - pair[1];
  if (rest >= 0) return clamp((scale_twice(sum, pair[0], rest) + 1) >> 1);
  return clamp(scale(sum, pair[0], pair[1]));
}

static inline int32_t requantize_by(int32_t sum, const int32_t *pair, int32_t twice, int32_t low, int32_t high) {
  const int32_t rest = -2 - pair[1];
  if (rest < 0) return requantize(sum, pair);
  const int32_t y = (scale_twice(sum, pair[0], rest) + twice) >> 1;
  return y > high ? high : y < low ? low : y;
}

/* Two channels side by side. */
static void requantize_two(int32_t a, int32_t b, const int32_t *pair, int8_t *to) {
  const int32_t twice = OP->output_zero * 2 + 1, low = OP->clamp_min, high = OP->clamp_max;
  to[0] = (int8_t)requantize_by(a, pair, twice, low, high);
  to[1] = (int8_t)requantize_by(b, pair + OP->requant_stride / 4, twice, low, high);
}

/* Constants lie in the image: their addresses have bit 30. */
static const void *constants(uint32_t address) {
  return brownout_image + (address & 0x3fffffffu);
}

static const int32_t *look_bias(int32_t first, int32_t count, void *scratch) {
  return constants(OP->bias + 4u * (uint32_t)first);
}

static const int32_t *look_requant(int32_t first, int32_t count, void *scratch) {
  const uint32_t stride = OP->requant_stride;
  return constants(OP->requant + (uint32_t)first * stride);
}

/* dense_s8, the whole input in SRAM */

static void dense_enter(void) {
  memcpy(SCRATCH(0), brownout_nvm_view(OP->input, (uint32_t)OP->p[0], SCRATCH(0)), (size_t)OP->p[0]);
}

static void four_rows(int32_t inputs, const int8_t *weights, const int32_t *bias, const int32_t *pair, int8_t *output) {
  const int32_t step = (int32_t)OP->requant_stride / 4;
  const int8_t *x = (const int8_t *)SCRATCH(0);
  int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
  for (const int8_t *end = x + inputs; x < end; x++, weights++) {
    a += *x * weights[0];
    b += *x * weights[inputs];
    c += *x * weights[inputs * 2];
    d += *x * weights[inputs * 3];
  }
  requantize_two(a, b, pair, output);
  requantize_two(c, d, pair + step * 2, output + 2);
}

static void dense_tile(int32_t index) {
  const int32_t inputs = OP->p[0];
  const int32_t group = OP->p[2];
  const int32_t first = index * group;
  const int32_t count = smaller(group, OP->p[1] - first);
  int8_t *output = (int8_t *)SCRATCH(4);
  const int32_t *bias = look_bias(first, count, SCRATCH(2));
  const int32_t *pair = look_requant(first, count, SCRATCH(3));
  const int8_t *weights =
      constants(OP->weights + (uint32_t)(first * inputs));
  int32_t i;
  for (i = 0; i + 3 < count; i += 4) {
    four_rows(inputs, weights, bias + i, pair, output + i);
    weights += inputs * 4;
    pair += OP->requant_stride;
  }
  for (; i < count; i++) {
    output[i] = (int8_t)requantize(dot((const int8_t *)SCRATCH(0), weights, inputs) + bias[i], pair);
    weights += inputs;
    pair += OP->requant_stride / 4;
  }
  brownout_nvm_write(OP->output + (uint32_t)first, output, (uint32_t)count);
}

/* conv2d_s8, dilation 1 */

enum { HEIGHT, WIDTH, CHANNELS, OUT_WIDTH, OUT_CHANNELS, KERNEL, STRIDE, DILATION, PADDING, COLUMNS, GROUP };
#define LOW(pair) ((pair)&0xffff)
#define HIGH(pair) ((int32_t)((uint32_t)(pair) >> 16))

static void copy_bytes(uint8_t *to, const uint8_t *from, int32_t length) {
  const uint8_t *end = to + length;
  for (const uint8_t *whole = to + (length & ~3); to < whole; to += 4, from += 4) memcpy(to, from, 4);
  while (to < end) *to++ = *from++;
}

static void fill_bytes(uint8_t *to, int32_t value, int32_t length) {
  const uint8_t *end = to + length;
  const uint32_t word = (uint32_t)(uint8_t)value * 0x01010101u;
  for (const uint8_t *whole = to + (length & ~3); to < whole; to += 4) memcpy(to, &word, 4);
  while (to < end) *to++ = (uint8_t)value;
}

static void gather(int32_t row, int32_t column, int32_t count, uint8_t *columns, int32_t patch) {
  const int32_t channels = OP->p[CHANNELS];
  const int32_t width = OP->p[WIDTH];
  const int32_t kernel_width = HIGH(OP->p[KERNEL]);
  const int32_t stride = HIGH(OP->p[STRIDE]);
  const int32_t left = column * stride - HIGH(OP->p[PADDING]);
  const int32_t span = kernel_width * channels;
  for (int32_t ky = 0; ky < LOW(OP->p[KERNEL]); ky++) {
    const int32_t y = row * LOW(OP->p[STRIDE]) + ky - LOW(OP->p[PADDING]);
    const int inside = (uint32_t)y < (uint32_t)OP->p[HEIGHT];
    const uint8_t *source = 0;
    uint8_t *target = columns + ky * span;
    if (inside) {
      int32_t from = left < 0 ? 0 : left;
      int32_t to = left + (count - 1) * stride + kernel_width;
      if (to > width) to = width;
      source = brownout_nvm_view(OP->input + (uint32_t)((y * width + from) * channels), (uint32_t)((to - from) * channels),
                        SCRATCH(0));
      source += (left - from) * channels;
    }
    for (int32_t x = left; x < left + count * stride; x += stride) {
      if (!inside) fill_bytes(target, OP->input_zero, span);
      else if (x >= 0 && x + kernel_width <= width) copy_bytes(target, source, span);
      else {
        for (int32_t kx = 0; kx < kernel_width; kx++) {
          if ((uint32_t)(x + kx) < (uint32_t)width) copy_bytes(target + kx * channels, source + kx * channels, channels);
          else fill_bytes(target + kx * channels, OP->input_zero, channels);
        }
      }
      source += stride * channels;
      target += patch;
    }
  }
}

static int32_t two_channels(const int8_t *vector, int32_t count, int32_t patch, const int8_t *weights,
                            const int32_t *bias, const int32_t *pair, int8_t *to) {
  const int32_t channels = OP->p[OUT_CHANNELS];
  for (int32_t n = count >> 1; n > 0; n--) {
    int32_t a = bias[0], b = a, c = bias[1], d = c;
    const int8_t *w = weights, *below = weights + patch, *next = vector + patch;
    for (const int8_t *end = next; vector < end; vector++, next++, w++, below++) {
      a += *vector * *w;
      b += *next * *w;
      c += *vector * *below;
      d += *next * *below;
    }
    vector = next;
    requantize_two(a, c, pair, to);
    to += channels;
    requantize_two(b, d, pair, to);
    to += channels;
  }
  return count & ~1;
}

static void conv_tile(int32_t index) {
  const int32_t tiles_per_row = (OP->p[OUT_WIDTH] + OP->p[COLUMNS] - 1) / OP->p[COLUMNS];
  const int32_t row = index / tiles_per_row;
  const int32_t column = index % tiles_per_row * OP->p[COLUMNS];
  const int32_t count = smaller(OP->p[COLUMNS], OP->p[OUT_WIDTH] - column);
  const int32_t patch = LOW(OP->p[KERNEL]) * HIGH(OP->p[KERNEL]) * OP->p[CHANNELS];
  const int32_t channels = OP->p[OUT_CHANNELS];
  const int32_t group = OP->p[GROUP];
  uint8_t *columns = SCRATCH(1);
  int8_t *output = (int8_t *)SCRATCH(5);
  gather(row, column, count, columns, patch);
  for (int32_t first = 0; first < channels; first += group) {
    const int32_t size = smaller(group, channels - first);
    const int32_t *bias = look_bias(first, size, SCRATCH(3));
    const int32_t *pair = look_requant(first, size, SCRATCH(4));
    const int8_t *weights =
        constants(OP->weights + (uint32_t)(first * patch));
    int32_t done = 0;
    for (int32_t i = 0; i < size; i++) {
      const int8_t *vector = (const int8_t *)columns;
      int8_t *to = output + first + i;
      if (!(i & 1)) done = i + 1 < size ? two_channels(vector, count, patch, weights, bias + i, pair, to) : 0;
      vector += done * patch;
      to += done * channels;
      for (int32_t n = done; n < count; n++) {
        *to = (int8_t)requantize(dot(vector, weights, patch) + bias[i], pair);
        to += channels;
        vector += patch;
      }
      weights += patch;
      pair += OP->requant_stride / 4;
    }
  }
  brownout_nvm_write(OP->output + (uint32_t)((row * OP->p[OUT_WIDTH] + column) * channels), output,
            (uint32_t)(count * channels));
}

/* depthwise_conv2d_s8, one input channel to one output channel */

static void four_channels(const int8_t *x, const int8_t *w, const int8_t *last, int32_t size, const int32_t *bias,
                          const int32_t *pair, int8_t *to, const int8_t *end) {
  const int32_t pixel = OP->p[CHANNELS];
  do {
    int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
    const int8_t *at = w;
    do {
      a += x[0] * at[0];
      b += x[1] * at[1];
      c += x[2] * at[2];
      d += x[3] * at[3];
      x += pixel;
      at += size;
    } while (at < last);
    requantize_two(a, b, pair, to);
    requantize_two(c, d, pair + OP->requant_stride / 2, to + 2);
    to += pixel;
  } while (to < end);
}

static void depthwise_tile(int32_t index) {
  const int32_t tiles_per_row = (OP->p[OUT_WIDTH] + OP->p[COLUMNS] - 1) / OP->p[COLUMNS];
  const int32_t row = index / tiles_per_row;
  const int32_t column = index % tiles_per_row * OP->p[COLUMNS];
  const int32_t count = smaller(OP->p[COLUMNS], OP->p[OUT_WIDTH] - column);
  const int32_t taps = LOW(OP->p[KERNEL]) * HIGH(OP->p[KERNEL]);
  const int32_t channels = OP->p[OUT_CHANNELS];
  const int32_t group = OP->p[GROUP];
  const int32_t step = (int32_t)OP->requant_stride / 4;
  uint8_t *columns = SCRATCH(1);
  int8_t *output = (int8_t *)SCRATCH(5);
  gather(row, column, count, columns, taps * channels);
  for (int32_t first = 0; first < channels; first += group) {
    const int32_t size = smaller(group, channels - first);
    const int32_t *bias = look_bias(first, size, SCRATCH(3));
    const int32_t *pair = look_requant(first, size, SCRATCH(4));
    const int8_t *weights = constants(OP->weights + (uint32_t)(first * taps));
    int32_t i = 0;
    for (; i + 3 < size; i += 4, pair += 4 * step) {
      int8_t *to = output + first + i;
      four_channels((const int8_t *)columns + first + i, weights + i, weights + i + taps * size, size, bias + i, pair, to,
                    to + count * channels);
    }
    for (; i < size; i++, pair += step) {
      const int8_t *x = (const int8_t *)columns + first + i;
      for (int32_t n = 0; n < count; n++) {
        int32_t sum = bias[i];
        for (int32_t tap = 0; tap < taps; tap++, x += channels) sum += *x * weights[tap * size + i];
        output[n * channels + first + i] = (int8_t)requantize(sum, pair);
      }
    }
  }
  brownout_nvm_write(OP->output + (uint32_t)((row * OP->p[OUT_WIDTH] + column) * channels), output,
            (uint32_t)(count * channels));
}
