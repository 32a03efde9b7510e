/* Random calls of what the module imports as accel.*; prints a checksum of all they wrote. test/accel.test.ts does the same. */
#include <stdint.h>

#define BROWNOUT_WASM_MEMORY_BYTES 16384
#define BROWNOUT_ACCEL_WIDE 1
#define BROWNOUT_ACCEL_STRIDED 1
#include "brownout_wasm.h"

#include "brownout_accel.h"
#include "brownout_board.h"

void brownout_trap(void) {
  for (;;) {
  }
}

static uint32_t state = 1;
static uint32_t next(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return (state >> 8) % limit;
}

static void fill(uint32_t at, uint32_t bytes) {
  static const uint8_t extremes[4] = {128, 127, 129, 0};
  for (; bytes; bytes--, at++) store8(at, 0, next(3) ? next(256) : extremes[next(4)]);
}

/* Biases and pairs of `rows` rows: some huge, some that do not scale down, some 0. */
static void scales(uint32_t rows) {
  uint32_t row;
  for (row = 0; row < rows; row++) {
    uint32_t bias = next(1u << 16) - (1u << 15);
    uint32_t multiplier = (1u << 30) + (next(1u << 15) << 15);
    if (next(8) == 0) {
      bias = next(2) ? 0x7ff00000u : 0x80100000u;
      bias += next(256);
    }
    if (next(16) == 0) {
      multiplier = next(2);
      multiplier *= next(1u << 20);
    }
    store32(12288 + row * 4, 0, bias);
    store32(13312 + row * 8, 0, multiplier);
    store32(13312 + row * 8, 4, next(8) ? 0u - next(32) : next(4));
  }
}

/* A pair that scales down, or is a half, or neither. */
static void pair_of_input(uint32_t *multiplier, uint32_t *shift) {
  const uint32_t half = next(3);
  *multiplier = (1u << 30) + (half ? next(1u << 15) << 15 : 0);
  *shift = half ? 1u - next(6) : 0u;
}

static void add(uint32_t a, uint32_t b, uint32_t zero, uint32_t low, uint32_t high) {
  const uint32_t count = 1 + next(40);
  const uint32_t up = next(4) ? 20 : next(21);
  const uint32_t zero_a = next(256) - 128;
  const uint32_t zero_b = next(256) - 128;
  const uint32_t multiplier = (1u << 30) + (next(1u << 15) << 15);
  const uint32_t shift = next(8) ? 0u - (up ? up - next(3) : 0u) : 0u;
  uint32_t pairs[4];
  pair_of_input(pairs, pairs + 1);
  pair_of_input(pairs + 2, pairs + 3);
  brownout_module_import_accel_add_s8(a, b, count, up, zero_a, pairs[0], pairs[1], zero_b, pairs[2], pairs[3], multiplier,
                                      shift, zero, low, high, 8192 + 192);
}

/* Rows of circulant blocks, some of a part of a row, up to 600 inputs. */
static void circulant(uint32_t x, uint32_t w, uint32_t stride, uint32_t zero, uint32_t low, uint32_t high) {
  const uint32_t k = 2u << next(6);
  const uint32_t blocks = 1 + next(600 / k > 7 ? 7 : 600 / k);
  const uint32_t first = next(2) ? next(k) : 0;
  const uint32_t count = 1 + next(k - first);
  scales(count);
  brownout_module_import_accel_circulant_s8(x, w, k, blocks, first, count, 12288, 13312, stride, zero, low, high, 8192 + 256,
                                            14336);
}

/* Windows of a map: short ones and long ones, few and many, of rows that lie apart. */
static void windows(uint32_t x, uint32_t w, uint32_t stride, uint32_t zero, uint32_t low, uint32_t high) {
  const uint32_t height = 1 + next(5);
  const uint32_t width = 1 + next(next(4) ? 6 : 24);
  const uint32_t most = 300 / (height * width);
  const uint32_t pixel = 1 + next(most > 12 ? 12 : most);
  const uint32_t step = pixel * (1 + next(width > 3 ? 3 : width));
  const uint32_t count = 1 + next(18);
  const uint32_t across = width * pixel + (count - 1) * step + next(9);
  const uint32_t rows = 1 + next(7);
  const uint32_t to_stride = rows + next(3);
  scales(rows);
  brownout_module_import_accel_windows_s8(x, pixel, step, across, height, width, count, w + 2048, rows, 12288, 13312, stride,
                                          zero, low, high, 11264, to_stride);
}

