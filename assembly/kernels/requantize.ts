import {
  CIRC_SHARED,
  LEAN_EXPONENT_BITS,
  LEAN_MANTISSA_BITS,
  OP_BIAS,
  OP_BIAS_SHIFT,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_FLAG_INT32,
  OP_FLAGS,
  OP_KIND,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_SCALE_SHIFT,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OpKind,
  WIN_OUTPUT_CHANNELS,
} from '../layout';
import { centre } from './field';
import { look } from '../nvm';
import { FAST, HAS_SPECIAL, isLean, widthOf } from './mask';
import { nextReversed } from './ntt';

/** x · multiplier / 2^(31 + right), rounded as gemmlowp does, twice: see `scale`. */
// @ts-ignore: decorator
@inline
function scaleDown(x: i32, multiplier: i32, right: i32): i32 {
  const mask = (1 << right) - 1;
  const high = <i32>((<i64>x * <i64>multiplier + (1 << 30)) >> 31);
  return (high >> right) + i32((high & mask) > (mask >> 1) + i32(high < 0));
}

/**
 * x · multiplier · 2^(shift − 31), rounded as gemmlowp does: SaturatingRoundingDoublingHighMul, then
 * RoundingDivideByPOT (half away from zero). TFLite's `MultiplyByQuantizedMultiplier`.
 */
// @ts-ignore: decorator
@inline
export function scale(x: i32, multiplier: i32, shift: i32): i32 {
  assert(multiplier >= 0 && shift >= -31 && shift < 31);
  return scaleDown(x << max(shift, 0), multiplier, max(-shift, 0));
}

/** Looks up the biases of `count` channels from `first` on: int32, or int64 with int16 activations. */
export function lookBias(op: usize, first: i32, count: i32, scratch: usize): usize {
  if (isLean(op)) return lookLeanBias(op, first, count, scratch);
  const size = 2 + widthOf(op);
  return look(load<usize>(op, OP_BIAS) + (first << size), count << size, scratch);
}

/** Looks up their requantization pairs: one for all where the stride is 0. */
export function lookRequant(op: usize, first: i32, count: i32, scratch: usize): usize {
  if (!load<i32>(op, OP_REQUANT_STRIDE)) {
    first = 0;
    count = 1;
  }
  return lookPairs(op, first, count, scratch);
}

function lookPairs(op: usize, first: i32, count: i32, scratch: usize): usize {
  if (isLean(op)) return lookLeanPairs(op, first, count, scratch);
  return look(load<usize>(op, OP_REQUANT) + (first << 3), count << 3, scratch);
}

/** Whether outputs of a row of circulant blocks share one bias and one scale. */
// @ts-ignore: decorator
@inline
export function isShared(op: usize): bool {
  return HAS_SPECIAL && load<i32>(op, CIRC_SHARED) != 0;
}

/** `lookBias` of outputs of a row of circulant blocks of k. */
export function lookRowBias(op: usize, k: i32, first: i32, count: i32, scratch: usize): usize {
  if (!isShared(op)) return lookBias(op, first, count, scratch);
  const bias = load<i32>(lookBias(op, first / k, 1, scratch));
  for (let i = 0; i < count; i++) store<i32>(scratch + (i << 2), bias);
  return scratch;
}

/** `lookRequant` of the same. */
export function lookRowRequant(op: usize, k: i32, first: i32, count: i32, scratch: usize): usize {
  return isShared(op) ? lookPairs(op, first / k, 1, scratch) : lookRequant(op, first, count, scratch);
}

/** Biases of 16 bits, looked up to the end of their area and widened from its start on: read before they are written over. */
function lookLeanBias(op: usize, first: i32, count: i32, scratch: usize): usize {
  const shift: i32 = load<u8>(op, OP_BIAS_SHIFT);
  const stored = scratch + ((count << 1) & ~3);
  let from = look(load<usize>(op, OP_BIAS) + (first << 1), count << 1, stored);
  for (let to = scratch, end = scratch + (count << 2); to < end; to += 4) {
    store<i32>(to, (<i32>load<i16>(from)) << shift);
    from += 2;
  }
  return scratch;
}

