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

/* An entry of two words. */
#if defined(__GNUC__) && defined(__thumb2__)
#define BROWNOUT_ACCEL_SIGNS_PUT(pattern) \
  __asm__ volatile("strd %0, %1, [%2, %3]" : "+r"(a), "+r"(b) : "r"(to), "n"((pattern) * 8) : "memory")
#else
#define BROWNOUT_ACCEL_SIGNS_PUT(pattern) ((void)(to[2 * (pattern)] = a, to[2 * (pattern) + 1] = b))
#endif

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
    BROWNOUT_ACCEL_SIGNS_PUT(0);
#define BROWNOUT_ACCEL_SIGNS_STEP(pattern, value, sign) \
  a = a sign(p[value] << 1);                            \
  b = b sign(q[value] << 1);                            \
  BROWNOUT_ACCEL_SIGNS_PUT(pattern);
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

/*
 * a += the first, b += the second word of the entry that four bits name, `shift` up in byte `place` of a row, in the table `four`
 * fours on. Where words lie anywhere and bits are taken out at once, four bytes are loaded together; else bytes one by one: to
 * put four together would take as much as to add them up.
 */
#if defined(__GNUC__) && defined(__thumb2__)
#define BROWNOUT_ACCEL_SIGNS_BITS uint32_t bits;
#define BROWNOUT_ACCEL_SIGNS_WORD() memcpy(&bits, at_row, 4)
#define BROWNOUT_ACCEL_SIGNS_BYTE() (bits = *at_row)
#define BROWNOUT_ACCEL_SIGNS_ADD(a, b, place, shift, four)                                                       \
  do {                                                                                                           \
    uint32_t at;                                                                                                 \
    uint32_t low;                                                                                                \
    uint32_t high;                                                                                               \
    __asm__("ubfx %0, %5, %7, #4\n\tadd %0, %6, %0, lsl #3\n\tldrd %1, %2, [%0, %8]\n\tadd %3, %1\n\tadd %4, %2" \
            : "=&r"(at), "=&r"(low), "=&r"(high), "+r"(a), "+r"(b)                                               \
            : "r"(bits), "r"(table), "n"((place) * 8 + (shift)), "n"((four) * 128)                               \
            : "memory");                                                                                         \
  } while (0)
/* The same in a table of one vector, one word an entry. */
#define BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, place, shift, four)                                              \
  do {                                                                                                     \
    uint32_t at;                                                                                           \
    __asm__("ubfx %0, %2, %4, #4\n\tadd %0, %3, %0, lsl #2\n\tldr %0, [%0, %5]\n\tadd %1, %0"              \
            : "=&r"(at), "+r"(sum)                                                                         \
            : "r"(bits), "r"(table), "n"((place) * 8 + (shift)), "n"((four) * 64)                          \
            : "memory");                                                                                   \
  } while (0)
#else
#define BROWNOUT_ACCEL_SIGNS_BITS
#define BROWNOUT_ACCEL_SIGNS_WORD() ((void)0)
#define BROWNOUT_ACCEL_SIGNS_BYTE() ((void)0)
#define BROWNOUT_ACCEL_SIGNS_PATTERN(place, shift) ((uint32_t)at_row[place] >> (shift) & 15u)
#define BROWNOUT_ACCEL_SIGNS_ADD(a, b, place, shift, four)                                              \
  do {                                                                                                  \
    const uint32_t *at = table + (four) * 32u + BROWNOUT_ACCEL_SIGNS_PATTERN(place, shift) * 2u;        \
    a += at[0];                                                                                         \
    b += at[1];                                                                                         \
  } while (0)
#define BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, place, shift, four) \
  (sum += table[(four) * 16u + BROWNOUT_ACCEL_SIGNS_PATTERN(place, shift)])
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

/* Rows from w on of `fours` times four weights of 1 bit, `bytes` apart, on four vectors: sums [row][vector] += theirs. */
static BROWNOUT_ACCEL_APART void accel_signs_rows1(const uint8_t *w, uint32_t bytes, uint32_t rows, uint32_t fours,
                                                   const uint32_t *tables, int32_t *sums) {
  for (; rows; rows--, w += bytes, sums += 4) {
    const uint8_t *at_row = w;
    const uint32_t *table = tables;
    uint32_t left = fours;
    uint32_t a = 0;
    uint32_t b = 0;
    BROWNOUT_ACCEL_SIGNS_BITS
    for (; left >= 8u; left -= 8u, at_row += 4, table += 256) {
      BROWNOUT_ACCEL_SIGNS_WORD();
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0, 0);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 4, 1);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 1, 0, 2);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 1, 4, 3);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 2, 0, 4);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 2, 4, 5);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 3, 0, 6);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 3, 4, 7);
    }
    for (; left > 1u; left -= 2u, at_row++, table += 64) {
      BROWNOUT_ACCEL_SIGNS_BYTE();
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0, 0);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 4, 1);
    }
    if (left) {
      BROWNOUT_ACCEL_SIGNS_BYTE();
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0, 0);
    }
    accel_signs_spread(a, b, 0, sums);
  }
}

