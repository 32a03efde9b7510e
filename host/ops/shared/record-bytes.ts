// What works of kernels with weights share: bytes of constants that tiles read, from a record.
import { OP_FLAG_INT32, OP_REQUANT_STRIDE, OP_WEIGHT_TYPE, WeightType } from '../../../assembly/layout.js';
import type { OpRecord } from '../../model/record.js';
import { WEIGHT_TYPES, weightTypeOfCode } from '../../model/weight-types.js';

/** Whether weights are a byte each. */
export const isInt8Weights = (op: OpRecord): boolean => op.get(OP_WEIGHT_TYPE) === WeightType.INT8;

/** Bytes of a row of `count` weights. */
export const weightRowBytes = (op: OpRecord, count: number): number =>
  WEIGHT_TYPES[weightTypeOfCode(op.get(OP_WEIGHT_TYPE))].rowBytes(count);

/** Biases of `channels` channels, and their multipliers and shifts, or the one pair for all. */
export function requantizationBytes(op: OpRecord, channels: number): number {
  const stride = op.get(OP_REQUANT_STRIDE);
  return channels * 4 * op.valueBytes + (stride === 0 ? 8 : channels * stride);
}

/** What an output is rounded from: int32 sums, or the int64 ones of int16 activations. */
export const outputTerm = (op: OpRecord): 'output' | 'longOutput' =>
  op.isInt8 || op.has(OP_FLAG_INT32) ? 'output' : 'longOutput';
