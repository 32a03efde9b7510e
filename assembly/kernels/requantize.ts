import {
  OP_BIAS,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
} from '../layout';
import { look } from '../nvm';

/**
 * x · multiplier · 2^(shift − 31), rounded as gemmlowp does: SaturatingRoundingDoublingHighMul, then
 * RoundingDivideByPOT (half away from zero). TFLite's `MultiplyByQuantizedMultiplier`.
 */
export function scale(x: i32, multiplier: i32, shift: i32): i32 {
  if (shift > 0) x <<= shift;
  const high = <i32>((<i64>x * <i64>multiplier + (1 << 30)) >> 31);
  if (shift >= 0) return high;
  const right = -shift;
  const mask = (1 << right) - 1;
  const threshold = (mask >> 1) + (high < 0 ? 1 : 0);
  return (high >> right) + ((high & mask) > threshold ? 1 : 0);
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
