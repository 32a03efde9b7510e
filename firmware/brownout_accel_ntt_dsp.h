/*
 * Transforms of circulant layers for cores with the DSP extension: passes of eight or four values that stay in registers,
 * r4 to r11, and four instructions a butterfly. Included by brownout_accel_ntt.h, which says what each function computes.
 *
 * r0 data, r1 twiddles, r2 and r3 the present twiddle, r12 a quotient, lr the prime. Butterflies leave their two results in
 * each other's register, so a pass ends with its values in reverse order.
 */
#define BROWNOUT_NTT_NAKED __attribute__((naked, noinline, unused))
/* u + v * w to v, u - v * w to u. */
#define BROWNOUT_NTT_TURN(u, v) \
  "smmulr r12, " v ", r3\n\t" \
  "mla " v ", " v ", r2, " u "\n\t" \
  "mls " v ", r12, lr, " v "\n\t" \
  "rsb " u ", " v ", " u ", lsl #1\n\t"
#define BROWNOUT_NTT_ADD(u, v) "add " v ", " v ", " u "\n\trsb " u ", " v ", " u ", lsl #1\n\t"
#define BROWNOUT_NTT_TWIDDLE "ldrd r2, r3, [r1], #8\n\t"

/* All twiddles; the registers in the order of the transform. */
#define BROWNOUT_NTT_EIGHT(a, b, c, d, e, f, g, h) \
  BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, e) BROWNOUT_NTT_TURN(b, f) BROWNOUT_NTT_TURN(c, g) BROWNOUT_NTT_TURN(d, h) \
  BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(e, g) BROWNOUT_NTT_TURN(f, h) BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, c) \
  BROWNOUT_NTT_TURN(b, d) \
  BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(g, h) BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(e, f) BROWNOUT_NTT_TWIDDLE \
  BROWNOUT_NTT_TURN(c, d) BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, b)
#define BROWNOUT_NTT_FOUR(a, b, c, d) \
  BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, c) BROWNOUT_NTT_TURN(b, d) BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(c, d) \
  BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, b)
/* The first twiddle of every layer is 1: those are left out. */
#define BROWNOUT_NTT_PLAIN_EIGHT(a, b, c, d, e, f, g, h) \
  BROWNOUT_NTT_ADD(a, e) BROWNOUT_NTT_ADD(b, f) BROWNOUT_NTT_ADD(c, g) BROWNOUT_NTT_ADD(d, h) BROWNOUT_NTT_ADD(e, g) \
  BROWNOUT_NTT_ADD(f, h) BROWNOUT_NTT_ADD(g, h) \
  BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, c) BROWNOUT_NTT_TURN(b, d) BROWNOUT_NTT_TURN(e, f) \
  BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(c, d) BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, b)
#define BROWNOUT_NTT_PLAIN_FOUR(a, b, c, d) BROWNOUT_NTT_ADD(a, c) BROWNOUT_NTT_ADD(b, d) BROWNOUT_NTT_ADD(c, d)
/* Two fours side by side. */
#define BROWNOUT_NTT_FOURS(a, b, c, d, e, f, g, h) BROWNOUT_NTT_FOUR(a, b, c, d) BROWNOUT_NTT_FOUR(e, f, g, h)
#define BROWNOUT_NTT_SAME_FOURS(a, b, c, d, e, f, g, h) \
  BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, c) BROWNOUT_NTT_TURN(b, d) BROWNOUT_NTT_TURN(e, g) BROWNOUT_NTT_TURN(f, h) \
  BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(c, d) BROWNOUT_NTT_TURN(g, h) BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, b) \
  BROWNOUT_NTT_TURN(e, f)
#define BROWNOUT_NTT_PLAIN_FOURS(a, b, c, d, e, f, g, h) \
  BROWNOUT_NTT_PLAIN_FOUR(a, b, c, d) BROWNOUT_NTT_PLAIN_FOUR(e, f, g, h) BROWNOUT_NTT_TWIDDLE BROWNOUT_NTT_TURN(a, b) \
  BROWNOUT_NTT_TURN(e, f)

