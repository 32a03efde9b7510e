import {
  OP_BIAS,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_FLAG_INT32,
  OP_KIND,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
} from '../layout';
import { centre } from './field';
import { look } from '../nvm';
import { widthOf } from './mask';
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
  const size = 2 + widthOf(op);
  return look(load<usize>(op, OP_BIAS) + (first << size), count << size, scratch);
}

/** Looks up their requantization pairs: one for all where the stride is 0. */
export function lookRequant(op: usize, first: i32, count: i32, scratch: usize): usize {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  return look(load<usize>(op, OP_REQUANT) + first * stride, stride ? count * stride : 8, scratch);
}

/** `y` within the op's clamp. */
export function clamp(op: usize, y: i32): i32 {
  return max(min(y, load<i32>(op, OP_CLAMP_MAX)), load<i32>(op, OP_CLAMP_MIN));
}

/** An int32 accumulator, bias included, to the op's output. `pair`: {multiplier, shift}. */
export function requantize(op: usize, accumulator: i32, pair: usize): i32 {
  return clamp(
    op,
    scale(accumulator, load<i32>(pair), load<i32>(pair, 4)) + load<i32>(op, OP_OUTPUT_ZERO_POINT),
  );
}

/**
 * The accumulator of int16 activations, bias included, to the op's output. `pair`: {16-bit multiplier, right shift},
 * rounded half up as TFLite's `MultiplyByQuantizedMultiplier` for int64; or as above, where accumulators are int32.
 */
export function requantizeS16(op: usize, accumulator: i64, pair: usize): i32 {
  if (load<u32>(op, OP_KIND) & OP_FLAG_INT32) return requantize(op, <i32>accumulator, pair);
  const shift = <i64>load<i32>(pair, 4);
  return clamp(op, <i32>((accumulator * <i64>load<i32>(pair) + ((<i64>1) << (shift - 1))) >> shift));
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
  const zeroPoint = load<i32>(op, OP_OUTPUT_ZERO_POINT);
  const low = load<i32>(op, OP_CLAMP_MIN);
  const high = load<i32>(op, OP_CLAMP_MAX);
  let index = 0;
  let at = 0;
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
      at = transformed ? nextReversed(at, index, k << 2) : at + 4;
      bias += 4;
    } while (++index < last);
  }
}
