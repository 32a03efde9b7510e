/*
 * accel.winograd_* (docs/ACCEL.md): two rows of weights times two blocks at a time. On cores with the DSP extension two
 * products an instruction, all within registers; how many channels that takes without a loop, brownout_model.h says by
 * BROWNOUT_ACCEL_WINOGRAD_CHANNELS. Included by brownout_accel.h.
 */
#if defined(BROWNOUT_ACCEL_DSP) && defined(BROWNOUT_ACCEL_WINOGRAD_CHANNELS)
#define BROWNOUT_ACCEL_WINOGRAD_DSP
/* Products of 16 positions, for the assembler below. `skip`: bytes of code for channels there are not. */
typedef struct {
  int32_t *to;
  const int32_t *end;
  uint32_t skip;
} brownout_accel_winograd;

#define BROWNOUT_ACCEL_TEXT(x) #x
#define BROWNOUT_ACCEL_TEXT_OF(x) BROWNOUT_ACCEL_TEXT(x)
#define BROWNOUT_ACCEL_WINOGRAD_LOAD "ldmia.w r0!, {r2-r5}\n\tldmia.w r1!, {r6-r9}\n\t"
#define BROWNOUT_ACCEL_WINOGRAD_SECOND \
  "smlad r10, r3, r7, r10\n\tsmlad r11, r3, r9, r11\n\tsmlad r12, r5, r7, r12\n\tsmlad lr, r5, r9, lr\n\t"
/* Ten instructions of four bytes for every four channels behind the first. */
#define BROWNOUT_ACCEL_WINOGRAD_BYTES 40u
static __attribute__((naked, noinline, unused)) void accel_winograd_products(
    __attribute__((unused)) const uint8_t *w, __attribute__((unused)) const uint8_t *x,
    __attribute__((unused)) const brownout_accel_winograd *job) {
  __asm__ volatile(
      "push {r4-r11, lr}\n\tldm r2, {r3, r4, r5}\n\tadr.w r6, 2f\n\tadd r5, r6\n\tadd r5, #1\n\tpush {r3, r4, r5}\n"
      "1:\n\t" BROWNOUT_ACCEL_WINOGRAD_LOAD
      "smuad r10, r2, r6\n\tsmuad r11, r2, r8\n\tsmuad r12, r4, r6\n\tsmuad lr, r4, r8\n\t"
      BROWNOUT_ACCEL_WINOGRAD_SECOND "ldr pc, [sp, #8]\n\t"
      ".balign 4\n2:\n\t.rept (" BROWNOUT_ACCEL_TEXT_OF(BROWNOUT_ACCEL_WINOGRAD_CHANNELS) ") / 4 - 1\n\t"
      BROWNOUT_ACCEL_WINOGRAD_LOAD
      "smlad r10, r2, r6, r10\n\tsmlad r11, r2, r8, r11\n\tsmlad r12, r4, r6, r12\n\tsmlad lr, r4, r8, lr\n\t"
      BROWNOUT_ACCEL_WINOGRAD_SECOND ".endr\n\t"
      "ldrd r2, r3, [sp]\n\tstmia r2!, {r10, r11, r12, lr}\n\tstr r2, [sp]\n\tcmp r2, r3\n\tbne 1b\n\t"
      "add sp, #12\n\tpop {r4-r11, pc}\n\t");
}
#endif

