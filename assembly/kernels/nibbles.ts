// Sums of int8 by weights of 4 bits, for builds with an accelerator, which takes rows as they are packed. Others unpack a row
// at a time.
import { OP_CLAMP_MAX, OP_CLAMP_MIN, OP_OUTPUT_ZERO_POINT, OP_REQUANT_STRIDE, WeightType } from '../layout';
import { nibbles } from '../accel/imports';
import { ACCELERATED, isOfWeights } from './mask';

/** Whether an accelerator takes the weights of `op`, of int8 activations, as they are packed. */
// @ts-ignore: decorator
@inline
export function isOfNibbles(op: usize): bool {
  return ACCELERATED && isOfWeights(op, WeightType.INT4);
}

/**
 * `rows` rows of `length` weights at `weights` times `count` vectors at `x`, behind each other; as int8 to `to`, vectors `pixel`
 * apart. `room`: 4 · length bytes to work with, or 0.
 */
export function multiplyNibbles(
  op: usize,
  x: usize,
  count: i32,
  weights: usize,
  rows: i32,
  length: i32,
  bias: usize,
  pair: usize,
  to: usize,
  pixel: i32,
  room: usize,
): void {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  nibbles(x, count, weights, rows, length, bias, pair, stride, zero, low, high, to, pixel, room);
}