/* Values a distance apart, as they come and in reverse. */
#define BROWNOUT_NTT_FORWARD_ORDER(x) x("r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11")
#define BROWNOUT_NTT_INVERSE_ORDER(x) x("r4", "r8", "r6", "r10", "r5", "r9", "r7", "r11")
#define BROWNOUT_NTT_INVERSE_ORDER_4(x) x("r4", "r6", "r5", "r7", "r8", "r10", "r9", "r11")
#define BROWNOUT_NTT_AT(operation, value, distance, i) operation " " value ", [r0, #" #distance "*" #i "]\n\t"
#define BROWNOUT_NTT_LOAD_8(d) \
  BROWNOUT_NTT_AT("ldr", "r4", d, 0) BROWNOUT_NTT_AT("ldr", "r5", d, 1) BROWNOUT_NTT_AT("ldr", "r6", d, 2) \
  BROWNOUT_NTT_AT("ldr", "r7", d, 3) \
  BROWNOUT_NTT_AT("ldr", "r8", d, 4) BROWNOUT_NTT_AT("ldr", "r9", d, 5) BROWNOUT_NTT_AT("ldr", "r10", d, 6) \
  BROWNOUT_NTT_AT("ldr", "r11", d, 7)
#define BROWNOUT_NTT_STORE_8(d, to) \
  "str r10, [" to ", #" #d "*1]\n\tstr r9, [" to ", #" #d "*2]\n\tstr r8, [" to ", #" #d "*3]\n\t" \
  "str r7, [" to ", #" #d "*4]\n\tstr r6, [" to ", #" #d "*5]\n\tstr r5, [" to ", #" #d "*6]\n\t" \
  "str r4, [" to ", #" #d "*7]\n\tstr r11, [" to "], #4\n\t"
/* Fours of two columns side by side. */
#define BROWNOUT_NTT_LOAD_4(d) \
  "ldrd r4, r8, [r0]\n\tldrd r5, r9, [r0, #" #d "]\n\tldrd r6, r10, [r0, #" #d "*2]\n\t" \
  "ldrd r7, r11, [r0, #" #d "*3]\n\t"
#define BROWNOUT_NTT_STORE_4(d, to) \
  "strd r6, r10, [" to ", #" #d "]\n\tstrd r5, r9, [" to ", #" #d "*2]\n\t" \
  "strd r4, r8, [" to ", #" #d "*3]\n\tstrd r7, r11, [" to "], #8\n\t"
#define BROWNOUT_NTT_LOOP(label) "ldr r2, [sp, #8]\n\tcmp r0, r2\n\tbne " label "b\n\t"
/* What is done at [sp, #8] from r0 on. */
#define BROWNOUT_NTT_UNTIL(bytes) "add r2, r0, #" #bytes "\n\tstr r2, [sp, #8]\n\t"

/*
 * Forward. On the stack: to, stride, end, what is written next, work; then what was pushed, then twiddles.
 * `s`: columns of the first pass, a byte apart where it reads and a word where it writes.
 */
#define BROWNOUT_NTT_BEGIN_FORWARD \
  "push {r4-r11, lr}\n\tsub sp, #20\n\tstrd r2, r3, [sp]\n\tstr r1, [sp, #12]\n\tstr r1, [sp, #16]\n\t" \
  "movw lr, #1\n\tmovt lr, #2560\n\t"
#define BROWNOUT_NTT_FIRST_8(s) \
  BROWNOUT_NTT_UNTIL(s) \
  "1:\n\tldrsb r4, [r0], #1\n\tldrsb r5, [r0, #" #s "-1]\n\tldrsb r6, [r0, #" #s "*2-1]\n\t" \
  "ldrsb r7, [r0, #" #s "*3-1]\n\tldrsb r8, [r0, #" #s "*4-1]\n\tldrsb r9, [r0, #" #s "*5-1]\n\t" \
  "ldrsb r10, [r0, #" #s "*6-1]\n\tldrsb r11, [r0, #" #s "*7-1]\n\tldr r1, [sp, #56]\n\t" \
  BROWNOUT_NTT_FORWARD_ORDER(BROWNOUT_NTT_PLAIN_EIGHT) "ldr r2, [sp, #12]\n\t" BROWNOUT_NTT_STORE_8(4*s, "r2") \
  "str r2, [sp, #12]\n\t" BROWNOUT_NTT_LOOP("1")
