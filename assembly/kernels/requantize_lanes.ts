// Requantization of four int32 at a time, bit for bit that of requantize.ts.
//
// With a right shift of rest + 2, y = ⌊(⌊(x·m ± 2³⁰) / 2³²⁺ʳᵉˢᵗ⌋ + 2z + 1) / 2⌋ (`scaleTwice` there), the sign that of x. Lanes
// shift alike or not at all, so x is multiplied by f = 2^(K − rest) first, and all shift by K: as f/4 is whole, ±2³⁰·f is
// added behind the upper word, and floors of floors are one: y = ⌊(⌊x·f·m / 2³²⌋ ± f/4 + (2z + 1)·2ᴷ) / 2ᴷ⁺¹⌋.
// For that x·f must fit: beyond 2¹²⁺ʳᵉˢᵗ, y is far outside of int8 (m ≥ 2³⁰), so x may be clamped there.
import { OP_CLAMP_MAX, OP_CLAMP_MIN, OP_OUTPUT_ZERO_POINT, OP_REQUANT_STRIDE } from '../layout';
import { requantize } from './requantize';

/** K. */
const SHIFT = 18;

/** Word `word` of four pairs at `pair`. */
// @ts-ignore: decorator
@inline
function words(op: usize, pair: usize, word: usize): v128 {
  if (!load<i32>(op, OP_REQUANT_STRIDE)) return v128.load_splat<i32>(pair + (word << 2));
  const a = v128.load(pair);
  const b = v128.load(pair, 16);
  return word ? v128.shuffle<i32>(a, b, 1, 3, 5, 7) : v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

/** 2ⁿ of four n in [0, 30]. */
// @ts-ignore: decorator
@inline
function powers(n: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23));
}

/** Multipliers of four channels. */
// @ts-ignore: decorator
@inline
export function multipliers(op: usize, pair: usize): v128 {
  return words(op, pair, 0);
}

/** f of four channels, all 0 if one of them does not fit the scheme. */
// @ts-ignore: decorator
@inline
export function factors(op: usize, pair: usize): v128 {
  const m = words(op, pair, 0);
  const rest = i32x4.sub(i32x4.splat(-2), words(op, pair, 1));
  const small = v128.and(i32x4.lt_s(m, i32x4.splat(1 << 30)), i32x4.ne(m, i32x4.splat(0)));
  const far = i32x4.gt_u(rest, i32x4.splat(SHIFT - 2));
  if (v128.any_true(v128.or(small, far))) return i32x4.splat(0);
  return powers(i32x4.sub(i32x4.splat(SHIFT), rest));
}

/** Beyond what no accumulator matters. */
// @ts-ignore: decorator
@inline
export function limits(op: usize, pair: usize): v128 {
  return powers(i32x4.sub(i32x4.splat(10), words(op, pair, 1)));
}

/** Accumulators of four channels, biases included, to the output's integers, not yet clamped. */
// @ts-ignore: decorator
@inline
export function scaleFour(
  op: usize,
  x: v128,
  pair: usize,
  multiplier: v128,
  factor: v128,
  limit: v128,
): v128 {
  if (!i32x4.extract_lane(factor, 0)) {
    const stride = load<usize>(op, OP_REQUANT_STRIDE);
    return i32x4(
      requantize(op, i32x4.extract_lane(x, 0), pair),
      requantize(op, i32x4.extract_lane(x, 1), pair + stride),
      requantize(op, i32x4.extract_lane(x, 2), pair + stride * 2),
      requantize(op, i32x4.extract_lane(x, 3), pair + stride * 3),
    );
  }
  const sign = i32x4.shr_s(x, 31);
  const y = i32x4.mul(i32x4.max_s(i32x4.min_s(x, limit), i32x4.neg(limit)), factor);
  const low = i64x2.extmul_low_i32x4_s(y, multiplier);
  const high = v128.shuffle<i32>(low, i64x2.extmul_high_i32x4_s(y, multiplier), 1, 3, 5, 7);
  const base = i32x4.splat((<i32>load<i16>(op, OP_OUTPUT_ZERO_POINT) * 2 + 1) << SHIFT);
  const half = v128.and(sign, i32x4.shr_u(factor, 1));
  const sum = i32x4.add(high, i32x4.sub(i32x4.add(base, i32x4.shr_u(factor, 2)), half));
  return i32x4.shr_s(sum, SHIFT + 1);
}

