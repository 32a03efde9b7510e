/*
 * accel.gemm_s8 for cores without the DSP extension: rows times two vectors, so that what is loaded is multiplied more than
 * once. By assembler for Cortex-M3 and M0+, where a compiler runs out of registers. Included by brownout_accel.h.
 */
#if defined(__GNUC__) && defined(__thumb2__)
#define BROWNOUT_ACCEL_THUMB2
#elif defined(__GNUC__) && defined(__thumb__)
#define BROWNOUT_ACCEL_THUMB1
#endif

/* Rows that go at a time with two vectors. */
#ifdef BROWNOUT_ACCEL_THUMB1
#define BROWNOUT_ACCEL_ROWS 2u
#else
#define BROWNOUT_ACCEL_ROWS 3u
#endif

#ifdef BROWNOUT_ACCEL_THUMB1
/* Registers for a naked function, and what of them is the caller's; sums to and from r8 to r11 by way of r4 to r7. */
#define BROWNOUT_ACCEL_SAVE                                                                                             \
  ".syntax unified\n\tpush {r4-r7, lr}\n\tmov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\tpush {r3-r7}\n\t"   \
  "ldmia r3!, {r4-r7}\n\tmov r8, r4\n\tmov r9, r5\n\tmov r10, r6\n\tmov r11, r7\n\t"
#define BROWNOUT_ACCEL_RESTORE                                                                                          \
  "pop {r3}\n\tmov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\tstmia r3!, {r4-r7}\n\tpop {r4-r7}\n\t"         \
  "mov r8, r4\n\tmov r9, r5\n\tmov r10, r6\n\tmov r11, r7\n\tpop {r4-r7, pc}\n\t"

/* Vectors x and x + length times rows w and w + length: sums [vector][row], which hold the biases before. */
static __attribute__((naked, noinline, unused)) void accel_block(
    __attribute__((unused)) const uint8_t *x, __attribute__((unused)) const uint8_t *w,
    __attribute__((unused)) uint32_t length, __attribute__((unused)) int32_t *sums) {
  __asm__ volatile(
      /* From the ends on: r3 counts from -length to 0, r2 from 0 to length. */
      BROWNOUT_ACCEL_SAVE "adds r0, r2\n\tadds r1, r2\n\trsbs r3, r2, #0\n\tmovs r2, #0\n"
      "1:\n\tldrsb r4, [r0, r3]\n\tldrsb r5, [r0, r2]\n\t"
      "ldrsb r6, [r1, r3]\n\tmov r7, r6\n\tmuls r7, r4\n\tadd r8, r7\n\tmuls r6, r5\n\tadd r10, r6\n\t"
      "ldrsb r6, [r1, r2]\n\tmuls r4, r6\n\tadd r9, r4\n\tmuls r5, r6\n\tadd r11, r5\n\t"
      "adds r2, #1\n\tadds r3, #1\n\tbmi 1b\n\t" BROWNOUT_ACCEL_RESTORE);
}

/* Four rows from w on times one vector. */
static __attribute__((naked, noinline, unused)) void accel_rows(
    __attribute__((unused)) const uint8_t *x, __attribute__((unused)) const uint8_t *w,
    __attribute__((unused)) uint32_t length, __attribute__((unused)) int32_t sums[4]) {
  __asm__ volatile(
      BROWNOUT_ACCEL_SAVE "adds r7, r0, r2\n\tmov r12, r7\n\tlsls r3, r2, #1\n\tadds r4, r2, r3\n\tmovs r5, #0\n"
      "1:\n\tldrsb r6, [r0, r5]\n\t"
      "ldrsb r7, [r1, r5]\n\tmuls r7, r6\n\tadd r8, r7\n\tldrsb r7, [r1, r2]\n\tmuls r7, r6\n\tadd r9, r7\n\t"
      "ldrsb r7, [r1, r3]\n\tmuls r7, r6\n\tadd r10, r7\n\tldrsb r7, [r1, r4]\n\tmuls r7, r6\n\tadd r11, r7\n\t"
      "adds r0, #1\n\tadds r1, #1\n\tcmp r0, r12\n\tbne 1b\n\t" BROWNOUT_ACCEL_RESTORE);
}
#else
#ifdef BROWNOUT_ACCEL_THUMB2
#define BROWNOUT_ACCEL_BLOCK(steps) \
  __asm__ volatile( \
      ".rept " #steps "\n\tldrsb %8, [%6, %11]\n\tldrsb %9, [%6], #1\n\tldrsb %10, [%7, %11, lsl #1]\n\t" \
      "mla %2, %9, %10, %2\n\tmla %5, %8, %10, %5\n\tldrsb %10, [%7, %11]\n\tmla %1, %9, %10, %1\n\t" \
      "mla %4, %8, %10, %4\n\tldrsb %10, [%7], #1\n\tmla %0, %9, %10, %0\n\tmla %3, %8, %10, %3\n\t.endr" \
      : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(x), "+r"(w), "=&r"(first), "=&r"(other), "=&r"(weight) \
      : "r"(length) \
      : "memory")