#define BROWNOUT_NTT_FIRST_4(s) \
  BROWNOUT_NTT_UNTIL(s) \
  "1:\n\tldrsb r8, [r0, #1]\n\tldrsb r9, [r0, #" #s "+1]\n\tldrsb r10, [r0, #" #s "*2+1]\n\t" \
  "ldrsb r11, [r0, #" #s "*3+1]\n\tldrsb r4, [r0], #2\n\tldrsb r5, [r0, #" #s "-2]\n\t" \
  "ldrsb r6, [r0, #" #s "*2-2]\n\tldrsb r7, [r0, #" #s "*3-2]\n\tldr r1, [sp, #56]\n\t" \
  BROWNOUT_NTT_FORWARD_ORDER(BROWNOUT_NTT_PLAIN_FOURS) "ldr r2, [sp, #12]\n\t" BROWNOUT_NTT_STORE_4(4*s, "r2") \
  "str r2, [sp, #12]\n\t" BROWNOUT_NTT_LOOP("1")
/* Blocks of `s` columns, `bytes` in all: a set of twiddles each, kept where the first pass kept its target. */
#define BROWNOUT_NTT_MIDDLE(s, bytes, rest, load, pass, store) \
  "ldr r0, [sp, #16]\n" \
  "3:\n\tstr r1, [sp, #12]\n\t" BROWNOUT_NTT_UNTIL(4*s) \
  "2:\n\t" load "ldr r1, [sp, #12]\n\t" pass store BROWNOUT_NTT_LOOP("2") \
  "add r0, #" #rest "\n\tldr r2, [sp, #16]\n\tadd r2, #" #bytes "\n\tcmp r0, r2\n\tbne 3b\n\t"
/* Neighbours, to groups of four. */
#define BROWNOUT_NTT_LAST(bytes, pass, first) \
  "ldr r0, [sp, #16]\n\t" BROWNOUT_NTT_UNTIL(bytes) \
  "4:\n\tldmia r0!, {r4-r11}\n\t" BROWNOUT_NTT_FORWARD_ORDER(pass) "ldrd r2, r3, [sp]\n\t" first "str r2, [sp]\n\t" \
  BROWNOUT_NTT_LOOP("4")
#define BROWNOUT_NTT_UPPER "strd r11, r10, [r2]\n\tstrd r9, r8, [r2, #8]\n\tadd r2, r3\n\t"
#define BROWNOUT_NTT_LOWER "strd r7, r6, [r2]\n\tstrd r5, r4, [r2, #8]\n\tadd r2, r3\n\t"
#define BROWNOUT_NTT_LAST_8(bytes) BROWNOUT_NTT_LAST(bytes, BROWNOUT_NTT_EIGHT, BROWNOUT_NTT_UPPER BROWNOUT_NTT_LOWER)
#define BROWNOUT_NTT_LAST_4(bytes) BROWNOUT_NTT_LAST(bytes, BROWNOUT_NTT_FOURS, BROWNOUT_NTT_LOWER BROWNOUT_NTT_UPPER)
#define BROWNOUT_NTT_MIDDLE_8(s, bytes) \
  BROWNOUT_NTT_MIDDLE(s, bytes, 28*s, BROWNOUT_NTT_LOAD_8(4*s), BROWNOUT_NTT_FORWARD_ORDER(BROWNOUT_NTT_EIGHT), \
  BROWNOUT_NTT_STORE_8(4*s, "r0"))
#define BROWNOUT_NTT_MIDDLE_4(s, bytes) \
  BROWNOUT_NTT_MIDDLE(s, bytes, 12*s, BROWNOUT_NTT_LOAD_4(4*s), BROWNOUT_NTT_FORWARD_ORDER(BROWNOUT_NTT_SAME_FOURS), \
  BROWNOUT_NTT_STORE_4(4*s, "r0"))

/* Inverse, in place. On the stack: data, end of positions, end, what the twiddles of a position begin with. */
#define BROWNOUT_NTT_BEGIN_INVERSE(bytes) \
  "push {r4-r11, lr}\n\tsub sp, #20\n\tstr r0, [sp]\n\tstr r1, [sp, #12]\n\t" BROWNOUT_NTT_UNTIL(bytes) \
  "movw lr, #1\n\tmovt lr, #2560\n\t"
#define BROWNOUT_NTT_NEIGHBOURS(pass) \
  "1:\n\tldmia r0, {r4-r11}\n\tldr r1, [sp, #12]\n\t" pass
