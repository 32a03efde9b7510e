// Vectors of int16, for kernels of your own: nothing of the device module is made of these. Scalar and in 128-bit lanes, equal
// to the bit. Addresses may have any alignment, lengths be 0, and nothing is read or written outside of the vectors.
import { widened } from './dot';

/** Two products of int16 in a lane are at most 2³¹, by one too many for int32, and never as few as −2³¹: less 1, they fit. */
// @ts-ignore: decorator
@inline
function pairsLessOne(x: v128, w: v128): v128 {
  return i32x4.sub(i32x4.dot_i16x8_s(x, w), i32x4.splat(1));
}

// @ts-ignore: decorator
@inline
function across(wide: v128): i64 {
  return i64x2.extract_lane(wide, 0) + i64x2.extract_lane(wide, 1);
}

/** Σ x[i] · w[i] over `length` int16 each: exact, −32768 · −32768 included. */
export function dotS16(x: usize, w: usize, length: i32): i64 {
  const end = x + (length << 1);
  let sum: i64 = 0;
  if (ASC_FEATURE_SIMD) {
    let wide = i64x2.splat(0);
    for (const whole = x + ((length & ~7) << 1); x < whole; x += 16, w += 16) {
      wide = i64x2.add(wide, widened(pairsLessOne(v128.load(x), v128.load(w))));
    }
    sum = across(wide) + ((length & ~7) >> 1);
  }
  for (; x < end; x += 2, w += 2) sum += <i32>load<i16>(x) * <i32>load<i16>(w);
  return sum;
}

/**
 * Σ x[i] · w[i] over `length` complex numbers, {re, im} of int16 each; with `conjugate` of w's conjugates. {re, im} of int64,
 * exact, to `to`.
 */
export function complexDotS16(x: usize, w: usize, length: i32, conjugate: bool, to: usize): void {
  const end = x + (length << 2);
  // With conjugate: Σ (xr · wr + xi · wi) and Σ (xr · wi − xi · wr), which is −im. Without, w turned round: im and re.
  let sum: i64 = 0;
  let difference: i64 = 0;
  if (ASC_FEATURE_SIMD) {
    let sums = i64x2.splat(0);
    let differences = i64x2.splat(0);
    const real = i32x4.splat(0xffff);
    for (const whole = x + ((length & ~3) << 2); x < whole; x += 16, w += 16) {
      const a = v128.load(x);
      const b = v128.load(w);
      const turned = v128.shuffle<i16>(b, b, 1, 0, 3, 2, 5, 4, 7, 6);
      sums = i64x2.add(sums, widened(pairsLessOne(a, select(b, turned, conjugate))));
      const factor = select(turned, b, conjugate);
      const first = i32x4.dot_i16x8_s(v128.and(a, real), factor);
      const second = i32x4.dot_i16x8_s(v128.andnot(a, real), factor);
      differences = i64x2.add(differences, widened(i32x4.sub(first, second)));
    }
    sum = across(sums) + (length & ~3);
    difference = across(differences);
  }
  for (; x < end; x += 4, w += 4) {
    const re: i64 = load<i16>(x);
    const im: i64 = load<i16>(x, 2);
    const first: i64 = conjugate ? load<i16>(w) : load<i16>(w, 2);
    const second: i64 = conjugate ? load<i16>(w, 2) : load<i16>(w);
    sum += re * first + im * second;
    difference += re * second - im * first;
  }
  store<i64>(to, conjugate ? sum : difference);
  store<i64>(to, conjugate ? -difference : sum, 8);
}

/** `value` within int16. */
// @ts-ignore: decorator
@inline
export function saturated(value: i32): i32 {
  return min(max(value, i16.MIN_VALUE), i16.MAX_VALUE);
}

/** to[i] = a[i] + b[i], saturated: `length` int16. `to` may be `a` or `b`, but not overlap them otherwise. */
export function addS16(a: usize, b: usize, to: usize, length: i32): void {
  const end = to + (length << 1);
  if (ASC_FEATURE_SIMD) {
    for (const whole = to + ((length & ~7) << 1); to < whole; a += 16, b += 16, to += 16) {
      v128.store(to, i16x8.add_sat_s(v128.load(a), v128.load(b)));
    }
  }
  for (; to < end; a += 2, b += 2, to += 2) {
    store<i16>(to, saturated(<i32>load<i16>(a) + <i32>load<i16>(b)));
  }
}

