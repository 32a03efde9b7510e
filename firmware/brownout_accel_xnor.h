/*
 * accel.xnor_s8: rows of weights of 1 bit on windows of levels, 0, 1 or 2. Sixteen windows go at a time. Of every four places of
 * a window the sums of their levels are made once, for all rows and all 16 patterns of weights that are 1; a row adds up what its
 * bits name. A sum is a byte, and a table's entry four words of such, so that an addition is of four windows. What a row adds up,
 * twice, less the sum of all levels is its sum of products. Windows that are left over go one by one. Included by
 * brownout_accel.h.
 */

#define BROWNOUT_ACCEL_XNOR_WINDOWS 16u
/* Fewer windows than this go one by one. */
#define BROWNOUT_ACCEL_XNOR_LEAST 8u
/* Longer windows, whose sums are beyond 15 bits, go one by one, too. */
#define BROWNOUT_ACCEL_XNOR_LONGEST 16383u
/* Fours at a time: 31 entries of at most 8 are below 2^8. */
#define BROWNOUT_ACCEL_XNOR_FOURS 31u
/* Words of a table, and of the sums of a row: pairs of 16 bits, of windows 0 and 2, 1 and 3, 4 and 6 and so on. */
#define BROWNOUT_ACCEL_XNOR_TABLE 64u
#define BROWNOUT_ACCEL_XNOR_SUMS 8u

/* A window is `height` runs of `span` bytes, `across` bytes apart; the next one begins `step` bytes on. */
typedef struct {
  const uint8_t *x;
  uint32_t step;
  uint32_t height;
  uint32_t across;
  uint32_t span;
} brownout_accel_runs;

static BROWNOUT_ACCEL_WITHIN uint32_t accel_least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* Bytes of a plane: of all windows, and what of the last ones lies whole steps behind. A multiple of 4. */
static BROWNOUT_ACCEL_WITHIN uint32_t accel_xnor_positions(const brownout_accel_runs *runs) {
  return (BROWNOUT_ACCEL_XNOR_WINDOWS + (runs->span + runs->step - 1u) / runs->step + 2u) & ~3u;
}

#include "brownout_accel_xnor_planes.h"

#ifdef BROWNOUT_ACCEL_XNOR_THUMB2
#define BROWNOUT_ACCEL_XNOR_MORE(first, second, third, fourth)                                          \
  "add r4, " first "\n\tadd r5, " second "\n\tadd r6, " third "\n\tadd r7, " fourth "\n\t"              \
  "stmia r1!, {r4-r7}\n\t"
#define BROWNOUT_ACCEL_XNOR_THREE_MORE                                                                 \
  BROWNOUT_ACCEL_XNOR_MORE("r8", "r9", "r10", "r11") BROWNOUT_ACCEL_XNOR_MORE("r0", "r2", "r12", "lr") \
  BROWNOUT_ACCEL_XNOR_MORE("r8", "r9", "r10", "r11")
#define BROWNOUT_ACCEL_XNOR_BEGIN(from) \
  "ldr r3, " from "\n\tldr r4, [r3]\n\tldr r5, [r3, #4]\n\tldr r6, [r3, #8]\n\tldr r7, [r3, #12]\n\t"
/*
 * A table of four planes `apart` bytes apart; its last entry is added to `all`. In order, so that from one entry to the next
 * it is plane 0 more, or plane 1 more and plane 0 less, or an entry anew: those are in r8 to r11 and in r0, r2, r12, lr.
 */