#define BROWNOUT_NTT_NEIGHBOURS_8 \
  BROWNOUT_NTT_NEIGHBOURS(BROWNOUT_NTT_INVERSE_ORDER(BROWNOUT_NTT_PLAIN_EIGHT)) \
  "strd r11, r10, [r0], #8\n\tstrd r9, r8, [r0], #8\n\tstrd r7, r6, [r0], #8\n\t" \
  "strd r5, r4, [r0], #8\n\t" BROWNOUT_NTT_LOOP("1")
#define BROWNOUT_NTT_NEIGHBOURS_4 \
  BROWNOUT_NTT_NEIGHBOURS(BROWNOUT_NTT_INVERSE_ORDER_4(BROWNOUT_NTT_PLAIN_FOURS)) \
  "strd r7, r6, [r0], #8\n\tstrd r5, r4, [r0], #8\n\tstrd r11, r10, [r0], #8\n\t" \
  "strd r9, r8, [r0], #8\n\t" BROWNOUT_NTT_LOOP("1")
/* Every position of a block of `s` in turn; `block`: bytes of what one pass takes together. */
#define BROWNOUT_NTT_POSITIONS(s, bytes, block, step, load, pass, store) \
  "ldr r0, [sp]\n\tadd r2, r0, #4*" #s "\n\tstr r2, [sp, #4]\n" \
  "3:\n\tstr r1, [sp, #12]\n" \
  "2:\n\t" load "ldr r1, [sp, #12]\n\t" pass store "add r0, #" #block "-" #step "\n\t" \
  "ldr r2, [sp, #8]\n\tcmp r0, r2\n\tblo 2b\n\t" \
  "sub r0, #" #bytes "-" #step "\n\tldr r2, [sp, #4]\n\tcmp r0, r2\n\tbne 3b\n\t"
#define BROWNOUT_NTT_POSITIONS_8(s, bytes) \
  BROWNOUT_NTT_POSITIONS(s, bytes, 32*s, 4, BROWNOUT_NTT_LOAD_8(4*s), BROWNOUT_NTT_INVERSE_ORDER(BROWNOUT_NTT_EIGHT), \
  BROWNOUT_NTT_STORE_8(4*s, "r0"))
#define BROWNOUT_NTT_POSITIONS_4(s, bytes) \
  BROWNOUT_NTT_POSITIONS(s, bytes, 16*s, 8, BROWNOUT_NTT_LOAD_4(4*s), BROWNOUT_NTT_INVERSE_ORDER_4(BROWNOUT_NTT_FOURS), \
  BROWNOUT_NTT_STORE_4(4*s, "r0"))
/* The same where a block is all there is. */
#define BROWNOUT_NTT_ALL(s, load, pass, store) "ldr r0, [sp]\n\t" BROWNOUT_NTT_UNTIL(4*s) "2:\n\t" load pass store \
  BROWNOUT_NTT_LOOP("2")
#define BROWNOUT_NTT_ALL_8(s) BROWNOUT_NTT_ALL(s, BROWNOUT_NTT_LOAD_8(4*s), \
  BROWNOUT_NTT_INVERSE_ORDER(BROWNOUT_NTT_EIGHT), BROWNOUT_NTT_STORE_8(4*s, "r0"))
#define BROWNOUT_NTT_ALL_4(s) BROWNOUT_NTT_ALL(s, BROWNOUT_NTT_LOAD_4(4*s), \
  BROWNOUT_NTT_INVERSE_ORDER_4(BROWNOUT_NTT_FOURS), BROWNOUT_NTT_STORE_4(4*s, "r0"))
#define BROWNOUT_NTT_END "add sp, #20\n\tpop {r4-r11, pc}\n\t"

