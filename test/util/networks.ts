// Small seeded networks for the tests.
import type { Random } from '../../host/math/random.js';
import type { Values } from '../../host/model/values.js';
import {
  elementCount,
  quantizeMultiplier,
  type Scaling,
  type SpectraChoice,
  type Circulant,
  type Conv2d,
  type Dense,
  type DepthwiseConv2d,
  type MaxPool2d,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
} from '../../host/model/quantized-network.js';

/** Integers in [low, high]. */
export function between(random: Random, low: number, high: number): number {
  return low + random.integer(high - low + 1);
}

export function int8s(random: Random, count: number, low = -128, high = 127): Int8Array {
  return Int8Array.from({ length: count }, () => between(random, low, high));
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
  const values = Array.from({ length: elementCount({ shape }) }, value);
  return dtype === 'int16' ? Int16Array.from(values) : Int8Array.from(values);
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

export const window = (
  random: Random,
  height: number,
  width: number,
): Pick<Conv2d, 'kernel' | 'stride' | 'dilation' | 'padding'> => {
  const kernel: [number, number] = [
    between(random, 1, Math.min(5, height)),
    between(random, 1, Math.min(5, width)),
  ];
  const dilation: [number, number] = [
    kernel[0] * 2 - 1 <= height ? between(random, 1, 2) : 1,
    kernel[1] * 2 - 1 <= width ? between(random, 1, 2) : 1,
  ];
  const padding: [number, number] = [random.integer(kernel[0]), random.integer(kernel[1])];
  return { kernel, stride: [between(random, 1, 3), between(random, 1, 3)], dilation, padding };
};

/** Output size of a window over `size` inputs with the same padding on both sides. */
export function windowOutput(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: number,
): number {
  return Math.floor((size + 2 * padding - (kernel - 1) * dilation - 1) / stride) + 1;
}

function single(op: QuantizedOp, input: TensorSpec, output: TensorSpec): QuantizedNetwork {
  return { name: op.kind, tensors: [input, output], ops: [op], input: 0, output: 1 };
}

/** A convolution with so many channels that a column of them is more than a tile may be. */
export function deepConvNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 4), between(random, 1, 4), between(random, 30, 70)];
  const kernel = [between(random, 1, height), between(random, 1, width)] as const;
  const outputs = between(random, 90, 180);
  const patch = kernel[0] * kernel[1] * channels;
  const one = [1, 1] as const;
  const op: Conv2d = {
    kind: 'conv2d',
    name: 'conv',
    inputs: [0],
    output: 1,
    kernel,
    stride: one,
    dilation: one,
    padding: [0, 0],
    weights: int8s(random, outputs * patch),
    ...requantization(random, outputs, 6000 * Math.sqrt(patch)),
  };
  const shape = [height - kernel[0] + 1, width - kernel[1] + 1, outputs];
  return single(op, tensor(random, [height, width, channels]), tensor(random, shape));
}

export function convNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 7)];
  const geometry = window(random, height, width);
  const outputs = between(random, 1, 9);
  const rows = windowOutput(
    height,
    geometry.kernel[0],
    geometry.stride[0],
    geometry.dilation[0],
    geometry.padding[0],
  );
  const columns = windowOutput(
    width,
    geometry.kernel[1],
    geometry.stride[1],
    geometry.dilation[1],
    geometry.padding[1],
  );
  const patch = geometry.kernel[0] * geometry.kernel[1] * channels;
  const op: Conv2d = {
    kind: 'conv2d',
    name: 'conv',
    inputs: [0],
    output: 1,
    ...geometry,
    weights: int8s(random, outputs * patch),
    ...requantization(random, outputs, 6000 * Math.sqrt(patch)),
  };
  return single(op, tensor(random, [height, width, channels]), tensor(random, [rows, columns, outputs]));
}

