/* Products of int8 and of 32 bits by an MSP430's multiplier (brownout_msp430_asm.S). */
#ifndef BROWNOUT_ACCEL_MSP430_H
#define BROWNOUT_ACCEL_MSP430_H

int32_t brownout_msp430_dot(const uint8_t *x, const uint8_t *w, uint16_t length, const uint8_t *bias);
int32_t brownout_msp430_scale(int32_t x, int32_t multiplier);

/* By a pair that shifts right by 2 or more: where the first rounding adds half, the second takes 1 off negative values. */
static BROWNOUT_ACCEL_APART uint8_t accel_scale_right(int32_t x, int32_t multiplier, uint16_t right,
                                                      const brownout_accel_output *out) {
  const int32_t y = ((brownout_msp430_scale(x, multiplier) >> right) + out->zero_point * 2 + 1) >> 1;
  const int16_t low = (int16_t)out->low;
  const int16_t high = (int16_t)out->high;
  return (uint8_t)(y > high ? high : y < low ? low : (int16_t)y);
}

static BROWNOUT_ACCEL_APART void accel_vector(const uint8_t *x, const uint8_t *w, uint16_t rows, uint16_t length,
                                              const brownout_accel_output *out, uint8_t *to) {
  const uint8_t *bias = out->bias;
  const uint8_t *pair = out->pair;
  for (; rows; rows--) {
    const int32_t sum = brownout_msp430_dot(x, w, length, bias);
    const int16_t shift = *(const int16_t *)(const void *)(pair + 4);
    brownout_accel_row row;
    row.multiplier = *(const int32_t *)(const void *)pair;
    row.shift = shift;
    *to++ = shift <= -2 && row.multiplier > 0 ? accel_scale_right(sum, row.multiplier, (uint16_t)(-2 - shift), out)
                                              : accel_scale(out, &row, sum);
    w += length;
    bias += 4;
    pair += (uint16_t)out->stride;
  }
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_gemm_s8(uint32_t x_at, uint32_t vectors, uint32_t w_at,
    uint32_t rows, uint32_t length, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low,
    uint32_t high, uint32_t to_at, uint32_t to_stride, uint32_t room) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)x_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)to_at);
  uint16_t left;
  (void)room;
  for (left = (uint16_t)vectors; left; left--) {
    accel_vector(x, (const uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)w_at), (uint16_t)rows, (uint16_t)length, &out, to);
    x += (uint16_t)length;
    to += (uint16_t)to_stride;
  }
}

#endif