/* Sums of signs at their extremes: 72 fours of -128 and 127 at a time would leave 16 bits. Room is from 1536 to 12288. */
static void longest_signs(uint32_t bits) {
  uint32_t at;
  for (at = 0; at < 1152; at++) store8(at, 0, at / 288 % 2 ? 127 : 128);
  for (at = 0; at < 144; at++) store8(1152 + at, 0, at < 36 * bits ? 0 : 255);
  for (at = 0; at < 2; at++) {
    store32(12288 + at * 4, 0, 0);
    store32(13312 + at * 8, 0, 1u << 30);
    store32(13312 + at * 8, 4, 0u - 9u);
  }
  brownout_module_import_accel_signs_s8(0, 4, 1152, bits, 2, 288, 12288, 13312, 8, 0, (uint32_t)-128, 127, 14336, 2, 1536,
                                        10752);
}

/* Weights of 4 bits at their extremes: 512 products of -8, or 7, and -128 on three vectors. */
static void longest_nibbles(uint32_t weights) {
  uint32_t at;
  for (at = 0; at < 1536; at++) store8(at, 0, 128);
  for (at = 0; at < 1024; at++) store8(1536 + at, 0, weights);
  for (at = 0; at < 4; at++) {
    store32(12288 + at * 4, 0, 0);
    store32(13312 + at * 8, 0, 1u << 30);
    store32(13312 + at * 8, 4, 0u - 13u);
  }
  brownout_module_import_accel_nibbles_s8(0, 3, 1536, 4, 512, 12288, 13312, 8, 0, (uint32_t)-128, 127, 8192, 4, 14336);
}

/* Small weights of 4 bits and values, of whose sums each bit shows. */
static void small_nibbles(uint32_t length) {
  uint32_t at;
  for (at = 0; at < length * 3; at++) store8(at, 0, next(3) - 1u);
  for (at = 1536; at < 1536 + length * 2; at++) {
    const uint32_t lower = (next(3) - 1u) & 15u;
    store8(at, 0, lower | (next(3) - 1u) << 4);
  }
  for (at = 0; at < 4; at++) store32(13312 + at * 8, 4, 1);
  brownout_module_import_accel_nibbles_s8(0, 3, 1536, 4, length, 12288, 13312, 8, 0, (uint32_t)-128, 127, 8192, 4, 14336);
}

/* Levels at their extremes: 32 fours of 2 at a time would leave a byte. Room is from 1056 to 12288. */
static void longest_levels(void) {
  uint32_t at;
  for (at = 0; at < 1024; at++) store8(at, 0, 2);
  for (at = 0; at < 16; at++) store8(1024 + at, 0, 255);
  store32(12288, 0, 0);
  store32(13312, 0, 1u << 30);
  store32(13312, 4, 0u - 1u);
  brownout_module_import_accel_xnor_s8(0, 8, 128, 1, 128, 128, 1024, 1, 12288, 13312, 8, 0, (uint32_t)-128, 127, 13440, 1, 1056,
                                       11232);
}

/* Three windows so long that carry-save adders count their bits; biases and pairs as above. */
static void counted_levels(void) {
  uint32_t at;
  for (at = 0; at < 900; at++) store8(at, 0, next(3));
  for (at = 0; at < 38; at++) store8(1024 + at, 0, next(256));
  brownout_module_import_accel_xnor_s8(0, 3, 300, 1, 300, 300, 1024, 1, 12288, 13312, 8, 0, (uint32_t)-128, 127, 13440, 1, 1064,
                                       11224);
}

/* Windows of levels in rows, or one by one; half of them have no level of 1. Room is from 5120 to 12288. */
static void levels(void) {
  const uint32_t channels = 1 + next(next(4) ? 8 : 24);
  const uint32_t in_rows = next(3);
  const uint32_t height = in_rows ? 1 + next(3) : 1;
  const uint32_t width = 1 + next(4);
  const uint32_t span = width * channels;
  const uint32_t step = in_rows ? (1 + next(width)) * channels : span;
  const uint32_t windows = 1 + next(24);
  const uint32_t across = (windows - 1) * step + span;
  const uint32_t rows = 1 + next(9);
  const uint32_t to_stride = rows + next(3);
  const uint32_t offset = next(4);
  const uint32_t w = 4096 + next(4);
  const uint32_t zero = next(256) - 128;
  const uint32_t low = next(2) ? (uint32_t)-128 : next(100) - 128;
  const uint32_t high = next(2) ? 127 : next(100);
  const uint32_t room = next(5) ? next(1793) * 4 : 0;
  const uint32_t two = next(2);
  uint32_t at;
  if (height * across > 4000) return;
  for (at = 0; at < 4096; at++) store8(at, 0, two ? next(2) * 2 : next(3));
  for (at = 4096; at < 5120; at++) store8(at, 0, next(256));
  scales(rows);
  brownout_module_import_accel_xnor_s8(offset, windows, step, height, across, span, w, rows, 12288, 13312, next(2) * 8, zero, low,
                                       high, 13440, to_stride, 5120, room);
}