/** Scales of 16 bits as pairs, in the same way. 0 is a multiplier of 0. */
function lookLeanPairs(op: usize, first: i32, count: i32, scratch: usize): usize {
  const less: i32 = load<u8>(op, OP_SCALE_SHIFT);
  const stored = scratch + ((count * 6) & ~3);
  let from = look(load<usize>(op, OP_REQUANT) + (first << 1), count << 1, stored);
  for (let to = scratch, end = scratch + (count << 3); to < end; to += 8) {
    const word: i32 = load<u16>(from);
    const mantissa = (word >> LEAN_EXPONENT_BITS) | (1 << (LEAN_MANTISSA_BITS - 1));
    store<i32>(to, word ? mantissa << (31 - LEAN_MANTISSA_BITS) : 0);
    store<i32>(to, (word & ((1 << LEAN_EXPONENT_BITS) - 1)) - less, 4);
    from += 2;
  }
  return scratch;
}

/** Whether SRAM has room for the lean constants of all channels of an op of windows: entering it widens them. */
function isKept(op: usize): bool {
  const room = load<u32>(op, OP_SCRATCH4) - load<u32>(op, OP_SCRATCH3);
  return isLean(op) && room >= load<u32>(op, WIN_OUTPUT_CHANNELS) << 2;
}

/** Ops of windows with biases and scales, in areas 3 and 4. */
const WINDOWS: u32 =
  (1 << OpKind.CONV2D) |
  (1 << OpKind.CONV2D_WINOGRAD) |
  (1 << OpKind.CONV2D_SPARSE) |
  (1 << OpKind.CONV2D_XNOR) |
  (1 << OpKind.CONV2D_NTT) |
  (1 << OpKind.DEPTHWISE_CONV2D);

/** Widens lean constants once, not for every tile, if the op is one of windows and there is room for all. */
export function enterWindows(op: usize): void {
  if (!((WINDOWS >>> load<u8>(op, OP_KIND)) & 1) || !isKept(op)) return;
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  lookBias(op, 0, outputs, op + load<usize>(op, OP_SCRATCH3));
  lookRequant(op, 0, outputs, op + load<usize>(op, OP_SCRATCH4));
}

/** `lookBias` of an op of windows. */
export function groupBias(op: usize, first: i32, count: i32): usize {
  const scratch = op + load<usize>(op, OP_SCRATCH3);
  return isKept(op) ? scratch + (first << 2) : lookBias(op, first, count, scratch);
}

/** `lookRequant` of an op of windows. */
export function groupRequant(op: usize, first: i32, count: i32): usize {
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  return isKept(op)
    ? scratch + first * load<i32>(op, OP_REQUANT_STRIDE)
    : lookRequant(op, first, count, scratch);
}

/** `y` within the op's clamp. */
export function clamp(op: usize, y: i32): i32 {
  return max(min(y, <i32>load<i16>(op, OP_CLAMP_MAX)), <i32>load<i16>(op, OP_CLAMP_MIN));
}

/**
 * x · multiplier / 2^(33 + rest), its last bit one half: what `scaleDown` by rest + 2 gives, before it is rounded for the
 * second time. There the first rounding adds 2³⁰, and the second takes 1 off negative values, which is 2³¹ before the first
 * shift; of both shifts only what stays is computed.
 */
// @ts-ignore: decorator
@inline
function scaleTwice(x: i32, multiplier: i32, rest: i32): i32 {
  const half = ((<i64>x) & -0x80000000) | 0x40000000;
  return (<i32>((<i64>x * <i64>multiplier + half) >> 32)) >> rest;
}

/** An int32 accumulator, bias included, to the op's output. `pair`: {multiplier, shift}. */
export function requantize(op: usize, accumulator: i32, pair: usize): i32 {
  if (FAST) {
    const rest = -2 - load<i32>(pair, 4);
    if (rest >= 0) {
      const y = (scaleTwice(accumulator, load<i32>(pair), rest) + 1) >> 1;
      return clamp(op, y + <i32>load<i16>(op, OP_OUTPUT_ZERO_POINT));
    }
  }
  return clamp(
    op,
    scale(accumulator, load<i32>(pair), load<i32>(pair, 4)) + <i32>load<i16>(op, OP_OUTPUT_ZERO_POINT),
  );
}