/* The same of 2 bits. */
static BROWNOUT_ACCEL_APART void accel_signs_rows2(const uint8_t *w, uint32_t bytes, uint32_t rows, uint32_t fours,
                                                   const uint32_t *tables, int32_t *sums) {
  for (; rows; rows--, w += bytes, sums += 4) {
    const uint8_t *at_row = w;
    const uint32_t *table = tables;
    uint32_t left = fours;
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    BROWNOUT_ACCEL_SIGNS_BITS
    for (; left >= 4u; left -= 4u, at_row += 4, table += 128) {
      BROWNOUT_ACCEL_SIGNS_WORD();
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0, 0);
      BROWNOUT_ACCEL_SIGNS_ADD(c, d, 0, 4, 0);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 1, 0, 1);
      BROWNOUT_ACCEL_SIGNS_ADD(c, d, 1, 4, 1);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 2, 0, 2);
      BROWNOUT_ACCEL_SIGNS_ADD(c, d, 2, 4, 2);
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 3, 0, 3);
      BROWNOUT_ACCEL_SIGNS_ADD(c, d, 3, 4, 3);
    }
    for (; left; left--, at_row++, table += 32) {
      BROWNOUT_ACCEL_SIGNS_BYTE();
      BROWNOUT_ACCEL_SIGNS_ADD(a, b, 0, 0, 0);
      BROWNOUT_ACCEL_SIGNS_ADD(c, d, 0, 4, 0);
    }
    accel_signs_spread(a, b, 0, sums);
    accel_signs_spread(c, d, 1, sums);
  }
}

/* Rows on one vector. */
static BROWNOUT_ACCEL_APART void accel_signs_single1(const uint8_t *w, uint32_t bytes, uint32_t rows, uint32_t fours,
                                                     const uint32_t *tables, int32_t *sums) {
  for (; rows; rows--, w += bytes, sums++) {
    const uint8_t *at_row = w;
    const uint32_t *table = tables;
    uint32_t left = fours;
    uint32_t sum = 0;
    BROWNOUT_ACCEL_SIGNS_BITS
    for (; left >= 8u; left -= 8u, at_row += 4, table += 128) {
      BROWNOUT_ACCEL_SIGNS_WORD();
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 0, 0, 0);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 0, 4, 1);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 1, 0, 2);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 1, 4, 3);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 2, 0, 4);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 2, 4, 5);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 3, 0, 6);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 3, 4, 7);
    }
    for (; left; left -= left > 1u ? 2u : 1u, table += 32) {
      const uint32_t two = *at_row++;
      sum += table[two & 15u];
      if (left > 1u) sum += table[16u + (two >> 4)];
    }
    *sums += (int32_t)sum;
  }
}

static BROWNOUT_ACCEL_APART void accel_signs_single2(const uint8_t *w, uint32_t bytes, uint32_t rows, uint32_t fours,
                                                     const uint32_t *tables, int32_t *sums) {
  for (; rows; rows--, w += bytes, sums++) {
    const uint8_t *at_row = w;
    const uint32_t *table = tables;
    uint32_t left = fours;
    uint32_t sum = 0;
    uint32_t twice = 0;
    BROWNOUT_ACCEL_SIGNS_BITS
    for (; left >= 4u; left -= 4u, at_row += 4, table += 64) {
      BROWNOUT_ACCEL_SIGNS_WORD();
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 0, 0, 0);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(twice, 0, 4, 0);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 1, 0, 1);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(twice, 1, 4, 1);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 2, 0, 2);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(twice, 2, 4, 2);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(sum, 3, 0, 3);
      BROWNOUT_ACCEL_SIGNS_ADD_ONE(twice, 3, 4, 3);
    }
    for (; left; left--, table += 16) {
      const uint32_t codes = *at_row++;
      sum += table[codes & 15u];
      twice += table[codes >> 4];
    }
    *sums += (int32_t)(sum + twice * 2u);
  }
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

