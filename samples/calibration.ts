// Networks whose ops are the shapes that the cost model is fitted to, and held against: many ops side by side, each on a
// part of the one input. Shapes are drawn from those of networks for microcontrollers; held-out ones are drawn apart.
import type { Random } from '../host/math/random.js';
import {
  elementCount,
  type CirculantMethod,
  type Conv2d,
  type QuantizedNetwork,
  type QuantizedOp,
  quantizeMultiplier,
  type SpectraChoice,
  type TensorSpec,
  type WeightTransform,
} from '../host/model/quantized-network.js';
import { WEIGHT_TYPES, type WeightType } from '../host/model/weight-types.js';
import { KERNELS, LONG_KERNELS, MAP_KERNELS } from './kernels.js';
import { withInt16 } from './networks/number-types.js';
import { between, int8s, requantization, scaling, tensor } from './networks/parts.js';
import { softmaxOp } from './networks/vectors.js';
import { windowOutput, withoutBlocks } from './networks/windows.js';

/** An op without its tensors, the shapes of its inputs and of its output. */
interface Drawn {
  op: (names: { name: string; inputs: number[]; output: number }) => QuantizedOp;
  inputs: number[][];
  output: number[];
  /** Of softmax. */
  input?: TensorSpec;
  /** Whether a step to −1 and 1 is before it. */
  step?: true;
}

type Draw = (random: Random) => Drawn;

const pick = <T>(random: Random, values: readonly T[]): T => values[random.integer(values.length)]!;

interface Map {
  shape: number[];
  window: {
    kernel: [number, number];
    stride: [number, number];
    dilation: [number, number];
    padding: [number, number];
  };
  rows: number;
  columns: number;
}

/** A map and a window over it, as networks have them: of 1×1, 3×3, 5×5 or a row, by stride 1 or 2. */
function map(random: Random, channels: number, kernels: readonly [number, number][], most = 2): Map {
  const [height, width] = [between(random, 7, 12), between(random, 7, 14)];
  const kernel = pick(random, kernels);
  const stride = kernel[0] === 1 && kernel[1] === 1 ? 1 : between(random, 1, most);
  const same = random.integer(2) === 1;
  const padding: [number, number] = same ? [kernel[0] >> 1, kernel[1] >> 1] : [0, 0];
  const [rows, columns] = [height, width].map((size, axis) =>
    windowOutput(size, kernel[axis]!, stride, 1, padding[axis]!),
  ) as [number, number];
  return {
    shape: [height, width, channels],
    window: { kernel, stride: [stride, stride], dilation: [1, 1], padding },
    rows,
    columns,
  };
}

/** Weights of a type; int8 where it is left out. */
function weightsOf(random: Random, count: number, type: WeightType = 'int8'): Int8Array {
  const { least, most, step } = WEIGHT_TYPES[type];
  return Int8Array.from({ length: count }, () => least + step * random.integer((most - least) / step + 1));
}

const CHANNELS = [1, 3, 4, 8, 10, 16, 24, 32];
const OUTPUTS = [4, 6, 8, 16, 20, 24, 32, 48];

function conv(
  random: Random,
  more: {
    type?: WeightType;
    block?: boolean;
    channels?: number;
    outputs?: number;
    kernels?: readonly [number, number][];
  } = {},
): Drawn {
  const { channels = pick(random, CHANNELS), outputs = pick(random, OUTPUTS), kernels = KERNELS } = more;
  const { shape, window, rows, columns } = map(random, channels, kernels);
  const taps = window.kernel[0] * window.kernel[1];
  const k = more.block ? 2 ** between(random, 1, 3) : 1;
  const count = more.block
    ? Math.ceil(outputs / k) * Math.ceil(channels / k) * k * taps
    : outputs * channels * taps;
  const weights = weightsOf(random, count, more.type);
  const scales = requantization(random, outputs, 6000 * Math.sqrt(channels * taps));
  return {
    op: (names) => ({
      ...{ kind: 'conv2d', method: 'direct', ...names, ...window, weights, ...scales },
      ...(more.type ? { weightType: more.type } : {}),
      ...(more.block ? { blockSize: k } : {}),
    }),
    inputs: [shape],
    output: [rows, columns, outputs],
  };
}