static __attribute__((naked, noinline, unused)) void accel_xnor_table(
    __attribute__((unused)) const uint8_t *planes, __attribute__((unused)) uint32_t *to,
    __attribute__((unused)) uint32_t apart, __attribute__((unused)) uint32_t all[4]) {
  __asm__ volatile(
      "push {r3-r11, lr}\n\tadd r3, r0, r2\n\tadd r12, r3, r2\n\tadd lr, r12, r2\n\tpush {r12, lr}\n\t"
      "ldr r8, [r0]\n\tldr r9, [r0, #4]\n\tldr r10, [r0, #8]\n\tldr r11, [r0, #12]\n\t"
      "ldr r0, [r3]\n\tldr r2, [r3, #4]\n\tldr r12, [r3, #8]\n\tldr lr, [r3, #12]\n\t"
      "movs r4, #0\n\tmovs r5, #0\n\tmovs r6, #0\n\tmovs r7, #0\n\tstmia r1!, {r4-r7}\n\t"
      "stmia r1!, {r8-r11}\n\tstmia r1!, {r0, r2, r12, lr}\n\t"
      "add r4, r0, r8\n\tadd r5, r2, r9\n\tadd r6, r12, r10\n\tadd r7, lr, r11\n\tstmia r1!, {r4-r7}\n\t"
      "subs r0, r0, r8\n\tsubs r2, r2, r9\n\tsub r12, r10\n\tsub lr, r11\n\t"
      BROWNOUT_ACCEL_XNOR_BEGIN("[sp]") "stmia r1!, {r4-r7}\n\t" BROWNOUT_ACCEL_XNOR_THREE_MORE
      BROWNOUT_ACCEL_XNOR_BEGIN("[sp, #4]") "stmia r1!, {r4-r7}\n\t" BROWNOUT_ACCEL_XNOR_THREE_MORE
      BROWNOUT_ACCEL_XNOR_BEGIN("[sp, #4]")
      "ldr r3, [r1, #-128]\n\tadd r4, r3\n\tldr r3, [r1, #-124]\n\tadd r5, r3\n\t"
      "ldr r3, [r1, #-120]\n\tadd r6, r3\n\tldr r3, [r1, #-116]\n\tadd r7, r3\n\tstmia r1!, {r4-r7}\n\t"
      BROWNOUT_ACCEL_XNOR_THREE_MORE
      "add sp, #8\n\tldr r3, [sp]\n\tldm r3, {r8-r11}\n\tadd r8, r4\n\tadd r9, r5\n\tadd r10, r6\n\tadd r11, r7\n\t"
      "stm r3, {r8-r11}\n\tpop {r3-r11, pc}\n\t");
}
#else
/* Planes begin words, and are whole ones; positions in them may be any. */
static BROWNOUT_ACCEL_APART void accel_xnor_table(const uint8_t *planes, uint32_t *to, uint32_t apart, uint32_t all[4]) {
  const uint32_t shift = (uint32_t)((uintptr_t)planes & 3u) * 8u;
  const uint32_t *p = (const uint32_t *)(const void *)(planes - (shift >> 3));
  const uint32_t *q = p + (apart >> 2);
  const uint32_t *r = q + (apart >> 2);
  const uint32_t *s = r + (apart >> 2);
  uint32_t word;
  for (word = 0; word < 4u; word++, to++) {
    uint32_t four[4] = {p[word], q[word], r[word], s[word]};
    uint32_t a = 0;
    if (shift) {
      const uint32_t back = 32u - shift;
      four[0] = four[0] >> shift | p[word + 1u] << back;
      four[1] = four[1] >> shift | q[word + 1u] << back;
      four[2] = four[2] >> shift | r[word + 1u] << back;
      four[3] = four[3] >> shift | s[word + 1u] << back;
    }
    to[0] = a;
#define BROWNOUT_ACCEL_XNOR_STEP(pattern, value, sign) \
  a = a sign four[value];                              \
  to[4 * (pattern)] = a;
    BROWNOUT_ACCEL_SIGNS_WALK(BROWNOUT_ACCEL_XNOR_STEP)
#undef BROWNOUT_ACCEL_XNOR_STEP
    all[word] += to[60];
  }
}
#endif

/* Bytes of a word to two sums of it; `first`: those are nothing before. */
static BROWNOUT_ACCEL_WITHIN void accel_xnor_spread(uint32_t four, uint32_t *sums, uint32_t first) {
  sums[0] = (first ? 0u : sums[0]) + (four & 0x00ff00ffu);
  sums[1] = (first ? 0u : sums[1]) + (four >> 8 & 0x00ff00ffu);
}

/* Where a value of a window is: its run, its byte in that, the place in a step and how many whole steps before it. */
typedef struct {
  uint32_t run;
  uint32_t byte;
  uint32_t place;
  uint32_t steps;
} brownout_accel_place;

