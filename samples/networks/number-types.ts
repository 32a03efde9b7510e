// Networks in other types of numbers than int8 with int8 weights.
import type { Random } from '../../host/math/random.js';
import {
  quantizeMultiplier,
  type Circulant,
  type Conv2d,
  type Dense,
  type DepthwiseConv2d,
  type QuantizedNetwork,
  type QuantizedOp,
  type TensorSpec,
} from '../../host/model/quantized-network.js';
import { type LookupBody, logisticLookup, tanhLookup } from '../../host/model/lookup.js';
import { WEIGHT_TYPES, type WeightType } from '../../host/model/weight-types.js';
import { between, tensor, scaling, single } from './parts.js';

/**
 * The same network with int16 activations. Accumulators, int32 or int64, are 256 times as large as those of int8, and so
 * is what they are scaled to.
 */
export function withInt16(random: Random, network: QuantizedNetwork): QuantizedNetwork {
  const int64 = random.integer(2) === 1;
  const ops = network.ops.map((op): QuantizedOp => {
    const wide = 'clampMin' in op ? { ...op, ...int16Clamp(random) } : op;
    if (!('bias' in wide)) return wide;
    const bias = Int32Array.from(wide.bias as Int32Array, (b) => b * 256);
    return { ...wide, bias: int64 ? BigInt64Array.from(bias, BigInt) : bias };
  });
  return { ...network, ops, tensors: network.tensors.map(asInt16) };
}

const asInt16 = (tensorSpec: TensorSpec): TensorSpec => ({ ...tensorSpec, zeroPoint: 0, dtype: 'int16' });

const int16Clamp = (random: Random): { clampMin: number; clampMax: number } => ({
  clampMin: random.integer(3) ? -32768 : between(random, -32768, 0),
  clampMax: random.integer(3) ? 32767 : between(random, 0, 32767),
});

/** The same network with a zero point of its dense weights. */
export function withWeightZeroPoint(random: Random, network: QuantizedNetwork): QuantizedNetwork {
  const [op] = network.ops as [Dense];
  return { ...network, ops: [{ ...op, weightZeroPoint: between(random, -128, 127) }] };
}

/** The same network with weights of another type in its first op. */
export function withWeights(
  random: Random,
  weightType: WeightType,
  network: QuantizedNetwork,
): QuantizedNetwork {
  const [first, ...others] = network.ops as [Circulant | Conv2d | Dense | DepthwiseConv2d, ...QuantizedOp[]];
  const { least, most, step } = WEIGHT_TYPES[weightType];
  const weights = first.weights.map(() => least + step * between(random, 0, (most - least) / step));
  return { ...network, ops: [{ ...first, weights, weightType }, ...others] };
}

/** The same network with int4 weights in its first op. */
export const withInt4 = (random: Random, network: QuantizedNetwork): QuantizedNetwork =>
  withWeights(random, 'int4', network);

/** A sum or a product of int16: of the halves of the input. Sums by general scales, or by powers of two. */
export function elementwiseInt16Network(random: Random, kind: 'add' | 'mul'): QuantizedNetwork {
  const count = between(random, 1, 400);
  const tensors = [[2 * count], [count], [count], [count]].map((shape) => asInt16(tensor(random, shape)));
  const half = (output: number): QuantizedOp => {
    return {
      kind: 'slice',
      name: `half${output}`,
      inputs: [0],
      output,
      axis: 0,
      start: (output - 1) * count,
    };
  };
  const base = { name: kind, inputs: [1, 2], output: 3, ...int16Clamp(random) };
  const one = { multiplier: 2 ** 30, shift: 0 };
  const scales = random.integer(3)
    ? {
        leftShift: 15,
        inputScalings: [scaling(random, -2, 0), scaling(random, -2, 0)] as const,
        outputScaling: scaling(random, -15, -13),
      }
    : {
        leftShift: 1,
        inputScalings: [one, { ...one, shift: -random.integer(16) }] as const,
        outputScaling: { ...one, shift: 1 },
      };
  const op: QuantizedOp =
    kind === 'add'
      ? { kind, ...base, ...scales }
      : { kind, ...base, outputScaling: scaling(random, -17, -13) };
  return { name: kind, tensors, ops: [half(1), half(2), op], input: 0, output: 3 };
}

