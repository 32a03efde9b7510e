// Networks of one op without a window, or of one and what it needs.
import type { Random } from '../../host/math/random.js';
import {
  elementCount,
  quantizeMultiplier,
  type SpectraChoice,
  type Circulant,
  type Dense,
  type QuantizedNetwork,
  type QuantizedOp,
  type TensorSpec,
} from '../../host/model/quantized-network.js';
import { between, int8s, tensor, requantization, scaling, single } from './parts.js';

export function denseNetwork(random: Random, most = 80): QuantizedNetwork {
  const [inputs, outputs] = [between(random, 1, most), between(random, 1, 40)];
  const op: Dense = {
    kind: 'dense',
    name: 'dense',
    inputs: [0],
    output: 1,
    weights: int8s(random, inputs * outputs),
    ...requantization(random, outputs, 6000 * Math.sqrt(inputs)),
  };
  return single(op, tensor(random, [inputs]), tensor(random, [outputs]));
}

export interface CirculantShape {
  blockSize: number;
  inputs: number;
  outputs: number;
  method: Circulant['method'];
  spectra?: SpectraChoice | undefined;
  apart?: true | undefined;
}

export function circulantNetwork(random: Random, shape: CirculantShape): QuantizedNetwork {
  const { blockSize, inputs, outputs, method, spectra, apart } = shape;
  const weights = Math.ceil(inputs / blockSize) * Math.ceil(outputs / blockSize) * blockSize;
  const op: Circulant = {
    kind: 'circulant',
    name: 'circulant',
    inputs: [0],
    output: 1,
    blockSize,
    method,
    ...(spectra && { spectra }),
    ...(apart && { apart }),
    weights: int8s(random, weights, -127, 127),
    ...requantization(random, outputs, 6000 * Math.sqrt(inputs)),
  };
  return single(op, tensor(random, [inputs]), tensor(random, [outputs]));
}

/** The same with one bias and one scale a block row, of inputs in whole blocks. */
export function sharedCirculantNetwork(random: Random, shape: CirculantShape): QuantizedNetwork {
  const { blockSize: k, inputs } = shape;
  const network = circulantNetwork(random, { ...shape, inputs: Math.ceil(inputs / k) * k });
  const [op] = network.ops as [Circulant];
  const ofRows = (values: Int32Array): Int32Array =>
    values.map((_, o) => values[values.length > 1 ? o - (o % k) : 0]!);
  const bias = ofRows(op.bias as Int32Array);
  return {
    ...network,
    ops: [{ ...op, bias, multipliers: ofRows(op.multipliers), shifts: ofRows(op.shifts) }],
  };
}

/** Two inputs: the network's, and the same through a requantization, so that the second buffer differs. */
export function elementwiseNetwork(random: Random, kind: 'add' | 'mul'): QuantizedNetwork {
  const shape = [between(random, 1, 9), between(random, 1, 9), between(random, 1, 9)];
  const tensors = [tensor(random, shape), tensor(random, shape), tensor(random, shape)];
  const clamp = { clampMin: random.integer(2) ? -128 : -90, clampMax: random.integer(2) ? 127 : 80 };
  const base = { name: kind, inputs: [0, 1], output: 2, ...clamp };
  const ops: QuantizedOp[] = [
    { kind: 'requantize', name: 'requantize', inputs: [0], output: 1, scaling: scaling(random, -1, 1) },
    kind === 'add'
      ? {
          kind,
          ...base,
          leftShift: 20,
          inputScalings: [scaling(random, -2, 0), scaling(random, -2, 0)],
          outputScaling: scaling(random, -20, -18),
        }
      : { kind, ...base, outputScaling: scaling(random, -9, -5) },
  ];
  return { name: kind, tensors, ops, input: 0, output: 2 };
}