/* Tables of `values` values from `at` on, and the levels of all windows added to `sums`. */
static BROWNOUT_ACCEL_APART void accel_xnor_tables(const brownout_accel_runs *runs, const uint8_t *planes,
                                                   brownout_accel_place *at, uint32_t values, uint32_t *to, uint32_t *sums) {
  const uint32_t positions = accel_xnor_positions(runs);
  const uint32_t places = accel_least(runs->step, runs->span);
  uint32_t all[4] = {0, 0, 0, 0};
  while (values) {
    const uint8_t *from = planes + (at->run * places + at->place) * positions + at->steps;
    /* Fours of planes side by side, all of one run. */
    uint32_t fours = accel_least(values, accel_least(runs->span - at->byte, runs->step - at->place)) >> 2;
    uint32_t four[16];
    uint32_t i;
    at->byte += fours * 4u;
    at->place += fours * 4u;
    values -= fours * 4u;
    for (; fours; fours--, from += 4u * positions, to += BROWNOUT_ACCEL_XNOR_TABLE)
      accel_xnor_table(from, to, positions, all);
    if (at->byte < runs->span && at->place < runs->step && values) {
      /* Others are copied to where they are side by side. */
      for (i = 0; i < 16u; i++) four[i] = 0;
      for (i = 0; i < 4u && values; i++, values--) {
        memcpy(four + 4u * i, planes + (at->run * places + at->place) * positions + at->steps, 16);
        at->place++;
        if (++at->byte == runs->span) {
          at->run++;
          at->byte = at->place = at->steps = 0;
        } else if (at->place == runs->step) {
          at->place = 0;
          at->steps++;
        }
      }
      accel_xnor_table((const uint8_t *)four, to, 16, all);
      to += BROWNOUT_ACCEL_XNOR_TABLE;
    } else if (at->byte == runs->span) {
      at->run++;
      at->byte = at->place = at->steps = 0;
    } else if (at->place == runs->step) {
      at->place = 0;
      at->steps++;
    }
  }
  for (values = 0; values < 4u; values++) accel_xnor_spread(all[values], sums + 2u * values, 0);
}

#ifdef BROWNOUT_ACCEL_XNOR_THUMB2
#define BROWNOUT_ACCEL_XNOR_ENTRY(shift, to) \
  "ubfx lr, r12, #" shift ", #4\n\tadd lr, r2, lr, lsl #4\n\tldmia lr, {" to "}\n\tadd r2, #256\n\t"
#define BROWNOUT_ACCEL_XNOR_LOOK(shift) \
  BROWNOUT_ACCEL_XNOR_ENTRY(shift, "r8-r11") "add r4, r8\n\tadd r5, r9\n\tadd r6, r10\n\tadd r7, r11\n\t"
#ifdef BROWNOUT_ACCEL_DSP
#define BROWNOUT_ACCEL_XNOR_SPREAD(four, even, odd) \
  "uxtab16 " even ", " even ", " four "\n\tuxtab16 " odd ", " odd ", " four ", ror #8\n\t"
#else
#define BROWNOUT_ACCEL_XNOR_SPREAD(four, even, odd)                                                   \
  "and lr, r12, " four "\n\tadd " even ", lr\n\tand lr, r12, " four ", lsr #8\n\tadd " odd ", lr\n\t"
