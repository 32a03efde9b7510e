// Checks that several ops share: what importers and users hand in may be wrong.
import { BrownoutError } from '../../error.js';
import type {
  QuantizedOp,
  Requantization,
  Scaling,
  TensorSpec,
  Window,
} from '../../model/quantized-network.js';
import { hasWeight, WEIGHT_TYPES, type WeightType } from '../../model/weight-types.js';

/** Throws `E_NETWORK`. */
export function unsound(op: QuantizedOp, found: string, expected: string): never {
  const hint = 'Check what built the network: shapes and arrays must fit each other.';
  throw new BrownoutError({
    code: 'E_NETWORK',
    found: `${op.kind} "${op.name}" with ${found}`,
    expected,
    hint,
  });
}

export function checkLength(op: QuantizedOp, what: string, found: number, expected: number): void {
  if (found !== expected) unsound(op, `${found} ${what}`, `${expected}`);
}

export function checkWindow(op: QuantizedOp & Window): void {
  const sound = (value: number, least: number): boolean =>
    Number.isInteger(value) && value >= least && value < 65536;
  for (const pair of [op.kernel, op.stride, op.dilation]) {
    if (pair.length !== 2 || !pair.every((value) => sound(value, 1)))
      unsound(op, `window [${pair}]`, 'pairs from 1 to 65535');
  }
  if (op.padding.length !== 2 || !op.padding.every((value) => sound(value, 0))) {
    unsound(op, `padding [${op.padding}]`, 'a pair from 0 to 65535');
  }
}

export function checkScaling(op: QuantizedOp, { multiplier, shift }: Scaling, mostShift = 30): void {
  const sound =
    Number.isInteger(multiplier) && multiplier >= 0 && multiplier < 2 ** 31 && Number.isInteger(shift);
  if (!sound || shift < -31 || shift > mostShift) {
    const expected = `a multiplier below 2³¹ and a shift from −31 to ${mostShift}`;
    unsound(op, `scaling ${multiplier}·2^${shift}`, expected);
  }
}

/** The reduced scaling of int64 accumulators needs a bit to round by. */
const MOST_SHIFT_INT64 = 14;

export function checkRequantization(op: QuantizedOp & Requantization, outputs: number, wide: boolean): void {
  const int64 = op.bias instanceof BigInt64Array;
  if (int64 && !wide) unsound(op, 'int64 biases', 'int32 biases with int8 activations');
  checkLength(op, 'biases', op.bias.length, outputs);
  if (op.multipliers.length !== 1) checkLength(op, 'multipliers', op.multipliers.length, outputs);
  checkLength(op, 'shifts', op.shifts.length, op.multipliers.length);
  op.multipliers.forEach((multiplier, i) => {
    checkScaling(op, { multiplier, shift: op.shifts[i]! }, int64 ? MOST_SHIFT_INT64 : undefined);
  });
}

/** Channels of a map, or elements of a vector. */
export const last = (tensor: TensorSpec): number => tensor.shape.at(-1) ?? 1;

export function checkWeights(op: QuantizedOp, type: WeightType, weights: Int8Array): void {
  if (!Object.hasOwn(WEIGHT_TYPES, type))
    unsound(op, `weights of ${type}`, Object.keys(WEIGHT_TYPES).join(', '));
  const format = WEIGHT_TYPES[type];
  const { least, most, step } = format;
  const beyond = weights.find((w) => !hasWeight(format, w));
  const steps = step === 1 ? '' : `, ${step} apart`;
  if (beyond !== undefined)
    unsound(op, `weight ${beyond} of ${type}`, `weights from ${least} to ${most}${steps}`);
}

export function fail(found: string, expected: string): never {
  throw new BrownoutError({ code: 'E_NETWORK', found, expected, hint: 'Check what built the network.' });
}

export function checkTensor({ shape, scale, zeroPoint, dtype = 'int8' }: TensorSpec, index: number): void {
  if (shape.length === 0 || !shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    fail(`tensor ${index} of shape [${shape}]`, 'whole numbers above 0');
  }
  if (dtype !== 'int8' && dtype !== 'int16') fail(`tensor ${index} of ${dtype}`, 'int8 or int16');
  const most = dtype === 'int16' ? 0 : 127;
  const least = dtype === 'int16' ? 0 : -128;
  if (!(scale > 0) || !Number.isInteger(zeroPoint) || zeroPoint < least || zeroPoint > most) {
    const expected = dtype === 'int16' ? 'zero point 0, as int16 has' : 'an int8 zero point';
    fail(`tensor ${index} with scale ${scale}, zero point ${zeroPoint}`, `a scale above 0, ${expected}`);
  }
}
