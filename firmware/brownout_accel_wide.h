/*
 * accel.gemm_s8 for cores with the DSP extension, where there is room for two vectors of int16: widened once, they are read by
 * all rows, as {bytes 0 and 2 of one, bytes 1 and 3, the same of the other} for every four. Included by brownout_accel.h.
 */
/*
 * Two vectors times pairs of rows until `to` is at `end`, in the order in which the assembler below finds it. `first`: bytes of
 * code for the fours that do not make a sixteen, in the end where these begin.
 */
typedef struct {
  const uint8_t *x;
  const uint8_t *w;
  uint32_t length;
  uint32_t sixteens;
  uint32_t first;
  const uint8_t *bias;
  const uint8_t *pair;
  uint32_t stride;
  int32_t twice;
  uint32_t lows;
  uint32_t highs;
  uint8_t *to;
  uint8_t *next;
  const uint8_t *end;
} brownout_accel_wide;

/* Four bytes of a row at `w` times both vectors: two in the lower, two in the upper halves of what was widened. */
#define BROWNOUT_ACCEL_WIDE_ROW(w, a, b) \
  "ldr r11, [" w "], #4\n\tsxtb16 r12, r11\n\tsxtb16 r11, r11, ror #8\n\t" \
  "smlad " a ", r12, r7, " a "\n\tsmlad " b ", r12, r9, " b "\n\t" \
  "smlad " a ", r11, r8, " a "\n\tsmlad " b ", r11, r10, " b "\n\t"
#define BROWNOUT_ACCEL_WIDE_BYTES 60u
#define BROWNOUT_ACCEL_WIDE_FOUR \
  "ldmia r0!, {r7-r10}\n\t" BROWNOUT_ACCEL_WIDE_ROW("r1", "r3", "r4") BROWNOUT_ACCEL_WIDE_ROW("r2", "r5", "r6")
/* A multiplier from 2^30 on, doubled, is 2^32 and a negative number: the product's upper word is that with it, and the sum. */
#define BROWNOUT_ACCEL_WIDE_ROUND(sum, multiplier, right) \
  "smmlar r11, " sum ", " multiplier ", " sum "\n\tadd r11, r11, " sum ", asr #31\n\tasr r11, r11, " right "\n\t" \
  "add r11, lr\n\tssat " sum ", #8, r11, asr #1\n\t"
static __attribute__((naked, noinline, unused)) void accel_wide_rows(
    __attribute__((unused)) brownout_accel_wide *job) {
  __asm__ volatile(
      "push {r0, r4-r11, lr}\n\tadr.w r1, 3f\n\tldr r2, [r0, #16]\n\tsub r1, r2\n\tadd r1, #1\n\tstr r1, [r0, #16]\n"
      "1:\n\tldr r12, [sp]\n\tldm r12, {r0, r1, r2, lr}\n\tadd r2, r1\n\tldr r7, [r12, #20]\n\t"
      "ldrd r3, r5, [r7], #8\n\tstr r7, [r12, #20]\n\tmov r4, r3\n\tmov r6, r5\n\tldr pc, [r12, #16]\n"
      "2:\n\t.rept 4\n\t" BROWNOUT_ACCEL_WIDE_FOUR ".endr\n"
      "3:\n\tsubs lr, #1\n\tbpl 2b\n\t"
      "ldr r12, [sp]\n\tstr r2, [r12, #4]\n\tldrd r7, r8, [r12, #24]\n\tldrd r0, r1, [r7]\n\tadd r7, r8\n\t"
      "ldrd r9, r10, [r7]\n\tadd r7, r8\n\tstr r7, [r12, #24]\n\tldr lr, [r12, #32]\n\t"
      "lsl r0, #1\n\tmvn r1, r1\n\tlsl r9, #1\n\tmvn r10, r10\n\t"
      BROWNOUT_ACCEL_WIDE_ROUND("r3", "r0", "r1") BROWNOUT_ACCEL_WIDE_ROUND("r4", "r0", "r1")
      BROWNOUT_ACCEL_WIDE_ROUND("r5", "r9", "r10") BROWNOUT_ACCEL_WIDE_ROUND("r6", "r9", "r10")
      "bfi r3, r5, #8, #8\n\tbfi r4, r6, #8, #8\n\tpkhbt r3, r3, r4, lsl #16\n\tldrd r7, r8, [r12, #36]\n\t"
      "ssub8 r9, r3, r8\n\tsel r3, r8, r3\n\tssub8 r9, r3, r7\n\tsel r3, r3, r7\n\t"
      "ldrd r7, r8, [r12, #44]\n\tstrh r3, [r7], #2\n\tlsr r3, #16\n\tstrh r3, [r8], #2\n\tstrd r7, r8, [r12, #44]\n\t"
      "ldr r0, [r12, #52]\n\tcmp r7, r0\n\tbne 1b\n\t"
      "pop {r0, r4-r11, pc}\n\t");
}

/* Whether all rows scale by multipliers from 2^30 on and right shifts from 2 on. */
static BROWNOUT_ACCEL_APART uint32_t accel_wide_scales(const uint8_t *pair, uint32_t stride, uint32_t rows) {
  uint32_t left;
  for (left = stride ? rows : 1u; left; left--, pair += stride)
    if (accel_s32(pair) < (int32_t)1 << 30 || accel_s32(pair + 4) > -2) return 0;
  return 1;
}

static BROWNOUT_ACCEL_APART void accel_widen(const uint8_t *x, const uint8_t *next, uint32_t fours, uint32_t *to) {
  BROWNOUT_ACCEL_BEGIN();
  for (; fours; fours--, to += 4) {
    const uint32_t a = accel_next(&x);
    const uint32_t b = accel_next(&next);
    to[0] = accel_even(a);
    to[1] = accel_odd(a);
    to[2] = accel_even(b);
    to[3] = accel_odd(b);
  }
}

/* An even number of vectors times the pairs of rows, `room` for 4 * length bytes; length a multiple of 4. */
static BROWNOUT_ACCEL_APART void accel_wide_gemm(const uint8_t *x, uint32_t vectors, const uint8_t *w, uint32_t rows,
                                                 uint32_t length, const brownout_accel_output *out, uint8_t *to,
                                                 uint32_t to_stride, void *room) {
  brownout_accel_wide job;
  job.x = room;
  job.length = length;
  job.sixteens = length >> 4;
  job.stride = out->stride;
  job.twice = out->zero_point * 2 + 1;
  job.lows = BROWNOUT_ACCEL_BYTES(out->low);
  job.highs = BROWNOUT_ACCEL_BYTES(out->high);
  for (; vectors; vectors -= 2) {
    accel_widen(x, x + length, length >> 2, room);
    job.w = w;
    job.bias = out->bias;
    job.pair = out->pair;
    job.to = to;
    job.next = to + to_stride;
    job.end = to + (rows & ~1u);
    job.first = (length >> 2 & 3u) * BROWNOUT_ACCEL_WIDE_BYTES;
    accel_wide_rows(&job);
    x += length * 2u;
    to += to_stride * 2u;
  }
}
