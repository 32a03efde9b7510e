/* Random layers by what the module imports as accel.winograd_*; prints a checksum. test/accel-winograd.test.ts does the same. */
#include <stdint.h>

#define BROWNOUT_WASM_MEMORY_BYTES 65536
/* Fewer than some layers have. */
#define BROWNOUT_ACCEL_WINOGRAD_CHANNELS 16
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
  const uint32_t mode = next(4);
  for (; bytes; bytes--, at++) store8(at, 0, mode ? next(256) : extremes[next(4)]);
}

static void scales(uint32_t rows) {
  const uint32_t plain = next(2);
  uint32_t row;
  for (row = 0; row < rows; row++) {
    uint32_t odd = plain ? 1 : next(8);
    uint32_t bias = next(1u << 20) - (1u << 19);
    uint32_t multiplier = (1u << 30) + (next(1u << 15) << 15);
    if (!odd) {
      bias = next(2) ? 0x70000000u : 0x90000000u;
      multiplier = next(1u << 20);
    }
    store32(53248 + row * 4, 0, bias);
    store32(54272 + row * 8, 0, multiplier);
    store32(54272 + row * 8, 4, odd ? 0u - (8 + next(12)) : next(4));
  }
}

static uint32_t sum;
static void add(uint32_t at, uint32_t bytes) {
  for (; bytes; bytes--, at++) sum = (sum ^ load8u(at, 0)) * 16777619u;
}

int main(void) {
  uint32_t round;
  for (round = 0; round < 150; round++) {
    const uint32_t channels = 4 + 4 * next(6);
    const uint32_t rows = 1 + next(5);
    const uint32_t blocks = 1 + next(5);
    const uint32_t pairs = (blocks + 1) / 2;
    const uint32_t bytes = (4 * pairs + 2 + next(2)) * channels;
    const uint32_t stride = next(2) * 8;
    const uint32_t zero = next(256) - 128;
    const uint32_t low = next(2) ? (uint32_t)-128 : next(100) - 128;
    const uint32_t high = next(2) ? 127 : next(100);
    const uint32_t pixel = rows + next(3);
    const uint32_t across = 2 * blocks * pixel + next(3);
    uint32_t row;
    fill(0, 4 * bytes);
    fill(4096, rows * channels * 9);
    scales(rows);
    brownout_module_import_accel_winograd_input_s8(0, bytes, pairs, channels, 16384);
    for (row = 0; row < rows; row += 2)
      brownout_module_import_accel_winograd_weights_s8(4096 + row * channels * 9, rows - row < 2 ? 1 : 2, channels,
                                                       32768 + row * channels * 32);
    for (row = 0; row < 512; row++) store8(49152 + row, 0, 0);
    brownout_module_import_accel_winograd_s8(16384, blocks, 32768, rows, channels, 53248, 54272, stride, zero, low, high,
                                             49152, pixel, across, 57344);
    add(16384, pairs * channels * 64);
    add(32768, rows / 2 * channels * 64);
    add(49152, 512);
  }
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
