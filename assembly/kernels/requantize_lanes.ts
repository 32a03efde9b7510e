// Requantization of four int32 at a time, bit for bit that of requantize.ts.
//
// With a right shift of rest + 2, y = ⌊(⌊(x·m ± 2³⁰) / 2³²⁺ʳᵉˢᵗ⌋ + 2z + 1) / 2⌋ (`scaleTwice` there), the sign that of x. Lanes
// shift alike or not at all, so x is multiplied by f = 2^(K − rest) first, and all shift by K: as f/4 is whole, ±2³⁰·f is
// added behind the upper word, and floors of floors are one: y = ⌊(⌊x·f·m / 2³²⌋ ± f/4 + (2z + 1)·2ᴷ) / 2ᴷ⁺¹⌋.
// For that x·f must fit: beyond 2¹²⁺ʳᵉˢᵗ, y is far outside of int8 (m ≥ 2³⁰), so x may be clamped there. All of it holds for a
// right shift by 1 too, rest being −1.
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
  const right = i32x4.sub(i32x4.splat(-1), words(op, pair, 1));
  const small = v128.and(i32x4.lt_s(m, i32x4.splat(1 << 30)), i32x4.ne(m, i32x4.splat(0)));
  const far = i32x4.gt_u(right, i32x4.splat(SHIFT - 1));
  if (v128.any_true(v128.or(small, far))) return i32x4.splat(0);
  return powers(i32x4.sub(i32x4.splat(SHIFT + 1), right));
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

// What eight channels take, laid out by `prepareEight`: vectors of four int32, those of the upper four channels 16 bytes on.
const BIAS = 0;
const FACTOR = 32;
const MULTIPLIER = 64;
const BASE = 96;
const LIMIT = 128;
const HALF = 160;
// Of all of them: the op's clamp, 16 int8 each, and how they are scaled.
const LEAST = 192;
const MOST = 208;
const SCALING = 224;
/** Bytes of it. */
export const EIGHT_BYTES = 256;

/** How eight channels are scaled. */
export enum Scaling {
  LANES,
  /** `LANES`, without what is of no consequence: sums are within their limits, and negative ones clamped. */
  SHORT,
}

/** Whether lanes scale all of `count` channels. */
export function lanesScale(op: usize, pair: usize, count: i32): bool {
  const stride = load<usize>(op, OP_REQUANT_STRIDE);
  for (const end = stride ? pair + stride * count : pair + 8; pair < end; pair += 8) {
    const multiplier = load<i32>(pair);
    if (multiplier && (multiplier < 1 << 30 || <u32>(-1 - load<i32>(pair, 4)) > <u32>(SHIFT - 1)))
      return false;
  }
  return true;
}

/** Lays out what four of them take at `to`. Returns whether sums that are at most `reach` without bias stay within limits. */
function prepareFour(op: usize, bias: usize, pair: usize, reach: i32, to: usize): bool {
  const m = words(op, pair, 0);
  // A shift means nothing where all comes out as 0.
  const alive = i32x4.ne(m, i32x4.splat(0));
  const right = v128.and(i32x4.sub(i32x4.splat(-1), words(op, pair, 1)), alive);
  const factor = powers(i32x4.sub(i32x4.splat(SHIFT + 1), right));
  const limit = powers(i32x4.add(i32x4.splat(11), right));
  const zero = (<i32>load<i16>(op, OP_OUTPUT_ZERO_POINT) * 2 + 1) << SHIFT;
  const start = v128.load(bias);
  v128.store(to, start, BIAS);
  v128.store(to, factor, FACTOR);
  v128.store(to, m, MULTIPLIER);
  v128.store(to, i32x4.add(i32x4.splat(zero), i32x4.shr_u(factor, 2)), BASE);
  v128.store(to, limit, LIMIT);
  v128.store(to, i32x4.shr_u(factor, 1), HALF);
  const room = i32x4.sub(limit, i32x4.min_s(limit, i32x4.splat(reach)));
  return !v128.any_true(i32x4.gt_u(i32x4.abs(start), room));
}

/**
 * Lays out what requantizing `count` ≤ 8 channels takes, at `to`; the last stands for those that lack. Lanes scale them. `reach`:
 * what a sum without its bias is at most.
 */
