// A head by sums out of an image: what its records and constants say of it, and where a weight bank has what.
import {
  CONSTANT,
  GROUP_MASK,
  OP_BIAS,
  OP_OUTPUT,
  OP_REQUANT,
  OP_WEIGHTS,
  OpKind,
} from '../../../assembly/layout.js';
import {
  EXPAND_INPUTS,
  FACTOR_RIDGE,
  FOLD_DECAY,
  REQUANTIZE_REACH,
  REQUANTIZE_STRIDE,
  SUMS_AT,
  SUMS_SHAPE,
} from '../../../assembly/learning-layout.js';
import { BrownoutError } from '../../error.js';
import type { DeviceImage } from '../../model/image.js';
import type { OpRecord } from '../../model/record.js';
import { factoryWeights } from '../learned.js';
import { rebuild } from './arithmetic.js';
import { type Projection, readSums, type Sums, sumsBytes } from './spec.js';

export interface SumsOfImage {
  classes: number;
  projection: Projection;
  ridge: number;
  reach: number;
  decay: number;
  /** What the factory's data counts for. */
  prior: Sums;
  /** The sums of a weight bank. */
  sumsOf(bank: Uint8Array): Sums;
  /** A weight bank with these sums, and the head that they make. */
  bankOf(sums: Sums): Uint8Array;
}

/** Whether the image has a head by sums. */
export const hasSums = ({ ops }: DeviceImage): boolean => ops.some(({ kind }) => kind === OpKind.FOLD);

const pad = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** Throws `E_KIND` for an image without a head by sums. */
export function sumsOfImage(image: DeviceImage): SumsOfImage {
  if (!hasSums(image))
    throw new BrownoutError({
      code: 'E_KIND',
      found: 'an image without a head by sums',
      expected: 'one that learns by sums',
      hint: 'Compile the model with `--learn sums --learn-data train.npz`.',
    });
  const opOf = (kind: OpKind): OpRecord => image.ops.find((op) => op.kind === kind)!;
  const [fold, factor, expand, head] = [OpKind.FOLD, OpKind.FACTOR, OpKind.EXPAND, OpKind.REQUANTIZE].map(
    opOf,
  ) as [OpRecord, OpRecord, OpRecord, OpRecord];
  const [classes, rank] = fold.getPair(SUMS_SHAPE);
  const inputs = expand.get(EXPAND_INPUTS);
  const constant = (address: number, bytes: number): Uint8Array =>
    image.device.slice(address - CONSTANT, address - CONSTANT + bytes);
  const pairs = new DataView(constant(expand.get(OP_REQUANT), 8 * rank).buffer);
  const offsets = new DataView(constant(expand.get(OP_BIAS), 4 * rank).buffer);
  const projection: Projection = {
    rank,
    inputs,
    weights: new Int8Array(constant(expand.get(OP_WEIGHTS), rank * inputs).buffer),
    offsets: Int32Array.from({ length: rank }, (_, i) => offsets.getInt32(4 * i, true)),
    shifts: Uint8Array.from({ length: rank }, (_, i) => 1 - pairs.getInt32(8 * i + 4, true)),
    centre: new Int8Array(constant(head.get(OP_WEIGHTS), inputs).buffer),
  };
  const at = fold.get(SUMS_AT) & GROUP_MASK;
  const sumsOf = (bank: Uint8Array): Sums => readSums(bank.subarray(at), classes, rank);
  const options = { ridge: factor.get(FACTOR_RIDGE), reach: head.get(REQUANTIZE_REACH) };
  const scales = head.get(REQUANTIZE_STRIDE) === 0 ? 1 : classes;
  const bankOf = (sums: Sums): Uint8Array => {
    const { weights, bias, multiplier, shift } = rebuild(sums, projection, options);
    const bank = new Uint8Array(pad(at + sumsBytes(sums).length));
    const view = new DataView(bank.buffer);
    bank.set(new Uint8Array(weights), head.get(OP_OUTPUT) & GROUP_MASK);
    bias.forEach((value, c) => {
      view.setInt32((head.get(OP_BIAS) & GROUP_MASK) + 4 * c, value, true);
    });
    for (let i = 0; i < scales; i++) {
      view.setInt32((head.get(OP_REQUANT) & GROUP_MASK) + 8 * i, multiplier, true);
      view.setInt32((head.get(OP_REQUANT) & GROUP_MASK) + 8 * i + 4, shift, true);
    }
    bank.set(sumsBytes(sums), at);
    return bank;
  };
  const prior = sumsOf(factoryWeights(image));
  return { classes, projection, ...options, decay: fold.get(FOLD_DECAY), prior, sumsOf, bankOf };
}
