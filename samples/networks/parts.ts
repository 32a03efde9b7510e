// What seeded networks are put together from: numbers, tensors and requantizations.
import type { Random } from '../../host/math/random.js';
import {
  elementCount,
  type Scaling,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
} from '../../host/model/quantized-network.js';
import type { Values } from '../../host/model/values.js';

/** Integers in [low, high]. */
export function between(random: Random, low: number, high: number): number {
  return low + random.integer(high - low + 1);
}

export function int8s(random: Random, count: number, low = -128, high = 127): Int8Array {
  const values = new Int8Array(count);
  for (let i = 0; i < count; i++) values[i] = between(random, low, high);
  return values;
}

/** Values for a tensor: of any size, or now and then all zero or at the ends of the range, where sums are largest. */
export function valuesFor(random: Random, { shape, dtype }: TensorSpec): Values {
  const most = dtype === 'int16' ? 32767 : 127;
  const ends = [-most - 1, most, random.integer(2) ? most : -most - 1];
  const mode = random.integer(6);
  const value = (): number =>
    mode === 0
      ? ends[random.integer(3)]!
      : mode === 1
        ? between(random, -3, 3)
        : between(random, -most - 1, most);
  const count = elementCount({ shape });
  const values = dtype === 'int16' ? new Int16Array(count) : new Int8Array(count);
  for (let i = 0; i < count; i++) values[i] = value();
  return values;
}

export function tensor(random: Random, shape: number[]): TensorSpec {
  return { shape, scale: 0.05, zeroPoint: between(random, -128, 127) };
}

/** A requantization that brings accumulators of about `magnitude` to the int8 range. */
export function requantization(random: Random, channels: number, magnitude: number): Requantization {
  const perChannel = random.integer(2) ? channels : 1;
  const shift = -Math.round(Math.log2(magnitude / 100));
  return {
    bias: Int32Array.from({ length: channels }, () => between(random, -magnitude, magnitude) >> 1),
    multipliers: Int32Array.from({ length: perChannel }, () => between(random, 2 ** 30, 2 ** 31 - 1)),
    shifts: Int32Array.from({ length: perChannel }, () => shift + random.integer(3) - 1),
    clampMin: random.integer(3) ? -128 : between(random, -128, -1),
    clampMax: random.integer(3) ? 127 : between(random, 0, 127),
  };
}

export const scaling = (random: Random, low: number, high: number): Scaling => ({
  multiplier: between(random, 2 ** 30, 2 ** 31 - 1),
  shift: between(random, low, high),
});

export function single(op: QuantizedOp, input: TensorSpec, output: TensorSpec): QuantizedNetwork {
  return { name: op.kind, tensors: [input, output], ops: [op], input: 0, output: 1 };
}

/** `network` with a scale of 0 for the first channel of each layer. */
export const withDeadChannel = (network: QuantizedNetwork): QuantizedNetwork => ({
  ...network,
  ops: network.ops.map((op) =>
    'multipliers' in op ? { ...op, multipliers: op.multipliers.map((m, i) => (i === 0 ? 0 : m)) } : op,
  ),
});