function winograd(random: Random, transformed: WeightTransform): Drawn {
  const channels = pick(random, [4, 8, 12, 16, 24, 32]);
  const outputs = pick(random, [4, 6, 8, 13, 16, 24, 32]);
  const { shape, window, rows, columns } = map(random, channels, [[3, 3]], 1);
  const weights = int8s(random, outputs * channels * 9);
  const scales = requantization(random, outputs, 6000 * Math.sqrt(channels * 9));
  return {
    op: (names) => ({
      ...{ kind: 'conv2d', method: 'winograd', transformed, ...names, ...window, weights, ...scales },
    }),
    inputs: [shape],
    output: [rows, columns, outputs],
  };
}

function depthwise(random: Random, multiplier: number, type?: 'int4'): Drawn {
  const channels = pick(random, [4, 6, 8, 16, 20, 24, 32, 48]);
  const { shape, window, rows, columns } = map(random, channels, [
    [3, 3],
    [3, 3],
    [5, 5],
    [1, 7],
  ]);
  const taps = window.kernel[0] * window.kernel[1];
  const outputs = channels * multiplier;
  const weights = type ? int8s(random, outputs * taps, -8, 7) : int8s(random, outputs * taps);
  const scales = requantization(random, outputs, 6000 * Math.sqrt(taps));
  return {
    op: (names) => ({
      ...{ kind: 'depthwiseConv2d', ...names, ...window, weights, ...scales },
      ...(type ? { weightType: type } : {}),
    }),
    inputs: [shape],
    output: [rows, columns, outputs],
  };
}

/** A convolution that leaves out most of its blocks. */
function sparse(random: Random): Drawn {
  const block = pick(random, [4, 8, 8, 16]);
  const channels = block * between(random, 2, 4);
  const outputs = pick(random, OUTPUTS);
  const { shape, window, rows, columns } = map(random, channels, [
    [1, 1],
    [3, 3],
    [3, 3],
    [5, 5],
    [4, 3],
  ]);
  const patch = window.kernel[0] * window.kernel[1] * channels;
  const weights = int8s(random, outputs * patch);
  const scales = requantization(random, outputs, 6000 * Math.sqrt(patch));
  const kept = Math.max(1, Math.round((patch / block) * pick(random, [0.2, 0.33, 0.45])));
  const few = { block, set: pick(random, [8, 16, 32]), kept };
  return {
    op(names) {
      const whole: Conv2d = { kind: 'conv2d', method: 'sparse', ...names, ...window, weights, ...scales };
      return withoutBlocks(random, whole, few);
    },
    inputs: [shape],
    output: [rows, columns, outputs],
  };
}

function dense(
  random: Random,
  more: { type?: WeightType; zero?: boolean; inputs?: number; outputs?: number } = {},
): Drawn {
  const inputs = more.inputs ?? pick(random, [16, 50, 64, 100, 128, 255, 320, 512]);
  const outputs = more.outputs ?? pick(random, [5, 10, 12, 16, 32, 64, 90]);
  const count = inputs * outputs;
  const weights = weightsOf(random, count, more.type);
  const scales = requantization(random, outputs, 6000 * Math.sqrt(inputs));
  const zero = between(random, 1, 100);
  return {
    op: (names) => ({
      ...{ kind: 'dense', ...names, weights, ...scales },
      ...(more.type ? { weightType: more.type } : {}),
      ...(more.zero ? { weightZeroPoint: zero } : {}),
    }),
    inputs: [[inputs]],
    output: [outputs],
  };
}

function circulant(
  random: Random,
  method: CirculantMethod,
  blockSize: number,
  spectra: SpectraChoice = 'stored',
  apart?: true,
): Drawn {
  const inputs = pick(random, [64, 128, 200, 256]);
  const outputs = pick(random, [32, 64, 100, 128]);
  const count = Math.ceil(inputs / blockSize) * Math.ceil(outputs / blockSize) * blockSize;
  const weights = int8s(random, count, -127, 127);
  const scales = requantization(random, outputs, 6000 * Math.sqrt(inputs));
  return {
    op: (names) => ({
      kind: 'circulant',
      ...names,
      blockSize,
      method,
      spectra,
      ...(apart && { apart }),
      weights,
      ...scales,
    }),
    inputs: [[inputs]],
    output: [outputs],
  };
}