#define BROWNOUT_ACCEL_ROW_STEPS(steps) \
  __asm__ volatile( \
      ".rept " #steps "\n\tldrsb %7, [%4], #1\n\tldrsb %8, [%5, %9]\n\tmla %1, %7, %8, %1\n\t" \
      "ldrsb %8, [%5, %9, lsl #1]\n\tmla %2, %7, %8, %2\n\tldrsb %8, [%5], #1\n\tmla %0, %7, %8, %0\n\t" \
      "ldrsb %8, [%6], #1\n\tmla %3, %7, %8, %3\n\t.endr" \
      : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(x), "+r"(w), "+r"(last), "=&r"(first), "=&r"(weight) \
      : "r"(length) \
      : "memory")
#else
/* What comes after is not loaded before: there are not registers for all of it. */
#if defined(__GNUC__)
#define BROWNOUT_ACCEL_IN_ORDER() __asm__ volatile("" : : : "memory")
#else
#define BROWNOUT_ACCEL_IN_ORDER() ((void)0)
#endif
#define BROWNOUT_ACCEL_BLOCK_STEP(i) \
  do { \
    const int32_t first = (int8_t)x[i]; \
    const int32_t other = (int8_t)x1[i]; \
    int32_t weight = (int8_t)w[i]; \
    a += first * weight; \
    d += other * weight; \
    weight = (int8_t)w1[i]; \
    b += first * weight; \
    e += other * weight; \
    weight = (int8_t)w2[i]; \
    c += first * weight; \
    f += other * weight; \
    BROWNOUT_ACCEL_IN_ORDER(); \
  } while (0)
#define BROWNOUT_ACCEL_ROW_STEP(i) \
  do { \
    const int32_t first = (int8_t)x[i]; \
    a += first * (int8_t)w[i]; \
    b += first * (int8_t)w1[i]; \
    c += first * (int8_t)w2[i]; \
    d += first * (int8_t)w3[i]; \
    BROWNOUT_ACCEL_IN_ORDER(); \
  } while (0)
#endif

/* Vectors x and x + length times three rows from w on: sums [vector][row], which hold the biases before. */
static BROWNOUT_ACCEL_APART void accel_block(const uint8_t *x, const uint8_t *w, uint32_t length, int32_t sums[6]) {
  int32_t a = sums[0];
  int32_t b = sums[1];
  int32_t c = sums[2];
  int32_t d = sums[3];
  int32_t e = sums[4];
  int32_t f = sums[5];
  uint32_t n;
#ifdef BROWNOUT_ACCEL_THUMB2
  int32_t first, other, weight;
  for (n = length >> 2; n; n--) BROWNOUT_ACCEL_BLOCK(4);
  for (n = length & 3u; n; n--) BROWNOUT_ACCEL_BLOCK(1);
#else
  const uint8_t *x1 = x + length;
  const uint8_t *w1 = w + length;
  const uint8_t *w2 = w1 + length;
  for (n = length >> 2; n; n--, x += 4, x1 += 4, w += 4, w1 += 4, w2 += 4) {
    BROWNOUT_ACCEL_BLOCK_STEP(0);
    BROWNOUT_ACCEL_BLOCK_STEP(1);
    BROWNOUT_ACCEL_BLOCK_STEP(2);
    BROWNOUT_ACCEL_BLOCK_STEP(3);
  }
  for (n = length & 3u; n; n--, x++, x1++, w++, w1++, w2++) BROWNOUT_ACCEL_BLOCK_STEP(0);
#endif
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
  sums[4] = e;
  sums[5] = f;
}

/* Four rows from w on times one vector. */
static BROWNOUT_ACCEL_APART void accel_rows(const uint8_t *x, const uint8_t *w, uint32_t length, int32_t sums[4]) {
  int32_t a = sums[0];
  int32_t b = sums[1];
  int32_t c = sums[2];
  int32_t d = sums[3];
  uint32_t n;
#ifdef BROWNOUT_ACCEL_THUMB2
  const uint8_t *last = w + length * 3u;
  int32_t first, weight;
  for (n = length >> 3; n; n--) BROWNOUT_ACCEL_ROW_STEPS(8);
  for (n = length & 7u; n; n--) BROWNOUT_ACCEL_ROW_STEPS(1);
#else
  const uint8_t *w1 = w + length;
  const uint8_t *w2 = w1 + length;
  const uint8_t *w3 = w2 + length;
  for (n = length >> 2; n; n--, x += 4, w += 4, w1 += 4, w2 += 4, w3 += 4) {
    BROWNOUT_ACCEL_ROW_STEP(0);
    BROWNOUT_ACCEL_ROW_STEP(1);
    BROWNOUT_ACCEL_ROW_STEP(2);
    BROWNOUT_ACCEL_ROW_STEP(3);
  }
  for (n = length & 3u; n; n--, x++, w++, w1++, w2++, w3++) BROWNOUT_ACCEL_ROW_STEP(0);
#endif
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}
#endif

