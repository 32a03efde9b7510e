/*
 * What C made from a WASM module stands on: one static memory, loads and stores, and the arithmetic that C lacks.
 * Include it once a program, behind a definition of BROWNOUT_WASM_MEMORY_BYTES.
 *
 * BROWNOUT_WASM_CHECKED     bounds and promised alignment of every access, and division, are checked; a failure calls
 *                           brownout_trap(). Needs views of NVM that are copies. Otherwise only division is checked.
 * BROWNOUT_WASM_STORE_HOOK  a function (uint32_t address, uint32_t bytes) that is called before every store.
 *
 * Assumed of the compiler: two's complement, arithmetic right shift of negative numbers, little-endian memory.
 */
#ifndef BROWNOUT_WASM_H
#define BROWNOUT_WASM_H

#include <limits.h>
#include <stdint.h>
#include "brownout_string.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "brownout needs a little-endian target"
#endif
typedef char brownout_needs_arithmetic_shift[((int32_t)-2 >> 1) == -1 ? 1 : -1];

/* Never returns: a fault of the module, or of the hardware. */
void brownout_trap(void);

static union {
  uint64_t align[2];
  uint8_t bytes[BROWNOUT_WASM_MEMORY_BYTES];
} wasm_memory;

/* Addresses go through integers: a view of NVM lies outside of the array, and the sum may wrap. */
#define BROWNOUT_WASM_BASE ((uintptr_t)wasm_memory.bytes)

#ifdef BROWNOUT_WASM_CHECKED
static void brownout_wasm_check(uint32_t address, uint32_t offset, uint64_t bytes, uint32_t align) {
  const uint64_t at = (uint64_t)address + offset;
  if (at + bytes > BROWNOUT_WASM_MEMORY_BYTES || (at & (align - 1u)) != 0) brownout_trap();
}
#else
#define brownout_wasm_check(address, offset, bytes, align) ((void)0)
#endif

#ifdef BROWNOUT_WASM_STORE_HOOK
void BROWNOUT_WASM_STORE_HOOK(uint32_t address, uint32_t bytes);
#else
#define BROWNOUT_WASM_STORE_HOOK(address, bytes) ((void)0)
#endif

#if defined(__GNUC__)
#define BROWNOUT_WASM_ALIAS __attribute__((may_alias))
typedef uint16_t BROWNOUT_WASM_ALIAS brownout_wasm_uint16_t;
typedef uint32_t BROWNOUT_WASM_ALIAS brownout_wasm_uint32_t;
typedef uint64_t BROWNOUT_WASM_ALIAS brownout_wasm_uint64_t;
#define BROWNOUT_WASM_GET(type, from) (*(const brownout_wasm_##type *)(from))
#define BROWNOUT_WASM_SET(type, to, value) (*(brownout_wasm_##type *)(to) = (value))
#else
#define BROWNOUT_WASM_GET(type, from) wasm_get_##type((uintptr_t)(from))
#define BROWNOUT_WASM_SET(type, to, value) wasm_set_##type((uintptr_t)(to), value)
#endif

/* Whether an address is of a whole word: cores that load others byte by byte gain by asking. */
#if defined(__GNUC__) && defined(__riscv)
#define BROWNOUT_WASM_IS_WHOLE(type, at) (!((at) & (sizeof(type) - 1u)))
#else
#define BROWNOUT_WASM_IS_WHOLE(type, at) 0
#endif

#define BROWNOUT_WASM_BYTEWISE(type)                             \
  static inline type wasm_get_##type(uintptr_t from) {           \
    type value;                                                  \
    if (BROWNOUT_WASM_IS_WHOLE(type, from))                      \
      return BROWNOUT_WASM_GET(type, from);                      \
    memcpy(&value, (const void *)from, sizeof value);            \
    return value;                                                \
  }                                                              \
  static inline void wasm_set_##type(uintptr_t to, type value) { \
    if (BROWNOUT_WASM_IS_WHOLE(type, to)) {                      \
      BROWNOUT_WASM_SET(type, to, value);                        \
      return;                                                    \
    }                                                            \
    memcpy((void *)to, &value, sizeof value);                    \
  }
BROWNOUT_WASM_BYTEWISE(uint16_t)
BROWNOUT_WASM_BYTEWISE(uint32_t)
BROWNOUT_WASM_BYTEWISE(uint64_t)

/* name: of the load; result: its C type; how: what reads it; align: what the address is a multiple of. */
#define BROWNOUT_WASM_LOAD(name, result, bytes, align, how)                          \
  static inline result name(uint32_t address, uint32_t offset) {                     \
    brownout_wasm_check(address, offset, bytes, align);                              \
    return (result)how(BROWNOUT_WASM_BASE + (uintptr_t)address + (uintptr_t)offset); \
  }