function pool(random: Random, kind: 'maxPool2d' | 'averagePool2d'): Drawn {
  const channels = pick(random, [4, 6, 8, 16, 20, 32]);
  const { shape, window } = map(random, channels, [
    [2, 2],
    [3, 3],
    [2, 2],
    [4, 4],
  ]);
  const inside = { ...window, padding: [0, 0] as const };
  const output = [0, 1].map((axis) =>
    windowOutput(shape[axis]!, window.kernel[axis as 0 | 1], window.stride[0], 1, 0),
  );
  const clamp = { clampMin: -128, clampMax: 127 };
  return {
    op: (names) => ({ kind, ...names, ...inside, ...clamp }),
    inputs: [shape],
    output: [...output, channels],
  };
}

function elementwise(random: Random, kind: 'add' | 'mul', wide = false): Drawn {
  const shape = [pick(random, [60, 250, 401, 800, 1024, 1500])];
  const clamp = { clampMin: -128, clampMax: 127 };
  const up = wide ? 15 : 20;
  const scales = [scaling(random, -2, 0), scaling(random, -2, 0)] as const;
  const sum = scaling(random, -up, 2 - up);
  const productScaling = wide ? scaling(random, -17, -13) : scaling(random, -9, -5);
  return {
    op: (names) =>
      kind === 'add'
        ? { kind, ...names, ...clamp, leftShift: up, inputScalings: scales, outputScaling: sum }
        : { kind, ...names, ...clamp, outputScaling: productScaling },
    inputs: [shape, shape],
    output: shape,
  };
}

function softmax(random: Random, wide = false): Drawn {
  const shape = [between(random, 1, 6), between(random, 4, 40)];
  const scale = 2 ** -between(random, 2, 6) * random.uniform(1, 2);
  const input = { ...tensor(random, shape), scale };
  const wideScaling = quantizeMultiplier(scale / 256 / (10 / 65535));
  return {
    op: ({ name, inputs, output }) =>
      wide
        ? { kind: 'softmax', name, inputs, output, inputScaling: wideScaling, diffMin: 0 }
        : ({ ...softmaxOp(input), name, inputs, output } as QuantizedOp),
    inputs: [shape],
    output: shape,
    input,
  };
}

function mean(random: Random): Drawn {
  const shape = [between(random, 2, 9), between(random, 2, 9), pick(random, [8, 16, 24, 64, 100])];
  const scale = scaling(random, -1, 1);
  return {
    op: (names) => ({ kind: 'mean', ...names, scaling: scale }),
    inputs: [shape],
    output: [shape[2]!],
  };
}

function pad(random: Random): Drawn {
  const [height, width, channels] = [between(random, 3, 12), between(random, 3, 12), between(random, 1, 24)];
  const rows: [number, number] = [between(random, 0, 2), between(random, 0, 2)];
  const columns: [number, number] = [between(random, 0, 2), between(random, 0, 2)];
  return {
    op: (names) => ({ kind: 'pad', ...names, rows, columns }),
    inputs: [[height, width, channels]],
    output: [height + rows[0] + rows[1], width + columns[0] + columns[1], channels],
  };
}

function requantized(random: Random): Drawn {
  const shape = [pick(random, [100, 300, 700, 1500])];
  const scale = scaling(random, -1, 1);
  return {
    op: (names) => ({ kind: 'requantize', ...names, scaling: scale }),
    inputs: [shape],
    output: shape,
  };
}

function repeated(random: Random): Drawn {
  const length = pick(random, [4, 16, 60, 200]);
  return {
    op: (names) => ({ kind: 'repeat', ...names }),
    inputs: [[length]],
    output: [length * between(random, 3, 12)],
  };
}

const times = (count: number, draw: Draw): Draw[] => Array.from({ length: count }, () => draw);

/** Block sizes, each of which has code of its own. */
const SIZES = [4, 8, 16, 32, 64, 128, 256, 512];

