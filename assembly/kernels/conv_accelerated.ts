// Convolution by an accelerator's sums: two channels of two windows at a time, and four channels of the last one.
import * as accel from '../accel/imports';
import { OP_REQUANT_STRIDE } from '../layout';
import { SUMS } from '../sram';
import { requantizeSums, requantizeTwo } from './requantize';

/** Four output channels of `count` windows of `patch` bytes. `channels`: those of the tile. */
export function fourChannels(
  op: usize,
  vector: usize,
  count: i32,
  patch: i32,
  weights: usize,
  bias: usize,
  pair: usize,
  to: usize,
  channels: i32,
): void {
  const next = pair + load<usize>(op, OP_REQUANT_STRIDE) * 2;
  for (let n = count >> 1; n > 0; n--) {
    accel.block(vector, weights, patch, bias, SUMS);
    requantizeTwo(op, load<i32>(SUMS), load<i32>(SUMS, 4), pair, to);
    requantizeTwo(op, load<i32>(SUMS, 8), load<i32>(SUMS, 12), pair, to + channels);
    accel.block(vector, weights + patch * 2, patch, bias + 8, SUMS);
    requantizeTwo(op, load<i32>(SUMS), load<i32>(SUMS, 4), next, to + 2);
    requantizeTwo(op, load<i32>(SUMS, 8), load<i32>(SUMS, 12), next, to + channels + 2);
    to += channels * 2;
    vector += patch * 2;
  }
  if (count & 1) {
    accel.rows(vector, weights, patch, patch, bias, SUMS);
    requantizeSums(op, pair, to);
  }
}