/* Two int16 in a word, of four int8 the first and third or the second and fourth. */
#ifdef BROWNOUT_ACCEL_DSP
#define BROWNOUT_ACCEL_TWO(name, instruction)                              \
  static inline uint32_t accel_two_##name(uint32_t a, uint32_t b) {        \
    uint32_t result;                                                       \
    __asm__(instruction " %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));    \
    return result;                                                         \
  }
BROWNOUT_ACCEL_TWO(add, "sadd16")
BROWNOUT_ACCEL_TWO(less, "ssub16")
static BROWNOUT_ACCEL_WITHIN uint32_t accel_two(const uint8_t *from, uint32_t odd) {
  uint32_t word;
  memcpy(&word, from, 4);
  return odd ? accel_odd(word) : accel_even(word);
}
#define BROWNOUT_ACCEL_APART_OF(word) (word)
#else
/* As a + 65536 b of signed a and b, which words add as they are; then apart, as memory has them. */
static inline uint32_t accel_two_add(uint32_t a, uint32_t b) {
  return a + b;
}
static inline uint32_t accel_two_less(uint32_t a, uint32_t b) {
  return a - b;
}
static BROWNOUT_ACCEL_WITHIN uint32_t accel_two(const uint8_t *from, uint32_t odd) {
  const uint32_t word = accel_u32(from) ^ 0x80808080u;
  return ((odd ? word >> 8 : word) & 0x00ff00ffu) - 0x00800080u;
}
#define BROWNOUT_ACCEL_APART_OF(word) (((word) + 0x8000u) ^ 0x8000u)
#endif

/* `next` bytes further, a word. */
static BROWNOUT_ACCEL_WITHIN void accel_two_put(uint8_t **to, uint32_t next, uint32_t word) {
  BROWNOUT_WASM_SET(uint32_t, *to, BROWNOUT_ACCEL_APART_OF(word));
  *to += next;
}

/* A column of four pixels times B'. */
#define BROWNOUT_ACCEL_WINOGRAD_COLUMN(a)             \
  do {                                                \
    const uint32_t x0 = accel_two(x, odd);            \
    const uint32_t x1 = accel_two(x + bytes, odd);    \
    const uint32_t x2 = accel_two(x + bytes * 2, odd); \
    const uint32_t x3 = accel_two(x + bytes * 3, odd); \
    x += channels;                                    \
    a##0 = accel_two_less(x0, x2);                    \
    a##1 = accel_two_add(x1, x2);                     \
    a##2 = accel_two_less(x2, x1);                    \
    a##3 = accel_two_less(x1, x3);                    \
  } while (0)
#define BROWNOUT_ACCEL_WINOGRAD_ROW(a, b, c, d)           \
  do {                                                    \
    accel_two_put(&v, next, accel_two_less(a, c));        \
    accel_two_put(&v, next, accel_two_add(b, c));         \
    accel_two_put(&v, next, accel_two_less(c, b));        \
    accel_two_put(&v, next, accel_two_less(b, d));        \
  } while (0)
/* The block of the last four columns, the first two of which came before. */
#define BROWNOUT_ACCEL_WINOGRAD_BLOCK(a, b, c, d)             \
  do {                                                        \
    uint8_t *v = block;                                       \
    BROWNOUT_ACCEL_WINOGRAD_COLUMN(c);                        \
    BROWNOUT_ACCEL_WINOGRAD_COLUMN(d);                        \
    BROWNOUT_ACCEL_WINOGRAD_ROW(a##0, b##0, c##0, d##0);      \
    BROWNOUT_ACCEL_WINOGRAD_ROW(a##1, b##1, c##1, d##1);      \
    BROWNOUT_ACCEL_WINOGRAD_ROW(a##2, b##2, c##2, d##2);      \
    BROWNOUT_ACCEL_WINOGRAD_ROW(a##3, b##3, c##3, d##3);      \
  } while (0)

static BROWNOUT_ACCEL_WITHIN void accel_winograd_input(const uint8_t *x, uint32_t bytes, uint32_t pairs, uint32_t channels,
                                                       uint8_t *block, const uint32_t odd) {
  const uint32_t next = channels * 4u;
  uint32_t a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3;
  BROWNOUT_ACCEL_WINOGRAD_COLUMN(a);
  BROWNOUT_ACCEL_WINOGRAD_COLUMN(b);
  for (; pairs; pairs--) {
    BROWNOUT_ACCEL_WINOGRAD_BLOCK(a, b, c, d);
    block += 8;
    BROWNOUT_ACCEL_WINOGRAD_BLOCK(c, d, a, b);
    block += next * 16u - 8u;
  }
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_winograd_input_s8(uint32_t x_at, uint32_t bytes,
    uint32_t pairs, uint32_t channels, uint32_t to_at) {
  const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  uint32_t channel;
  brownout_wasm_check(x_at, 0, (uint64_t)bytes * 3u + (uint64_t)channels * (pairs * 4u + 2u), 1);
  brownout_wasm_check(to_at, 0, (uint64_t)pairs * channels * 64u, 4);
  for (channel = 0; channel < channels; channel += 4, x += 4, to += 16) {
    accel_winograd_input(x, bytes, pairs, channels, to, 0);
    accel_winograd_input(x, bytes, pairs, channels, to + 4, 1);
  }
}

/* 2G times a column of three weights. */
#define BROWNOUT_ACCEL_WINOGRAD_TAPS(a)                        \
  do {                                                         \
    const uint32_t g0 = accel_two(w, odd);                     \
    const uint32_t g1 = accel_two(w + channels * 3u, odd);     \
    const uint32_t g2 = accel_two(w + channels * 6u, odd);     \
    const uint32_t sum = accel_two_add(g0, g2);                \
    w += channels;                                             \
    a##0 = accel_two_add(g0, g0);                              \
    a##1 = accel_two_add(sum, g1);                             \
    a##2 = accel_two_less(sum, g1);                            \
    a##3 = accel_two_add(g2, g2);                              \
  } while (0)
#define BROWNOUT_ACCEL_WINOGRAD_WEIGHTS(a, b, c)           \
  do {                                                     \
    const uint32_t sum = accel_two_add(a, c);              \
    accel_two_put(&to, next, accel_two_add(a, a));         \
    accel_two_put(&to, next, accel_two_add(sum, b));       \
    accel_two_put(&to, next, accel_two_less(sum, b));      \
    accel_two_put(&to, next, accel_two_add(c, c));         \
  } while (0)

static BROWNOUT_ACCEL_WITHIN void accel_winograd_weights(const uint8_t *w, uint32_t channels, uint8_t *to,
                                                         const uint32_t odd) {
  const uint32_t next = channels * 4u;
  uint32_t a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3;
  BROWNOUT_ACCEL_WINOGRAD_TAPS(a);
  BROWNOUT_ACCEL_WINOGRAD_TAPS(b);
  BROWNOUT_ACCEL_WINOGRAD_TAPS(c);
  BROWNOUT_ACCEL_WINOGRAD_WEIGHTS(a0, b0, c0);
  BROWNOUT_ACCEL_WINOGRAD_WEIGHTS(a1, b1, c1);
  BROWNOUT_ACCEL_WINOGRAD_WEIGHTS(a2, b2, c2);
  BROWNOUT_ACCEL_WINOGRAD_WEIGHTS(a3, b3, c3);
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_winograd_weights_s8(uint32_t w_at, uint32_t rows,
    uint32_t channels, uint32_t to_at) {
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  uint32_t row;
  brownout_wasm_check(w_at, 0, (uint64_t)rows * channels * 9u, 1);
  brownout_wasm_check(to_at, 0, (uint64_t)channels * 64u, 4);
  for (row = 0; row < rows; row++) {
    uint32_t channel;
    for (channel = 0; channel < channels; channel += 4, w += 4) {
      uint8_t *const at = to + channel * 4u + row * 8u;
      accel_winograd_weights(w, channels, at, 0);
      accel_winograd_weights(w, channels, at + 4, 1);
    }
    w += channels * 8u;
  }
}

#if defined(__GNUC__)
typedef int16_t BROWNOUT_WASM_ALIAS brownout_accel_int16;
#else
typedef int16_t brownout_accel_int16;
#endif

/* The same in plain C: [position][row][block] to `to`. */
static BROWNOUT_ACCEL_APART void accel_winograd_plain(const uint8_t *weights, const uint8_t *values, uint32_t channels,
                                                      int32_t *to) {
  const brownout_accel_int16 *w = (const brownout_accel_int16 *)(const void *)weights;
  const brownout_accel_int16 *x = (const brownout_accel_int16 *)(const void *)values;
  const int32_t *const end = to + 64;
  for (; to < end; to += 4) {
    int32_t a = 0;
    int32_t b = 0;
    int32_t c = 0;
    int32_t d = 0;
    uint32_t n;
    for (n = channels; n; n -= 4, x += 8, w += 8) {
#define BROWNOUT_ACCEL_WINOGRAD_FOUR(at) \
  do {                                   \
    const int32_t first = x[at];         \
    const int32_t other = x[(at) + 4];   \
    const int32_t u = w[at];             \
    const int32_t v = w[(at) + 4];       \
    a += u * first;                      \
    b += u * other;                      \
    c += v * first;                      \
    d += v * other;                      \
  } while (0)
      BROWNOUT_ACCEL_WINOGRAD_FOUR(0);
      BROWNOUT_ACCEL_WINOGRAD_FOUR(1);
      BROWNOUT_ACCEL_WINOGRAD_FOUR(2);
      BROWNOUT_ACCEL_WINOGRAD_FOUR(3);
#if defined(__GNUC__)
      /* Known only as values, x and w stay where they are: else each is copied in every round. */
      __asm__("" : "+r"(x), "+r"(w));
#endif
    }
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
  }
}

/* Of a column of a block's products at `m`, 16 bytes apart, the sums that make the upper outputs and the lower ones. */
#define BROWNOUT_ACCEL_WINOGRAD_DOWN(m, upper, lower)      \
  do {                                                     \
    const uint32_t p = (uint32_t)(m)[16];                  \
    const uint32_t q = (uint32_t)(m)[32];                  \
    upper = (uint32_t)(m)[0] + p + q;                      \
    lower = p - q - (uint32_t)(m)[48];                     \
  } while (0)
/* The four sums of a block from its products, which are four times as much: upper two, lower two. Steps may overflow. */
static BROWNOUT_ACCEL_WITHIN void accel_winograd_sums(const int32_t *m, int32_t bias, int32_t sums[4]) {
  uint32_t a0, a1, a2, a3, b0, b1, b2, b3;
  BROWNOUT_ACCEL_WINOGRAD_DOWN(m, a0, b0);
  BROWNOUT_ACCEL_WINOGRAD_DOWN(m + 4, a1, b1);
  BROWNOUT_ACCEL_WINOGRAD_DOWN(m + 8, a2, b2);
  BROWNOUT_ACCEL_WINOGRAD_DOWN(m + 12, a3, b3);
  sums[0] = ((int32_t)(a0 + a1 + a2) >> 2) + bias;
  sums[1] = ((int32_t)(a1 - a2 - a3) >> 2) + bias;
  sums[2] = ((int32_t)(b0 + b1 + b2) >> 2) + bias;
  sums[3] = ((int32_t)(b1 - b2 - b3) >> 2) + bias;
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_winograd_s8(uint32_t x_at, uint32_t blocks, uint32_t w_at,
    uint32_t rows, uint32_t channels, uint32_t bias, uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low,
    uint32_t high, uint32_t to_at, uint32_t pixel, uint32_t across, uint32_t room) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  int32_t *const products = (int32_t *)(void *)(BROWNOUT_WASM_BASE + room);
  const uint32_t bytes = channels * 64u;
  uint32_t row;
#ifdef BROWNOUT_ACCEL_DSP
  const int32_t twice = (int32_t)zero_point * 2 + 1;
  const uint32_t lows = BROWNOUT_ACCEL_BYTES(low);
  const uint32_t highs = BROWNOUT_ACCEL_BYTES(high);
#endif
#ifdef BROWNOUT_ACCEL_WINOGRAD_DSP
  const uint32_t most = BROWNOUT_ACCEL_WINOGRAD_CHANNELS;
  const brownout_accel_winograd job = {products, products + 64, (most - channels) / 4u * BROWNOUT_ACCEL_WINOGRAD_BYTES};
#endif
  brownout_wasm_check(x_at, 0, (uint64_t)bytes * ((blocks + 1u) / 2u), 4);
  brownout_wasm_check(w_at, 0, (uint64_t)bytes * ((rows + 1u) / 2u), 4);
  brownout_wasm_check(to_at, 0, (uint64_t)across + (uint64_t)pixel * (2u * blocks - 1u) + rows, 1);
  brownout_wasm_check(room, 0, 256, 4);
  for (row = 0; row < rows; row += 2, w += bytes, to += 2) {
    const uint32_t alone = row + 1 == rows;
    const brownout_accel_row first = accel_row_of(&out, row, channels * 9u);
    const brownout_accel_row second = accel_row_of(&out, alone ? row : row + 1, channels * 9u);
    const uint8_t *x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
    uint8_t *y = to;
    uint32_t block;
#ifdef BROWNOUT_ACCEL_DSP
    const brownout_accel_row *const both[4] = {&first, &second, &first, &second};
    const uint32_t fast = first.right && second.right && !alone;
#endif
    for (block = 0; block < blocks; block++) {
      const int32_t *const m = products + (block & 1u);
      int32_t sums[4];
      int32_t others[4];
      uint32_t i;
      if (!(block & 1u)) {
#ifdef BROWNOUT_ACCEL_WINOGRAD_DSP
        if (channels <= most) accel_winograd_products(w, x, &job);
        else
#endif
          accel_winograd_plain(w, x, channels, products);
        x += bytes;
      }
      accel_winograd_sums(m, first.bias, sums);
      accel_winograd_sums(m + 2, second.bias, others);
#ifdef BROWNOUT_ACCEL_DSP
      if (fast) {
        uint32_t four = accel_round_four(both, twice, lows, highs, sums[0], others[0], sums[1], others[1]);
        uint16_t upper = (uint16_t)(four >> 16);
        memcpy(y, &four, 2);
        memcpy(y + pixel, &upper, 2);
        four = accel_round_four(both, twice, lows, highs, sums[2], others[2], sums[3], others[3]);
        upper = (uint16_t)(four >> 16);
        memcpy(y + across, &four, 2);
        memcpy(y + across + pixel, &upper, 2);
        y += pixel * 2u;
        continue;
      }
#endif
      for (i = 0; i < 4; i++) {
        uint8_t *const at = y + (i >> 1) * across + (i & 1u) * pixel;
        at[0] = accel_to_byte(&out, &first, sums[i]);
        if (!alone) at[1] = accel_to_byte(&out, &second, others[i]);
      }
      y += pixel * 2u;
    }
  }
}
