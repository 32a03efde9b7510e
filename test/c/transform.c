/*
 * Random layers through accel.ntt_*; prints a checksum of all that is known of them: residues of transforms, and int8 that come
 * out. test/accel-ntt.test.ts does the same. tables.inc is made there.
 */
#include <stdint.h>

#define BROWNOUT_WASM_MEMORY_BYTES 131072
#include "brownout_wasm.h"

#include "brownout_accel.h"
#include "brownout_board.h"
#include "tables.inc"

#define PRIME 167772161u
enum { X = 32768, W = 49152, WORK = 65536, BIASES = 81920, PAIRS = 98304, OUTPUT = 24576 };

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

static uint32_t sum;
static void add(uint32_t value) {
  sum = (sum ^ value) * 16777619u;
}

static uint32_t residue(int32_t value) {
  const int32_t rest = value % (int32_t)PRIME;
  return (uint32_t)(rest < 0 ? rest + (int32_t)PRIME : rest);
}

/* Spectra of `blocks` blocks of random int8, times `factor`, to `to`. */
static void spectra(uint32_t to, uint32_t k, uint32_t blocks, uint32_t factor) {
  static const uint8_t extremes[4] = {128, 127, 129, 0};
  uint32_t block;
  uint32_t i;
  for (block = 0; block < blocks; block++) {
    const uint32_t mode = next(4);
    for (i = 0; i < k; i++) store8(i + 1, 0, mode ? next(256) : extremes[next(4)]);
    brownout_module_import_accel_ntt_forward_s8(1, k, WORK, to + block * 16, blocks * 16);
  }
  for (i = 0; i < k * blocks; i++) {
    const uint32_t value = residue((int32_t)load32(to + i * 4, 0));
    const uint32_t product = (uint32_t)((uint64_t)value * factor % PRIME);
    add(value);
    store32(to + i * 4, 0, product > PRIME / 2 ? product - PRIME : product);
  }
}

static void layer(void) {
  const uint32_t k = 4u << next(10);
  const uint32_t room = 2048 / k < 40 ? 2048 / k : 40;
  const uint32_t blocks = 1 + next(room);
  const uint32_t stride = next(2) * 8;
  const uint32_t zero = next(256) - 128;
#ifdef BROWNOUT_NTT_CLAMPED
  const uint32_t low = next(2) ? (uint32_t)-128 : next(100) - 128;
  const uint32_t high = next(2) ? 127 : next(100);
#else
  const uint32_t low = (uint32_t)-128;
  const uint32_t high = 127;
#endif
  const uint32_t count = next(3) ? k : 1 + next(k);
  const uint32_t plain = next(2);
  uint32_t i;
  uint32_t factor = 1;
  /* 2^32 / k. */
  for (i = 32; i; i--) factor = factor * 2u % PRIME;
  for (i = k; i > 1; i >>= 1) factor = (factor & 1u ? factor + PRIME : factor) >> 1;
  spectra(X, k, blocks, 1);
  spectra(W, k, blocks, factor);
  for (i = 0; i < k; i++) {
    const uint32_t odd = plain ? 1 : next(8);
    store32(BIASES + i * 4, 0, odd ? next(1u << 24) - (1u << 23) : 0x7ff00000u + next(1u << 21));
    store32(PAIRS + i * 8, 0, odd ? (1u << 30) + (next(1u << 15) << 15) : next(1u << 20));
    store32(PAIRS + i * 8, 4, odd ? 0u - (8 + next(16)) : next(4));
  }
  brownout_module_import_accel_ntt_sums(X, W, blocks, k, WORK);
  brownout_module_import_accel_ntt_inverse_s8(WORK, k, BIASES, PAIRS, stride, zero, low, high, OUTPUT, count);
  for (i = 0; i < count; i++) add(load8u(OUTPUT + i, 0));
}

int main(void) {
  char text[10];
  uint32_t i;
  for (i = 0; i < 80; i++) layer();
  for (i = 0; i < 8; i++) text[i] = "0123456789abcdef"[sum >> (28 - i * 4) & 15];
  text[8] = '\n';
  text[9] = 0;
  brownout_board_print(text);
  return 0;
}
