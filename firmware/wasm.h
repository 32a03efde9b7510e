/*
 * What C made from a WASM module stands on: one static memory, loads and stores, and the arithmetic that C lacks.
 * Include it once a program, behind a definition of WASM_MEMORY_BYTES.
 *
 * WASM_CHECKED       bounds and promised alignment of every access, and division, are checked; a failure calls
 *                    wasm_trap(). Needs views of NVM that are copies. Otherwise nothing is checked but division.
 * WASM_STORE_HOOK    a function (u32 address, u32 bytes) that is called before every store.
 *
 * Assumed of the compiler: two's complement, arithmetic right shift of negative numbers, little-endian memory.
 */
#ifndef BROWNOUT_WASM_H
#define BROWNOUT_WASM_H

#include <limits.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "brownout needs a little-endian target"
#endif
typedef char wasm_needs_arithmetic_shift[((s32)-2 >> 1) == -1 ? 1 : -1];

/* Never returns: a fault of the module, or of the hardware. */
void wasm_trap(void);

static union {
  u64 align[2];
  u8 bytes[WASM_MEMORY_BYTES];
} wasm_memory;

/* Addresses go through integers: a view of NVM lies outside of the array, and the sum may wrap. */
#define WASM_BASE ((uintptr_t)wasm_memory.bytes)

#ifdef WASM_CHECKED
static void wasm_check(u32 address, u32 offset, u64 bytes, u32 align) {
  const u64 at = (u64)address + offset;
  if (at + bytes > WASM_MEMORY_BYTES || (at & (align - 1u)) != 0) wasm_trap();
}
#else
#define wasm_check(address, offset, bytes, align) ((void)0)
#endif

#ifdef WASM_STORE_HOOK
void WASM_STORE_HOOK(u32 address, u32 bytes);
#else
#define WASM_STORE_HOOK(address, bytes) ((void)0)
#endif

#if defined(__GNUC__)
#define WASM_ALIAS __attribute__((may_alias))
typedef u16 WASM_ALIAS wasm_u16;
typedef u32 WASM_ALIAS wasm_u32;
typedef u64 WASM_ALIAS wasm_u64;
#define WASM_GET(type, from) (*(const wasm_##type *)(from))
#define WASM_SET(type, to, value) (*(wasm_##type *)(to) = (value))
#else
#define WASM_GET(type, from) wasm_get_##type(from)
#define WASM_SET(type, to, value) wasm_set_##type(to, value)
#endif

#define WASM_BYTEWISE(type)                                  \
  static inline type wasm_get_##type(uintptr_t from) {       \
    type value;                                              \
    memcpy(&value, (const void *)from, sizeof value);        \
    return value;                                            \
  }                                                          \
  static inline void wasm_set_##type(uintptr_t to, type value) { \
    memcpy((void *)to, &value, sizeof value);                \
  }
WASM_BYTEWISE(u16)
WASM_BYTEWISE(u32)
WASM_BYTEWISE(u64)

/* name: of the load; result: its C type; how: what reads it; align: what the address is a multiple of. */
#define WASM_LOAD(name, result, bytes, align, how)           \
  static inline result name(u32 address, u32 offset) {       \
    wasm_check(address, offset, bytes, align);               \
    return (result)how(WASM_BASE + (uintptr_t)address + (uintptr_t)offset); \
  }
#define WASM_U8(from) (*(const u8 *)(from))
#define WASM_S8(from) (*(const s8 *)(from))
#define WASM_U16(from) WASM_GET(u16, from)
#define WASM_S16(from) ((s16)WASM_GET(u16, from))
#define WASM_U32(from) WASM_GET(u32, from)
#define WASM_U64(from) WASM_GET(u64, from)
#define WASM_S16_UNALIGNED(from) ((s16)wasm_get_u16(from))
WASM_LOAD(load8u, u32, 1, 1, WASM_U8)
WASM_LOAD(load8s, s32, 1, 1, WASM_S8)
WASM_LOAD(load16u, u32, 2, 2, WASM_U16)
WASM_LOAD(load16s, s32, 2, 2, WASM_S16)
WASM_LOAD(load32, u32, 4, 4, WASM_U32)
WASM_LOAD(load64, u64, 8, 8, WASM_U64)
WASM_LOAD(load16u_unaligned, u32, 2, 1, wasm_get_u16)
WASM_LOAD(load16s_unaligned, s32, 2, 1, WASM_S16_UNALIGNED)
WASM_LOAD(load32_unaligned, u32, 4, 1, wasm_get_u32)
WASM_LOAD(load64_unaligned, u64, 8, 1, wasm_get_u64)

#define WASM_STORE(name, type, operand, bytes, align, how)              \
  static inline void name(u32 address, u32 offset, operand value) {     \
    wasm_check(address, offset, bytes, align);                          \
    WASM_STORE_HOOK(address + offset, bytes);                           \
    how(type, WASM_BASE + (uintptr_t)address + (uintptr_t)offset, (type)value); \
  }
