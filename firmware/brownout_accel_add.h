/* accel.add_s8: sums of two int8 vectors of different scales. Included by brownout_accel.h. */

/* `c` and the upper word of a product, rounded. */
static BROWNOUT_ACCEL_WITHIN int32_t accel_upper(int32_t a, int32_t b, int32_t c) {
#ifdef BROWNOUT_ACCEL_DSP
  int32_t result;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(c));
  return result;
#else
  const int64_t product = (int64_t)a * b;
  return (int32_t)((uint32_t)((uint64_t)product >> 32) + ((uint32_t)product >> 31) + (uint32_t)c);
#endif
}

static BROWNOUT_ACCEL_WITHIN int32_t accel_narrow(int32_t y) {
#ifdef BROWNOUT_ACCEL_DSP
  __asm__("ssat %0, #8, %0" : "+r"(y));
  return y;
#else
  return y > 127 ? 127 : y < -128 ? -128 : y;
#endif
}

/*
 * One input: q - zero point, shifted up and doubled, is q * unit + offset; its product with the multiplier is rounded twice, as
 * accel_scale does: `half` is what the second rounding adds, which takes one off negative values.
 */
typedef struct {
  int32_t unit;
  int32_t offset;
  int32_t multiplier;
  int32_t half;
  int32_t right;
} brownout_accel_term;

/* Whether it goes this way: shifts right; or not at all, where the product is a whole number, so that twice it can be halved. */
static uint32_t accel_term(brownout_accel_term *term, int32_t zero_point, uint32_t up, int32_t multiplier, int32_t shift) {
  const uint32_t once = shift == 0;
  if (up > 20u || shift > 0 || shift < -30) return 0;
  if (once && (uint32_t)multiplier << (up + 1u)) return 0;
  term->unit = (int32_t)1 << (up + 1u + once);
  term->offset = -zero_point * term->unit;
  term->multiplier = multiplier;
  term->right = once ? 1 : -shift;
  term->half = (int32_t)1 << (term->right - 1);
  return 1;
}

static BROWNOUT_ACCEL_WITHIN int32_t accel_scaled(const brownout_accel_term *term, uint8_t q) {
  const int32_t x = (int32_t)(int8_t)q * term->unit + term->offset;
  return (accel_upper(x, term->multiplier, term->half) + (x >> 31)) >> term->right;
}

/* By gemmlowp's roundings one by one, whatever the scales. */
static BROWNOUT_ACCEL_APART void accel_add_any(const uint8_t *a, const uint8_t *b, uint32_t count, uint32_t up,
                                               const int32_t zero_points[2], const brownout_accel_row rows[3],
                                               const brownout_accel_output *out, uint8_t *to) {
  for (; count; count--) {
    const int32_t x = accel_scale_sum(rows, ((int32_t)(int8_t)*a++ - zero_points[0]) * (int32_t)(1u << up)) +
                      accel_scale_sum(rows + 1, ((int32_t)(int8_t)*b++ - zero_points[1]) * (int32_t)(1u << up));
    *to++ = accel_scale(out, rows + 2, x);
  }
}

static BROWNOUT_ACCEL_WITHIN int32_t accel_sum(const brownout_accel_term *sum, int32_t x) {
  return accel_narrow((accel_upper(x, sum->multiplier, x) + (x >> 31) + sum->half) >> sum->right);
}

