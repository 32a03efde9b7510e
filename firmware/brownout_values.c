/* Between an application's numbers and the model's integers. What no application calls, the linker leaves out. */
#include "brownout.h"

#include "brownout_string.h"

static int32_t value_at(const struct brownout_tensor *tensor, const int8_t *all, uint32_t i) {
  const int8_t *at = all + tensor->offset + i * tensor->value_bytes;
  int16_t value;
  if (tensor->value_bytes == 1) return *at;
  memcpy(&value, at, sizeof value);
  return value;
}

static void set_value(const struct brownout_tensor *tensor, int8_t *all, uint32_t i, int32_t integer) {
  int8_t *at = all + tensor->offset + i * tensor->value_bytes;
  const int16_t value = (int16_t)integer;
  if (tensor->value_bytes == 1) *at = (int8_t)integer;
  else memcpy(at, &value, sizeof value);
}

/* Rounded half away from zero; |x| < 2^30. */
static int32_t round_float(float x) {
  return x < 0 ? -(int32_t)(0.5f - x) : (int32_t)(x + 0.5f);
}
static int32_t round_double(double x) {
  return x < 0 ? -(int32_t)(0.5 - x) : (int32_t)(x + 0.5);
}

uint32_t brownout_quantize(const struct brownout_tensor *tensor, const float *from, int8_t *input) {
  const int32_t most = tensor->value_bytes == 1 ? 127 : 32767;
  const float scale = (float)tensor->scale;
  const float far = 4.0f * (float)most;
  uint32_t clamped = 0;
  uint32_t i;
  for (i = 0; i < tensor->values; i++) {
    float quotient = from[i] / scale;
    int32_t q;
    /* NaN is neither: it becomes the zero point. */
    if (quotient > far) quotient = far;
    else if (quotient < -far) quotient = -far;
    else if (!(quotient == quotient)) quotient = 0;
    q = round_float(quotient);
    /* The quotient is off by less than 2^-22 of itself: only this near to a tie may it round otherwise. */
    if (quotient != far && quotient != -far) {
      const float rest = quotient - (float)q;
      if (rest > 0.4375f || rest < -0.4375f) q = round_double((double)from[i] / tensor->scale);
    }
    q += tensor->zero_point;
    if (q > most || q < -most - 1) clamped++;
    set_value(tensor, input, i, q > most ? most : q < -most - 1 ? -most - 1 : q);
  }
  return clamped;
}

void brownout_dequantize(const struct brownout_tensor *tensor, const int8_t *output, float *to) {
  uint32_t i;
  for (i = 0; i < tensor->values; i++)
    to[i] = (float)((double)(value_at(tensor, output, i) - tensor->zero_point) * tensor->scale);
}

uint32_t brownout_argmax(const struct brownout_tensor *tensor, const int8_t *output) {
  uint32_t best = 0;
  uint32_t i;
  for (i = 1; i < tensor->values; i++)
    if (value_at(tensor, output, i) > value_at(tensor, output, best)) best = i;
  return best;
}