export function prepareEight(op: usize, bias: usize, pair: usize, count: i32, reach: i32, to: usize): void {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  if (count < 8) {
    // Where the result goes there is room for what it is made of.
    const starts = to + HALF;
    const pairs = to + LEAST;
    for (let i = 0; i < 8; i++) {
      const from = min(i, count - 1);
      store<i32>(starts + (i << 2), load<i32>(bias + (from << 2)));
      store<i64>(pairs + (i << 3), load<i64>(pair + from * stride));
    }
    bias = starts;
    pair = pairs;
  }
  const lower = prepareFour(op, bias, pair, reach, to);
  const upper = prepareFour(op, bias + 16, pair + (stride << 2), reach, to + 16);
  v128.store(to, i8x16.splat(load<i8>(op, OP_CLAMP_MIN)), LEAST);
  v128.store(to, i8x16.splat(load<i8>(op, OP_CLAMP_MAX)), MOST);
  const negative = <i32>load<i16>(op, OP_CLAMP_MIN) >= <i32>load<i16>(op, OP_OUTPUT_ZERO_POINT);
  store<i32>(to, lower && upper && negative ? Scaling.SHORT : Scaling.LANES, SCALING);
}

/** How eight channels prepared at `at` are scaled. */
// @ts-ignore: decorator
@inline
export function scalingOf(at: usize): Scaling {
  return load<i32>(at, SCALING);
}

/** The biases of four channels prepared at `at`. */
// @ts-ignore: decorator
@inline
export function biases(at: usize): v128 {
  return v128.load(at, BIAS);
}

/**
 * `scaleFour` by what is prepared at `at`. Without the sign's half a negative sum comes out at the zero point or below, as it
 * does with it, and is clamped.
 */
// @ts-ignore: decorator
@inline
function scalePrepared(scaling: Scaling, sums: v128, at: usize): v128 {
  let x = sums;
  if (scaling != Scaling.SHORT) {
    const limit = v128.load(at, LIMIT);
    x = i32x4.max_s(i32x4.min_s(x, limit), i32x4.neg(limit));
  }
  const y = i32x4.mul(x, v128.load(at, FACTOR));
  const m = v128.load(at, MULTIPLIER);
  const even = i64x2.extmul_low_i32x4_s(y, m);
  let upper = v128.shuffle<i32>(even, i64x2.extmul_high_i32x4_s(y, m), 1, 3, 5, 7);
  upper = i32x4.add(upper, v128.load(at, BASE));
  if (scaling != Scaling.SHORT)
    upper = i32x4.sub(upper, v128.and(i32x4.shr_s(sums, 31), v128.load(at, HALF)));
  return i32x4.shr_s(upper, SHIFT + 1);
}

/** Sums of eight channels prepared at `at`, biases included, to int8 at `to`. */
// @ts-ignore: decorator
@inline
export function finishEight(scaling: Scaling, low: v128, high: v128, at: usize, to: usize): void {
  const y = i16x8.narrow_i32x4_s(scalePrepared(scaling, low, at), scalePrepared(scaling, high, at + 16));
  const bytes = i8x16.min_s(i8x16.narrow_i16x8_s(y, y), v128.load(at, MOST));
  v128.store64_lane(to, i8x16.max_s(bytes, v128.load(at, LEAST)), 0);
}

/** Four accumulators, biases included, to the bytes at `to`. `pair`: of the first. */
// @ts-ignore: decorator
@inline
export function requantizeFour(op: usize, x: v128, pair: usize, to: usize): void {
  const y = scaleFour(op, x, pair, multipliers(op, pair), factors(op, pair), limits(op, pair));
  v128.store32_lane(to, narrow(op, y, y), 0);
}

/** What `scaleAlike` adds to upper words. */
// @ts-ignore: decorator
@inline
export function baseOf(op: usize, factor: v128): v128 {
  const zero = (<i32>load<i16>(op, OP_OUTPUT_ZERO_POINT) * 2 + 1) << SHIFT;
  return i32x4.add(i32x4.splat(zero), i32x4.shr_u(factor, 2));
}

/**
 * `scaleFour` by one pair for all, its constants in registers. `base`: (2z + 1)·2ᴷ + f/4; `half`: f/2. `clamped`: negative sums
 * are, at the zero point, as `scalePrepared` says.
 */
// @ts-ignore: decorator
@inline
export function scaleAlike(
  clamped: bool,
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
  let upper = v128.shuffle<i32>(even, i64x2.extmul_high_i32x4_s(y, multiplier), 1, 3, 5, 7);
  upper = i32x4.add(upper, base);
  if (!clamped) upper = i32x4.sub(upper, v128.and(i32x4.shr_s(x, 31), half));
  return i32x4.shr_s(upper, SHIFT + 1);
}

