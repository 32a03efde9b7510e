/* Random calls of what the module imports as accel.*; prints a checksum of all they wrote. test/accel.test.ts does the same. */
#include <stdint.h>

#define WASM_MEMORY_BYTES 16384
#include "wasm.h"

#include "accel.h"
#include "board.h"

void wasm_trap(void) {
  for (;;) {
  }
}

static u32 state = 1;
static u32 next(u32 limit) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return (state >> 8) % limit;
}

static void fill(u32 at, u32 bytes) {
  static const u8 extremes[4] = {128, 127, 129, 0};
  for (; bytes; bytes--, at++) store8(at, 0, next(3) ? next(256) : extremes[next(4)]);
}

/* Biases and pairs of `rows` rows: some huge, some that do not scale down, some 0. */
static void scales(u32 rows) {
  u32 row;
  for (row = 0; row < rows; row++) {
    u32 bias = next(1u << 16) - (1u << 15);
    u32 multiplier = (1u << 30) + (next(1u << 15) << 15);
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
    store32(13312 + row * 8, 4, next(8) ? 0u - next(20) : next(4));
  }
}

int main(void) {
  u32 sum = 0;
  u32 round;
  for (round = 0; round < 600; round++) {
    const u32 length = 1 + next(40);
    const u32 rows = 1 + next(9);
    const u32 vectors = 1 + next(5);
    const u32 stride = next(2) * 8;
    const u32 zero = next(256) - 128;
    const u32 low = next(2) ? (u32)-128 : next(100) - 128;
    const u32 high = next(2) ? 127 : next(100);
    const u32 offset = next(4);
    const u32 w = 4096 + next(4);
    const u32 to_stride = rows + next(3);
    u32 at;
    fill(0, 12288);
    scales(rows > length ? rows : length);
    if (next(2))
      module_import_accel_gemm_s8(offset, vectors, w, rows, length, 12288, 13312, stride, zero, low, high,
                                  8192, to_stride);
    else {
      const u32 height = 1 + next(4);
      const u32 width = 1 + next(4);
      const u32 across = length * (width + next(3));
      const u32 step = length * (1 + next(width));
      module_import_accel_depthwise_s8(offset, length, step, across, vectors, w, length, height, width, length, 12288,
                                       13312, stride, zero, low, high, 8192);
    }
    for (at = 8192; at < 8192 + 256; at++) sum = (sum ^ load8u(at, 0)) * 16777619u;
  }
  {
    char text[10];
    u32 i;
    for (i = 0; i < 8; i++) text[i] = "0123456789abcdef"[sum >> (28 - i * 4) & 15];
    text[8] = '\n';
    text[9] = 0;
    board_print(text);
  }
  return 0;
}