/** Families: what is compiled together, as firmware of an image has only the kernels that it needs. */
const FAMILIES = {
  convolutions: [
    ...times(10, (r) => conv(r)),
    ...times(7, (r) => depthwise(r, 1)),
    ...times(2, (r) => depthwise(r, 2)),
    ...times(6, (r) => dense(r)),
    ...times(2, (r) => pool(r, 'maxPool2d')),
    ...times(2, (r) => pool(r, 'averagePool2d')),
    ...times(3, (r) => elementwise(r, 'add')),
    ...times(2, (r) => softmax(r)),
    ...times(2, mean),
  ],
  others: [
    ...times(4, (r) => pool(r, 'maxPool2d')),
    ...times(4, (r) => pool(r, 'averagePool2d')),
    ...times(2, (r) => elementwise(r, 'add')),
    ...times(4, (r) => elementwise(r, 'mul')),
    ...times(2, (r) => softmax(r)),
    ...times(3, mean),
    ...times(4, pad),
    ...times(3, requantized),
    ...times(3, repeated),
    ...times(3, (r) => depthwise(r, 2)),
  ],
  blocks: [...times(5, (r) => conv(r, { block: true })), ...times(3, (r) => depthwise(r, 1, 'int4'))],
  rows: [
    (r) => dense(r, { type: 'int4', zero: true }),
    (r) => dense(r, { type: 'int2', zero: true }),
    ...times(2, (r) => dense(r, { zero: true })),
    ...times(2, (r) => dense(r, { inputs: between(r, 4000, 6000) })),
  ],
  // Shapes of many rows and of few, of long rows and short ones, whatever else is drawn.
  fewBits: (['int4', 'int2', 'int1'] as const).flatMap((type): Draw[] => [
    ...times(3, (r) => conv(r, { type })),
    (r) => conv(r, { type, channels: pick(r, [24, 32, 48]) }),
    (r) => conv(r, { type, channels: pick(r, [16, 32]), outputs: pick(r, [3, 5, 7, 9]) }),
    (r) => conv(r, { type, channels: pick(r, [1, 2, 3]), outputs: pick(r, [32, 48]) }),
    ...times(2, (r) => dense(r, { type })),
    (r) => dense(r, { type, inputs: pick(r, [16, 20, 30]), outputs: pick(r, [64, 90]) }),
    (r) => dense(r, { type, inputs: pick(r, [320, 512, 700]), outputs: between(r, 1, 7) }),
  ]),
  // A step and a layer of weights of a bit: many windows and few, long ones and short ones.
  levels: (
    [
      ...times(4, (r) => conv(r, { type: 'int1', kernels: LONG_KERNELS })),
      ...times(2, (r) => conv(r, { type: 'int1', channels: pick(r, [24, 32, 48]) })),
      (r) => conv(r, { type: 'int1', channels: pick(r, [16, 32]), outputs: pick(r, [3, 5, 7]) }),
      (r) => conv(r, { type: 'int1', channels: pick(r, [1, 2, 3]), outputs: pick(r, [32, 48]) }),
      ...times(2, (r) => dense(r, { type: 'int1' })),
      (r) => dense(r, { type: 'int1', inputs: pick(r, [320, 512, 700]) }),
    ] satisfies Draw[]
  ).map((draw): Draw => (r) => ({ ...draw(r), step: true })),
  // In so little SRAM that there is no room for tables.
  tight: (['int2', 'int1'] as const).flatMap((type): Draw[] => [
    ...times(2, (r) => dense(r, { type, inputs: between(r, 400, 500), outputs: pick(r, [4, 8, 20]) })),
    (r) => dense(r, { type, inputs: between(r, 300, 400), outputs: pick(r, [4, 8, 20]) }),
  ]),
  sparse: times(8, sparse),
  circulant: [
    ...times(5, (r) => circulant(r, 'direct', 2 ** between(r, 1, 5), 'stored', true)),
    ...SIZES.map(
      (k): Draw =>
        (r) =>
          circulant(r, 'ntt', k),
    ),
    ...times(2, (r) => circulant(r, 'ntt', 1024)),
    ...[16, 64].map(
      (k): Draw =>
        (r) =>
          circulant(r, 'ntt', k, 'computed'),
    ),
    ...SIZES.map(
      (k): Draw =>
        (r) =>
          circulant(r, 'karatsuba', k),
    ),
  ],
  int16: [
    ...times(5, (r) => conv(r)),
    ...times(4, (r) => depthwise(r, 1)),
    ...times(4, (r) => dense(r)),
    ...times(3, (r) => pool(r, 'maxPool2d')),
    ...times(3, (r) => pool(r, 'averagePool2d')),
    ...times(3, (r) => elementwise(r, 'add', true)),
    ...times(3, (r) => elementwise(r, 'mul', true)),
    ...times(3, (r) => softmax(r, true)),
  ],
  winograd: [...times(5, (r) => winograd(r, 'stored')), ...times(5, (r) => winograd(r, 'computed'))],
  apart: [
    ...[4, 8, 16, 32, 64, 128, 256, 512, 1024].map(
      (k): Draw =>
        (r) =>
          circulant(r, 'ntt', k, 'stored', true),
    ),
    ...[16, 128].map(
      (k): Draw =>
        (r) =>
          circulant(r, 'ntt', k, 'computed', true),
    ),
  ],
  // Windows that a vector unit is called for.
  long: times(12, (r) => {
    const channels = pick(r, [12, 15, 16, 20, 24, 32]);
    return conv(r, { channels, outputs: pick(r, [4, 6, 8, 12, 16]), kernels: LONG_KERNELS });
  }),
  // Windows of which a vector unit takes many a call.
  maps: times(12, (r) => {
    const channels = pick(r, [1, 1, 2, 3, 4, 6]);
    return conv(r, { channels, outputs: pick(r, [4, 6, 8, 12, 16]), kernels: MAP_KERNELS });
  }),
  together: [2, 4, 8, 16, 32, 64, 128, 128, 256].map(
    (k): Draw =>
      (r) =>
        circulant(r, 'direct', k),
  ),
} as const satisfies Record<string, Draw[]>;

