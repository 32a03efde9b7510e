import { more } from './rows';

/** Elements until a lane of int32, which takes two products of at most 2²² from every eight, may be full. */
const WIDEN_EVERY = 1024;

/**
 * Dot product of `length` activations of type T at `a` and int8 at `b`, accumulated in S. Exact while it fits S. Any
 * length and alignment.
 */
export function dot<T, S>(a: usize, b: usize, length: i32): S {
  let sum: S = <S>0;
  const end = b + length;
  if (ASC_FEATURE_SIMD && sizeof<T>() == 1) {
    let lanes = i32x4.splat(0);
    for (const whole = b + (length & ~15); b < whole; a += 16, b += 16) {
      const x = v128.load(a);
      const y = v128.load(b);
      lanes = i32x4.add(lanes, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(x), i16x8.extend_low_i8x16_s(y)));
      lanes = i32x4.add(lanes, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(x), i16x8.extend_high_i8x16_s(y)));
    }
    sum = <S>(
      (i32x4.extract_lane(lanes, 0) +
        i32x4.extract_lane(lanes, 1) +
        i32x4.extract_lane(lanes, 2) +
        i32x4.extract_lane(lanes, 3))
    );
  }
  if (ASC_FEATURE_SIMD && sizeof<T>() == 2) {
    let wide = i64x2.splat(0);
    while (end - b >= 8) {
      let lanes = i32x4.splat(0);
      for (const whole = b + (min(end - b, WIDEN_EVERY) & ~7); b < whole; a += 16, b += 8) {
        lanes = more(lanes, v128.load(a), b);
      }
      wide = i64x2.add(wide, widened(lanes));
    }
    sum = <S>(i64x2.extract_lane(wide, 0) + i64x2.extract_lane(wide, 1));
  }
  for (const whole = b + ((end - b) & ~3); b < whole; a += sizeof<T>() << 2, b += 4) {
    sum += <S>(
      (<i32>load<T>(a) * <i32>load<i8>(b) +
        <i32>load<T>(a, sizeof<T>()) * <i32>load<i8>(b, 1) +
        <i32>load<T>(a, 2 * sizeof<T>()) * <i32>load<i8>(b, 2) +
        <i32>load<T>(a, 3 * sizeof<T>()) * <i32>load<i8>(b, 3))
    );
  }
  for (; b < end; a += sizeof<T>(), b++) sum += <S>(<i32>load<T>(a) * <i32>load<i8>(b));
  return sum;
}

/** Four int32, added by twos to two int64. */
// @ts-ignore: decorator
@inline
export function widened(lanes: v128): v128 {
  return i64x2.add(i64x2.extend_low_i32x4_s(lanes), i64x2.extend_high_i32x4_s(lanes));
}

/** Of int8: exact while length · 2¹⁴ < 2³¹. */
export function dotS8(a: usize, b: usize, length: i32): i32 {
  return dot<i8, i32>(a, b, length);
}