export function maxPoolNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 7)];
  const geometry = window(random, height, width);
  const rows = windowOutput(
    height,
    geometry.kernel[0],
    geometry.stride[0],
    geometry.dilation[0],
    geometry.padding[0],
  );
  const columns = windowOutput(
    width,
    geometry.kernel[1],
    geometry.stride[1],
    geometry.dilation[1],
    geometry.padding[1],
  );
  const input = tensor(random, [height, width, channels]);
  const op: MaxPool2d = {
    kind: 'maxPool2d',
    name: 'pool',
    inputs: [0],
    output: 1,
    ...geometry,
    clampMin: random.integer(3) ? -128 : -20,
    clampMax: random.integer(3) ? 127 : 30,
  };
  return single(op, input, { ...input, shape: [rows, columns, channels] });
}

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
}

export function circulantNetwork(random: Random, shape: CirculantShape): QuantizedNetwork {
  const { blockSize, inputs, outputs, method, spectra } = shape;
  const weights = Math.ceil(inputs / blockSize) * Math.ceil(outputs / blockSize) * blockSize;
  const op: Circulant = {
    kind: 'circulant',
    name: 'circulant',
    inputs: [0],
    output: 1,
    blockSize,
    method,
    ...(spectra && { spectra }),
    weights: int8s(random, weights, -127, 127),
    ...requantization(random, outputs, 6000 * Math.sqrt(inputs)),
  };
  return single(op, tensor(random, [inputs]), tensor(random, [outputs]));
}

/** The digits network's shape with random weights: conv 6@5×5, pool, conv 16@5×5, pool, circulant 256, dense 10. */
export function lenet(random: Random, blockSize = 128): QuantizedNetwork {
  const shapes = [[28, 28, 1], [24, 24, 6], [12, 12, 6], [8, 8, 16], [4, 4, 16], [256], [256], [10]];
  const tensors = shapes.map((shape) => tensor(random, shape));
  tensors[2] = { ...tensors[1]!, shape: shapes[2]! };
  tensors[4] = { ...tensors[3]!, shape: shapes[4]! };
  tensors[5] = { ...tensors[3]!, shape: shapes[5]! };
  const one: [number, number] = [1, 1];
  const valid = { stride: one, dilation: one, padding: [0, 0] as [number, number] };
  const pool = {
    kernel: [2, 2] as [number, number],
    stride: [2, 2] as [number, number],
    dilation: one,
    padding: valid.padding,
  };
  const five: [number, number] = [5, 5];
  const step = (index: number): { inputs: number[]; output: number } => ({
    inputs: [index],
    output: index + 1,
  });
  const ops: QuantizedOp[] = [
    {
      kind: 'conv2d',
      name: 'conv1',
      ...step(0),
      ...valid,
      kernel: five,
      weights: int8s(random, 150),
      ...requantization(random, 6, 30000),
    },
    { kind: 'maxPool2d', name: 'pool1', ...step(1), ...pool, clampMin: -128, clampMax: 127 },
    {
      kind: 'conv2d',
      name: 'conv2',
      ...step(2),
      ...valid,
      kernel: five,
      weights: int8s(random, 2400),
      ...requantization(random, 16, 70000),
    },
    { kind: 'maxPool2d', name: 'pool2', ...step(3), ...pool, clampMin: -128, clampMax: 127 },
    { kind: 'reshape', name: 'flatten', ...step(4) },
    {
      kind: 'circulant',
      name: 'circulant',
      ...step(5),
      blockSize,
      method: 'ntt',
      weights: int8s(random, 65536 / blockSize, -127),
      ...requantization(random, 256, 90000),
    },
    {
      kind: 'dense',
      name: 'dense',
      ...step(6),
      weights: int8s(random, 2560),
      ...requantization(random, 10, 90000),
    },
  ];
  return { name: 'lenet', tensors, ops, input: 0, output: 7 };
}

