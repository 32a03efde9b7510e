/*
 * The longest rows of -128 * -128: prints, for each length, what is left of the sums of two vectors and two rows behind a
 * bias that takes away all but 5 of it. Each output is 5 only if its sum is exact.
 */
#include <stdint.h>
#include <stdio.h>

#define BROWNOUT_WASM_MEMORY_BYTES 600000
#include "brownout_wasm.h"

#include "brownout_accel.h"
#include "brownout_board.h"

void brownout_trap(void) {
  for (;;) {
  }
}

int main(void) {
  static const uint32_t lengths[4] = {65534, 65533, 65535, 100001};
  uint32_t i;
  memset(wasm_memory.bytes + 1024, 128, sizeof wasm_memory.bytes - 1024);
  for (i = 0; i < 4; i++) {
    const uint32_t bias = 5u - lengths[i] * 16384u;
    store32(0, 0, bias);
    store32(4, 0, bias);
    /* Times one. */
    store32(8, 0, 1u << 30);
    store32(12, 0, 1);
    brownout_module_import_accel_gemm_s8(1024, 2, 300000, 2, lengths[i], 0, 8, 0, 0, (uint32_t)-128, 127, 16, 2, 0);
    printf("%u %u %u %u\n", load8u(16, 0), load8u(17, 0), load8u(18, 0), load8u(19, 0));
  }
  brownout_board_print("");
  return 0;
}
