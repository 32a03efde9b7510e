/*
 * accel.signs_s8: rows of weights of 1 or 2 bits. A weight of 1 bit is a sign, one of 2 bits a sign and twice another. Of every
 * four values of a vector the sums for all 16 patterns of signs are made once, for all rows; a row adds up what its bits name.
 * Four vectors go at a time, two in a word: their sum as integers, high * 65536 + low, which plain additions keep right, so that
 * no core needs more than those. Included by brownout_accel.h.
 */

/* Fours of values at a time: 63 sums of four stay below 2^15. */
#define BROWNOUT_ACCEL_SIGNS_MOST 63u

/* The address of an array in the module's memory that lies at a multiple of 4. */
static inline uint32_t *accel_words(uint32_t at) {
  return (uint32_t *)(void *)(BROWNOUT_WASM_BASE + at);
}

static BROWNOUT_ACCEL_WITHIN uint32_t accel_signs_value(const uint8_t *at) {
  return (uint32_t)(int32_t)(int8_t)*at;
}

/* What four values, `count` of them there, are in two vectors. */
static BROWNOUT_ACCEL_WITHIN void accel_signs_pairs(const uint8_t *a, const uint8_t *b, uint32_t count, uint32_t to[4]) {
  to[0] = accel_signs_value(a) + (accel_signs_value(b) << 16);
  to[1] = count > 1u ? accel_signs_value(a + 1) + (accel_signs_value(b + 1) << 16) : 0u;
  to[2] = count > 2u ? accel_signs_value(a + 2) + (accel_signs_value(b + 2) << 16) : 0u;
  to[3] = count > 3u ? accel_signs_value(a + 3) + (accel_signs_value(b + 3) << 16) : 0u;
}

/* Patterns in the order in which each differs from the one before by one sign: SIGNS_STEP(pattern, value, its sign). */
#define BROWNOUT_ACCEL_SIGNS_WALK(STEP)                                                                              \
  STEP(1, 0, +) STEP(3, 1, +) STEP(2, 0, -) STEP(6, 2, +) STEP(7, 0, +) STEP(5, 1, -) STEP(4, 0, -) STEP(12, 3, +)   \
  STEP(13, 0, +) STEP(15, 1, +) STEP(14, 0, -) STEP(10, 2, -) STEP(11, 0, +) STEP(9, 1, -) STEP(8, 0, -)

/* Tables of four vectors, two words an entry. */
static BROWNOUT_ACCEL_APART void accel_signs_tables(const uint8_t *x, const uint32_t apart[3], uint32_t length,
                                                    uint32_t *to) {
  for (; length; x += 4, to += 32) {
    const uint32_t count = length < 4u ? length : 4u;
    uint32_t p[4];
    uint32_t q[4];
    uint32_t a;
    uint32_t b;
    if (count == 4u) {
      accel_signs_pairs(x, x + apart[0], 4, p);
      accel_signs_pairs(x + apart[1], x + apart[2], 4, q);
    } else {
      accel_signs_pairs(x, x + apart[0], count, p);
      accel_signs_pairs(x + apart[1], x + apart[2], count, q);
    }
    a = 0u - p[0] - p[1] - p[2] - p[3];
    b = 0u - q[0] - q[1] - q[2] - q[3];
    to[0] = a;
    to[1] = b;
#define BROWNOUT_ACCEL_SIGNS_STEP(pattern, value, sign) \
  a = a sign(p[value] << 1);                            \
  b = b sign(q[value] << 1);                            \
  to[2 * (pattern)] = a;                                \
  to[2 * (pattern) + 1] = b;
    BROWNOUT_ACCEL_SIGNS_WALK(BROWNOUT_ACCEL_SIGNS_STEP)
#undef BROWNOUT_ACCEL_SIGNS_STEP
    length -= count;
  }
}

