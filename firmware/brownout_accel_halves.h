/*
 * Rows of weights of 4 bits, two at once, for cores without the DSP extension. A weight of either row, 8 more than it is so that
 * none is negative, is half of a word, and a product by a value is both rows'. Sums of 16 of them, from 16 * 15 * -128 to
 * 16 * 15 * 127, fit in the lower half. Eight times the values are too much, which accel_nibble_less says. Included by
 * brownout_accel_nibbles.h.
 */
#define BROWNOUT_ACCEL_NIBBLES_HALVES

#define BROWNOUT_ACCEL_NIBBLES_LOWER(row, next) (((row) & 0xffffu) | (next) << 16)
#define BROWNOUT_ACCEL_NIBBLES_UPPER(row, next) ((row) >> 16 | ((next) & 0xffff0000u))
#define BROWNOUT_ACCEL_NIBBLES_AT(word, place) ((word) >> (place) * 4u & 0x000f000fu)

/* A word of a row, weights as they are taken here. */
static BROWNOUT_ACCEL_WITHIN uint32_t accel_nibble_raised(const uint8_t *w) {
  return accel_u32(w) ^ 0x88888888u;
}

/* The last `count` of a row, seven at most: no byte behind them is read. */
static BROWNOUT_ACCEL_WITHIN uint32_t accel_nibble_last(const uint8_t *w, uint32_t count) {
  uint32_t word = 0;
  for (count = (count + 1u) >> 1; count--;) word = word << 8 | w[count];
  return word ^ 0x88888888u;
}

/* Eight times the sum of `length` values. */
static BROWNOUT_ACCEL_APART int32_t accel_nibble_less(const uint8_t *x, uint32_t length) {
  int32_t sum = 0;
  for (; length; length--) sum += (int8_t)*x++;
  return sum * 8;
}

/* Adds both halves of `sum`, which begins anew. */
static BROWNOUT_ACCEL_WITHIN void accel_nibble_spread(uint32_t *sum, int32_t *row, int32_t *next) {
  const int32_t lower = (int16_t)(uint16_t)*sum;
  *row = (int32_t)((uint32_t)*row + (uint32_t)lower);
  *next = (int32_t)((uint32_t)*next + (uint32_t)((int32_t)(*sum - (uint32_t)lower) >> 16));
  *sum = 0;
}

#ifdef BROWNOUT_ACCEL_THUMB2
/* Sums, and how many sixteens of products they lack; the second of two rows. */
typedef struct {
  int32_t sums[4];
  uint32_t sixteens;
  const uint8_t *next;
} brownout_accel_nibbles;

/* Words `row` and `next` of two rows, to the lower and the upper four weights of both; r11 is changed. */
#define BROWNOUT_ACCEL_NIBBLES_HALVE(row, next)                                                            \
  "lsr r11, " row ", #16\n\tbfi " row ", " next ", #16, #16\n\tbfi " next ", r11, #0, #16\n\t"             \
  "eor " row ", " row ", #0x88888888\n\teor " next ", " next ", #0x88888888\n\t"
/* Halves of r5 and r6 to the sums at lr. */
#define BROWNOUT_ACCEL_NIBBLES_SPREAD                                                                      \
  "ldm lr, {r7-r10}\n\tsxth r11, r5\n\tadd r7, r11\n\tsub r5, r11\n\tadd r8, r8, r5, asr #16\n\t"          \
  "sxth r11, r6\n\tadd r9, r11\n\tsub r6, r11\n\tadd r10, r10, r6, asr #16\n\tstm lr, {r7-r10}\n\t"

/* Vectors x and x1 times rows w and job->next: sums [vector][row]. */
#define BROWNOUT_ACCEL_NIBBLES_STEP(word, shift)                                                           \
  "ldrsb r9, [r0], #1\n\tldrsb r10, [r1], #1\n\tand r11, r4, " word shift "\n\t"                            \
  "mla r5, r9, r11, r5\n\tmla r6, r10, r11, r6\n\t"
#define BROWNOUT_ACCEL_NIBBLES_STEPS(word)                                                                 \
  BROWNOUT_ACCEL_NIBBLES_STEP(word, "") BROWNOUT_ACCEL_NIBBLES_STEP(word, ", lsr #4")                      \
  BROWNOUT_ACCEL_NIBBLES_STEP(word, ", lsr #8") BROWNOUT_ACCEL_NIBBLES_STEP(word, ", lsr #12")
static __attribute__((naked, noinline, unused)) void accel_nibble_two(
    __attribute__((unused)) const uint8_t *x, __attribute__((unused)) const uint8_t *x1,
    __attribute__((unused)) const uint8_t *w, __attribute__((unused)) brownout_accel_nibbles *job) {
  __asm__ volatile(
      "push {r4-r11, lr}\n\tmov lr, r3\n\tldrd r12, r3, [r3, #16]\n\tmov r4, #0x000f000f\n"
      "1:\n\tmovs r5, #0\n\tmovs r6, #0\n\t.rept 2\n\tldr r7, [r2], #4\n\tldr r8, [r3], #4\n\t"
      BROWNOUT_ACCEL_NIBBLES_HALVE("r7", "r8") BROWNOUT_ACCEL_NIBBLES_STEPS("r7") BROWNOUT_ACCEL_NIBBLES_STEPS("r8")
      ".endr\n\t" BROWNOUT_ACCEL_NIBBLES_SPREAD "subs r12, #1\n\tbne 1b\n\tpop {r4-r11, pc}\n\t");
}