/** Softmax of int16 with beta 1 as TFLite prepares it: −10…0 over the whole of int16. */
export function softmaxInt16Network(random: Random): QuantizedNetwork {
  const shape = [between(random, 1, 5), between(random, 1, 40)];
  const input = {
    ...asInt16(tensor(random, shape)),
    scale: 2 ** -between(random, 5, 14) * random.uniform(1, 2),
  };
  const inputScaling = quantizeMultiplier(input.scale / (10 / 65535));
  const op: QuantizedOp = {
    kind: 'softmax',
    name: 'softmax',
    inputs: [0],
    output: 1,
    inputScaling,
    diffMin: 0,
  };
  return single(op, input, { shape, scale: 2 ** -15, zeroPoint: 0, dtype: 'int16' });
}

/** TFLite's logistic or tangent of int16, or any table over the whole of it. */
export function lookupNetwork(random: Random): QuantizedNetwork {
  const shape = [between(random, 1, 40), between(random, 1, 20)];
  const input = {
    ...asInt16(tensor(random, shape)),
    scale: 2 ** -between(random, 0, 15) * random.uniform(1, 2),
  };
  const fraction = between(random, 1, 9);
  const any: LookupBody = {
    kind: 'lookup',
    table: Int16Array.from({ length: 514 }, () => between(random, -32768, 32767)),
    multiplier: random.integer(2) ? between(random, -32768, 32767) : between(random, -300, 300),
    shift: random.integer(3) ? between(random, 1, 20) : 0,
    fraction,
    limit: between(random, 1, random.integer(2) ? 40 : 256 << fraction),
    rounding: between(random, 0, 1 << fraction),
    below: -random.integer(2),
    resultShift: fraction,
  };
  const body = [any, logisticLookup(input.scale), tanhLookup(input.scale)][random.integer(3)]!;
  const output: TensorSpec = { shape, scale: 2 ** -15, zeroPoint: 0, dtype: 'int16' };
  return single({ ...body, name: 'lookup', inputs: [0], output: 1 }, input, output);
}

/** int8 as int16, and what they add up to with themselves as int8 again. */
export function convertNetwork(random: Random): QuantizedNetwork {
  const input = tensor(random, [between(random, 1, 200)]);
  const wide = asInt16(input);
  const output = { ...input, zeroPoint: between(random, -128, 127) };
  const half = { multiplier: 2 ** 30, shift: 0 };
  const sum = { leftShift: 1, inputScalings: [half, half] as const, outputScaling: { ...half, shift: -1 } };
  const ops: QuantizedOp[] = [
    { kind: 'convert', name: 'widen', inputs: [0], output: 1 },
    { kind: 'add', name: 'sum', inputs: [1, 1], output: 2, ...sum, clampMin: -32768, clampMax: 32767 },
    { kind: 'convert', name: 'narrow', inputs: [2], output: 3 },
  ];
  return { name: 'convert', tensors: [input, wide, wide, output], ops, input: 0, output: 3 };
}

/** The input beside itself, one scale for all. */
export function concatInt16Network(random: Random): QuantizedNetwork {
  const shape = [between(random, 1, 5), between(random, 1, 5), between(random, 1, 30)];
  const axis = random.integer(3);
  const input = asInt16(tensor(random, shape));
  const output = { ...input, shape: shape.map((n, i) => (i === axis ? n * 2 : n)) };
  return single({ kind: 'concat', name: 'concat', inputs: [0, 0], output: 1, axis }, input, output);
}
