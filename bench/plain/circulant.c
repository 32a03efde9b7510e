/* circulant_ntt_s8 */

enum { INPUTS, OUTPUTS, BLOCK, BLOCKS, CHUNK, ROOT, RESERVED, CENTRE, ROWS };

/* In a register: gcc makes three additions of a multiplication by it. As in firmware/brownout_wasm.h. */
static inline uint32_t p_inverse(void) {
  uint32_t x = (uint32_t)P_INVERSE;
  __asm__("" : "+r"(x));
  return x;
}

static inline int32_t reduce(int64_t sum) {
  const int32_t quotient = (int32_t)((uint32_t)sum * p_inverse());
  return (int32_t)((sum + (int64_t)quotient * -P) >> 32);
}

static inline int32_t multiply(int32_t a, int32_t b) {
  return reduce((int64_t)a * b);
}

static inline int32_t centre(int32_t x) {
  return x - (((int32_t)(((int64_t)x * 858993454) >> 32) + (1 << 24)) >> 25) * P;
}

#define ONE (-67108890)

static void make_twiddles(int32_t *table, int32_t k, int32_t root) {
  table[0] = ONE;
  for (int32_t half = k / 4; half >= 1; half /= 2) {
    for (int32_t at = 0; at < k / 2; at += 2 * half) table[at + half] = multiply(table[at], root);
    root = multiply(root, root);
  }
}

static int odd_power(int32_t k) {
  return (k & 0x2aaaaaaa) != 0;
}

/* Forward, of block 0 and of the others. */
static inline void plain_butterfly(int32_t a, int32_t b, int32_t c, int32_t d, int32_t *to, int32_t q, int32_t fourth) {
  const int32_t turned = multiply(b - d, fourth);
  to[0] = a + c + (b + d);
  to[q] = a + c - (b + d);
  to[2 * q] = a - c + turned;
  to[3 * q] = a - c - turned;
}

static inline void butterfly(const int32_t *from, int32_t *to, int32_t q, const int32_t *table, int32_t block) {
  const int32_t first = table[block], second = table[2 * block], third = table[2 * block + 1];
  const int32_t a = from[0], b = from[q], c = multiply(from[2 * q], first), d = multiply(from[3 * q], first);
  const int32_t e = multiply(b + d, second), f = multiply(b - d, third);
  to[0] = a + c + e;
  to[q] = a + c - e;
  to[2 * q] = a - c + f;
  to[3 * q] = a - c - f;
}

static inline void pass(int32_t *at, const int32_t *end, int32_t q, const int32_t *table) {
  for (const int32_t *last = at + q; at < last; at++) plain_butterfly(at[0], at[q], at[2 * q], at[3 * q], at, q, table[1]);
  at += 3 * q;
  for (int32_t block = 1; at < end; block++, at += 3 * q)
    for (const int32_t *last = at + q; at < last; at++) butterfly(at, at, q, table, block);
}

static void forward(const int8_t *s, int32_t *x, int32_t *to, int32_t stride, int32_t k, const int32_t *table) {
  int32_t q = k / 4;
  const int32_t *end = x + k;
  if (k == 4) {
    plain_butterfly(s[0], s[1], s[2], s[3], to, 1, table[1]);
    return;
  }
  if (odd_power(k)) {
    const int32_t half = k / 2;
    for (int32_t i = 0; i < half; i++) {
      const int32_t a = s[i], b = s[i + half];
      x[i] = a + b;
      x[i + half] = a - b;
    }
    q /= 2;
  } else {
    for (int32_t i = 0; i < q; i++) plain_butterfly(s[i], s[i + q], s[i + 2 * q], s[i + 3 * q], x + i, q, table[1]);
    q /= 4;
  }
  for (; q > 4; q /= 4) pass(x, end, q, table);
  if (q == 4) pass(x, end, 4, table);
  plain_butterfly(x[0], x[1], x[2], x[3], to, 1, table[1]);
  for (int32_t block = 1; block < k / 4; block++) butterfly(x + 4 * block, to += stride, 1, table, block);
}

/* Inverse, of block 0 and of the others, whose twiddles are inverted and negated. */
static inline void plain_inverse(int32_t *at, int32_t q, int32_t a, int32_t b, int32_t c, int32_t d, int32_t fourth,
                                 int last) {
  const int32_t e = c + d, f = multiply(d - c, fourth);
  c = a + b;
  d = a - b;
  at[0] = last ? c + e : multiply(c + e, ONE);
  at[q] = last ? d + f : multiply(d + f, ONE);
  at[2 * q] = last ? c - e : multiply(c - e, ONE);
  at[3 * q] = last ? d - f : multiply(d - f, ONE);
}

static inline void inverse(int32_t *at, int32_t q, int32_t a, int32_t b, int32_t c, int32_t d, const int32_t *table,
                           int32_t block) {
  const int32_t first = table[block], second = table[2 * block + 1], third = table[2 * block];
  const int32_t e = c + d, f = multiply(d - c, third);
  c = a + b;
  d = multiply(b - a, second);
  at[0] = multiply(c + e, ONE);
  at[q] = d + f;
  at[2 * q] = multiply(e - c, first);
  at[3 * q] = multiply(f - d, first);
}

static inline int32_t mirror(int32_t block) {
  return block ^ (0x7fffffff >> __builtin_clz((uint32_t)block));
}

static inline void inverse_pass(int32_t *at, const int32_t *end, int32_t q, const int32_t *table) {
  for (const int32_t *last = at + q; at < last; at++)
    plain_inverse(at, q, at[0], at[q], at[2 * q], at[3 * q], table[1], 0);
  at += 3 * q;
  for (int32_t block = 1; at < end; block++, at += 3 * q) {
    const int32_t other = mirror(block);
    for (const int32_t *last = at + q; at < last; at++)
      inverse(at, q, at[0], at[q], at[2 * q], at[3 * q], table, other);
  }
}