/* Rows w, w + bytes and so on times one vector: sums of four rows. */
#define BROWNOUT_ACCEL_NIBBLES_ROW(word, other, shift)                                                     \
  "ldrsb r11, [r0], #1\n\tand r12, r4, " word shift "\n\tmla r5, r11, r12, r5\n\t"                         \
  "and r12, r4, " other shift "\n\tmla r6, r11, r12, r6\n\t"
#define BROWNOUT_ACCEL_NIBBLES_ROWS(word, other)                                                           \
  BROWNOUT_ACCEL_NIBBLES_ROW(word, other, "") BROWNOUT_ACCEL_NIBBLES_ROW(word, other, ", lsr #4")          \
  BROWNOUT_ACCEL_NIBBLES_ROW(word, other, ", lsr #8") BROWNOUT_ACCEL_NIBBLES_ROW(word, other, ", lsr #12")
static __attribute__((naked, noinline, unused)) void accel_nibble_four(
    __attribute__((unused)) const uint8_t *x, __attribute__((unused)) const uint8_t *w,
    __attribute__((unused)) uint32_t bytes, __attribute__((unused)) brownout_accel_nibbles *job) {
  __asm__ volatile(
      "push {r3-r11, lr}\n\tmov lr, r3\n\tldr r12, [r3, #16]\n\tstr r12, [sp]\n\tadd r3, r1, r2, lsl #1\n\t"
      "mov r4, #0x000f000f\n"
      "1:\n\tmovs r5, #0\n\tmovs r6, #0\n\t.rept 2\n\t"
      "ldr r8, [r1, r2]\n\tldr r7, [r1], #4\n\tldr r10, [r3, r2]\n\tldr r9, [r3], #4\n\t"
      BROWNOUT_ACCEL_NIBBLES_HALVE("r7", "r8") BROWNOUT_ACCEL_NIBBLES_HALVE("r9", "r10")
      BROWNOUT_ACCEL_NIBBLES_ROWS("r7", "r9") BROWNOUT_ACCEL_NIBBLES_ROWS("r8", "r10")
      ".endr\n\t" BROWNOUT_ACCEL_NIBBLES_SPREAD
      "ldr r12, [sp]\n\tsubs r12, #1\n\tstr r12, [sp]\n\tbne 1b\n\tpop {r3-r11, pc}\n\t");
}
#endif

#define BROWNOUT_ACCEL_NIBBLES_PAIR(i, word, place)                                       \
  do {                                                                                     \
    const uint32_t weights = BROWNOUT_ACCEL_NIBBLES_AT(word, place);                       \
    first += (uint32_t)(int32_t)(int8_t)x[i] * weights;                                    \
    other += (uint32_t)(int32_t)(int8_t)x1[i] * weights;                                   \
  } while (0)
#define BROWNOUT_ACCEL_NIBBLES_EIGHT()                                                    \
  do {                                                                                     \
    const uint32_t row = accel_nibble_raised(w);                                           \
    const uint32_t next = accel_nibble_raised(w + bytes);                                  \
    const uint32_t lower = BROWNOUT_ACCEL_NIBBLES_LOWER(row, next);                        \
    const uint32_t upper = BROWNOUT_ACCEL_NIBBLES_UPPER(row, next);                        \
    BROWNOUT_ACCEL_NIBBLES_PAIR(0, lower, 0);                                              \
    BROWNOUT_ACCEL_NIBBLES_PAIR(1, lower, 1);                                              \
    BROWNOUT_ACCEL_NIBBLES_PAIR(2, lower, 2);                                              \
    BROWNOUT_ACCEL_NIBBLES_PAIR(3, lower, 3);                                              \
    BROWNOUT_ACCEL_NIBBLES_PAIR(4, upper, 0);                                              \
    BROWNOUT_ACCEL_NIBBLES_PAIR(5, upper, 1);                                              \
    BROWNOUT_ACCEL_NIBBLES_PAIR(6, upper, 2);                                              \
    BROWNOUT_ACCEL_NIBBLES_PAIR(7, upper, 3);                                              \
    x += 8, x1 += 8, w += 4;                                                               \
  } while (0)