// What one pair for all takes, laid out by `prepareAlike`: vectors of four int32, the clamp 16 int8 each.
const ALIKE_MULTIPLIER = 0;
const ALIKE_FACTOR = 16;
const ALIKE_MOST = 32;
const ALIKE_BASE = 48;
const ALIKE_HALF = 64;
const ALIKE_LOW = 80;
const ALIKE_HIGH = 96;
// Whether negative sums are clamped.
const ALIKE_CLAMPED = 112;
/** Bytes of it. */
export const ALIKE_BYTES = 128;

/** Lays out at `to` what scaling by one pair for all takes. Returns false, and lays out nothing, where lanes do not scale so. */
export function prepareAlike(op: usize, pair: usize, to: usize): bool {
  if (load<i32>(op, OP_REQUANT_STRIDE)) return false;
  const f = factors(op, pair);
  if (!i32x4.extract_lane(f, 0)) return false;
  v128.store(to, multipliers(op, pair), ALIKE_MULTIPLIER);
  v128.store(to, f, ALIKE_FACTOR);
  v128.store(to, limits(op, pair), ALIKE_MOST);
  v128.store(to, baseOf(op, f), ALIKE_BASE);
  v128.store(to, i32x4.shr_u(f, 1), ALIKE_HALF);
  v128.store(to, i8x16.splat(load<i8>(op, OP_CLAMP_MIN)), ALIKE_LOW);
  v128.store(to, i8x16.splat(load<i8>(op, OP_CLAMP_MAX)), ALIKE_HIGH);
  store<i32>(
    to,
    i32(<i32>load<i16>(op, OP_CLAMP_MIN) >= <i32>load<i16>(op, OP_OUTPUT_ZERO_POINT)),
    ALIKE_CLAMPED,
  );
  return true;
}

/** Eight sums at `sums` and biases at `bias`, scaled as `scaleAlike` does, as int16. */
// @ts-ignore: decorator
@inline
function eightAlike(
  clamped: bool,
  sums: usize,
  bias: usize,
  m: v128,
  f: v128,
  least: v128,
  most: v128,
  base: v128,
  half: v128,
): v128 {
  const a = i32x4.add(v128.load(sums), v128.load(bias));
  const b = i32x4.add(v128.load(sums, 16), v128.load(bias, 16));
  return i16x8.narrow_i32x4_s(
    scaleAlike(clamped, a, m, f, least, most, base, half),
    scaleAlike(clamped, b, m, f, least, most, base, half),
  );
}

/** `requantizeAlike`, where negative sums are clamped and where they are not. */
// @ts-ignore: decorator
@inline
function allAlike(clamped: bool, at: usize, sums: usize, bias: usize, to: usize, count: i32): void {
  const m = v128.load(at, ALIKE_MULTIPLIER);
  const f = v128.load(at, ALIKE_FACTOR);
  const most = v128.load(at, ALIKE_MOST);
  const least = i32x4.neg(most);
  const base = v128.load(at, ALIKE_BASE);
  const half = v128.load(at, ALIKE_HALF);
  const low = v128.load(at, ALIKE_LOW);
  const high = v128.load(at, ALIKE_HIGH);
  for (const end = to + (count & ~15); to < end; to += 16, sums += 64, bias += 64) {
    const bytes = i8x16.narrow_i16x8_s(
      eightAlike(clamped, sums, bias, m, f, least, most, base, half),
      eightAlike(clamped, sums + 32, bias + 32, m, f, least, most, base, half),
    );
    v128.store(to, i8x16.max_s(i8x16.min_s(bytes, high), low));
  }
  if (!(count & 8)) return;
  const y = eightAlike(clamped, sums, bias, m, f, least, most, base, half);
  v128.store64_lane(to, i8x16.max_s(i8x16.min_s(i8x16.narrow_i16x8_s(y, y), high), low), 0);
}

/** `count` int32 sums, a multiple of eight, at `sums`, biases at `bias`, to int8 at `to`, by what is prepared at `at`. */
export function requantizeAlike(at: usize, sums: usize, bias: usize, to: usize, count: i32): void {
  if (load<i32>(at, ALIKE_CLAMPED)) allAlike(true, at, sums, bias, to, count);
  else allAlike(false, at, sums, bias, to, count);
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
    const base = baseOf(op, f);
    const half = i32x4.shr_u(f, 1);
    const least = i8x16.splat(load<i8>(op, OP_CLAMP_MIN));
    const most = i8x16.splat(load<i8>(op, OP_CLAMP_MAX));
    for (const eights = to + (count & ~7); to < eights; to += 8) {
      const y = eightAlike(false, sums, bias, m, f, low, high, base, half);
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