/* Tables of one vector. */
static BROWNOUT_ACCEL_APART void accel_signs_table(const uint8_t *x, uint32_t length, uint32_t *to) {
  for (; length; x += 4, to += 16) {
    const uint32_t count = length < 4u ? length : 4u;
    const uint32_t p[4] = {accel_signs_value(x), count > 1u ? accel_signs_value(x + 1) : 0u,
                           count > 2u ? accel_signs_value(x + 2) : 0u, count > 3u ? accel_signs_value(x + 3) : 0u};
    uint32_t a = 0u - p[0] - p[1] - p[2] - p[3];
    to[0] = a;
#define BROWNOUT_ACCEL_SIGNS_STEP(pattern, value, sign) \
  a = a sign(p[value] << 1);                            \
  to[pattern] = a;
    BROWNOUT_ACCEL_SIGNS_WALK(BROWNOUT_ACCEL_SIGNS_STEP)
#undef BROWNOUT_ACCEL_SIGNS_STEP
    length -= count;
  }
}

/* a += the first, b += the second word of the entry that bits from `shift` on name, in the table `four` fours on. */
#if defined(__GNUC__) && defined(__thumb2__)
#define BROWNOUT_ACCEL_SIGNS_ADD(a, b, shift, four)                                                              \
  do {                                                                                                           \
    uint32_t at;                                                                                                 \
    uint32_t low;                                                                                                \
    uint32_t high;                                                                                               \
    __asm__("ubfx %0, %5, %7, #4\n\tadd %0, %6, %0, lsl #3\n\tldrd %1, %2, [%0, %8]\n\tadd %3, %1\n\tadd %4, %2" \
            : "=&r"(at), "=&r"(low), "=&r"(high), "+r"(a), "+r"(b)                                               \
            : "r"(bits), "r"(table), "n"(shift), "n"((four) * 128)                                               \
            : "memory");                                                                                         \
  } while (0)
/* The same in a table of one vector, one word an entry. */
#define BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, shift, four)                                                     \
  do {                                                                                                     \
    uint32_t at;                                                                                           \
    __asm__("ubfx %0, %2, %4, #4\n\tadd %0, %3, %0, lsl #2\n\tldr %0, [%0, %5]\n\tadd %1, %0"              \
            : "=&r"(at), "+r"(sum)                                                                         \
            : "r"(bits), "r"(table), "n"(shift), "n"((four) * 64)                                          \
            : "memory");                                                                                   \
  } while (0)
#else
#define BROWNOUT_ACCEL_SIGNS_ADD(a, b, shift, four)                                  \
  do {                                                                               \
    const uint32_t *at = table + (four) * 32u + ((bits >> (shift)) & 15u) * 2u;      \
    a += at[0];                                                                      \
    b += at[1];                                                                      \
  } while (0)
#define BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, shift, four) (sum += table[(four) * 16u + ((bits >> (shift)) & 15u)])
#endif

/* sums[i] += what both halves of two words hold, times 1 << up. */
static BROWNOUT_ACCEL_WITHIN void accel_signs_spread(uint32_t a, uint32_t b, uint32_t up, int32_t sums[4]) {
  const uint32_t low = (uint32_t)(int32_t)(int16_t)(uint16_t)a;
  const uint32_t next = (uint32_t)(int32_t)(int16_t)(uint16_t)b;
  sums[0] += (int32_t)(low << up);
  sums[1] += (int32_t)((uint32_t)((int32_t)(a - low) >> 16) << up);
  sums[2] += (int32_t)(next << up);
  sums[3] += (int32_t)((uint32_t)((int32_t)(b - next) >> 16) << up);
}

/* A row of 1 bit on four vectors: `fours` times four weights. */
static BROWNOUT_ACCEL_APART void accel_signs_row1(const uint8_t *w, uint32_t fours, const uint32_t *table, int32_t sums[4]) {
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t bits;
  for (; fours >= 8u; fours -= 8u, w += 4, table += 256) {
    memcpy(&bits, w, 4);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 4, 1);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 8, 2);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 12, 3);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 16, 4);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 20, 5);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 24, 6);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 28, 7);
  }
  for (; fours > 1u; fours -= 2u, table += 64) {
    bits = *w++;
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 4, 1);
  }
  if (fours) {
    bits = *w;
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0);
  }
  accel_signs_spread(a, b, 0, sums);
}