static BROWNOUT_ACCEL_APART void accel_nibble_block(const uint8_t *x, uint32_t apart, const uint32_t *room, const uint8_t *w,
                                                    uint32_t bytes, uint32_t length, int32_t sums[4]) {
  const uint8_t *x1 = x + apart;
  uint32_t first = 0;
  uint32_t other = 0;
  uint32_t i;
  (void)room;
#ifdef BROWNOUT_ACCEL_THUMB2
  if (length > 15u) {
    brownout_accel_nibbles job = {{sums[0], sums[1], sums[2], sums[3]}, length >> 4, w + bytes};
    accel_nibble_two(x, x1, w, &job);
    for (i = 0; i < 4u; i++) sums[i] = job.sums[i];
    x += length & ~15u;
    x1 += length & ~15u;
    w += (length & ~15u) >> 1;
    length &= 15u;
  }
#endif
#ifndef BROWNOUT_ACCEL_THUMB2
  for (; length > 15u; length -= 16u) {
    BROWNOUT_ACCEL_NIBBLES_EIGHT();
    BROWNOUT_ACCEL_NIBBLES_EIGHT();
    accel_nibble_spread(&first, sums, sums + 1);
    accel_nibble_spread(&other, sums + 2, sums + 3);
  }
#endif
  if (length > 7u) {
    BROWNOUT_ACCEL_NIBBLES_EIGHT();
    length -= 8u;
  }
  if (length) {
    const uint32_t row = accel_nibble_last(w, length);
    const uint32_t next = accel_nibble_last(w + bytes, length);
    const uint32_t parts[2] = {BROWNOUT_ACCEL_NIBBLES_LOWER(row, next), BROWNOUT_ACCEL_NIBBLES_UPPER(row, next)};
    for (i = 0; i < length; i++) BROWNOUT_ACCEL_NIBBLES_PAIR(i, parts[i >> 2], (i & 3u));
  }
  accel_nibble_spread(&first, sums, sums + 1);
  accel_nibble_spread(&other, sums + 2, sums + 3);
}

#define BROWNOUT_ACCEL_NIBBLES_BOTH(i, word, other, place)                                \
  do {                                                                                     \
    const uint32_t value = (uint32_t)(int32_t)(int8_t)x[i];                                \
    first += value * BROWNOUT_ACCEL_NIBBLES_AT(word, place);                               \
    second += value * BROWNOUT_ACCEL_NIBBLES_AT(other, place);                             \
  } while (0)
#define BROWNOUT_ACCEL_NIBBLES_FOUR(from, part)                                           \
  do {                                                                                     \
    const uint32_t two = part(accel_nibble_raised(w), accel_nibble_raised(w + bytes));     \
    const uint32_t more = part(accel_nibble_raised(w2), accel_nibble_raised(w2 + bytes));  \
    BROWNOUT_ACCEL_NIBBLES_BOTH(from, two, more, 0);                                       \
    BROWNOUT_ACCEL_NIBBLES_BOTH(from + 1, two, more, 1);                                   \
    BROWNOUT_ACCEL_NIBBLES_BOTH(from + 2, two, more, 2);                                   \
    BROWNOUT_ACCEL_NIBBLES_BOTH(from + 3, two, more, 3);                                   \
  } while (0)

static BROWNOUT_ACCEL_APART void accel_nibble_rows(const uint8_t *x, const uint8_t *w, uint32_t bytes, uint32_t length,
                                                   int32_t sums[4]) {
  const uint8_t *w2;
  uint32_t first = 0;
  uint32_t second = 0;
  uint32_t i;
#ifdef BROWNOUT_ACCEL_THUMB2
  if (length > 15u) {
    brownout_accel_nibbles job = {{sums[0], sums[1], sums[2], sums[3]}, length >> 4, w};
    accel_nibble_four(x, w, bytes, &job);
    for (i = 0; i < 4u; i++) sums[i] = job.sums[i];
    x += length & ~15u;
    w += (length & ~15u) >> 1;
    length &= 15u;
  }
#endif
  w2 = w + bytes * 2u;
  for (; length > 7u; length -= 8u, x += 8, w += 4, w2 += 4) {
    BROWNOUT_ACCEL_NIBBLES_FOUR(0, BROWNOUT_ACCEL_NIBBLES_LOWER);
    BROWNOUT_ACCEL_NIBBLES_FOUR(4, BROWNOUT_ACCEL_NIBBLES_UPPER);
    /* Every other eight, and fifteen products at most are left. */
    if (length & 8u) continue;
    accel_nibble_spread(&first, sums, sums + 1);
    accel_nibble_spread(&second, sums + 2, sums + 3);
  }
  if (length) {
    const uint32_t rows[4] = {accel_nibble_last(w, length), accel_nibble_last(w + bytes, length),
                              accel_nibble_last(w2, length), accel_nibble_last(w2 + bytes, length)};
    const uint32_t two[2] = {BROWNOUT_ACCEL_NIBBLES_LOWER(rows[0], rows[1]), BROWNOUT_ACCEL_NIBBLES_UPPER(rows[0], rows[1])};
    const uint32_t more[2] = {BROWNOUT_ACCEL_NIBBLES_LOWER(rows[2], rows[3]), BROWNOUT_ACCEL_NIBBLES_UPPER(rows[2], rows[3])};
    for (i = 0; i < length; i++) BROWNOUT_ACCEL_NIBBLES_BOTH(i, two[i >> 2], more[i >> 2], (i & 3u));
  }
  accel_nibble_spread(&first, sums, sums + 1);
  accel_nibble_spread(&second, sums + 2, sums + 3);
}