#endif
/* Of rows w, `bytes` apart, of 32 `words` weights, entries of eight tables a word to the sums. */
typedef struct {
  const uint32_t *tables;
  uint32_t words;
  uint32_t bytes;
  uint32_t first; /* Sums are nothing before. */
} brownout_accel_levels;
static __attribute__((naked, noinline, unused)) void accel_xnor_words(
    __attribute__((unused)) const uint8_t *w, __attribute__((unused)) uint32_t rows,
    __attribute__((unused)) uint32_t *sums, __attribute__((unused)) const brownout_accel_levels *job) {
  __asm__ volatile(
      "push {r4-r11, lr}\n\tsub sp, #28\n\tstrd r1, r3, [sp]\n\tldrd r4, r5, [r3]\n\tldr r6, [r3, #8]\n\t"
      "ldr r7, [r3, #12]\n\tsub r6, r6, r5, lsl #2\n\tstrd r4, r5, [sp, #8]\n\tstrd r6, r7, [sp, #16]\n\tmov r3, r2\n"
      "1:\n\tldrd r2, r1, [sp, #8]\n\tldr r12, [r0], #4\n\t" BROWNOUT_ACCEL_XNOR_ENTRY("0", "r4-r7") "b 5f\n"
      "2:\n\tldr r12, [r0], #4\n\t" BROWNOUT_ACCEL_XNOR_LOOK("0") "\n5:\n\t"
      BROWNOUT_ACCEL_XNOR_LOOK("4") BROWNOUT_ACCEL_XNOR_LOOK("8")
      BROWNOUT_ACCEL_XNOR_LOOK("12") BROWNOUT_ACCEL_XNOR_LOOK("16") BROWNOUT_ACCEL_XNOR_LOOK("20")
      BROWNOUT_ACCEL_XNOR_LOOK("24") BROWNOUT_ACCEL_XNOR_LOOK("28")
      "subs r1, #1\n\tbne 2b\n\t"
      "mov r12, #0x00ff00ff\n\tldr lr, [sp, #20]\n\tcmp lr, #0\n\tbne 3f\n\t"
      "ldm r3, {r1, r2, r8-r11}\n\t"
      BROWNOUT_ACCEL_XNOR_SPREAD("r4", "r1", "r2") BROWNOUT_ACCEL_XNOR_SPREAD("r5", "r8", "r9")
      BROWNOUT_ACCEL_XNOR_SPREAD("r6", "r10", "r11")
      "stmia r3!, {r1, r2, r8-r11}\n\tldm r3, {r1, r2}\n\t" BROWNOUT_ACCEL_XNOR_SPREAD("r7", "r1", "r2")
      "stmia r3!, {r1, r2}\n"
      "4:\n\tldr r2, [sp, #16]\n\tadd r0, r2\n\tldr r1, [sp]\n\tsubs r1, #1\n\tstr r1, [sp]\n\t"
      "bne 1b\n\tadd sp, #28\n\tpop {r4-r11, pc}\n"
      "3:\n\tand r1, r12, r4\n\tand r2, r12, r4, lsr #8\n\tand r8, r12, r5\n\tand r9, r12, r5, lsr #8\n\t"
      "and r10, r12, r6\n\tand r11, r12, r6, lsr #8\n\tstmia r3!, {r1, r2, r8-r11}\n\t"
      "and r1, r12, r7\n\tand r2, r12, r7, lsr #8\n\tstmia r3!, {r1, r2}\n\tb 4b\n\t");
}
#endif

#if defined(__GNUC__) && defined(__riscv)
/* In order, so that what an entry holds needs one register: compilers load many first, and spill them. */
#define BROWNOUT_ACCEL_XNOR_ENTRY(from, which)                                                                        \
  do {                                                                                                                \
    uint32_t at;                                                                                                      \
    uint32_t more;                                                                                                    \
    __asm__(from "add %4, %4, %7\n\tlw %5, %8(%4)\n\tadd %0, %0, %5\n\tlw %5, %8+4(%4)\n\tadd %1, %1, %5\n\t"          \
                 "lw %5, %8+8(%4)\n\tadd %2, %2, %5\n\tlw %5, %8+12(%4)\n\tadd %3, %3, %5"                            \
            : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "=&r"(at), "=&r"(more)                                              \
            : "r"(two), "r"(table), "n"((which) * 4 * BROWNOUT_ACCEL_XNOR_TABLE)                                      \
            : "memory");                                                                                              \
  } while (0)
#define BROWNOUT_ACCEL_XNOR_BYTE(place)                                                 \
  do {                                                                                  \
    const uint32_t two = eight[place];                                                  \
    BROWNOUT_ACCEL_XNOR_ENTRY("andi %4, %6, 15\n\tslli %4, %4, 4\n\t", (place) * 2);    \
    BROWNOUT_ACCEL_XNOR_ENTRY("andi %4, %6, 240\n\t", (place) * 2 + 1);                 \
  } while (0)
#elif !defined(BROWNOUT_ACCEL_XNOR_THUMB2)
#define BROWNOUT_ACCEL_XNOR_LOOK(place, shift, half)                                                       \
  do {                                                                                                     \
    const uint32_t *entry = table + ((place) * 2 + (half)) * BROWNOUT_ACCEL_XNOR_TABLE +                   \
                            ((uint32_t)eight[place] >> (shift) & 15u) * 4u;                                \
    a += entry[0];                                                                                         \
    b += entry[1];                                                                                         \
    c += entry[2];                                                                                         \
    d += entry[3];                                                                                         \
  } while (0)
/* Entries of the two tables of a byte. */
#define BROWNOUT_ACCEL_XNOR_BYTE(place)   \
  BROWNOUT_ACCEL_XNOR_LOOK(place, 0, 0); \
  BROWNOUT_ACCEL_XNOR_LOOK(place, 4, 1)
#endif

