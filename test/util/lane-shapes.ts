// Shapes for the bodies that only modules for speed in lanes have, and the module that has them all.
import { OpKind } from '../../assembly/layout.js';
import type { Random } from '../../host/math/random.js';
import type { QuantizedNetwork, QuantizedOp } from '../../host/model/quantized-network.js';
import { type BuildParts, EVERYTHING } from '../../host/toolchain/parts.js';
import {
  between,
  circulantNetwork,
  convNetwork,
  deepConvNetwork,
  denseNetwork,
  depthwiseNetwork,
  elementwiseNetwork,
  int8s,
  requantization,
  separableNetwork,
  single,
  sparseNetwork,
  tensor,
  windowOutput,
  winogradNetwork,
} from '../../samples/networks.js';
import type { Body, Sweep } from './sweep.js';

/** What such a module is made of. */
export const LANE_PARTS: BuildParts = {
  ...EVERYTHING,
  int8: [
    ...[OpKind.ADD, OpKind.MAP, OpKind.CONV2D, OpKind.CONV2D_WINOGRAD],
    ...[OpKind.CONV2D_SPARSE, OpKind.DEPTHWISE_CONV2D, OpKind.SEPARABLE_CONV2D],
    ...[OpKind.DENSE, OpKind.CIRCULANT_KARATSUBA],
  ],
  int16: [],
  weights: ['int8'],
};

/** Tiles of a few windows, or as large as they are in Node. */
const anySize = (random: Random): number => (random.integer(3) ? between(random, 1600, 3840) : 60000);

/** Scales that shift by nothing, and by so much that nothing is left, beside those that a converter makes. */
function addition(random: Random): QuantizedNetwork {
  const network = elementwiseNetwork(random, 'add');
  const ops = network.ops.map((op) => {
    if (op.kind !== 'add' || random.integer(2)) return op;
    const shift = (least: number): number => between(random, least, 1);
    const [a, b] = op.inputScalings;
    const inputScalings = [
      { ...a, shift: shift(-30) },
      { ...b, shift: shift(-3) },
    ] as const;
    return { ...op, inputScalings, leftShift: between(random, 0, 21) } as typeof op;
  });
  return { ...network, ops };
}

/** Clamped at the zero point or not, scales that shift by as little as there is and by so much that nothing is left, biases beyond all sums. */
export function extremes(random: Random, network: QuantizedNetwork): QuantizedNetwork {
  const mode = random.integer(6);
  const dead = random.integer(8) === 0;
  const tensors = network.tensors.map((tensor) => ({ ...tensor }));
  const ops = network.ops.map((op) => {
    if (!('multipliers' in op) || op.kind === 'matmul') return op;
    // As after a ReLU.
    if (random.integer(2)) tensors[op.output]!.zeroPoint = op.clampMin;
    const shifts = op.shifts.map((shift, i, { length }) => {
      if (mode === 0) return between(random, -3, 0);
      if (mode === 1) return between(random, -22, -1);
      // The last channel's by so much that lanes do not scale it, though its bias shows.
      return mode === 3 && i === length - 1 ? -21 : shift;
    });
    const huge = (): number => between(random, -(2 ** 29), 2 ** 29);
    const bias = mode === 2 ? Int32Array.from({ length: op.bias.length }, huge) : op.bias.slice();
    if (mode === 3) bias[bias.length - 1] = 2 ** 29;
    const multipliers = op.multipliers.map((m, i) => (dead && i % 3 === 0 ? 0 : m));
    return { ...op, shifts, bias, multipliers } as typeof op;
  });
  return { ...network, tensors, ops };
}

/** Windows over few columns, and channels that are not eights. */
function convolution(random: Random): QuantizedNetwork {
  const network = random.integer(4) ? convNetwork(random) : deepConvNetwork(random);
  return extremes(random, network);
}

