// Element-wise sums of int8 in 128-bit lanes, bit for bit those of `scale` (requantize.ts): eight elements at a time.
//
// Values are doubled before a multiplication, so that the first rounding's result is the product's upper word; the half that
// the second rounding adds is added to the product too. Lanes see no overflow: inputs are below 2⁸ · 2²⁰, and no scale here
// makes more of them.
import {
  ELT_LEFT_SHIFT,
  ELT_OUTPUT_SCALE,
  ELT_SCALE1,
  ELT_SCALE2,
  ELT_ZERO_POINT2,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT_ZERO_POINT,
} from '../layout';

/** Both halves of what is added to products, for a right shift of `right`. */
// @ts-ignore: decorator
@inline
function roundings(right: i32): v128 {
  return i64x2.splat(((<i64>((1 << right) >> 1)) << 32) | 0x80000000);
}

/** All ones, or none where nothing is shifted: which negative values lose one before. */
// @ts-ignore: decorator
@inline
function awayFromZero(right: i32): v128 {
  return i32x4.splat(-i32(right > 0));
}

/** `scale` of four values, given doubled. */
// @ts-ignore: decorator
@inline
function scaled(doubled: v128, multiplier: v128, rounding: v128, away: v128, right: i32): v128 {
  const low = i64x2.add(i64x2.extmul_low_i32x4_s(doubled, multiplier), rounding);
  const high = i64x2.add(i64x2.extmul_high_i32x4_s(doubled, multiplier), rounding);
  const sign = v128.and(i32x4.shr_s(doubled, 31), away);
  return i32x4.shr_s(i32x4.add(v128.shuffle<i32>(low, high, 1, 3, 5, 7), sign), right);
}

/** Sums of elements at `a` and at `b` to `to`, by eights. Returns how many: none where a scale shifts left, or too far. */
export function addEights(op: usize, a: usize, b: usize, to: usize, count: i32): i32 {
  const up = load<i32>(op, ELT_LEFT_SHIFT);
  const rightA = -load<i32>(op, ELT_SCALE1 + 4);
  const rightB = -load<i32>(op, ELT_SCALE2 + 4);
  const right = -load<i32>(op, ELT_OUTPUT_SCALE + 4);
  if (<u32>up > 20 || <u32>rightA > 30 || <u32>rightB > 30 || <u32>right > 30) return 0;
  const multiplierA = v128.load_splat<i32>(op + ELT_SCALE1);
  const multiplierB = v128.load_splat<i32>(op + ELT_SCALE2);
  const multiplier = v128.load_splat<i32>(op + ELT_OUTPUT_SCALE);
  const roundingA = roundings(rightA);
  const roundingB = roundings(rightB);
  const rounding = roundings(right);
  const awayA = awayFromZero(rightA);
  const awayB = awayFromZero(rightB);
  const away = awayFromZero(right);
  const zeroA = i16x8.splat(load<i16>(op, OP_INPUT_ZERO_POINT));
  const zeroB = i16x8.splat(load<i16>(op, ELT_ZERO_POINT2));
  const zero = i16x8.splat(load<i16>(op, OP_OUTPUT_ZERO_POINT));
  const least = i16x8.splat(load<i16>(op, OP_CLAMP_MIN));
  const most = i16x8.splat(load<i16>(op, OP_CLAMP_MAX));
  for (const end = a + (count & ~7); a < end; a += 8) {
    const x = i16x8.sub(v128.load8x8_s(a), zeroA);
    const y = i16x8.sub(v128.load8x8_s(b), zeroB);
    const low = i32x4.add(
      scaled(i32x4.shl(i32x4.extend_low_i16x8_s(x), up + 1), multiplierA, roundingA, awayA, rightA),
      scaled(i32x4.shl(i32x4.extend_low_i16x8_s(y), up + 1), multiplierB, roundingB, awayB, rightB),
    );
    const high = i32x4.add(
      scaled(i32x4.shl(i32x4.extend_high_i16x8_s(x), up + 1), multiplierA, roundingA, awayA, rightA),
      scaled(i32x4.shl(i32x4.extend_high_i16x8_s(y), up + 1), multiplierB, roundingB, awayB, rightB),
    );
    const sums = i16x8.narrow_i32x4_s(
      scaled(i32x4.shl(low, 1), multiplier, rounding, away, right),
      scaled(i32x4.shl(high, 1), multiplier, rounding, away, right),
    );
    const z = i16x8.max_s(i16x8.min_s(i16x8.add_sat_s(sums, zero), most), least);
    v128.store64_lane(to, i8x16.narrow_i16x8_s(z, z), 0);
    b += 8;
    to += 8;
  }
  return count & ~7;
}