int main(void) {
  uint32_t sum = 0;
  uint32_t round;
  for (round = 0; round < 600; round++) {
    const uint32_t length = 1 + next(40);
    const uint32_t rows = 1 + next(9);
    const uint32_t vectors = 1 + next(5);
    const uint32_t stride = next(2) * 8;
    const uint32_t zero = next(256) - 128;
    const uint32_t low = next(2) ? (uint32_t)-128 : next(100) - 128;
    const uint32_t high = next(2) ? 127 : next(100);
    const uint32_t offset = next(4);
    const uint32_t w = 4096 + next(4);
    const uint32_t to_stride = rows + next(3);
    uint32_t at;
    fill(0, 12288);
    scales(rows > length ? rows : length);
    if (next(2))
      brownout_module_import_accel_gemm_s8(offset, vectors, w, rows, length, 12288, 13312, stride, zero, low, high,
                                  8192, to_stride, next(2) ? 14336 : 0);
    else {
      const uint32_t square = next(2);
      const uint32_t height = square ? 3 : 1 + next(4);
      const uint32_t width = square ? 3 : 1 + next(4);
      const uint32_t across = length * (width + next(3));
      const uint32_t step = length * (1 + next(square ? 2 : width));
      brownout_module_import_accel_depthwise_s8(offset, length, step, across, vectors, w, length, height, width, length, 12288,
                                       13312, stride, zero, low, high, 8192);
    }
    add(offset, w, zero, low, high);
    {
      const uint32_t bits = 1 + next(2);
      const uint32_t many = 1 + next(next(4) ? 40 : 400);
      const uint32_t room = next(4) ? next(513) * 4 : 0;
      brownout_module_import_accel_signs_s8(offset, vectors, w, bits, rows, many, 12288, 13312, stride, zero, low, high,
                                            8192 + 128, to_stride, 14336, room);
      for (at = 8192 + 128; at < 8192 + 256; at++) sum = (sum ^ load8u(at, 0)) * 16777619u;
      brownout_module_import_accel_nibbles_s8(offset, vectors, w, rows, many, 12288, 13312, stride, zero, low, high,
                                              8192 + 128, to_stride, next(2) ? 14336 : 0);
    }
    circulant(offset, w, stride, zero, low, high);
    for (at = 8192; at < 8192 + 320; at++) sum = (sum ^ load8u(at, 0)) * 16777619u;
    windows(offset, w, stride, zero, low, high);
    for (at = 11264; at < 11264 + 160; at++) sum = (sum ^ load8u(at, 0)) * 16777619u;
  }
  for (round = 0; round < 300; round++) {
    uint32_t at;
    levels();
    for (at = 13440; at < 13440 + 320; at++) sum = (sum ^ load8u(at, 0)) * 16777619u;
  }
  for (round = 1; round < 3; round++) {
    uint32_t at;
    longest_signs(round);
    for (at = 14336; at < 14336 + 8; at++) sum = (sum ^ load8u(at, 0)) * 16777619u;
  }
  for (round = 0; round < 2; round++) {
    uint32_t at;
    longest_nibbles(round ? 119 : 136);
    for (at = 8192; at < 8192 + 12; at++) sum = (sum ^ load8u(at, 0)) * 16777619u;
  }
  for (round = 16; round <= 80; round += 8) {
    uint32_t at;
    small_nibbles(round);
    for (at = 8192; at < 8192 + 12; at++) sum = (sum ^ load8u(at, 0)) * 16777619u;
  }
  longest_levels();
  for (round = 13440; round < 13440 + 8; round++) sum = (sum ^ load8u(round, 0)) * 16777619u;
  counted_levels();
  for (round = 13440; round < 13440 + 3; round++) sum = (sum ^ load8u(round, 0)) * 16777619u;
  {
    char text[10];
    uint32_t i;
    for (i = 0; i < 8; i++) text[i] = "0123456789abcdef"[sum >> (28 - i * 4) & 15];
    text[8] = '\n';
    text[9] = 0;
    brownout_board_print(text);
  }
  return 0;
}