#define WASM_SET_U8(type, to, value) (*(u8 *)(to) = (value))
#define WASM_SET_UNALIGNED(type, to, value) wasm_set_##type(to, value)
WASM_STORE(store8, u8, u32, 1, 1, WASM_SET_U8)
WASM_STORE(store16, u16, u32, 2, 2, WASM_SET)
WASM_STORE(store32, u32, u32, 4, 4, WASM_SET)
WASM_STORE(store64, u64, u64, 8, 8, WASM_SET)
WASM_STORE(store16_unaligned, u16, u32, 2, 1, WASM_SET_UNALIGNED)
WASM_STORE(store32_unaligned, u32, u32, 4, 1, WASM_SET_UNALIGNED)
WASM_STORE(store64_unaligned, u64, u64, 8, 1, WASM_SET_UNALIGNED)

/* A constant to keep in a register. */
#if defined(__GNUC__)
static inline u32 opaque32(u32 x) {
  __asm__("" : "+r"(x));
  return x;
}
#else
#define opaque32(x) (x)
#endif

static inline void memory_copy(u32 to, u32 from, u32 bytes) {
  wasm_check(to, 0, bytes, 1);
  wasm_check(from, 0, bytes, 1);
  WASM_STORE_HOOK(to, bytes);
  memmove((void *)(WASM_BASE + (uintptr_t)to), (const void *)(WASM_BASE + (uintptr_t)from), (size_t)bytes);
}

static inline void memory_fill(u32 to, u32 value, u32 bytes) {
  wasm_check(to, 0, bytes, 1);
  WASM_STORE_HOOK(to, bytes);
  memset((void *)(WASM_BASE + (uintptr_t)to), (int)(value & 255u), (size_t)bytes);
}

static inline u32 div_s32(u32 a, u32 b) {
  if (b == 0 || (a == 0x80000000u && b == 0xffffffffu)) wasm_trap();
  return (u32)((s32)a / (s32)b);
}
static inline u32 rem_s32(u32 a, u32 b) {
  if (b == 0) wasm_trap();
  return b == 0xffffffffu ? 0 : (u32)((s32)a % (s32)b);
}
static inline u32 div_u32(u32 a, u32 b) {
  if (b == 0) wasm_trap();
  return a / b;
}
static inline u32 rem_u32(u32 a, u32 b) {
  if (b == 0) wasm_trap();
  return a % b;
}
static inline u64 div_s64(u64 a, u64 b) {
  if (b == 0 || (a == 1ull << 63 && b == ~0ull)) wasm_trap();
  return (u64)((s64)a / (s64)b);
}
static inline u64 rem_s64(u64 a, u64 b) {
  if (b == 0) wasm_trap();
  return b == ~0ull ? 0 : (u64)((s64)a % (s64)b);
}
static inline u64 div_u64(u64 a, u64 b) {
  if (b == 0) wasm_trap();
  return a / b;
}
static inline u64 rem_u64(u64 a, u64 b) {
  if (b == 0) wasm_trap();
  return a % b;
}

static inline u32 rotl32(u32 x, u32 n) { return x << (n & 31u) | x >> (-n & 31u); }
static inline u32 rotr32(u32 x, u32 n) { return x >> (n & 31u) | x << (-n & 31u); }
static inline u64 rotl64(u64 x, u64 n) { return x << (n & 63u) | x >> (-n & 63u); }
static inline u64 rotr64(u64 x, u64 n) { return x >> (n & 63u) | x << (-n & 63u); }

#if defined(__GNUC__)
#if UINT_MAX >= 0xffffffff
static inline u32 clz32(u32 x) { return x ? (u32)__builtin_clz(x) : 32u; }
static inline u32 ctz32(u32 x) { return x ? (u32)__builtin_ctz(x) : 32u; }
#else
static inline u32 clz32(u32 x) { return x ? (u32)__builtin_clzl(x) : 32u; }
static inline u32 ctz32(u32 x) { return x ? (u32)__builtin_ctzl(x) : 32u; }
#endif
#else
static inline u32 clz32(u32 x) {
  u32 n = 32;
  for (; x; x >>= 1) n--;
  return n;
}
static inline u32 ctz32(u32 x) { return x ? 31u - clz32(x & (0u - x)) : 32u; }
#endif
static inline u32 popcount32(u32 x) {
  u32 n = 0;
  for (; x; x &= x - 1u) n++;
  return n;
}
static inline u64 clz64(u64 x) { return x >> 32 ? clz32((u32)(x >> 32)) : 32u + clz32((u32)x); }
static inline u64 ctz64(u64 x) { return (u32)x ? ctz32((u32)x) : 32u + ctz32((u32)(x >> 32)); }
static inline u64 popcount64(u64 x) { return popcount32((u32)x) + popcount32((u32)(x >> 32)); }

#endif
