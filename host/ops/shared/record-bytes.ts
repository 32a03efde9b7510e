// What works of kernels with weights share: bytes of constants that tiles read, from a record.
import {
  OP_FLAG_INT32,
  OP_REQUANT_STRIDE,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_WEIGHT_TYPE,
  WIN_OUTPUT_CHANNELS,
  WeightType,
} from '../../../assembly/layout.js';
import type { OpRecord } from '../../model/record.js';
import { WEIGHT_TYPES, weightTypeOfCode } from '../../model/weight-types.js';
import { NOTHING, part, type Part } from './work.js';

/** Whether weights are a byte each. */
export const isInt8Weights = (op: OpRecord): boolean => op.get(OP_WEIGHT_TYPE) === WeightType.INT8;

/** Bytes of a row of `count` weights. */
export const weightRowBytes = (op: OpRecord, count: number): number =>
  WEIGHT_TYPES[weightTypeOfCode(op.get(OP_WEIGHT_TYPE))].rowBytes(count);

/** Biases of `channels` channels, as the image holds them. */
export const storedBiasBytes = (op: OpRecord, channels: number): number =>
  channels * (op.isLean ? 2 : 4 * op.valueBytes);

/** Their multipliers and shifts, or the one pair for all, as the image holds them. */
export const storedPairBytes = (op: OpRecord, channels: number): number =>
  (op.get(OP_REQUANT_STRIDE) === 0 ? 1 : channels) * (op.isLean ? 2 : 8);

/** Both. */
export const requantizationBytes = (op: OpRecord, channels: number): number =>
  storedBiasBytes(op, channels) + storedPairBytes(op, channels);

/** Looking them up: two views, and lean ones are widened. */
export function lookedUp(op: OpRecord, channels: number): Part {
  const scales = op.get(OP_REQUANT_STRIDE) === 0 ? 1 : channels;
  const counts = op.isLean ? { leanBias: channels, leanScale: scales } : {};
  return part(counts, { constantViews: 2, constantBytes: requantizationBytes(op, channels) });
}

/** Whether an op of windows has room for those of all channels: entering it widens lean ones, and no tile does. */
export const isKept = (op: OpRecord): boolean =>
  op.isLean && op.get(OP_SCRATCH4) - op.get(OP_SCRATCH3) >= 4 * op.get(WIN_OUTPUT_CHANNELS);

/** Of an op of windows: looking them up when it is entered, and for `channels` of a tile. */
export const lookedUpOnce = (op: OpRecord): Part =>
  isKept(op) ? lookedUp(op, op.get(WIN_OUTPUT_CHANNELS)) : NOTHING;
export const lookedUpByTile = (op: OpRecord, channels: number): Part =>
  isKept(op) ? NOTHING : lookedUp(op, channels);

/** What an output is rounded from: int32 sums, or the int64 ones of int16 activations. */
export const outputTerm = (op: OpRecord): 'output' | 'longOutput' =>
  op.isInt8 || op.has(OP_FLAG_INT32) ? 'output' : 'longOutput';