/* Between stages: what four values need of one is not loaded, and kept, before the others are done. */
#if defined(__GNUC__)
#define BROWNOUT_ACCEL_STAGE(a, b, c, d) __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d) : : "memory")
#else
#define BROWNOUT_ACCEL_STAGE(a, b, c, d) ((void)0)
#endif
static BROWNOUT_ACCEL_APART void accel_add_fast(const uint8_t *a, const uint8_t *b, uint32_t count,
                                                const brownout_accel_term terms[3], int32_t low, int32_t high,
                                                uint8_t *to) {
#ifdef BROWNOUT_ACCEL_DSP
  const uint32_t clamp[2] = {BROWNOUT_ACCEL_BYTES(low), BROWNOUT_ACCEL_BYTES(high)};
  for (; count > 3u; count -= 4u, a += 4, b += 4, to += 4) {
    brownout_accel_term term = terms[0];
    int32_t w = accel_scaled(&term, a[0]);
    int32_t x = accel_scaled(&term, a[1]);
    int32_t y = accel_scaled(&term, a[2]);
    int32_t z = accel_scaled(&term, a[3]);
    uint32_t difference;
    BROWNOUT_ACCEL_STAGE(w, x, y, z);
    term = terms[1];
    w += accel_scaled(&term, b[0]);
    x += accel_scaled(&term, b[1]);
    y += accel_scaled(&term, b[2]);
    z += accel_scaled(&term, b[3]);
    BROWNOUT_ACCEL_STAGE(w, x, y, z);
    term = terms[2];
    w = accel_sum(&term, w);
    x = accel_sum(&term, x);
    y = accel_sum(&term, y);
    z = accel_sum(&term, z);
    BROWNOUT_ACCEL_STAGE(w, x, y, z);
    __asm__("bfi %0, %2, #8, #8\n\tbfi %0, %3, #16, #8\n\tbfi %0, %4, #24, #8\n\t"
            "ssub8 %1, %0, %6\n\tsel %0, %6, %0\n\tssub8 %1, %0, %5\n\tsel %0, %0, %5"
            : "+r"(w), "=&r"(difference)
            : "r"(x), "r"(y), "r"(z), "r"(clamp[0]), "r"(clamp[1])
            : "cc");
    memcpy(to, &w, 4);
  }
#endif
  for (; count; count--) {
    const int32_t y = accel_sum(terms + 2, accel_scaled(terms, *a++) + accel_scaled(terms + 1, *b++));
    *to++ = (uint8_t)(y > high ? high : y < low ? low : y);
  }
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_add_s8(uint32_t a_at, uint32_t b_at, uint32_t count,
    uint32_t up, uint32_t zero_a, uint32_t multiplier_a, uint32_t shift_a, uint32_t zero_b, uint32_t multiplier_b,
    uint32_t shift_b, uint32_t multiplier, uint32_t shift, uint32_t zero_point, uint32_t low, uint32_t high,
    uint32_t to_at) {
  const uint8_t *a = (const uint8_t *)(BROWNOUT_WASM_BASE + a_at);
  const uint8_t *b = (const uint8_t *)(BROWNOUT_WASM_BASE + b_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  brownout_accel_term terms[3];
  brownout_wasm_check(a_at, 0, count, 1);
  brownout_wasm_check(b_at, 0, count, 1);
  brownout_wasm_check(to_at, 0, count, 1);
  /* The sum's multiplier, doubled, is 2^32 and a negative number: the product's upper word is that with it, and the sum. */
  terms[2].multiplier = (int32_t)(multiplier * 2u);
  terms[2].right = -(int32_t)shift;
  if ((int32_t)multiplier >= (int32_t)1 << 30 && (int32_t)shift <= -1 && (int32_t)shift >= -20 &&
      accel_term(terms, (int32_t)zero_a, up, (int32_t)multiplier_a, (int32_t)shift_a) &&
      accel_term(terms + 1, (int32_t)zero_b, up, (int32_t)multiplier_b, (int32_t)shift_b)) {
    terms[2].half = (int32_t)((1u << (terms[2].right - 1)) + (zero_point << terms[2].right));
    accel_add_fast(a, b, count, terms, (int32_t)low, (int32_t)high, to);
  } else {
    const int32_t zero_points[2] = {(int32_t)zero_a, (int32_t)zero_b};
    const brownout_accel_row rows[3] = {{0, (int32_t)multiplier_a, (int32_t)shift_a, 0},
                                        {0, (int32_t)multiplier_b, (int32_t)shift_b, 0},
                                        {0, (int32_t)multiplier, (int32_t)shift, 0}};
    const brownout_accel_output out = {0, 0, 0, (int32_t)zero_point, (int32_t)low, (int32_t)high};
    accel_add_any(a, b, count, up, zero_points, rows, &out, to);
  }
}
