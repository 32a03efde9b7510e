/* Products of int8 and of 32 bits by an MSP430's multiplier (brownout_msp430_asm.S). */
#ifndef BROWNOUT_ACCEL_MSP430_H
#define BROWNOUT_ACCEL_MSP430_H

/* What brownout_msp430_rows takes, in the order that it has them. */
typedef struct {
  const uint8_t *w;
  const uint8_t *bias;
  const uint8_t *pair;
  uint16_t stride;
  uint16_t length;
  uint16_t rows;
  uint16_t wide;
  int32_t twice;
  int16_t low;
  int16_t high;
  int16_t zero;
} brownout_msp430_job;
void brownout_msp430_rows(const void *x, uint8_t *to, const brownout_msp430_job *job);
void brownout_msp430_same(const int32_t *sums, uint8_t *to, const brownout_msp430_job *job);
void brownout_msp430_spread(const uint8_t *from, int16_t *to, uint16_t count, uint16_t apart, int16_t step);
void brownout_msp430_widen(const uint8_t *x, uint16_t count, uint8_t *to);

/* Rows for which widening a vector pays. */
enum { BROWNOUT_MSP430_ROWS = 6 };

static BROWNOUT_ACCEL_APART void accel_gemm(const brownout_accel_output *out, const uint8_t *w, uint16_t rows,
    uint16_t length, const uint8_t *x, uint16_t vectors, uint8_t *to, uint16_t to_stride, uint8_t *room) {
  brownout_msp430_job job;
  job.w = w;
  job.bias = out->bias;
  job.pair = out->pair;
  job.stride = (uint16_t)out->stride;
  job.length = length;
  job.rows = rows;
  job.wide = room && rows >= BROWNOUT_MSP430_ROWS;
  job.twice = out->zero_point * 2 + 1;
  job.low = (int16_t)out->low;
  job.high = (int16_t)out->high;
  for (; vectors; vectors--) {
    if (job.wide) brownout_msp430_widen(x, length, room);
    brownout_msp430_rows(job.wide ? room : x, to, &job);
    x += length;
    to += to_stride;
  }
}

#ifndef BROWNOUT_LEA
static BROWNOUT_ACCEL_WITHIN void brownout_module_import_accel_gemm_s8(uint32_t x_at, uint32_t vectors, uint32_t w_at,
    uint32_t rows, uint32_t length, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low,
    uint32_t high, uint32_t to_at, uint32_t to_stride, uint32_t room) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  accel_gemm(&out, (const uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)w_at), (uint16_t)rows, (uint16_t)length,
             (const uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)x_at), (uint16_t)vectors,
             (uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)to_at), (uint16_t)to_stride,
             room ? (uint8_t *)(BROWNOUT_WASM_BASE + (uint16_t)room) : 0);
}
#endif

#endif