#define BROWNOUT_WASM_U8(from) (*(const uint8_t *)(from))
#define BROWNOUT_WASM_S8(from) (*(const int8_t *)(from))
#define BROWNOUT_WASM_U16(from) BROWNOUT_WASM_GET(uint16_t, from)
#define BROWNOUT_WASM_S16(from) ((int16_t)BROWNOUT_WASM_GET(uint16_t, from))
#define BROWNOUT_WASM_U32(from) BROWNOUT_WASM_GET(uint32_t, from)
#define BROWNOUT_WASM_U64(from) BROWNOUT_WASM_GET(uint64_t, from)
#define BROWNOUT_WASM_S16_UNALIGNED(from) ((int16_t)wasm_get_uint16_t(from))
BROWNOUT_WASM_LOAD(load8u, uint32_t, 1, 1, BROWNOUT_WASM_U8)
BROWNOUT_WASM_LOAD(load8s, int32_t, 1, 1, BROWNOUT_WASM_S8)
BROWNOUT_WASM_LOAD(load16u, uint32_t, 2, 2, BROWNOUT_WASM_U16)
BROWNOUT_WASM_LOAD(load16s, int32_t, 2, 2, BROWNOUT_WASM_S16)
BROWNOUT_WASM_LOAD(load32, uint32_t, 4, 4, BROWNOUT_WASM_U32)
BROWNOUT_WASM_LOAD(load64, uint64_t, 8, 8, BROWNOUT_WASM_U64)
BROWNOUT_WASM_LOAD(load16u_unaligned, uint32_t, 2, 1, wasm_get_uint16_t)
BROWNOUT_WASM_LOAD(load16s_unaligned, int32_t, 2, 1, BROWNOUT_WASM_S16_UNALIGNED)
BROWNOUT_WASM_LOAD(load32_unaligned, uint32_t, 4, 1, wasm_get_uint32_t)
BROWNOUT_WASM_LOAD(load64_unaligned, uint64_t, 8, 1, wasm_get_uint64_t)

#define BROWNOUT_WASM_STORE(name, type, operand, bytes, align, how)                      \
  static inline void name(uint32_t address, uint32_t offset, operand value) {            \
    brownout_wasm_check(address, offset, bytes, align);                                  \
    BROWNOUT_WASM_STORE_HOOK(address + offset, bytes);                                   \
    how(type, BROWNOUT_WASM_BASE + (uintptr_t)address + (uintptr_t)offset, (type)value); \
  }
#define BROWNOUT_WASM_SET_U8(type, to, value) (*(uint8_t *)(to) = (value))
#define BROWNOUT_WASM_SET_UNALIGNED(type, to, value) wasm_set_##type(to, value)
BROWNOUT_WASM_STORE(store8, uint8_t, uint32_t, 1, 1, BROWNOUT_WASM_SET_U8)
BROWNOUT_WASM_STORE(store16, uint16_t, uint32_t, 2, 2, BROWNOUT_WASM_SET)
BROWNOUT_WASM_STORE(store32, uint32_t, uint32_t, 4, 4, BROWNOUT_WASM_SET)
BROWNOUT_WASM_STORE(store64, uint64_t, uint64_t, 8, 8, BROWNOUT_WASM_SET)
BROWNOUT_WASM_STORE(store16_unaligned, uint16_t, uint32_t, 2, 1, BROWNOUT_WASM_SET_UNALIGNED)
BROWNOUT_WASM_STORE(store32_unaligned, uint32_t, uint32_t, 4, 1, BROWNOUT_WASM_SET_UNALIGNED)
BROWNOUT_WASM_STORE(store64_unaligned, uint64_t, uint64_t, 8, 1, BROWNOUT_WASM_SET_UNALIGNED)

/* The product of two int32_t, as int64_t. */
#if defined(__MSP430__) && defined(__clang__) && !defined(BROWNOUT_PLAIN)
int64_t brownout_msp430_product(int32_t a, int32_t b);
#define BROWNOUT_WASM_PRODUCT(a, b) brownout_msp430_product((a), (b))
#elif defined(__ARM_ARCH_6M__) && defined(__GNUC__) && !defined(BROWNOUT_PLAIN)
/* Of four products of 16 bits: half of what a compiler's function takes, which multiplies 64 bits by 64. */
static __attribute__((naked, noinline, unused)) int64_t brownout_wasm_product(__attribute__((unused)) int32_t a,
                                                                              __attribute__((unused)) int32_t b) {
  __asm__ volatile(
      ".syntax unified\n\tpush {r4}\n\tasrs r2, r0, #16\n\tasrs r3, r1, #16\n\tuxth r0, r0\n\tuxth r1, r1\n\t"
      "movs r4, r0\n\tmuls r4, r1\n\tmuls r1, r2\n\tmuls r0, r3\n\tmuls r2, r3\n\t"
      "lsls r3, r1, #16\n\tasrs r1, r1, #16\n\tadds r4, r3\n\tadcs r1, r2\n\t"
      "lsls r3, r0, #16\n\tasrs r0, r0, #16\n\tadds r4, r3\n\tadcs r1, r0\n\t"
      "movs r0, r4\n\tpop {r4}\n\tbx lr\n\t");
}
#define BROWNOUT_WASM_PRODUCT(a, b) brownout_wasm_product((a), (b))
#else
#define BROWNOUT_WASM_PRODUCT(a, b) ((int64_t)(a) * (b))
#endif