/** A few small ops one after the other: 6×6×1 → conv → pool → dense → dense. */
export function layered(random: Random): QuantizedNetwork {
  const shapes = [[6, 6, 1], [4, 4, 3], [4, 3, 3], [36], [20], [12], [5]];
  const tensors = shapes.map((shape) => tensor(random, shape));
  tensors[2] = { ...tensors[1]!, shape: shapes[2]! };
  tensors[3] = { ...tensors[2]!, shape: shapes[3]! };
  const one: [number, number] = [1, 1];
  const none: [number, number] = [0, 0];
  const dense = (from: number, inputs: number, outputs: number): QuantizedOp => ({
    kind: 'dense',
    name: `dense${from}`,
    inputs: [from],
    output: from + 1,
    weights: int8s(random, inputs * outputs),
    ...requantization(random, outputs, 6000 * Math.sqrt(inputs)),
  });
  const ops: QuantizedOp[] = [
    {
      kind: 'conv2d',
      name: 'conv',
      inputs: [0],
      output: 1,
      kernel: [3, 3],
      stride: one,
      dilation: one,
      padding: none,
      weights: int8s(random, 27),
      ...requantization(random, 3, 18000),
    },
    {
      kind: 'maxPool2d',
      name: 'pool',
      inputs: [1],
      output: 2,
      kernel: [1, 2],
      stride: one,
      dilation: one,
      padding: none,
      clampMin: -128,
      clampMax: 127,
    },
    { kind: 'reshape', name: 'flatten', inputs: [2], output: 3 },
    dense(3, 36, 20),
    dense(4, 20, 12),
    dense(5, 12, 5),
  ];
  return { name: 'layered', tensors, ops, input: 0, output: 6 };
}

export function depthwiseNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 7)];
  const geometry = window(random, height, width);
  const outputs = channels * between(random, 1, 3);
  const rows = windowOutput(
    height,
    geometry.kernel[0],
    geometry.stride[0],
    geometry.dilation[0],
    geometry.padding[0],
  );
  const columns = windowOutput(
    width,
    geometry.kernel[1],
    geometry.stride[1],
    geometry.dilation[1],
    geometry.padding[1],
  );
  const taps = geometry.kernel[0] * geometry.kernel[1];
  const op: QuantizedOp = {
    kind: 'depthwiseConv2d',
    name: 'depthwise',
    inputs: [0],
    output: 1,
    ...geometry,
    weights: int8s(random, outputs * taps),
    ...requantization(random, outputs, 6000 * Math.sqrt(taps)),
  };
  return single(op, tensor(random, [height, width, channels]), tensor(random, [rows, columns, outputs]));
}

export function averagePoolNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 7)];
  const one: [number, number] = [1, 1];
  const geometry = { ...window(random, height, width), dilation: one };
  const [rows, columns] = [height, width].map((size, axis) => {
    return windowOutput(size, geometry.kernel[axis]!, geometry.stride[axis]!, 1, geometry.padding[axis]!);
  }) as [number, number];
  const clamp = { clampMin: random.integer(3) ? -128 : -20, clampMax: random.integer(3) ? 127 : 30 };
  const op: QuantizedOp = {
    kind: 'averagePool2d',
    name: 'average',
    inputs: [0],
    output: 1,
    ...geometry,
    ...clamp,
  };
  const input = tensor(random, [height, width, channels]);
  return single(op, input, { ...input, shape: [rows, columns, channels] });
}

const scaling = (random: Random, low: number, high: number): Scaling => ({
  multiplier: between(random, 2 ** 30, 2 ** 31 - 1),
  shift: between(random, low, high),
});

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

const PROBABILITY = { scale: 1 / 256, zeroPoint: -128 };

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

/** The input beside itself, one scale for all. */
export function concatInt16Network(random: Random): QuantizedNetwork {
  const shape = [between(random, 1, 5), between(random, 1, 5), between(random, 1, 30)];
  const axis = random.integer(3);
  const input = asInt16(tensor(random, shape));
  const output = { ...input, shape: shape.map((n, i) => (i === axis ? n * 2 : n)) };
  return single({ kind: 'concat', name: 'concat', inputs: [0, 0], output: 1, axis }, input, output);
}