export type Family = keyof typeof FAMILIES;
export const CALIBRATION_FAMILIES = Object.keys(FAMILIES) as Family[];

/** How many ops a family has. */
export const opsOfFamily = (family: Family): number => FAMILIES[family].length;

/**
 * The ops of a family side by side, or those at the indices `only`. Ops are called after what they are drawn as, `op3`; what cuts
 * their inputs out, `cut3.0`.
 */
export function calibrationNetwork(
  family: Family,
  random: Random,
  only?: readonly number[],
): QuantizedNetwork {
  const every = FAMILIES[family].map((draw) => draw(random));
  const drawn = only ? only.map((index) => every[index]!) : every;
  const most = Math.max(...drawn.flatMap(({ inputs }) => inputs.map((shape) => elementCount({ shape }))));
  const flat = tensor(random, [most]);
  const tensors: TensorSpec[] = [flat];
  const ops: QuantizedOp[] = [];
  const add = (spec: TensorSpec): number => tensors.push(spec) - 1;
  drawn.forEach(({ op, inputs, output, input, step }, index) => {
    const indices = inputs.map((shape, which) => {
      const spec = { ...(input ?? flat), shape };
      const count = elementCount({ shape });
      const slice = add({ ...spec, shape: [count] });
      const cutOut = { inputs: [0], output: slice, axis: 0, start: 0 };
      ops.push({ kind: 'slice', name: `cut${index}.${which}`, ...cutOut });
      const shaped = shape.length === 1 ? slice : add(spec);
      if (shaped !== slice)
        ops.push({ kind: 'reshape', name: `shape${index}.${which}`, inputs: [slice], output: shaped });
      if (!step) return shaped;
      const levels = add({ ...spec, scale: 1, zeroPoint: 0 });
      const table = Int8Array.from({ length: 256 }, (_, i) => (i < 128 ? -1 : 1));
      ops.push({ kind: 'map', name: `op${index}.step`, inputs: [shaped], output: levels, table });
      return levels;
    });
    const made = op({ name: `op${index}`, inputs: indices, output: tensors.length });
    const isProbability = made.kind === 'softmax';
    const isPool =
      made.kind === 'maxPool2d' ||
      made.kind === 'averagePool2d' ||
      made.kind === 'repeat' ||
      made.kind === 'pad';
    const spec = isPool ? { ...flat, shape: output } : { ...tensor(random, output) };
    add(isProbability ? { ...spec, scale: 1 / 256, zeroPoint: -128 } : spec);
    ops.push(made);
  });
  const network = { name: `calibration ${family}`, tensors, ops, input: 0, output: tensors.length - 1 };
  if (family !== 'int16') return network;
  // Sums of int32 and of int64, side by side.
  const [first, second] = [withInt16(random, network), withInt16(random, network)];
  return { ...first, ops: first.ops.map((op, i) => (i % 2 === 0 ? op : second.ops[i]!)) };
}