/* Rows from w on, `bytes` apart, of `fours` times four weights; `first`: sums are nothing before. */
static BROWNOUT_ACCEL_APART void accel_xnor_rows(const uint8_t *w, uint32_t bytes, uint32_t rows, uint32_t fours,
                                                 const uint32_t *tables, uint32_t *sums, uint32_t first) {
  uint32_t done = 0;
#ifdef BROWNOUT_ACCEL_XNOR_THUMB2
  if (fours >= 8u) {
    const brownout_accel_levels job = {tables, fours >> 3, bytes, first};
    accel_xnor_words(w, rows, sums, &job);
    done = fours & ~7u;
    first = 0;
  }
#endif
  for (; rows && done < fours; rows--, w += bytes, sums += BROWNOUT_ACCEL_XNOR_SUMS) {
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    uint32_t at = done;
    const uint32_t *table = tables + done * BROWNOUT_ACCEL_XNOR_TABLE;
#ifndef BROWNOUT_ACCEL_XNOR_THUMB2
    for (; at + 7u < fours; at += 8u, table += 8u * BROWNOUT_ACCEL_XNOR_TABLE) {
      const uint8_t *eight = w + (at >> 1);
      BROWNOUT_ACCEL_XNOR_BYTE(0);
      BROWNOUT_ACCEL_XNOR_BYTE(1);
      BROWNOUT_ACCEL_XNOR_BYTE(2);
      BROWNOUT_ACCEL_XNOR_BYTE(3);
    }
#endif
    for (; at < fours; at++, table += BROWNOUT_ACCEL_XNOR_TABLE) {
      const uint32_t *entry = table + ((uint32_t)w[at >> 1] >> (at & 1u) * 4u & 15u) * 4u;
      a += entry[0];
      b += entry[1];
      c += entry[2];
      d += entry[3];
    }
    accel_xnor_spread(a, sums, first);
    accel_xnor_spread(b, sums + 2, first);
    accel_xnor_spread(c, sums + 4, first);
    accel_xnor_spread(d, sums + 6, first);
  }
}

#if defined(BROWNOUT_ACCEL_QUICK) && defined(BROWNOUT_ACCEL_XNOR_THUMB2)
/* accel_quick of four windows at a time. */
typedef struct {
  int32_t bias;
  int32_t multiplier;
  int32_t right; /* less 1 */
  int32_t twice; /* the zero point, and 1 */
  int32_t low;
  uint32_t range; /* to the highest */
  uint32_t stride;
} brownout_accel_quick_row;
/* r10: x, r11 and r12 its product; what is beyond the clamp is brought there. */
#define BROWNOUT_ACCEL_XNOR_QUICK(where, label)                                                                  \
  "and r11, r10, #0x80000000\n\torr r11, #0x40000000\n\tasr r12, r10, #31\n\tsmlal r11, r12, r10, r5\n\t" \
  "asr r12, r6\n\tadd r12, r7\n\trsb r12, r8, r12, asr #1\n\tcmp r12, r9\n\tbhi " label "2f\n"             \
  label "1:\n\tadd r12, r8\n\tstrb r12, " where "\n\t"
#define BROWNOUT_ACCEL_XNOR_BEYOND(label) \
  label "2:\n\tmov r11, r9\n\tbic r12, r11, r12, asr #31\n\tb " label "1b\n"
