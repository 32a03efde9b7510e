/*
 * The longest rows of -128 * -128: prints, for each length, what is left of the sums of two vectors and two rows behind a
 * bias that takes away all but 5 of it. Each output is 5 only if its sum is exact.
 */
#include <stdint.h>
#include <stdio.h>

#define WASM_MEMORY_BYTES 600000
#include "wasm.h"

#include "accel.h"
#include "board.h"

void wasm_trap(void) {
  for (;;) {
  }
}

int main(void) {
  static const u32 lengths[4] = {65534, 65533, 65535, 100001};
  u32 i;
  memset(wasm_memory.bytes + 1024, 128, sizeof wasm_memory.bytes - 1024);
  for (i = 0; i < 4; i++) {
    const u32 bias = 5u - lengths[i] * 16384u;
    store32(0, 0, bias);
    store32(4, 0, bias);
    /* Times one. */
    store32(8, 0, 1u << 30);
    store32(12, 0, 1);
    module_import_accel_gemm_s8(1024, 2, 300000, 2, lengths[i], 0, 8, 0, 0, (u32)-128, 127, 16, 2);
    printf("%u %u %u %u\n", load8u(16, 0), load8u(17, 0), load8u(18, 0), load8u(19, 0));
  }
  board_print("");
  return 0;
}