/** The same network with int4 weights in its first op. */
export function withInt4(random: Random, network: QuantizedNetwork): QuantizedNetwork {
  const [first, ...others] = network.ops as [Conv2d | Dense | DepthwiseConv2d, ...QuantizedOp[]];
  const op = { ...first, weights: int8s(random, first.weights.length, -8, 7), weightBits: 4 as const };
  return { ...network, ops: [op, ...others] };
}

/** A convolution whose weights are circulant blocks over channels. */
export function circulantConvNetwork(random: Random): QuantizedNetwork {
  const network = convNetwork(random);
  const [op, input, output] = [network.ops[0] as Conv2d, network.tensors[0]!, network.tensors[1]!];
  const blockSize = 2 ** between(random, 1, 3);
  const blocks = (tensorSpec: TensorSpec): number => Math.ceil(tensorSpec.shape[2]! / blockSize);
  const weights = int8s(random, blocks(output) * blocks(input) * blockSize * op.kernel[0] * op.kernel[1]);
  return { ...network, ops: [{ ...op, blockSize, weights }] };
}

/** The shape of a keyword spotter (MLPerf Tiny): 49×10 → conv 64 → four depthwise-separable blocks → pool → 12. */
export function dsCnn(random: Random): QuantizedNetwork {
  const one: [number, number] = [1, 1];
  const map = [25, 5, 64];
  const tensors = [tensor(random, [49, 10, 1]), tensor(random, map)];
  const ops: QuantizedOp[] = [
    {
      kind: 'conv2d',
      name: 'conv',
      inputs: [0],
      output: 1,
      kernel: [10, 4],
      stride: [2, 2],
      dilation: one,
      padding: [4, 1],
      weights: int8s(random, 64 * 40),
      ...requantization(random, 64, 40_000),
    },
  ];
  const add = (op: QuantizedOp, shape: number[]): void => {
    ops.push({ ...op, inputs: [tensors.length - 1], output: tensors.length });
    tensors.push({
      ...(op.kind === 'averagePool2d' ? tensors[tensors.length - 1]! : tensor(random, shape)),
      shape,
    });
  };
  const from = { inputs: [0], output: 0 };
  const single = { stride: one, dilation: one };
  for (let block = 1; block <= 4; block++) {
    const depthwise = { kernel: [3, 3] as [number, number], padding: one, weights: int8s(random, 9 * 64) };
    add(
      {
        kind: 'depthwiseConv2d',
        name: `dw${block}`,
        ...from,
        ...single,
        ...depthwise,
        ...requantization(random, 64, 20_000),
      },
      map,
    );
    const pointwise = { kernel: one, padding: [0, 0] as [number, number], weights: int8s(random, 64 * 64) };
    add(
      {
        kind: 'conv2d',
        name: `pw${block}`,
        ...from,
        ...single,
        ...pointwise,
        ...requantization(random, 64, 50_000),
      },
      map,
    );
  }
  const pool = {
    kernel: [25, 5] as [number, number],
    padding: [0, 0] as [number, number],
    clampMin: -128,
    clampMax: 127,
  };
  add({ kind: 'averagePool2d', name: 'pool', ...from, ...single, ...pool }, [1, 1, 64]);
  add({ kind: 'reshape', name: 'flatten', ...from }, [64]);
  tensors[tensors.length - 1] = { ...tensors[tensors.length - 2]!, shape: [64] };
  add(
    {
      kind: 'dense',
      name: 'fc',
      ...from,
      weights: int8s(random, 64 * 12),
      ...requantization(random, 12, 50_000),
    },
    [12],
  );
  return { name: 'ds-cnn', tensors, ops, input: 0, output: tensors.length - 1 };
}