/* A row of 2 bits on four vectors. */
static BROWNOUT_ACCEL_APART void accel_signs_row2(const uint8_t *w, uint32_t fours, const uint32_t *table, int32_t sums[4]) {
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t d = 0;
  uint32_t bits;
  for (; fours >= 4u; fours -= 4u, w += 4, table += 128) {
    memcpy(&bits, w, 4);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0);
    BROWNOUT_ACCEL_SIGNS_ADD(c, d, 4, 0);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 8, 1);
    BROWNOUT_ACCEL_SIGNS_ADD(c, d, 12, 1);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 16, 2);
    BROWNOUT_ACCEL_SIGNS_ADD(c, d, 20, 2);
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 24, 3);
    BROWNOUT_ACCEL_SIGNS_ADD(c, d, 28, 3);
  }
  for (; fours; fours--, table += 32) {
    bits = *w++;
    BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0);
    BROWNOUT_ACCEL_SIGNS_ADD(c, d, 4, 0);
  }
  accel_signs_spread(a, b, 0, sums);
  accel_signs_spread(c, d, 1, sums);
}

/* A row on one vector. */
static BROWNOUT_ACCEL_APART int32_t accel_signs_single1(const uint8_t *w, uint32_t fours, const uint32_t *table) {
  uint32_t sum = 0;
  uint32_t bits;
  for (; fours >= 8u; fours -= 8u, w += 4) {
    memcpy(&bits, w, 4);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 0, 0);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 4, 1);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 8, 2);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 12, 3);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 16, 4);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 20, 5);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 24, 6);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 28, 7);
    table += 128;
  }
  for (; fours; fours -= fours > 1u ? 2u : 1u, table += 32) {
    bits = *w++;
    sum += table[bits & 15u];
    if (fours > 1u) sum += table[16u + (bits >> 4)];
  }
  return (int32_t)sum;
}

static BROWNOUT_ACCEL_APART int32_t accel_signs_single2(const uint8_t *w, uint32_t fours, const uint32_t *table) {
  uint32_t sum = 0;
  uint32_t twice = 0;
  uint32_t bits;
  for (; fours >= 4u; fours -= 4u, w += 4) {
    memcpy(&bits, w, 4);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 0, 0);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(twice, 4, 0);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 8, 1);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(twice, 12, 1);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 16, 2);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(twice, 20, 2);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 24, 3);
    BROWNOUT_ACCEL_SIGNS_ADD_ONE(twice, 28, 3);
    table += 64;
  }
  for (; fours; fours--, table += 16) {
    bits = *w++;
    sum += table[bits & 15u];
    twice += table[bits >> 4];
  }
  return (int32_t)(sum + twice * 2u);
}

/* One sum without tables. */
static BROWNOUT_ACCEL_APART int32_t accel_signs_dot(const uint8_t *x, const uint8_t *w, uint32_t weight_bits, uint32_t length,
                                                    int32_t sum) {
  uint32_t i;
  for (i = 0; i < length; i++) {
    int32_t weight = (int32_t)((uint32_t)w[i >> 3] >> (i & 7u) & 1u) * 2 - 1;
    if (weight_bits == 2u) {
      const uint32_t four = (uint32_t)w[i >> 2] >> (i & 3u);
      weight = (int32_t)((four & 1u) + (four >> 3 & 2u)) * 2 - 3;
    }
    sum += (int32_t)(int8_t)x[i] * weight;
  }
  return sum;
}

/* Sums of one row to a byte each, `stride` apart; the first `count` of four. */
static BROWNOUT_ACCEL_APART void accel_signs_finish(const brownout_accel_output *out, const brownout_accel_row *row,
                                                    const int32_t sums[4], uint32_t count, uint8_t *to, uint32_t stride) {
  uint32_t i;
#ifdef BROWNOUT_ACCEL_DSP
  if (row->right && count == 4u) {
    const brownout_accel_row *const same[4] = {row, row, row, row};
    uint32_t four = accel_round_four(same, out->zero_point * 2 + 1, BROWNOUT_ACCEL_BYTES(out->low),
                                     BROWNOUT_ACCEL_BYTES(out->high), sums[0], sums[1], sums[2], sums[3]);
    for (i = 0; i < 4u; i++, to += stride, four >>= 8) *to = (uint8_t)four;
    return;
  }
#endif
  for (i = 0; i < count; i++, to += stride) *to = accel_to_byte(out, row, sums[i]);
}