static void finish_inverse(int32_t *x, int32_t k, const int32_t *table) {
  int32_t q = 4;
  if (k > 16) {
    inverse_pass(x, x + k, 4, table);
    for (q = 16; q < k / 4; q *= 4) inverse_pass(x, x + k, q, table);
  }
  if (q == k / 4) {
    for (int32_t *at = x; at < x + q; at++)
      plain_inverse(at, q, at[0], at[q], at[2 * q], at[3 * q], table[1], 1);
  } else if (k > 4) {
    for (int32_t *at = x; at < x + k / 2; at++) {
      const int32_t a = at[0], b = at[k / 2];
      at[0] = a + b;
      at[k / 2] = a - b;
    }
  }
}

static void circulant_enter(void) {
  const int32_t k = OP->p[BLOCK], blocks = OP->p[BLOCKS];
  int32_t *table = (int32_t *)SCRATCH(3);
  int32_t *x = (int32_t *)SCRATCH(0);
  make_twiddles(table, k, OP->p[ROOT]);
  for (int32_t first = 0; first < OP->p[INPUTS]; first += k, x += 4) {
    const int32_t count = smaller(k, OP->p[INPUTS] - first);
    const int8_t *source = brownout_nvm_view(OP->input + (uint32_t)first, (uint32_t)count, SCRATCH(5));
    if (count < k) {
      memmove(SCRATCH(5), source, (size_t)count);
      fill_bytes(SCRATCH(5) + count, 0, k - count);
      source = (const int8_t *)SCRATCH(5);
    }
    forward(source, (int32_t *)SCRATCH(2), x, 4 * blocks, k, table);
  }
  x = (int32_t *)SCRATCH(0);
  if (OP->p[CENTRE])
    for (int32_t *at = x; at < x + blocks * k; at++) *at = centre(*at);
}

static void multiply_row(int32_t row, int32_t k, int32_t *to) {
  const int32_t blocks = OP->p[BLOCKS], chunk = OP->p[CHUNK];
  const int32_t *table = (const int32_t *)SCRATCH(3);
  uint32_t from = OP->weights + 4u * (uint32_t)(row * k * blocks);
  const int32_t *x = (const int32_t *)SCRATCH(0);
  int32_t index = 0;
  for (int32_t done = 0; done < k; done += chunk, from += 4u * (uint32_t)(chunk * blocks)) {
    const int32_t *w = constants(from);
    for (const int32_t *last = w + chunk * blocks; w < last; to += 4, index++) {
      int64_t a = 0, b = 0, c = 0, d = 0;
      for (int32_t left = blocks; left > 0; left--, x += 4, w += 4) {
        a += (int64_t)x[0] * w[0];
        b += (int64_t)x[1] * w[1];
        c += (int64_t)x[2] * w[2];
        d += (int64_t)x[3] * w[3];
      }
      if (index) inverse(to, 1, reduce(a), reduce(b), reduce(c), reduce(d), table, mirror(index));
      else plain_inverse(to, 1, reduce(a), reduce(b), reduce(c), reduce(d), table[1], k == 4);
    }
  }
}

/* One pair for all channels, right shift of 2 or more. */
static inline void requantize_run(const int32_t *sums, const int32_t *bias, const int32_t *pair, int8_t *to,
                                  int32_t count, int full) {
  const int32_t multiplier = pair[0], rest = -pair[1] - 2, twice = 2 * OP->output_zero + 1;
  const int32_t low = OP->clamp_min, high = OP->clamp_max;
  for (int8_t *last = to + count; to < last; to++) {
    const int32_t x = centre(*sums++) + *bias++;
    const int32_t y = (scale_twice(x, multiplier, rest) + twice) >> 1;
    if (full) *to = (int8_t)((int8_t)y == y ? y : (y >> 31) ^ 127);
    else *to = (int8_t)(y > high ? high : y < low ? low : y);
  }
}

static void circulant_tile(int32_t index) {
  const int32_t k = OP->p[BLOCK], blocks = OP->p[BLOCKS], group = OP->p[ROWS];
  const int32_t begin = index * group * k;
  const int32_t end = smaller(begin + group * k, OP->p[OUTPUTS]);
  const int32_t step = (int32_t)OP->requant_stride / 4;
  int32_t *work = (int32_t *)SCRATCH(2);
  int8_t *output = (int8_t *)SCRATCH(5);
  const int32_t *pair = step ? 0 : look_requant(0, 1, SCRATCH(4));
  for (int32_t first = begin, row = index * group; first < end; first += k, row++) {
    const int32_t count = smaller(k, end - first);
    multiply_row(row, k, work);
    finish_inverse(work, k, (const int32_t *)SCRATCH(3));
    const int32_t *bias = look_bias(first, count, SCRATCH(1));
    if (step) pair = look_requant(first, count, SCRATCH(4));
    int8_t *to = output + first - begin;
    if (!step && pair[1] <= -2) {
      if (OP->clamp_min == -128 && OP->clamp_max == 127) requantize_run(work, bias, pair, to, count, 1);
      else requantize_run(work, bias, pair, to, count, 0);
    } else {
      for (int32_t i = 0; i < count; i++) to[i] = (int8_t)requantize(centre(work[i]) + bias[i], pair + i * step);
    }
  }
  brownout_nvm_write(OP->output + (uint32_t)begin, output, (uint32_t)(end - begin));
}
