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

/** Of int8: exact while length · 2¹⁴ < 2³¹. */
export function dotS8(a: usize, b: usize, length: i32): i32 {
  return dot<i8, i32>(a, b, length);
}
