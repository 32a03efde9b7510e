/*
 * accel.circulant_s8 on the core. The columns of all blocks are laid out side by side, backwards and twice, and the inputs as
 * they are met: so each output is one sum of products of bytes that lie behind each other. With BROWNOUT_LEA,
 * brownout_accel_lea.h takes its place.
 */
#ifndef BROWNOUT_ACCEL_CIRCULANT_H
#define BROWNOUT_ACCEL_CIRCULANT_H

/* turned[u * blocks + b] = w[b * k + (-u mod k)], u < 2 k; met[c * blocks + b] = x[b * k + c]. */
static void accel_circulant_lay(const uint8_t *x, const uint8_t *w, brownout_accel_size k, brownout_accel_size blocks,
                                uint8_t *turned, uint8_t *met) {
  const brownout_accel_size whole = blocks * k;
  brownout_accel_size block;
  for (block = 0; block < blocks; block++) {
    uint8_t *to = turned++;
    uint8_t *in = met++;
    brownout_accel_size at = 0;
    do {
      const uint8_t value = w[(0u - at) & (k - 1u)];
      to[0] = value;
      to[whole] = value;
      to += blocks;
      *in = x[at];
      in += blocks;
    } while (++at < k);
    w += k;
    x += k;
  }
}

/* The first row of `out`. */
static void accel_circulant_row(const brownout_accel_output *out, const uint8_t *w, brownout_accel_size length,
                                const uint8_t *x, uint8_t *to) {
#ifdef BROWNOUT_ACCEL_MSP430
  accel_gemm(out, w, 1, length, x, 1, to, 1, 0);
#else
  const brownout_accel_row row = accel_row_of(out, 0, (uint32_t)length);
  *to = accel_scale(out, &row, accel_dot(x, w, (uint32_t)length, row.bias));
#endif
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_circulant_s8(uint32_t x_at, uint32_t w_at, uint32_t k,
    uint32_t blocks, uint32_t first, uint32_t count, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point,
    uint32_t low, uint32_t high, uint32_t to_at, uint32_t room) {
  brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias), (const uint8_t *)(BROWNOUT_WASM_BASE + pair),
                               stride, (int32_t)zero_point, (int32_t)low, (int32_t)high};
  const brownout_accel_size length = (brownout_accel_size)blocks * (brownout_accel_size)k;
  uint8_t *turned = (uint8_t *)(BROWNOUT_WASM_BASE + room);
  uint8_t *met = turned + 2u * length;
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  uint8_t *const end = to + count;
  brownout_wasm_check(x_at, 0, (uint64_t)blocks * k, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)blocks * k, 1);
  brownout_wasm_check(to_at, 0, count, 1);
  brownout_wasm_check(room, 0, 3u * (uint64_t)blocks * k, 4);
  accel_circulant_lay((const uint8_t *)(BROWNOUT_WASM_BASE + x_at), (const uint8_t *)(BROWNOUT_WASM_BASE + w_at),
                      (brownout_accel_size)k, (brownout_accel_size)blocks, turned, met);
  turned += (brownout_accel_size)(k - first) * (brownout_accel_size)blocks;
  for (; to < end; to++, turned -= blocks) {
    accel_circulant_row(&out, turned, length, met, to);
    out.bias += 4;
    out.pair += out.stride;
  }
}

#endif
