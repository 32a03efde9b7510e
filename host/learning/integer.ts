// 64-bit products of the device in doubles: a factor is split in halves of 16 bits, so that every step is exact.

/** ⌊value · multiplier / 2^shift⌋ for int32 value, 0 ≤ multiplier < 2^31, shift ≥ 0; beyond ±2^40 a number at least as large. */
export function multiplyShift(value: number, multiplier: number, shift: number): number {
  const high = value * (multiplier >>> 16);
  const low = value * (multiplier & 0xffff);
  if (shift >= 16) return Math.floor((high + Math.floor(low / 65536)) / 2 ** (shift - 16));
  return high * 2 ** (16 - shift) + Math.floor(low / 2 ** shift);
}

/** gemmlowp's MultiplyByQuantizedMultiplier: doubling high product, halves up; then a shift, halves away from zero. */
export function scaleInt32(value: number, multiplier: number, shift: number): number {
  const x = shift > 0 ? value << shift : value;
  const magnitude = x < 0 ? -x : x;
  const nudge = x < 0 ? 0x3fffffff : 0x40000000;
  const low = Math.floor((magnitude * (multiplier & 0xffff) + nudge) / 65536);
  const high = Math.floor((magnitude * (multiplier >>> 16) + low) / 32768);
  const right = shift < 0 ? -shift : 0;
  const rounded = right === 0 ? high : Math.floor((high + 2 ** (right - 1)) / 2 ** right);
  return x < 0 ? -rounded : rounded;
}

export const clampTo = (x: number, low: number, high: number): number =>
  x < low ? low : x > high ? high : x;

/** (x + 2^(shift − 1)) >> shift: halves up. */
export const roundShift = (x: number, shift: number): number =>
  shift > 0 ? Math.floor((x + 2 ** (shift - 1)) / 2 ** shift) : x;

/** Bits of a natural number, 0 of 0. */
export const bitLength = (x: number): number => 32 - Math.clz32(x);

function mix(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** docs/LEARNING.md §3. */
export const randomKey = (seed: number, step: number, a: number, b: number): number =>
  mix((seed + Math.imul(step, 0x9e3779b1) + Math.imul(a, 0x85ebca77) + Math.imul(b, 0xc2b2ae3d)) | 0);

/** 16 bits. */
export function draw(key: number, index: number): number {
  const h = mix((key + Math.imul(index >>> 1, 0x9e3779b1)) | 0);
  return index & 1 ? h >>> 16 : h & 0xffff;
}