/* Rows from w on, each by itself. */
static BROWNOUT_ACCEL_APART void accel_each_row(const brownout_accel_output *out, const uint8_t *x, const uint8_t *w,
                                                uint32_t row, uint32_t rows, uint32_t length, uint8_t *to) {
  for (; row < rows; row++) {
    const brownout_accel_row each = accel_row_of(out, row, length);
    to[row] = accel_scale(out, &each, accel_dot(x, w + row * length, length, each.bias));
  }
}

/* How many of `rows` go `step` at a time. Two or three that are left begin earlier, and some are computed twice. */
static BROWNOUT_ACCEL_WITHIN uint32_t accel_together(uint32_t rows, uint32_t step) {
  const uint32_t left = rows % step;
  return rows < step ? 0u : left == 1u ? rows - 1u : rows;
}

/* An even number of vectors. */
static BROWNOUT_ACCEL_APART void accel_pairs(const brownout_accel_output *out, const uint8_t *x, uint32_t vectors,
                                             const uint8_t *w, uint32_t rows, uint32_t length, uint8_t *to,
                                             uint32_t to_stride) {
  /* A copy, which stores to `y` cannot change. */
  const brownout_accel_output own = *out;
  const uint32_t together = accel_together(rows, BROWNOUT_ACCEL_ROWS);
  uint32_t done;
  uint32_t n;
  for (done = 0; done < together; done += BROWNOUT_ACCEL_ROWS) {
    const uint32_t row = done + BROWNOUT_ACCEL_ROWS > together ? together - BROWNOUT_ACCEL_ROWS : done;
    const uint8_t *at = x;
    uint8_t *y = to + row;
    brownout_accel_row each[BROWNOUT_ACCEL_ROWS];
    uint32_t i;
    for (i = 0; i < BROWNOUT_ACCEL_ROWS; i++) each[i] = accel_row_of(out, row + i, length);
    for (n = vectors; n; n -= 2, at += length * 2u, y += to_stride * 2u) {
      int32_t sums[2 * BROWNOUT_ACCEL_ROWS];
      for (i = 0; i < BROWNOUT_ACCEL_ROWS; i++) sums[i] = sums[BROWNOUT_ACCEL_ROWS + i] = each[i].bias;
      accel_block(at, w + row * length, length, sums);
      for (i = 0; i < BROWNOUT_ACCEL_ROWS; i++) {
        y[i] = accel_to_byte(&own, each + i, sums[i]);
        y[to_stride + i] = accel_to_byte(&own, each + i, sums[BROWNOUT_ACCEL_ROWS + i]);
      }
    }
  }
  for (done = together; done < rows; done++) {
    const brownout_accel_row each = accel_row_of(out, done, length);
    for (n = 0; n < vectors; n++)
      to[n * to_stride + done] = accel_to_byte(&own, &each, accel_dot(x + n * length, w + done * length, length, each.bias));
  }
}

/* One vector. */
static BROWNOUT_ACCEL_APART void accel_single(const brownout_accel_output *out, const uint8_t *x, const uint8_t *w,
                                              uint32_t rows, uint32_t length, uint8_t *to) {
  const uint32_t together = accel_together(rows, 4);
  uint32_t done;
  for (done = 0; done < together; done += 4) {
    const uint32_t row = done + 4u > together ? together - 4u : done;
    int32_t sums[4];
    uint32_t i;
    for (i = 0; i < 4; i++) sums[i] = accel_s32(out->bias + (row + i) * 4u);
    accel_rows(x, w + row * length, length, sums);
    for (i = 0; i < 4; i++) {
      const brownout_accel_row each = accel_row_of(out, row + i, length);
      to[row + i] = accel_to_byte(out, &each, sums[i]);
    }
  }
  accel_each_row(out, x, w, together, rows, length, to);
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_gemm_s8(uint32_t x_at, uint32_t vectors, uint32_t w_at,
    uint32_t rows, uint32_t length, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low,
    uint32_t high, uint32_t to_at, uint32_t to_stride, uint32_t room) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  const uint32_t even = vectors & ~1u;
  brownout_wasm_check(x_at, 0, (uint64_t)vectors * length, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)rows * length, 1);
  brownout_wasm_check(to_at, 0, (uint64_t)(vectors - 1u) * to_stride + rows, 1);
  (void)room;
  if (even) accel_pairs(&out, x, even, w, rows, length, to, to_stride);
  if (vectors & 1u) accel_single(&out, x + even * length, w, rows, length, to + even * to_stride);
}