#ifdef BROWNOUT_ACCEL_DSP
/*
 * Rows of 2 bits on one vector, for which tables would serve one sum each. A weight is 2c - 3 of its code c = 0 .. 3, so that a
 * sum is twice that of products with codes, less three times the vector's own. Of a word's 16 codes the lower and the upper bits
 * of every other one are brought side by side; of two that are 16 bits apart a mask makes halves, which SMLAD multiplies.
 */
/* Two codes of each of two rows, `shift` bits up in r8 and r9 or in r10 and r11, times two values. */
#define BROWNOUT_ACCEL_CODES_TWO(x, first, second, shift)                                                       \
  "and r12, r3, " first ", lsr #" shift "\n\tsmlad r5, " x ", r12, r5\n\t"                                      \
  "and r12, r3, " second ", lsr #" shift "\n\tsmlad lr, " x ", r12, lr\n\t"
#define BROWNOUT_ACCEL_CODES_FOUR(first, second, shift, next)                                                   \
  "ldrd r6, r7, [r0], #8\n\t"                                                                                   \
  BROWNOUT_ACCEL_CODES_TWO("r6", first, second, shift) BROWNOUT_ACCEL_CODES_TWO("r7", first, second, next)
#define BROWNOUT_ACCEL_CODES_WORD                                                                                        \
  "ldr r10, [r1], #4\n\tldr r11, [r2], #4\n\t"                                                                          \
  "and r8, r10, #0x55555555\n\tand r9, r11, #0x55555555\n\tand r10, r10, #0xaaaaaaaa\n\tand r11, r11, #0xaaaaaaaa\n\t"  \
  "orr r8, r8, r8, lsr #3\n\torr r9, r9, r9, lsr #3\n\torr r10, r10, r10, lsr #3\n\torr r11, r11, r11, lsr #3\n\t"      \
  BROWNOUT_ACCEL_CODES_FOUR("r8", "r9", "0", "2") BROWNOUT_ACCEL_CODES_FOUR("r10", "r11", "1", "3")                      \
  BROWNOUT_ACCEL_CODES_FOUR("r8", "r9", "8", "10") BROWNOUT_ACCEL_CODES_FOUR("r10", "r11", "9", "11")
/* Two sums += products of the codes of rows w and next, of `words` of codes, with a vector, widened. */
static __attribute__((naked, noinline, unused)) void accel_codes_two(
    __attribute__((unused)) const uint32_t *x, __attribute__((unused)) const uint8_t *w,
    __attribute__((unused)) const uint8_t *next, __attribute__((unused)) int32_t sums[2],
    __attribute__((unused)) uint32_t words) {
  __asm__ volatile(
      /* Two words at a time: of an odd number the first goes alone. */
      "push {r3-r11, lr}\n\tldrd r5, lr, [r3]\n\tldr r4, [sp, #40]\n\tmov r3, #0x00030003\n\t"
      "lsrs r4, r4, #1\n\tit cs\n\taddcs r4, #1\n\tbcs.w 2f\n"
      "1:\n\t" BROWNOUT_ACCEL_CODES_WORD "\n2:\n\t" BROWNOUT_ACCEL_CODES_WORD
      "subs r4, #1\n\tbne.w 1b\n\tpop {r3}\n\tstrd r5, lr, [r3]\n\tpop {r4-r11, pc}\n\t");
}

/* Of every 16 values 0 and 8, 2 and 10, 1 and 9, 3 and 11, then those that are four on, twice as int16; zeros past the last. All
 * added up. */
static BROWNOUT_ACCEL_APART int32_t accel_codes_widen(const uint8_t *x, uint32_t length, uint32_t *to) {
  int32_t sum = 0;
  for (; length; to += 8) {
    const uint32_t count = length < 16u ? length : 16u;
    uint32_t words[4] = {0, 0, 0, 0};
    uint32_t i;
    uint32_t j;
    memcpy(words, x, count);
    for (i = 0; i < 2u; i++) {
      uint32_t *at = to + i * 4u;
      __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(at[0]) : "r"(accel_even(words[i])), "r"(accel_even(words[i + 2u])));
      __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(at[1]) : "r"(accel_even(words[i])), "r"(accel_even(words[i + 2u])));
      __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(at[2]) : "r"(accel_odd(words[i])), "r"(accel_odd(words[i + 2u])));
      __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(at[3]) : "r"(accel_odd(words[i])), "r"(accel_odd(words[i + 2u])));
      for (j = 0; j < 4u; j++) {
        __asm__("sadd16 %0, %1, %1" : "=r"(at[j]) : "r"(at[j]));
        sum = accel_both(at[j], 0x00010001u, sum);
      }
    }
    x += count;
    length -= count;
  }
  return sum;
}