/* A constant to keep in a register. */
static inline uint32_t opaque32(uint32_t x) {
#if defined(__GNUC__)
  __asm__("" : "+r"(x));
#endif
  return x;
}

static inline void memory_copy(uint32_t to, uint32_t from, uint32_t bytes) {
  brownout_wasm_check(to, 0, bytes, 1);
  brownout_wasm_check(from, 0, bytes, 1);
  BROWNOUT_WASM_STORE_HOOK(to, bytes);
  memmove((void *)(BROWNOUT_WASM_BASE + (uintptr_t)to), (const void *)(BROWNOUT_WASM_BASE + (uintptr_t)from),
          (size_t)bytes);
}

static inline void memory_fill(uint32_t to, uint32_t value, uint32_t bytes) {
  brownout_wasm_check(to, 0, bytes, 1);
  BROWNOUT_WASM_STORE_HOOK(to, bytes);
  memset((void *)(BROWNOUT_WASM_BASE + (uintptr_t)to), (int)(value & 255u), (size_t)bytes);
}

static inline uint32_t div_s32(uint32_t a, uint32_t b) {
  if (b == 0 || (a == 0x80000000u && b == 0xffffffffu)) brownout_trap();
  return (uint32_t)((int32_t)a / (int32_t)b);
}
static inline uint32_t rem_s32(uint32_t a, uint32_t b) {
  if (b == 0) brownout_trap();
  return b == 0xffffffffu ? 0 : (uint32_t)((int32_t)a % (int32_t)b);
}
static inline uint32_t div_u32(uint32_t a, uint32_t b) {
  if (b == 0) brownout_trap();
  return a / b;
}
static inline uint32_t rem_u32(uint32_t a, uint32_t b) {
  if (b == 0) brownout_trap();
  return a % b;
}
static inline uint64_t div_s64(uint64_t a, uint64_t b) {
  if (b == 0 || (a == 1ull << 63 && b == ~0ull)) brownout_trap();
  return (uint64_t)((int64_t)a / (int64_t)b);
}
static inline uint64_t rem_s64(uint64_t a, uint64_t b) {
  if (b == 0) brownout_trap();
  return b == ~0ull ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}
static inline uint64_t div_u64(uint64_t a, uint64_t b) {
  if (b == 0) brownout_trap();
  return a / b;
}
static inline uint64_t rem_u64(uint64_t a, uint64_t b) {
  if (b == 0) brownout_trap();
  return a % b;
}

static inline uint32_t rotl32(uint32_t x, uint32_t n) { return x << (n & 31u) | x >> (-n & 31u); }
static inline uint32_t rotr32(uint32_t x, uint32_t n) { return x >> (n & 31u) | x << (-n & 31u); }
static inline uint64_t rotl64(uint64_t x, uint64_t n) { return x << (n & 63u) | x >> (-n & 63u); }
static inline uint64_t rotr64(uint64_t x, uint64_t n) { return x >> (n & 63u) | x << (-n & 63u); }

#if defined(__GNUC__)
#if UINT_MAX >= 0xffffffff
static inline uint32_t clz32(uint32_t x) { return x ? (uint32_t)__builtin_clz(x) : 32u; }
static inline uint32_t ctz32(uint32_t x) { return x ? (uint32_t)__builtin_ctz(x) : 32u; }
#else
static inline uint32_t clz32(uint32_t x) { return x ? (uint32_t)__builtin_clzl(x) : 32u; }
static inline uint32_t ctz32(uint32_t x) { return x ? (uint32_t)__builtin_ctzl(x) : 32u; }
#endif
#else
static inline uint32_t clz32(uint32_t x) {
  uint32_t n = 32;
  for (; x; x >>= 1) n--;
  return n;
}
static inline uint32_t ctz32(uint32_t x) { return x ? 31u - clz32(x & (0u - x)) : 32u; }
#endif
static inline uint32_t popcount32(uint32_t x) {
  uint32_t n = 0;
  for (; x; x &= x - 1u) n++;
  return n;
}
static inline uint64_t clz64(uint64_t x) { return x >> 32 ? clz32((uint32_t)(x >> 32)) : 32u + clz32((uint32_t)x); }
static inline uint64_t ctz64(uint64_t x) { return (uint32_t)x ? ctz32((uint32_t)x) : 32u + ctz32((uint32_t)(x >> 32)); }
static inline uint64_t popcount64(uint64_t x) { return popcount32((uint32_t)x) + popcount32((uint32_t)(x >> 32)); }

#endif