/** `requantize` with the op's fields in registers. `twice`: the output's zero point, doubled, and 1. */
// @ts-ignore: decorator
@inline
function requantizeBy(op: usize, x: i32, pair: usize, twice: i32, low: i32, high: i32): i32 {
  const rest = -2 - load<i32>(pair, 4);
  if (rest < 0) return requantize(op, x, pair);
  return max(min((scaleTwice(x, load<i32>(pair), rest) + twice) >> 1, high), low);
}

/** Accumulators of two channels side by side, biases included, to the bytes at `to`. `pair`: of the first. */
export function requantizeTwo(op: usize, a: i32, b: i32, pair: usize, to: usize): void {
  const twice = <i32>load<i16>(op, OP_OUTPUT_ZERO_POINT) * 2 + 1;
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  store<i8>(to, requantizeBy(op, a, pair, twice, low, high));
  store<i8>(to, requantizeBy(op, b, pair + load<usize>(op, OP_REQUANT_STRIDE), twice, low, high), 1);
}

/**
 * The accumulator of int16 activations, bias included, to the op's output. `pair`: {16-bit multiplier, right shift},
 * rounded half up as TFLite's `MultiplyByQuantizedMultiplier` for int64; or as above, where accumulators are int32.
 */
export function requantizeS16(op: usize, accumulator: i64, pair: usize): i32 {
  if (load<u32>(op, OP_FLAGS) & OP_FLAG_INT32) return requantize(op, <i32>accumulator, pair);
  const shift = <i64>load<i32>(pair, 4);
  return clamp(op, <i32>((accumulator * <i64>load<i32>(pair) + ((<i64>1) << (shift - 1))) >> shift));
}

/**
 * Requantizes sums as the inverse transform of `FAST` builds leaves them, from `sums` to `end`, by one pair whose right
 * shift is 2 or more. `full`: the clamp is that of int8.
 */
// @ts-ignore: decorator
@inline
function requantizeRun(
  sums: usize,
  end: usize,
  bias: usize,
  output: usize,
  multiplier: i32,
  right: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  full: bool,
): void {
  const rest = right - 2;
  const twice = zeroPoint * 2 + 1;
  do {
    const x = centre(load<i32>(sums)) + load<i32>(bias);
    const y = (scaleTwice(x, multiplier, rest) + twice) >> 1;
    if (full) store<i8>(output, <i32>(<i8>y) == y ? y : (y >> 31) ^ 127);
    else store<i8>(output, max(min(y, high), low));
    sums += 4;
    bias += 4;
    output++;
  } while (sums < end);
}

/**
 * Requantizes the first `count` of k int32 sums at `sums`, biases at `bias`, to int8 at `output`. `transformed`: the sums
 * are as `transform` leaves them, in bit-reversed order and to be centred.
 */
// @ts-ignore: decorator
@inline
export function requantizeAll(
  op: usize,
  sums: usize,
  k: i32,
  transformed: bool,
  bias: usize,
  pair: usize,
  output: usize,
  count: i32,
): void {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  const zeroPoint: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  let index = 0;
  let at = 0;
  if (FAST && transformed && !stride && load<i32>(pair, 4) <= -2) {
    const multiplier = load<i32>(pair);
    const right = -load<i32>(pair, 4);
    const end = sums + (count << 2);
    if (low == -128 && high == 127)
      requantizeRun(sums, end, bias, output, multiplier, right, zeroPoint, 0, 0, true);
    else requantizeRun(sums, end, bias, output, multiplier, right, zeroPoint, low, high, false);
    return;
  }
  // Channels that share a pair go in one run, so that the pair stays in registers.
  for (; index < count; pair += stride) {
    const multiplier = load<i32>(pair);
    const shift = load<i32>(pair, 4);
    const left = max(shift, 0);
    const right = max(-shift, 0);
    const last = stride ? index + 1 : count;
    do {
      const sum = transformed ? centre(load<i32>(sums + at)) : load<i32>(sums + at);
      const y = scaleDown((sum + load<i32>(bias)) << left, multiplier, right) + zeroPoint;
      store<i8>(output + index, max(min(y, high), low));
      at = transformed && !FAST ? nextReversed(at, index, k << 2) : at + 4;
      bias += 4;
    } while (++index < last);
  }
}
