/*
 * accel.xnor_s8, windows one by one: levels as bits, counted by carry-save adders (Harley and Seal; Warren, "Hacker's Delight",
 * 5-1). Included by brownout_accel_xnor.h.
 */

/* Bits 1 of a window's levels to words from `bits` on, bits 0 to as many behind; returns whether any of those is 1. */
static BROWNOUT_ACCEL_APART uint32_t accel_xnor_bits(const brownout_accel_runs *runs, uint32_t *bits, uint32_t words) {
  uint32_t any = 0;
  uint32_t i = 0;
  uint32_t run;
  for (run = 0; run < words * 2u; run++) bits[run] = 0;
  for (run = 0; run < runs->height; run++) {
    const uint8_t *x = runs->x + run * runs->across;
    uint32_t left = runs->span;
    for (; left >= 4u && !(i & 3u); left -= 4u, x += 4, i += 4u) {
      /* Bits 0 of four bytes come together from bit 24 on. */
      const uint32_t four = accel_u32(x);
      const uint32_t high = (four >> 1 & 0x01010101u) * 0x01020408u >> 24 & 15u;
      const uint32_t low = (four & 0x01010101u) * 0x01020408u >> 24 & 15u;
      bits[i >> 5] |= high << (i & 31u);
      bits[words + (i >> 5)] |= low << (i & 31u);
      any |= low;
    }
    for (; left; left--, x++, i++) {
      bits[i >> 5] |= (uint32_t)(*x >> 1) << (i & 31u);
      bits[words + (i >> 5)] |= (uint32_t)(*x & 1u) << (i & 31u);
      any |= *x & 1u;
    }
  }
  return any;
}

static BROWNOUT_ACCEL_WITHIN uint32_t accel_xnor_ones(uint32_t word) {
  word -= word >> 1 & 0x55555555u;
  word = (word & 0x33333333u) + (word >> 2 & 0x33333333u);
  return ((word + (word >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
}

/* a + b + c, bit by bit, is sum + 2 carry. */
#define BROWNOUT_ACCEL_XNOR_ADD(sum, carry, b, c) \
  do {                                            \
    const uint32_t second = (b);                  \
    const uint32_t third = (c);                   \
    const uint32_t half = sum ^ second;           \
    carry = (sum & second) | (half & third);      \
    sum = half ^ third;                           \
  } while (0)

/* How many bits are 1 in both, of `bytes` bytes. */
static BROWNOUT_ACCEL_APART uint32_t accel_xnor_count(const uint32_t *bits, const uint8_t *w, uint32_t bytes) {
  uint32_t ones = 0;
  uint32_t twos = 0;
  uint32_t fours = 0;
  uint32_t count = 0;
  for (; bytes >= 32u; bytes -= 32u, w += 32, bits += 8) {
    uint32_t a, b, c, d;
#define BROWNOUT_ACCEL_XNOR_BOTH(n) (bits[n] & accel_u32(w + 4 * (n)))
    BROWNOUT_ACCEL_XNOR_ADD(ones, a, BROWNOUT_ACCEL_XNOR_BOTH(0), BROWNOUT_ACCEL_XNOR_BOTH(1));
    BROWNOUT_ACCEL_XNOR_ADD(ones, b, BROWNOUT_ACCEL_XNOR_BOTH(2), BROWNOUT_ACCEL_XNOR_BOTH(3));
    BROWNOUT_ACCEL_XNOR_ADD(twos, c, a, b);
    BROWNOUT_ACCEL_XNOR_ADD(ones, a, BROWNOUT_ACCEL_XNOR_BOTH(4), BROWNOUT_ACCEL_XNOR_BOTH(5));
    BROWNOUT_ACCEL_XNOR_ADD(ones, b, BROWNOUT_ACCEL_XNOR_BOTH(6), BROWNOUT_ACCEL_XNOR_BOTH(7));
    BROWNOUT_ACCEL_XNOR_ADD(twos, d, a, b);
    BROWNOUT_ACCEL_XNOR_ADD(fours, a, c, d);
    count += accel_xnor_ones(a);
  }
  count = count * 8u + accel_xnor_ones(fours) * 4u + accel_xnor_ones(twos) * 2u + accel_xnor_ones(ones);
  for (; bytes >= 4u; bytes -= 4u, w += 4, bits++) count += accel_xnor_ones(*bits & accel_u32(w));
  for (; bytes; bytes--) count += accel_xnor_ones(*bits >> (bytes - 1u) * 8u & w[bytes - 1u]);
  return count;
}

/* One window; `bits`: room for two bits of each value, or none. */
static BROWNOUT_ACCEL_APART void accel_xnor_single(const brownout_accel_runs *runs, const uint8_t *w, uint32_t rows,
                                                   const brownout_accel_output *out, uint8_t *to, uint32_t *bits) {
  const uint32_t length = runs->height * runs->span;
  const uint32_t bytes = (length + 7u) >> 3;
  const uint32_t words = (length + 31u) >> 5;
  const uint32_t any = bits ? accel_xnor_bits(runs, bits, words) : 0u;
  uint32_t less = 0;
  uint32_t row;
  for (row = 0; bits && row < words; row++) less += accel_xnor_ones(bits[row]) * 2u + accel_xnor_ones(bits[words + row]);
  for (row = 0; row < rows; row++, w += bytes) {
    const brownout_accel_row each = accel_row_of(out, row, length * 3u);
    int32_t sum = each.bias;
    uint32_t i;
    if (bits) {
      uint32_t twice = accel_xnor_count(bits, w, bytes) * 2u;
      if (any) twice += accel_xnor_count(bits + words, w, bytes);
      sum += (int32_t)(twice * 2u - less);
    } else {
      for (i = 0; i < length; i++) {
        const int32_t level = runs->x[i / runs->span * runs->across + i % runs->span];
        sum += (uint32_t)w[i >> 3] >> (i & 7u) & 1u ? level : -level;
      }
    }
    to[row] = accel_to_byte(out, &each, sum);
  }
}
