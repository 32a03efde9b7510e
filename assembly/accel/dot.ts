/**
 * Dot product of two int8 vectors, accumulated in int32. Exact while length · 2¹⁴ < 2³¹. Any length and alignment.
 */
export function dotS8(a: usize, b: usize, length: i32): i32 {
  let sum: i32 = 0;
  const end = a + length;
  if (ASC_FEATURE_SIMD) {
    let lanes = i32x4.splat(0);
    for (const whole = a + (length & ~15); a < whole; a += 16, b += 16) {
      const x = v128.load(a);
      const y = v128.load(b);
      lanes = i32x4.add(lanes, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(x), i16x8.extend_low_i8x16_s(y)));
      lanes = i32x4.add(lanes, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(x), i16x8.extend_high_i8x16_s(y)));
    }
    sum =
      i32x4.extract_lane(lanes, 0) +
      i32x4.extract_lane(lanes, 1) +
      i32x4.extract_lane(lanes, 2) +
      i32x4.extract_lane(lanes, 3);
  }
  for (const whole = a + ((end - a) & ~3); a < whole; a += 4, b += 4) {
    sum +=
      <i32>load<i8>(a) * <i32>load<i8>(b) +
      <i32>load<i8>(a, 1) * <i32>load<i8>(b, 1) +
      <i32>load<i8>(a, 2) * <i32>load<i8>(b, 2) +
      <i32>load<i8>(a, 3) * <i32>load<i8>(b, 3);
  }
  for (; a < end; a++, b++) sum += <i32>load<i8>(a) * <i32>load<i8>(b);
  return sum;
}