/** Eight of them to int8 within the op's clamp, in the low half. */
// @ts-ignore: decorator
@inline
export function narrow(op: usize, a: v128, b: v128): v128 {
  const y = i16x8.narrow_i32x4_s(a, b);
  const low = i8x16.splat(load<i8>(op, OP_CLAMP_MIN));
  const high = i8x16.splat(load<i8>(op, OP_CLAMP_MAX));
  return i8x16.max_s(i8x16.min_s(i8x16.narrow_i16x8_s(y, y), high), low);
}

/** Four accumulators, biases included, to the bytes at `to`. `pair`: of the first. */
// @ts-ignore: decorator
@inline
export function requantizeFour(op: usize, x: v128, pair: usize, to: usize): void {
  const y = scaleFour(op, x, pair, multipliers(op, pair), factors(op, pair), limits(op, pair));
  v128.store32_lane(to, narrow(op, y, y), 0);
}

/** `scaleFour` by one pair for all, its constants in registers. `base`: (2z + 1)·2ᴷ + f/4; `half`: f/2. */
// @ts-ignore: decorator
@inline
function scaleAlike(
  x: v128,
  multiplier: v128,
  factor: v128,
  low: v128,
  high: v128,
  base: v128,
  half: v128,
): v128 {
  const y = i32x4.mul(i32x4.max_s(i32x4.min_s(x, high), low), factor);
  const even = i64x2.extmul_low_i32x4_s(y, multiplier);
  const upper = v128.shuffle<i32>(even, i64x2.extmul_high_i32x4_s(y, multiplier), 1, 3, 5, 7);
  return i32x4.shr_s(i32x4.sub(i32x4.add(upper, base), v128.and(i32x4.shr_s(x, 31), half)), SHIFT + 1);
}

/** `count` int32 sums, a multiple of four, at `sums`, biases at `bias`, to int8 at `to`. `pair`: of the first. */
export function requantizeFours(
  op: usize,
  sums: usize,
  bias: usize,
  pair: usize,
  to: usize,
  count: i32,
): void {
  const stride = load<usize>(op, OP_REQUANT_STRIDE) << 2;
  const m = multipliers(op, pair);
  const f = factors(op, pair);
  const end = to + count;
  if (!stride && i32x4.extract_lane(f, 0)) {
    const high = limits(op, pair);
    const low = i32x4.neg(high);
    const zero = i32x4.splat((<i32>load<i16>(op, OP_OUTPUT_ZERO_POINT) * 2 + 1) << SHIFT);
    const base = i32x4.add(zero, i32x4.shr_u(f, 2));
    const half = i32x4.shr_u(f, 1);
    const least = i8x16.splat(load<i8>(op, OP_CLAMP_MIN));
    const most = i8x16.splat(load<i8>(op, OP_CLAMP_MAX));
    for (const eights = to + (count & ~7); to < eights; to += 8) {
      const a = i32x4.add(v128.load(sums), v128.load(bias));
      const b = i32x4.add(v128.load(sums, 16), v128.load(bias, 16));
      const y = i16x8.narrow_i32x4_s(
        scaleAlike(a, m, f, low, high, base, half),
        scaleAlike(b, m, f, low, high, base, half),
      );
      v128.store64_lane(to, i8x16.max_s(i8x16.min_s(i8x16.narrow_i16x8_s(y, y), most), least), 0);
      sums += 32;
      bias += 32;
    }
  }
  for (; to < end; to += 4) {
    requantizeFour(op, i32x4.add(v128.load(sums), v128.load(bias)), pair, to);
    sums += 16;
    bias += 16;
    pair += stride;
  }
}