/* Parameters that only the assembler knows. */
#define BROWNOUT_NTT_GIVEN __attribute__((unused))
#define BROWNOUT_NTT_FUNCTIONS(k, forward, inverse) \
  static BROWNOUT_NTT_NAKED void ntt_forward_##k(BROWNOUT_NTT_GIVEN const uint8_t *x, BROWNOUT_NTT_GIVEN int32_t *work, \
                                                 BROWNOUT_NTT_GIVEN uint8_t *to, BROWNOUT_NTT_GIVEN uint32_t stride, \
                                                 BROWNOUT_NTT_GIVEN const int32_t *twiddles) { \
    __asm__ volatile(BROWNOUT_NTT_BEGIN_FORWARD forward BROWNOUT_NTT_END); \
  } \
  static BROWNOUT_NTT_NAKED void ntt_inverse_##k(BROWNOUT_NTT_GIVEN int32_t *x, BROWNOUT_NTT_GIVEN const int32_t \
  *twiddles) { \
    __asm__ volatile(BROWNOUT_NTT_BEGIN_INVERSE(4*k) inverse BROWNOUT_NTT_END); \
  }
#define BROWNOUT_NTT_DEFINE_4 BROWNOUT_NTT_PLAIN(4)
#define BROWNOUT_NTT_DEFINE_8 BROWNOUT_NTT_PLAIN(8)
#define BROWNOUT_NTT_DEFINE_16 BROWNOUT_NTT_FUNCTIONS(16, BROWNOUT_NTT_FIRST_4(4) BROWNOUT_NTT_LAST_4(64), \
  BROWNOUT_NTT_NEIGHBOURS_4 BROWNOUT_NTT_ALL_4(4))
#define BROWNOUT_NTT_DEFINE_32 BROWNOUT_NTT_FUNCTIONS(32, BROWNOUT_NTT_FIRST_4(8) BROWNOUT_NTT_LAST_8(128), \
  BROWNOUT_NTT_NEIGHBOURS_8 BROWNOUT_NTT_ALL_4(8))
#define BROWNOUT_NTT_DEFINE_64 BROWNOUT_NTT_FUNCTIONS(64, BROWNOUT_NTT_FIRST_8(8) BROWNOUT_NTT_LAST_8(256), \
  BROWNOUT_NTT_NEIGHBOURS_8 BROWNOUT_NTT_ALL_8(8))
#define BROWNOUT_NTT_DEFINE_128 \
  BROWNOUT_NTT_FUNCTIONS(128, BROWNOUT_NTT_FIRST_4(32) BROWNOUT_NTT_MIDDLE_4(8, 512) BROWNOUT_NTT_LAST_8(512), \
                BROWNOUT_NTT_NEIGHBOURS_8 BROWNOUT_NTT_POSITIONS_4(8, 512) BROWNOUT_NTT_ALL_4(32))
#define BROWNOUT_NTT_DEFINE_256 \
  BROWNOUT_NTT_FUNCTIONS(256, BROWNOUT_NTT_FIRST_4(64) BROWNOUT_NTT_MIDDLE_8(8, 1024) BROWNOUT_NTT_LAST_8(1024), \
                BROWNOUT_NTT_NEIGHBOURS_8 BROWNOUT_NTT_POSITIONS_8(8, 1024) BROWNOUT_NTT_ALL_4(64))
#define BROWNOUT_NTT_DEFINE_512 \
  BROWNOUT_NTT_FUNCTIONS(512, BROWNOUT_NTT_FIRST_8(64) BROWNOUT_NTT_MIDDLE_8(8, 2048) BROWNOUT_NTT_LAST_8(2048), \
                BROWNOUT_NTT_NEIGHBOURS_8 BROWNOUT_NTT_POSITIONS_8(8, 2048) BROWNOUT_NTT_ALL_8(64))
#define BROWNOUT_NTT_DEFINE_1024 BROWNOUT_NTT_PLAIN(1024)
#define BROWNOUT_NTT_DEFINE_2048 BROWNOUT_NTT_PLAIN(2048)
#define BROWNOUT_NTT_DEFINE_4096 BROWNOUT_NTT_PLAIN(4096)
#define BROWNOUT_NTT_DEFINE(k) BROWNOUT_NTT_DEFINE_##k

/* Blocks but the first that a row's sums go through without a loop: all of them, up to 31. */
#if BROWNOUT_NTT_BLOCKS <= 32
#define BROWNOUT_NTT_UNROLLED (BROWNOUT_NTT_BLOCKS - 1)
#else
#define BROWNOUT_NTT_UNROLLED 15
#define BROWNOUT_NTT_LOOPS
#endif
#define BROWNOUT_NTT_TEXT_(x) #x
#define BROWNOUT_NTT_TEXT(x) BROWNOUT_NTT_TEXT_(x)
#define BROWNOUT_NTT_PRODUCTS(multiply) \
  "ldrd r2, r3, [r0], #8\n\tldrd r12, lr, [r1], #8\n\t" multiply " r4, r5, r2, r12\n\t" multiply " r6, r7, r3, lr\n\t" \
  "ldrd r2, r3, [r0], #8\n\tldrd r12, lr, [r1], #8\n\t" multiply " r8, r9, r2, r12\n\t" multiply " r10, r11, r3, lr\n\t"