static __attribute__((naked, noinline, unused)) void accel_xnor_quick(
    __attribute__((unused)) const uint32_t *sums, __attribute__((unused)) const int32_t *less,
    __attribute__((unused)) uint8_t *to, __attribute__((unused)) uint32_t fours,
    __attribute__((unused)) const brownout_accel_quick_row *row) {
  __asm__ volatile(
      "push {r4-r11, lr}\n\tldr r12, [sp, #36]\n\tldm r12, {r4-r9, lr}\n\tsub sp, #4\n"
      "1:\n\tldr r10, [r1], #16\n\tldr r12, [r0]\n\tsub r10, r4, r10\n\tuxth r12, r12\n\tadd r10, r10, r12, lsl #1\n\t"
      BROWNOUT_ACCEL_XNOR_QUICK("[r2]", "1")
      "ldr r10, [r1, #-12]\n\tldr r12, [r0, #4]\n\tsub r10, r4, r10\n\tuxth r12, r12\n\tadd r10, r10, r12, lsl #1\n\t"
      BROWNOUT_ACCEL_XNOR_QUICK("[r2, lr]", "2")
      "ldr r10, [r1, #-8]\n\tldr r12, [r0], #4\n\tsub r10, r4, r10\n\tadd r10, r10, r12, lsr #15\n\t"
      "add r2, r2, lr, lsl #1\n\t"
      BROWNOUT_ACCEL_XNOR_QUICK("[r2]", "3")
      "ldr r10, [r1, #-4]\n\tldr r12, [r0], #4\n\tsub r10, r4, r10\n\tadd r10, r10, r12, lsr #15\n\t"
      BROWNOUT_ACCEL_XNOR_QUICK("[r2, lr]", "4")
      "add r2, r2, lr, lsl #1\n\tsubs r3, #1\n\tbne 1b\n\tadd sp, #4\n\tpop {r4-r11, pc}\n"
      BROWNOUT_ACCEL_XNOR_BEYOND("1") BROWNOUT_ACCEL_XNOR_BEYOND("2")
      BROWNOUT_ACCEL_XNOR_BEYOND("3") BROWNOUT_ACCEL_XNOR_BEYOND("4"));
}
#endif

#if defined(BROWNOUT_ACCEL_QUICK) && !defined(BROWNOUT_ACCEL_XNOR_THUMB2)
#define BROWNOUT_ACCEL_XNOR_IN_PLACE
/* The same where row->right is not 0, of fours of windows. */
static BROWNOUT_ACCEL_APART void accel_xnor_fours(const brownout_accel_output *output, const brownout_accel_row *of,
                                                  const uint32_t *sums, const int32_t *less, uint32_t fours, uint8_t *to,
                                                  uint32_t stride) {
  /* Copies, which nothing that is stored can change: they stay in registers. */
  const brownout_accel_output out = *output;
  const brownout_accel_row row = *of;
  for (; fours; fours--, sums += 2, less += 4) {
    *to = accel_quick(&out, &row, row.bias + (int32_t)(sums[0] & 0xffffu) * 2 - less[0]);
    to += stride;
    *to = accel_quick(&out, &row, row.bias + (int32_t)(sums[1] & 0xffffu) * 2 - less[1]);
    to += stride;
    *to = accel_quick(&out, &row, row.bias + (int32_t)(sums[0] >> 16) * 2 - less[2]);
    to += stride;
    *to = accel_quick(&out, &row, row.bias + (int32_t)(sums[1] >> 16) * 2 - less[3]);
    to += stride;
  }
}
#endif

/* Sums of one row to a byte each; `less`: the sum of all levels of each window. */
static BROWNOUT_ACCEL_APART void accel_xnor_finish(const brownout_accel_output *out, const brownout_accel_row *row,
                                                   const uint32_t *sums, const int32_t *less, uint32_t windows, uint8_t *to,
                                                   uint32_t stride) {
  while (windows) {
    const uint32_t count = accel_least(windows, 4u);
    const int32_t four[4] = {
        row->bias + (int32_t)(sums[0] & 0xffffu) * 2 - less[0], row->bias + (int32_t)(sums[1] & 0xffffu) * 2 - less[1],
        row->bias + (int32_t)(sums[0] >> 16) * 2 - less[2], row->bias + (int32_t)(sums[1] >> 16) * 2 - less[3]};
    accel_signs_finish(out, row, four, count, to, stride);
    windows -= count;
    sums += 2;
    less += 4;
    to += stride * count;
  }
}

