// A head by sums out of an image: what its records and constants say of it, and where a weight bank has what.
import { GROUP_MASK, OP_BIAS, OP_OUTPUT, OP_REQUANT, OpKind } from '../../../assembly/layout.js';
import {
  FACTOR_RIDGE,
  FOLD_DECAY,
  REQUANTIZE_INPUTS,
  REQUANTIZE_REACH,
  SUMS_AT,
  SUMS_SHAPE,
} from '../../../assembly/learning-layout.js';
import { BrownoutError } from '../../error.js';
import type { DeviceImage } from '../../model/image.js';
import { refuseRecord } from '../../model/image-error.js';
import type { OpRecord } from '../../model/record.js';
import { factoryWeights } from '../learned.js';
import { rebuild } from './arithmetic.js';
import { readSums, type Sums, sumsBytes, sumsLength } from './spec.js';

export interface SumsOfImage {
  classes: number;
  rank: number;
  ridge: number;
  reach: number;
  /** What the head reads: a projected sample, and the factory's logits. */
  joinedInputs: number;
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
  const opOf = (kind: OpKind): OpRecord =>
    image.ops.find((op) => op.kind === kind) ??
    refuseRecord(`a head by sums without ${OpKind[kind]}`, 'all ops of one');
  const [fold, factor, head] = [OpKind.FOLD, OpKind.FACTOR, OpKind.REQUANTIZE].map(opOf) as [
    OpRecord,
    OpRecord,
    OpRecord,
  ];
  const [classes, rank] = fold.getPair(SUMS_SHAPE);
  const at = fold.get(SUMS_AT) & GROUP_MASK;
  const sumsOf = (bank: Uint8Array): Sums => readSums(bank.subarray(at), classes, rank);
  const options = {
    ridge: factor.get(FACTOR_RIDGE),
    reach: head.get(REQUANTIZE_REACH),
    joinedInputs: head.get(REQUANTIZE_INPUTS),
  };
  const bank = factoryWeights(image);
  const parts: (readonly [from: number, bytes: number])[] = [
    [at, sumsLength(classes, rank)],
    [head.get(OP_OUTPUT) & GROUP_MASK, classes * options.joinedInputs],
    [head.get(OP_BIAS) & GROUP_MASK, 4 * classes],
    [head.get(OP_REQUANT) & GROUP_MASK, 8],
  ];
  if (parts.some(([from, bytes]) => from + bytes > bank.length))
    refuseRecord(
      `sums of ${classes} classes, ${rank} values each, at ${at}`,
      `all inside ${bank.length} bytes`,
    );
  const bankOf = (sums: Sums): Uint8Array => {
    const { weights, bias, multiplier, shift } = rebuild(sums, options);
    const made = new Uint8Array(pad(at + sumsLength(classes, rank)));
    const view = new DataView(made.buffer);
    made.set(new Uint8Array(weights), head.get(OP_OUTPUT) & GROUP_MASK);
    bias.forEach((value, c) => {
      view.setInt32((head.get(OP_BIAS) & GROUP_MASK) + 4 * c, value, true);
    });
    view.setInt32(head.get(OP_REQUANT) & GROUP_MASK, multiplier, true);
    view.setInt32((head.get(OP_REQUANT) & GROUP_MASK) + 4, shift, true);
    made.set(sumsBytes(sums), at);
    return made;
  };
  const prior = sumsOf(bank);
  return { classes, rank, ...options, decay: fold.get(FOLD_DECAY), prior, sumsOf, bankOf };
}