/** Mostly 3 × 3, in eights of channels and others. */
function depthwise(random: Random): QuantizedNetwork {
  const channels = between(random, 8, 27);
  const [height, width] = [between(random, 3, 9), between(random, 3, 9)];
  const stride = [between(random, 1, 3), between(random, 1, 2)] as const;
  const padding = [random.integer(3), random.integer(3)] as const;
  const along = (axis: 0 | 1, size: number): number => windowOutput(size, 3, stride[axis], 1, padding[axis]);
  const op: QuantizedOp = {
    ...{ kind: 'depthwiseConv2d', name: 'depthwise', inputs: [0], output: 1 },
    ...{ kernel: [3, 3], stride, dilation: [1, 1], padding },
    weights: int8s(random, 9 * channels),
    ...requantization(random, channels, 18000),
  };
  const output = tensor(random, [along(0, height), along(1, width), channels]);
  return extremes(random, single(op, tensor(random, [height, width, channels]), output));
}

/** Small sums that are shifted by little: many of them lie halfway between two results. */
function halves(random: Random): QuantizedNetwork {
  const network = elementwiseNetwork(random, 'add');
  const ops = network.ops.map((op) => {
    if (op.kind !== 'add') return op;
    const by = (shift: number): { multiplier: number; shift: number } => ({ multiplier: 1 << 30, shift });
    const inputScalings = [by(between(random, -2, 0)), by(between(random, -2, 0))] as const;
    const outputScaling = by(-between(random, 1, 3));
    return { ...op, inputScalings, outputScaling, leftShift: between(random, 0, 3) } as typeof op;
  });
  return { ...network, ops };
}

/** Windows that the room to work in does not hold beside a panel. */
function wide(random: Random): QuantizedNetwork {
  const channels = between(random, 5600, 5800);
  const op: QuantizedOp = {
    ...{ kind: 'conv2d', name: 'conv', inputs: [0], output: 1, method: 'direct' },
    ...{ kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] },
    weights: int8s(random, 3 * channels),
    ...requantization(random, 3, 4e5),
  };
  return single(op, tensor(random, [1, 4, channels]), tensor(random, [1, 4, 3]));
}

function karatsuba(random: Random): QuantizedNetwork {
  const blockSize = 2 ** between(random, 3, 6);
  const size = (blocks: number): number => between(random, 1, blocks * blockSize);
  const shape = { blockSize, inputs: size(4), outputs: size(9), method: 'karatsuba' } as const;
  return extremes(random, circulantNetwork(random, shape));
}

/** Small sums of one scale that is shifted by little: many lie halfway between two results, of either sign. */
function karatsubaHalves(random: Random): QuantizedNetwork {
  const network = karatsuba(random);
  const ops = network.ops.map((op) => {
    if (op.kind !== 'circulant') return op;
    return {
      ...op,
      weights: op.weights.map((weight) => Math.trunc(weight / 64)),
      bias: Int32Array.from({ length: op.bias.length }, () => between(random, -8, 8)),
      multipliers: Int32Array.of(2 ** 30),
      shifts: Int32Array.of(-between(random, 1, 3)),
      clampMin: random.integer(2) ? -128 : op.clampMin,
    };
  });
  return { ...network, ops };
}

/** Sweeps over them, in `body`. */
export function laneSweeps(body: Body): Sweep[] {
  const sweep = (name: string, few: number, make: Sweep['make'], arenaBytes = anySize): Sweep => {
    return { name, few, make, arenaBytes, bodies: [body], capacitorUf: 1e6 };
  };
  return [
    sweep('add_s8', 100, addition),
    sweep('add_s8, halves', 40, halves),
    sweep('conv2d_s8', 80, convolution),
    sweep('depthwise_conv2d_s8', 40, (random) => extremes(random, depthwiseNetwork(random))),
    sweep('depthwise_conv2d_s8, 3 × 3', 60, depthwise),
    sweep('depthwise_conv2d_s8, eight outputs and more of an input', 60, (random) =>
      extremes(random, depthwiseNetwork(random, 8 * between(random, 1, 3))),
    ),
    sweep('separable_conv2d_s8', 60, (random) => extremes(random, separableNetwork(random))),
    sweep('conv2d_sparse_s8', 30, (random) => extremes(random, sparseNetwork(random))),
    sweep('conv2d_winograd_s8', 60, (random) => extremes(random, winogradNetwork(random, 'stored'))),
    sweep('conv2d_s8, windows beyond the room', 2, wide, () => 60000),
    sweep('dense_s8', 40, (random) => extremes(random, denseNetwork(random, 80))),
    sweep('circulant_s8 by karatsuba', 60, karatsuba),
    sweep('circulant_s8 by karatsuba, halves', 40, karatsubaHalves),
  ];
}