/* Up to four vectors; `words` of four, 1: one alone. `sums`: of each row, where `chunk` is less than all fours. */
static BROWNOUT_ACCEL_APART void accel_signs_block(const uint8_t *x, uint32_t vectors, const uint8_t *w, uint32_t weight_bits,
                                                   uint32_t rows, uint32_t length, const brownout_accel_output *out,
                                                   uint8_t *to, uint32_t to_stride, uint32_t chunk, int32_t *sums,
                                                   uint32_t *tables) {
  const uint32_t fours = (length + 3u) >> 2;
  const uint32_t row_bytes = (length * weight_bits + 7u) >> 3;
  /* Vectors that are not there are the first again. */
  const uint32_t apart[3] = {vectors > 1u ? length : 0u, vectors > 2u ? length * 2u : 0u, vectors > 3u ? length * 3u : 0u};
  const uint32_t words = vectors > 1u ? 4u : 1u;
  uint32_t first;
  for (first = 0; first < fours; first += chunk) {
    const uint32_t size = fours - first < chunk ? fours - first : chunk;
    const uint32_t values = length - first * 4u < size * 4u ? length - first * 4u : size * 4u;
    const uint8_t *part = w + (first * 4u * weight_bits >> 3);
    uint32_t row;
    if (words > 1u) accel_signs_tables(x + first * 4u, apart, values, tables);
    else accel_signs_table(x + first * 4u, values, tables);
    for (row = 0; row < rows; row++, part += row_bytes) {
      int32_t four[4];
      four[0] = first ? sums[row * words] : accel_s32(out->bias + row * 4u);
      if (words > 1u) {
        four[1] = first ? sums[row * words + 1u] : four[0];
        four[2] = first ? sums[row * words + 2u] : four[0];
        four[3] = first ? sums[row * words + 3u] : four[0];
      }
      if (words > 1u && weight_bits == 1u) accel_signs_row1(part, size, tables, four);
      else if (words > 1u) accel_signs_row2(part, size, tables, four);
      else if (weight_bits == 1u) four[0] += accel_signs_single1(part, size, tables);
      else four[0] += accel_signs_single2(part, size, tables);
      if (first + size < fours) {
        sums[row * words] = four[0];
        if (words > 1u) memcpy(sums + row * words + 1u, four + 1, 12);
      } else {
        const brownout_accel_row each = accel_row_of(out, row, length * 3u);
        accel_signs_finish(out, &each, four, vectors, to + row, to_stride);
      }
    }
  }
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_signs_s8(uint32_t x_at, uint32_t vectors, uint32_t w_at,
    uint32_t weight_bits, uint32_t rows, uint32_t length, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point,
    uint32_t low, uint32_t high, uint32_t to_at, uint32_t to_stride, uint32_t room, uint32_t room_bytes) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  const uint32_t fours = (length + 3u) >> 2;
  const uint32_t words = vectors > 1u ? 4u : 1u;
  const uint32_t sum_words = (rows * words + 1u) & ~1u;
  const uint32_t left = room_bytes < sum_words * 4u ? 0u : room_bytes - sum_words * 4u;
  uint32_t chunk = words > 1u ? left >> 7 : left >> 6;
  brownout_wasm_check(x_at, 0, (uint64_t)vectors * length, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)rows * ((length * weight_bits + 7u) >> 3), 1);
  brownout_wasm_check(to_at, 0, (uint64_t)(vectors - 1u) * to_stride + rows, 1);
  brownout_wasm_check(room, 0, room_bytes, 4);
  if (words > 1u && chunk > BROWNOUT_ACCEL_SIGNS_MOST) chunk = BROWNOUT_ACCEL_SIGNS_MOST;
  if (chunk < fours) chunk &= ~7u;
  for (; vectors; x += length * 4u, to += to_stride * 4u) {
    const uint32_t count = vectors < 4u ? vectors : 4u;
    if (chunk) {
      accel_signs_block(x, count, w, weight_bits, rows, length, &out, to, to_stride, chunk, (int32_t *)accel_words(room),
                        accel_words(room) + sum_words);
    } else {
      uint32_t i;
      for (i = 0; i < count * rows; i++) {
        const uint32_t row = i % rows;
        const brownout_accel_row each = accel_row_of(&out, row, length * 3u);
        const uint8_t *packed = w + row * ((length * weight_bits + 7u) >> 3);
        to[i / rows * to_stride + row] =
            accel_scale(&out, &each, accel_signs_dot(x + i / rows * length, packed, weight_bits, length, each.bias));
      }
    }
    vectors -= count;
  }
}
