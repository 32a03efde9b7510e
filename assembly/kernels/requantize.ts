import {
  OP_BIAS,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
} from '../layout';
import { centre } from './field';
import { look } from '../nvm';

/**
 * x · multiplier · 2^(shift − 31), rounded as gemmlowp does: SaturatingRoundingDoublingHighMul, then
 * RoundingDivideByPOT (half away from zero). TFLite's `MultiplyByQuantizedMultiplier`.
 */
// @ts-ignore: decorator
@inline
export function scale(x: i32, multiplier: i32, shift: i32): i32 {
  assert(multiplier >= 0 && shift >= -31 && shift < 31);
  const right = max(-shift, 0);
  const mask = (1 << right) - 1;
  const high = <i32>((<i64>(x << max(shift, 0)) * <i64>multiplier + (1 << 30)) >> 31);
  return (high >> right) + i32((high & mask) > (mask >> 1) + i32(high < 0));
}

/** Looks up the biases of `count` channels from `first` on. */
export function lookBias(op: usize, first: i32, count: i32, scratch: usize): usize {
  return look(load<usize>(op, OP_BIAS) + (first << 2), count << 2, scratch);
}

/** Looks up their requantization pairs: one for all where the stride is 0. */
export function lookRequant(op: usize, first: i32, count: i32, scratch: usize): usize {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  return look(load<usize>(op, OP_REQUANT) + first * stride, stride ? count * stride : 8, scratch);
}

/** An int32 accumulator, bias included, to the op's int8 output. `pair`: {multiplier, shift}. */
export function requantize(op: usize, accumulator: i32, pair: usize): i32 {
  const y = scale(accumulator, load<i32>(pair), load<i32>(pair, 4)) + load<i32>(op, OP_OUTPUT_ZERO_POINT);
  return max(min(y, load<i32>(op, OP_CLAMP_MAX)), load<i32>(op, OP_CLAMP_MIN));
}

/**
 * Requantizes `count` int32 sums at `sums`, biases at `bias`, to int8 at `output`. `modular`: the sums are of the
 * transform's field, to be centred first.
 */
// @ts-ignore: decorator
@inline
export function requantizeAll(
  op: usize,
  sums: usize,
  modular: bool,
  bias: usize,
  pair: usize,
  output: usize,
  count: i32,
): void {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  const zeroPoint = load<i32>(op, OP_OUTPUT_ZERO_POINT);
  const low = load<i32>(op, OP_CLAMP_MIN);
  const high = load<i32>(op, OP_CLAMP_MAX);
  // Channels that share a pair go in one run, so that the pair stays in registers.
  for (const end = output + count; output < end; pair += stride) {
    const multiplier = load<i32>(pair);
    const shift = load<i32>(pair, 4);
    for (const last = stride ? output + 1 : end; output < last; output++) {
      const y =
        scale((modular ? centre(load<i32>(sums)) : load<i32>(sums)) + load<i32>(bias), multiplier, shift) +
        zeroPoint;
      store<i8>(output, max(min(y, high), low));
      sums += 4;
      bias += 4;
    }
  }
}