/**
 * Q15: to[i] = (a[i] · b[i] + 2¹⁴) >> 15, saturated, which only −32768 · −32768 needs: 32767. `length` int16. `to` may be `a`
 * or `b`, but not overlap them otherwise.
 */
export function multiplyS16(a: usize, b: usize, to: usize, length: i32): void {
  const end = to + (length << 1);
  if (ASC_FEATURE_SIMD) {
    for (const whole = to + ((length & ~7) << 1); to < whole; a += 16, b += 16, to += 16) {
      v128.store(to, i16x8.q15mulr_sat_s(v128.load(a), v128.load(b)));
    }
  }
  for (; to < end; a += 2, b += 2, to += 2) {
    store<i16>(to, saturated((<i32>load<i16>(a) * <i32>load<i16>(b) + 0x4000) >> 15));
  }
}

/** to[i] = max(a[i], b[i]): `length` int16. `to` may be `a` or `b`, but not overlap them otherwise. */
export function maxS16(a: usize, b: usize, to: usize, length: i32): void {
  const end = to + (length << 1);
  if (ASC_FEATURE_SIMD) {
    for (const whole = to + ((length & ~7) << 1); to < whole; a += 16, b += 16, to += 16) {
      v128.store(to, i16x8.max_s(v128.load(a), v128.load(b)));
    }
  }
  for (; to < end; a += 2, b += 2, to += 2) {
    store<i16>(to, max(<i32>load<i16>(a), <i32>load<i16>(b)));
  }
}

/**
 * A FIR filter in Q15: to[i] = (Σ x[i + j] · taps[j] + 2¹⁴) >> 15, saturated; the sum is exact. `taps`: `count` int16,
 * 0 … 65,535 of them, the one for the oldest sample first. `x`: `length` + `count` − 1 int16, so the first output's window
 * begins at x[0]. `to`: `length` int16; it may be `x`, but not overlap it or the taps otherwise.
 */
export function firS16(x: usize, taps: usize, count: i32, to: usize, length: i32): void {
  const end = to + (length << 1);
  if (ASC_FEATURE_SIMD) {
    for (const whole = to + ((length & ~7) << 1); to < whole; x += 16, to += 16) {
      v128.store(to, eightOutputs(x, taps, count));
    }
  }
  for (; to < end; x += 2, to += 2) {
    const rounded = (dotS16(x, taps, count) + 0x4000) >> 15;
    store<i16>(to, saturated(<i32>rounded));
  }
}

/** Eight outputs of `firS16`, two taps at a time: a vector of samples holds the pairs of every other output. */
function eightOutputs(x: usize, taps: usize, count: i32): v128 {
  // Half a unit, and what the pairs lack.
  let e0 = i64x2.splat(0x4000 + (count >> 1));
  let e1 = e0;
  let o0 = e0;
  let o1 = e0;
  for (const whole = taps + ((count & ~1) << 1); taps < whole; taps += 4, x += 4) {
    const pair = v128.load32_splat(taps);
    const even = pairsLessOne(v128.load(x), pair);
    const odd = pairsLessOne(v128.load(x, 2), pair);
    e0 = i64x2.add(e0, i64x2.extend_low_i32x4_s(even));
    e1 = i64x2.add(e1, i64x2.extend_high_i32x4_s(even));
    o0 = i64x2.add(o0, i64x2.extend_low_i32x4_s(odd));
    o1 = i64x2.add(o1, i64x2.extend_high_i32x4_s(odd));
  }
  if (count & 1) {
    const samples = v128.load(x);
    const tap = <i32>load<u16>(taps);
    const even = i32x4.dot_i16x8_s(samples, i32x4.splat(tap));
    const odd = i32x4.dot_i16x8_s(samples, i32x4.splat(tap << 16));
    e0 = i64x2.add(e0, i64x2.extend_low_i32x4_s(even));
    e1 = i64x2.add(e1, i64x2.extend_high_i32x4_s(even));
    o0 = i64x2.add(o0, i64x2.extend_low_i32x4_s(odd));
    o1 = i64x2.add(o1, i64x2.extend_high_i32x4_s(odd));
  }
  const outputs = i16x8.narrow_i32x4_s(scaled(e0, e1), scaled(o0, o1));
  return v128.shuffle<i16>(outputs, outputs, 0, 4, 1, 5, 2, 6, 3, 7);
}

/** Four int64, divided by 2¹⁵; below 2³¹, as 65,535 products are below 2⁴⁶. */
// @ts-ignore: decorator
@inline
function scaled(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(i64x2.shr_s(low, 15), i64x2.shr_s(high, 15), 0, 2, 4, 6);
}
