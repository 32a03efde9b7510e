/*
 * accel.xnor_s8: levels of windows brought side by side, a plane for each place in a step, whose bytes are windows. A plane
 * begins a word, and is whole ones. Included by brownout_accel_xnor.h.
 */

#if defined(__GNUC__) && defined(__thumb2__)
#define BROWNOUT_ACCEL_XNOR_THUMB2
/* From `places` bytes, a multiple of 4, at each of four addresses: words of bytes 0, of bytes 1 and so on, `apart` apart. */
static __attribute__((naked, noinline, unused)) void accel_xnor_turn(
    __attribute__((unused)) const uint8_t *const from[4], __attribute__((unused)) uint32_t places,
    __attribute__((unused)) uint8_t *to, __attribute__((unused)) uint32_t apart) {
  __asm__ volatile(
      "push {r4-r11, lr}\n\tldm r0, {r4-r7}\n\tadd r1, r4\n\tmov r0, #0x00ff00ff\n"
      "1:\n\tldr r8, [r4], #4\n\tldr r9, [r5], #4\n\tldr r10, [r6], #4\n\tldr r11, [r7], #4\n\t"
      "and r12, r0, r8, lsr #8\n\tbic lr, r9, r0\n\torr r12, lr\n\t"
      "and r8, r0\n\tand r9, r0\n\torr r8, r8, r9, lsl #8\n\t"
      "and r9, r0, r10, lsr #8\n\tbic lr, r11, r0\n\torr r9, lr\n\t"
      "and r10, r0\n\tand r11, r0\n\torr r10, r10, r11, lsl #8\n\t"
      /* r8, r10 have bytes 0 and 2, r12, r9 bytes 1 and 3. */
      "lsr lr, r8, #16\n\tbfi r8, r10, #16, #16\n\tbfi r10, lr, #0, #16\n\t"
      "lsr lr, r12, #16\n\tbfi r12, r9, #16, #16\n\tbfi r9, lr, #0, #16\n\t"
      "str r8, [r2]\n\tstr r12, [r2, r3]\n\tstr r10, [r2, r3, lsl #1]\n\tadd r2, r2, r3, lsl #2\n\tsub lr, r2, r3\n\t"
      "str r9, [lr]\n\t"
      "cmp r4, r1\n\tbne 1b\n\tpop {r4-r11, pc}\n\t");
}
#else
/* Bytes 0 of four words as one word, bytes 1, 2 and 3, each `apart` bytes on. */
static BROWNOUT_ACCEL_WITHIN void accel_xnor_turn(uint32_t p, uint32_t q, uint32_t r, uint32_t s, uint8_t *to, uint32_t apart) {
  const uint32_t mask = 0x00ff00ffu;
  const uint32_t a = (p & mask) | (q & mask) << 8;
  const uint32_t b = (p >> 8 & mask) | (q & ~mask);
  const uint32_t c = (r & mask) | (s & mask) << 8;
  const uint32_t d = (r >> 8 & mask) | (s & ~mask);
  const uint32_t turned[4] = {(a & 0xffffu) | c << 16, (b & 0xffffu) | d << 16, a >> 16 | (c & ~0xffffu),
                              b >> 16 | (d & ~0xffffu)};
  /* Planes are words, `apart` a multiple of 4. */
  uint32_t *words = (uint32_t *)(void *)to;
  apart >>= 2;
  words[0] = turned[0];
  words[apart] = turned[1];
  words[2u * apart] = turned[2];
  words[3u * apart] = turned[3];
}

#endif

/* Of a run, `bytes` long in all windows, positions `from` to `from` + 3 of the first `whole` places, a multiple of four. */
static BROWNOUT_ACCEL_APART void accel_xnor_plane(const uint8_t *x, uint32_t step, uint32_t bytes, uint32_t from, uint32_t whole,
                                                  uint8_t *to, uint32_t positions) {
  /* Beyond the last window is anything. */
  const uint8_t *a = x + from * step;
  const uint8_t *b = (from + 1u) * step < bytes ? a + step : x;
  const uint8_t *c = (from + 2u) * step < bytes ? a + 2u * step : x;
  const uint8_t *d = (from + 3u) * step < bytes ? a + 3u * step : x;
#ifdef BROWNOUT_ACCEL_XNOR_THUMB2
  const uint8_t *const each[4] = {a, b, c, d};
  if (whole) accel_xnor_turn(each, whole, to, positions);
#else
  const uint8_t *const end = a + whole;
#if defined(__GNUC__) && (defined(__riscv) || defined(__ARM_ARCH_6M__))
  /* All at words: nothing need be asked of each. */
  if (!(((uintptr_t)a | (uintptr_t)b | (uintptr_t)c | (uintptr_t)d) & 3u))
    for (; a < end; a += 4, b += 4, c += 4, d += 4, to += 4u * positions)
      accel_xnor_turn(BROWNOUT_WASM_GET(uint32_t, a), BROWNOUT_WASM_GET(uint32_t, b), BROWNOUT_WASM_GET(uint32_t, c),
                      BROWNOUT_WASM_GET(uint32_t, d), to, positions);
#endif
  for (; a < end; a += 4, b += 4, c += 4, d += 4, to += 4u * positions)
    accel_xnor_turn(accel_u32(a), accel_u32(b), accel_u32(c), accel_u32(d), to, positions);
#endif
}

/* For every place in a step the levels that it has in all windows, side by side: plane [run][place][position]. */
static BROWNOUT_ACCEL_APART void accel_xnor_planes(const brownout_accel_runs *runs, uint32_t windows, uint8_t *planes) {
  const uint32_t positions = accel_xnor_positions(runs);
  const uint32_t places = accel_least(runs->step, runs->span);
  const uint32_t bytes = (windows - 1u) * runs->step + runs->span;
  uint32_t run;
  for (run = 0; run < runs->height; run++, planes += places * positions) {
    const uint8_t *x = runs->x + run * runs->across;
    uint32_t from;
    for (from = 0; from * runs->step < bytes; from += 4u) {
      /* Where a run ends amid one of these steps, places go one by one. */
      const uint32_t left = bytes - from * runs->step;
      const uint32_t whole = left >= 4u * runs->step || left % runs->step == 0 || left % runs->step >= places ? places & ~3u : 0u;
      uint32_t place = whole;
      accel_xnor_plane(x, runs->step, bytes, from, whole, planes + from, positions);
      for (; place < places; place++) {
        uint32_t i;
        for (i = 0; i < 4u; i++)
          planes[place * positions + from + i] = x[accel_least((from + i) * runs->step + place, bytes - 1u)];
      }
    }
  }
}