/** A matrix times another, made of the same input: rows of it, and columns. */
export function matmulNetwork(random: Random): QuantizedNetwork {
  const [rows, depth, outputs] = [between(random, 1, 12), between(random, 1, 24), between(random, 1, 20)];
  const whole = { ...tensor(random, [(rows + outputs) * depth]), zeroPoint: 0 };
  const [a, b] = [
    { ...whole, shape: [rows, 1, depth] },
    { ...whole, shape: [outputs, 1, depth] },
  ];
  const { bias: _, ...scalings } = requantization(random, outputs, 6000 * Math.sqrt(depth));
  const slice = { kind: 'slice' as const, axis: 0, inputs: [0] };
  const flat = (spec: TensorSpec): TensorSpec => ({ ...spec, shape: [elementCount(spec)] });
  return {
    name: 'matmul',
    tensors: [whole, flat(a), a, flat(b), b, tensor(random, [rows, 1, outputs])],
    ops: [
      { ...slice, name: 'rows', start: 0, output: 1 },
      { kind: 'reshape', name: 'a', inputs: [1], output: 2 },
      { ...slice, name: 'columns', start: rows * depth, output: 3 },
      { kind: 'reshape', name: 'b', inputs: [3], output: 4 },
      { kind: 'matmul', name: 'matmul', inputs: [2, 4], output: 5, ...scalings },
    ],
    input: 0,
    output: 5,
  };
}

export const PROBABILITY = { scale: 1 / 256, zeroPoint: -128 };

export function softmaxNetwork(random: Random): QuantizedNetwork {
  const shape = [between(random, 1, 5), between(random, 1, 40)];
  const input = { ...tensor(random, shape), scale: 2 ** -between(random, 1, 6) * random.uniform(1, 2) };
  return single(softmaxOp(input), input, { shape, ...PROBABILITY });
}

/** Softmax with beta 1 as TFLite prepares it: 5 integer bits. */
export function softmaxOp(input: TensorSpec): QuantizedOp {
  const inputScaling = quantizeMultiplier(Math.min(input.scale * 2 ** 26, 2 ** 31 - 1));
  const diffMin = -Math.floor((31 * 2 ** 26) / 2 ** inputScaling.shift);
  return { kind: 'softmax', name: 'softmax', inputs: [0], output: 1, inputScaling, diffMin };
}

export function logisticNetwork(random: Random): QuantizedNetwork {
  const shape = [between(random, 1, 700)];
  const input = { ...tensor(random, shape), scale: 2 ** -between(random, 2, 7) * random.uniform(1, 2) };
  const op: QuantizedOp = { kind: 'logistic', name: 'logistic', inputs: [0], output: 1 };
  return single(op, input, { shape, ...PROBABILITY });
}

export function meanNetwork(random: Random): QuantizedNetwork {
  const shape = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 60)];
  const op: QuantizedOp = {
    kind: 'mean',
    name: 'mean',
    inputs: [0],
    output: 1,
    scaling: scaling(random, -1, 1),
  };
  return single(op, tensor(random, shape), tensor(random, [shape[2]!]));
}

export function padNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 9), between(random, 1, 9), between(random, 1, 9)];
  const rows: [number, number] = [random.integer(4), random.integer(4)];
  const columns: [number, number] = [random.integer(4), random.integer(4)];
  const input = tensor(random, [height, width, channels]);
  const output = { ...input, shape: [height + rows[0] + rows[1], width + columns[0] + columns[1], channels] };
  return single({ kind: 'pad', name: 'pad', inputs: [0], output: 1, rows, columns }, input, output);
}

/** The input beside a requantized copy of itself. */
export function concatNetwork(random: Random): QuantizedNetwork {
  const shape = [between(random, 1, 5), between(random, 1, 5), between(random, 1, 30)];
  const axis = random.integer(3);
  const input = tensor(random, shape);
  const copy = { ...tensor(random, shape), scale: 0.07 };
  const output = {
    ...(random.integer(2) ? input : tensor(random, shape)),
    shape: shape.map((n, i) => (i === axis ? n * 2 : n)),
  };
  const ops: QuantizedOp[] = [
    {
      kind: 'requantize',
      name: 'requantize',
      inputs: [0],
      output: 1,
      scaling: quantizeMultiplier(input.scale / copy.scale),
    },
    { kind: 'concat', name: 'concat', inputs: [0, 1], output: 2, axis: random.integer(2) ? axis : axis - 3 },
  ];
  return { name: 'concat', tensors: [input, copy, output], ops, input: 0, output: 2 };
}

export function sliceNetwork(random: Random): QuantizedNetwork {
  const shape = [between(random, 1, 6), between(random, 1, 6), between(random, 1, 30)];
  const axis = random.integer(3);
  const start = random.integer(shape[axis]!);
  const input = tensor(random, shape);
  const output = { ...input, shape: shape.map((n, i) => (i === axis ? between(random, 1, n - start) : n)) };
  return single({ kind: 'slice', name: 'slice', inputs: [0], output: 1, axis, start }, input, output);
}