/* Up to 16 windows. `room`: planes, sums of all levels and of rows, and tables of `chunk` fours. */
static BROWNOUT_ACCEL_APART void accel_xnor_block(const brownout_accel_runs *runs, uint32_t windows, const uint8_t *w,
                                                  uint32_t rows, const brownout_accel_output *out, uint8_t *to,
                                                  uint32_t to_stride, uint32_t chunk, uint32_t *room) {
  const uint32_t length = runs->height * runs->span;
  const uint32_t bytes = (length + 7u) >> 3;
  const uint32_t fours = (length + 3u) >> 2;
  const uint32_t places = accel_least(runs->step, runs->span);
  uint32_t *all = room + ((runs->height * places * accel_xnor_positions(runs)) >> 2);
  uint32_t *sums = all + BROWNOUT_ACCEL_XNOR_SUMS;
  uint32_t *tables = sums + rows * BROWNOUT_ACCEL_XNOR_SUMS;
  brownout_accel_place at = {0, 0, 0, 0};
  int32_t less[BROWNOUT_ACCEL_XNOR_WINDOWS];
#ifdef BROWNOUT_ACCEL_XNOR_QUICK
  brownout_accel_quick_row quick = {0, 0, 0, out->zero_point * 2 + 1, out->low, (uint32_t)(out->high - out->low), to_stride};
#endif
  uint32_t first;
  uint32_t row;
  accel_xnor_planes(runs, windows, (uint8_t *)room);
  for (row = 0; row < BROWNOUT_ACCEL_XNOR_SUMS; row++) all[row] = 0;
  for (first = 0; first < fours; first += chunk) {
    const uint32_t size = accel_least(fours - first, chunk);
    accel_xnor_tables(runs, (const uint8_t *)room, &at, accel_least(length - first * 4u, size * 4u), tables, all);
    accel_xnor_rows(w + (first >> 1), bytes, rows, size, tables, sums, first == 0);
  }
  for (row = 0; row < BROWNOUT_ACCEL_XNOR_WINDOWS; row++)
    less[row] = (int32_t)(all[(row >> 2) * 2u + (row & 1u)] >> (row & 2u) * 8u & 0xffffu);
  for (row = 0; row < rows; row++, sums += BROWNOUT_ACCEL_XNOR_SUMS) {
    const brownout_accel_row each = accel_row_of(out, row, length * 3u);
    uint32_t done = 0;
#ifdef BROWNOUT_ACCEL_XNOR_QUICK
    if (each.right && windows >= 4u) {
      quick.bias = each.bias;
      quick.multiplier = each.multiplier;
      quick.right = each.right - 1;
      accel_xnor_quick(sums, less, to + row, windows >> 2, &quick);
      done = windows & ~3u;
    }
#endif
#ifdef BROWNOUT_ACCEL_XNOR_IN_PLACE
    if (each.right) {
      accel_xnor_fours(out, &each, sums, less, windows >> 2, to + row, to_stride);
      done = windows & ~3u;
    }
#endif
    if (done < windows)
      accel_xnor_finish(out, &each, sums + (done >> 1), less + done, windows - done, to + done * to_stride + row, to_stride);
  }
}

#include "brownout_accel_xnor_single.h"

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_xnor_s8(uint32_t x_at, uint32_t windows, uint32_t step,
    uint32_t height, uint32_t across, uint32_t span, uint32_t w_at, uint32_t rows, uint32_t bias, uint32_t pair,
    uint32_t stride, uint32_t zero_point, uint32_t low, uint32_t high, uint32_t to_at, uint32_t to_stride, uint32_t room,
    uint32_t room_bytes) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  brownout_accel_runs runs = {(const uint8_t *)(BROWNOUT_WASM_BASE + x_at), step, height, across, span};
  const uint8_t *w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  uint8_t *to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  const uint32_t length = height * span;
  const uint32_t fours = (length + 3u) >> 2;
  const uint32_t before = height * accel_least(step, span) * accel_xnor_positions(&runs) + (rows + 1u) * 32u;
  const uint32_t tables = room_bytes < before || length > BROWNOUT_ACCEL_XNOR_LONGEST ? 0u : (room_bytes - before) >> 8;
  uint32_t chunk = accel_least(tables, BROWNOUT_ACCEL_XNOR_FOURS);
  const uint32_t has_bits = room_bytes >= ((length + 31u) >> 5) * 8u;
  brownout_wasm_check(x_at, 0, (uint64_t)(windows - 1u) * step + (uint64_t)(height - 1u) * across + span, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)rows * ((length + 7u) >> 3), 1);
  brownout_wasm_check(to_at, 0, (uint64_t)(windows - 1u) * to_stride + rows, 1);
  brownout_wasm_check(room, 0, room_bytes, 4);
  if (chunk < fours) chunk &= ~7u;
  while (windows) {
    const uint32_t count = chunk && windows >= BROWNOUT_ACCEL_XNOR_LEAST ? accel_least(windows, BROWNOUT_ACCEL_XNOR_WINDOWS) : 1u;
    if (count > 1u) accel_xnor_block(&runs, count, w, rows, &out, to, to_stride, chunk, accel_words(room));
    else accel_xnor_single(&runs, w, rows, &out, to, has_bits ? accel_words(room) : 0);
    runs.x += count * step;
    to += count * to_stride;
    windows -= count;
  }
}