#define BROWNOUT_NTT_REDUCE(low, high) "mul r12, " low ", r2\n\tsmlal " low ", " high ", r12, r3\n\t"
/*
 * `first`: how many of the unrolled blocks come after the first block; `loops`: how often all of them after those.
 * On the stack: to, end, inverse and negative of the prime, where to begin, loops left; then what was pushed, then first.
 */
static BROWNOUT_NTT_NAKED void ntt_sums(BROWNOUT_NTT_GIVEN const uint8_t *x, BROWNOUT_NTT_GIVEN const uint8_t *w,
                                        BROWNOUT_NTT_GIVEN int32_t *to, BROWNOUT_NTT_GIVEN const int32_t *end,
                                        BROWNOUT_NTT_GIVEN uint32_t first, BROWNOUT_NTT_GIVEN uint32_t loops) {
  __asm__ volatile(
      "push {r4-r11, lr}\n\tsub sp, #28\n\tstrd r2, r3, [sp]\n\t"
      "movw r2, #1\n\tmovt r2, #62976\n\tmovw r3, #65535\n\tmovt r3, #62975\n\tstrd r2, r3, [sp, #8]\n\t"
      "ldr r2, [sp, #64]\n\tadr.w r3, 3f\n\tsub r3, r3, r2, lsl #5\n\tadd r3, #1\n\tstr r3, [sp, #16]\n"
      "1:\n\t"
#ifdef BROWNOUT_NTT_LOOPS
      "ldr r2, [sp, #68]\n\tstr r2, [sp, #20]\n\t"
#endif
      BROWNOUT_NTT_PRODUCTS("smull") "ldr pc, [sp, #16]\n\t"
      "2:\n\t.rept " BROWNOUT_NTT_TEXT(BROWNOUT_NTT_UNROLLED) "\n\t" BROWNOUT_NTT_PRODUCTS("smlal") ".endr\n"
      "3:\n\t"
#ifdef BROWNOUT_NTT_LOOPS
      "ldr r2, [sp, #20]\n\tsubs r2, #1\n\tstr r2, [sp, #20]\n\tbpl 2b\n\t"
#endif
      "ldrd r2, r3, [sp, #8]\n\t"
      BROWNOUT_NTT_REDUCE("r4", "r5") BROWNOUT_NTT_REDUCE("r6", "r7") BROWNOUT_NTT_REDUCE("r8", "r9")
          BROWNOUT_NTT_REDUCE("r10", "r11")
      "ldrd r12, lr, [sp]\n\tstmia r12!, {r5, r7, r9, r11}\n\tstr r12, [sp]\n\tcmp r12, lr\n\tbne 1b\n\t"
      "add sp, #28\n\tpop {r4-r11, pc}\n\t");
}

/*
 * Sums to int8, four at a time: centred, biased, scaled by one pair. `half`: what the second rounding adds, with the zero point.
 * On the stack: bytes of the clamp, the end; then what was pushed, then count.
 */
typedef struct {
  uint32_t lows;
  uint32_t highs;
  int32_t multiplier;
  int32_t half;
  int32_t right;
} brownout_ntt_scale;
#define BROWNOUT_NTT_CENTRE(x) "smmulr r12, " x ", r7\n\tmls " x ", r12, r6, " x "\n\t"
#define BROWNOUT_NTT_BIAS(x, y) "ldrd r12, lr, [r1], #8\n\tadd " x ", r12\n\tadd " y ", lr\n\t"
#define BROWNOUT_NTT_ROUND(x) \
  "smmlar r12, " x ", r3, " x "\n\tadd r12, r12, " x ", asr #31\n\tadd r12, r4\n\t" \
  "asr r12, r12, r5\n\tssat " x ", #8, r12\n\t"