/* The same for any length; nothing is read past a row. */
static BROWNOUT_ACCEL_APART void accel_codes_ends(const uint32_t *x, const uint8_t *w, const uint8_t *next, uint32_t length,
                                                  int32_t sums[2]) {
  const uint32_t left = ((length & 15u) + 3u) >> 2;
  uint32_t last[2] = {0, 0};
  memcpy(last, w + (length >> 4) * 4u, left);
  memcpy(last + 1, next + (length >> 4) * 4u, left);
  accel_codes_two(x + (length >> 4) * 8u, (const uint8_t *)last, (const uint8_t *)(last + 1), sums, 1);
}

/* Bytes to widen a vector in. */
#define BROWNOUT_ACCEL_CODES_ROOM(length) ((((length) + 15u) & ~15u) * 2u)

/* One vector: four rows at a time, of which some may be the last again. */
static BROWNOUT_ACCEL_APART void accel_codes_single(const brownout_accel_output *out, const uint8_t *x, const uint8_t *w,
                                                    uint32_t rows, uint32_t length, uint8_t *to, uint32_t *room) {
  const uint32_t bytes = (length + 3u) >> 2;
  /* Of doubled values: 3 x is half as much again. */
  const int32_t twice = accel_codes_widen(x, length, room);
  const int32_t less = twice + (twice >> 1);
  uint32_t row;
  for (row = 0; row < rows; row += 4u) {
    const uint32_t count = rows - row < 4u ? rows - row : 4u;
    brownout_accel_row four[4];
    const brownout_accel_row *const each[4] = {four, four + 1, four + 2, four + 3};
    const uint8_t *at[4];
    int32_t sums[4];
    uint32_t i;
    for (i = 0; i < 4u; i++) {
      const uint32_t which = row + (i < count ? i : count - 1u);
      four[i] = accel_row_of(out, which, length * 3u);
      sums[i] = four[i].bias - less;
      at[i] = w + which * bytes;
    }
    for (i = 0; i < count; i += 2u) {
      if (length >> 4) accel_codes_two(room, at[i], at[i + 1u], sums + i, length >> 4);
      if (length & 15u) accel_codes_ends(room, at[i], at[i + 1u], length, sums + i);
    }
    if (four[0].right && four[1].right && four[2].right && four[3].right) {
      const uint32_t word = accel_round_four(each, out->zero_point * 2 + 1, BROWNOUT_ACCEL_BYTES(out->low),
                                             BROWNOUT_ACCEL_BYTES(out->high), sums[0], sums[1], sums[2], sums[3]);
      memcpy(to + row, &word, count);
      continue;
    }
    for (i = 0; i < count; i++) to[row + i] = accel_scale(out, four + i, sums[i]);
  }
}
#endif

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

/* Up to four vectors. `sums`: of each row, four of more than one vector; `tables`: of `chunk` fours. */
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
  uint32_t row;
  for (row = 0; row < rows; row++) {
    const int32_t bias = accel_s32(out->bias + row * 4u);
    int32_t *four = sums + row * words;
    four[0] = bias;
    if (words > 1u) four[1] = four[2] = four[3] = bias;
  }
  for (first = 0; first < fours; first += chunk) {
    const uint32_t size = fours - first < chunk ? fours - first : chunk;
    const uint32_t values = length - first * 4u < size * 4u ? length - first * 4u : size * 4u;
    const uint8_t *part = w + (first * 4u * weight_bits >> 3);
    if (words > 1u) {
      accel_signs_tables(x + first * 4u, apart, values, tables);
      if (weight_bits == 1u) accel_signs_rows1(part, row_bytes, rows, size, tables, sums);
      else accel_signs_rows2(part, row_bytes, rows, size, tables, sums);
    } else {
      accel_signs_table(x + first * 4u, values, tables);
      if (weight_bits == 1u) accel_signs_single1(part, row_bytes, rows, size, tables, sums);
      else accel_signs_single2(part, row_bytes, rows, size, tables, sums);
    }
  }
  for (row = 0; row < rows; row++) {
    const brownout_accel_row each = accel_row_of(out, row, length * 3u);
    accel_signs_finish(out, &each, sums + row * words, vectors, to + row, to_stride);
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
#ifdef BROWNOUT_ACCEL_DSP
    if (count == 1u && weight_bits == 2u && room_bytes >= BROWNOUT_ACCEL_CODES_ROOM(length)) {
      accel_codes_single(&out, x, w, rows, length, to, accel_words(room));
      return;
    }
#endif
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
