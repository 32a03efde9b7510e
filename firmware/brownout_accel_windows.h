/* accel.windows_s8 on any core: images for a part with LEA import it; there brownout_accel_lea_windows.h has it. */
#ifndef BROWNOUT_ACCEL_WINDOWS_H
#define BROWNOUT_ACCEL_WINDOWS_H

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_windows_s8(uint32_t x_at, uint32_t pixel, uint32_t step,
    uint32_t across, uint32_t height, uint32_t width, uint32_t count, uint32_t w_at, uint32_t rows, uint32_t bias,
    uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low, uint32_t high, uint32_t to_at, uint32_t to_stride) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint32_t span = width * pixel;
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  brownout_wasm_check(x_at, 0, (uint64_t)(height - 1u) * across + (uint64_t)(count - 1u) * step + span, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)rows * height * span, 1);
  brownout_wasm_check(to_at, 0, (uint64_t)(count - 1u) * to_stride + rows, 1);
  for (; count; count--, x += step, to += to_stride) {
    const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
    uint32_t row;
    for (row = 0; row < rows; row++) {
      const brownout_accel_row each = accel_row_of(&out, row, height * span);
      int32_t sum = each.bias;
      uint32_t y;
      for (y = 0; y < height; y++, w += span) sum = accel_dot(x + y * across, w, span, sum);
      to[row] = accel_scale(&out, &each, sum);
    }
  }
}

#endif