#define BROWNOUT_NTT_FOUR_SUMS(clamp) \
  "ldmia r0!, {r8-r11}\n\t" BROWNOUT_NTT_CENTRE("r8") BROWNOUT_NTT_CENTRE("r9") BROWNOUT_NTT_CENTRE("r10") \
  BROWNOUT_NTT_CENTRE("r11") \
  BROWNOUT_NTT_BIAS("r8", "r9") BROWNOUT_NTT_BIAS("r10", "r11") \
  BROWNOUT_NTT_ROUND("r8") BROWNOUT_NTT_ROUND("r9") BROWNOUT_NTT_ROUND("r10") BROWNOUT_NTT_ROUND("r11") \
  "bfi r8, r9, #8, #8\n\tbfi r10, r11, #8, #8\n\tpkhbt r8, r8, r10, lsl #16\n\t" clamp \
  "str r8, [r2], #4\n\t"
#define BROWNOUT_NTT_SCALE(clamp) \
  "push {r4-r11, lr}\n\tsub sp, #12\n\tldr r12, [sp, #48]\n\tadd r12, r2\n\tstr r12, [sp, #8]\n\t" \
  "ldm r3, {r7, r8, r9, r10, r11}\n\tstrd r7, r8, [sp]\n\tmov r3, r9\n\tmov r4, r10\n\tmov r5, r11\n\t" \
  "movw r6, #1\n\tmovt r6, #2560\n\tmovs r7, #26\n" \
  "1:\n\t" BROWNOUT_NTT_FOUR_SUMS(clamp) \
  "ldr r12, [sp, #8]\n\tcmp r2, r12\n\tbne 1b\n\t" \
  "add sp, #12\n\tpop {r4-r11, pc}\n\t"
#define BROWNOUT_NTT_CLAMP \
  "ldrd r10, r11, [sp]\n\tssub8 r12, r8, r11\n\tsel r8, r11, r8\n\tssub8 r12, r8, r10\n\tsel r8, r8, r10\n\t"
static BROWNOUT_NTT_NAKED void ntt_scale_full(BROWNOUT_NTT_GIVEN const int32_t *x, BROWNOUT_NTT_GIVEN const uint8_t *bias,
                                          BROWNOUT_NTT_GIVEN uint8_t *to, BROWNOUT_NTT_GIVEN const brownout_ntt_scale
                                              *scale,
                                          BROWNOUT_NTT_GIVEN uint32_t count) {
  __asm__ volatile(BROWNOUT_NTT_SCALE(""));
}
#ifdef BROWNOUT_NTT_CLAMPED
static BROWNOUT_NTT_NAKED void ntt_scale_clamped(BROWNOUT_NTT_GIVEN const int32_t *x, BROWNOUT_NTT_GIVEN const uint8_t
                                                 *bias,
                                          BROWNOUT_NTT_GIVEN uint8_t *to, BROWNOUT_NTT_GIVEN const brownout_ntt_scale
                                              *scale,
                                          BROWNOUT_NTT_GIVEN uint32_t count) {
  __asm__ volatile(BROWNOUT_NTT_SCALE(BROWNOUT_NTT_CLAMP));
}
#endif

/*
 * By one pair, its right shift from 2 to 20 and its multiplier 2^30 or more: twice that is 2^32 and a negative number, so of a
 * product with it the upper word is that with the number, and the sum once. `count`: a multiple of four.
 */
static BROWNOUT_ACCEL_WITHIN void ntt_scale_one(const int32_t *x, const uint8_t *bias, int32_t multiplier, int32_t shift,
                                                int32_t zero_point, int32_t low, int32_t high, uint8_t *to,
                                                uint32_t count) {
  brownout_ntt_scale scale;
  scale.multiplier = (int32_t)((uint32_t)multiplier * 2u);
  scale.half = (int32_t)((1u << (-1 - shift)) + ((uint32_t)zero_point << -shift));
  scale.right = -shift;
#ifdef BROWNOUT_NTT_CLAMPED
  if (low != -128 || high != 127) {
    scale.lows = BROWNOUT_ACCEL_BYTES(low);
    scale.highs = BROWNOUT_ACCEL_BYTES(high);
    ntt_scale_clamped(x, bias, to, &scale, count);
    return;
  }
#else
  (void)low;
  (void)high;
#endif
  ntt_scale_full(x, bias, to, &scale, count);
}
