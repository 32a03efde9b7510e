// The three networks of RAD, by the layers of the authors' published firmware, with random weights: for what they cost.
import { Random } from '../../math/random.js';
import { BrownoutError } from '../../error.js';
import { didYouMean } from '../../options/suggest.js';
import type {
  QuantizedNetwork,
  QuantizedOp,
  Requantization,
  TensorSpec,
} from '../../model/quantized-network.js';

type Layer =
  | { kind: 'conv'; filters: number; kernel: [number, number] }
  | { kind: 'pool'; kernel: [number, number] }
  | { kind: 'circulant'; outputs: number; blockSize: number }
  | { kind: 'dense'; outputs: number };

/** Islam et al., DATE 2022; shapes from their firmware. The 9 channels of HAR's windows are channels here too. */
const NETWORKS: Record<string, { input: [number, number, number]; layers: Layer[] }> = {
  'rad-mnist': {
    input: [28, 28, 1],
    layers: [
      { kind: 'conv', filters: 6, kernel: [5, 5] },
      { kind: 'pool', kernel: [2, 2] },
      { kind: 'conv', filters: 16, kernel: [5, 5] },
      { kind: 'pool', kernel: [2, 2] },
      { kind: 'circulant', outputs: 256, blockSize: 128 },
      { kind: 'dense', outputs: 10 },
    ],
  },
  'rad-har': {
    input: [1, 128, 9],
    layers: [
      { kind: 'conv', filters: 10, kernel: [1, 32] },
      { kind: 'pool', kernel: [1, 2] },
      { kind: 'conv', filters: 16, kernel: [1, 32] },
      { kind: 'pool', kernel: [1, 2] },
      { kind: 'circulant', outputs: 512, blockSize: 128 },
      { kind: 'circulant', outputs: 256, blockSize: 256 },
      { kind: 'dense', outputs: 6 },
    ],
  },
  'rad-okg': {
    input: [54, 54, 1],
    layers: [
      { kind: 'conv', filters: 4, kernel: [8, 8] },
      { kind: 'pool', kernel: [2, 2] },
      { kind: 'conv', filters: 8, kernel: [8, 8] },
      { kind: 'pool', kernel: [2, 2] },
      { kind: 'circulant', outputs: 512, blockSize: 256 },
      { kind: 'circulant', outputs: 256, blockSize: 256 },
      { kind: 'circulant', outputs: 128, blockSize: 128 },
      { kind: 'dense', outputs: 36 },
    ],
  },
};

/** Names that `radNetwork` knows. */
export const RAD_NETWORKS: readonly string[] = Object.keys(NETWORKS);

const ONE = [1, 1] as const;
const FLAT = { dilation: ONE, padding: [0, 0] as const };

function int8s(random: Random, count: number): Int8Array {
  return Int8Array.from({ length: count }, () => random.integer(255) - 127);
}

/** Scales sums of `terms` products down to int8, roughly. */
function requantization(channels: number, terms: number): Requantization {
  const shift = -Math.max(0, Math.round(terms).toString(2).length);
  return {
    bias: new Int32Array(channels),
    multipliers: new Int32Array(channels).fill(2 ** 30),
    shifts: new Int32Array(channels).fill(Math.max(-20, shift - 3)),
    clampMin: -128,
    clampMax: 127,
  };
}

type Shape = [number, number, number];

/** A layer as an op from tensor `index` to the next, and the shape it leaves. */
function opOf(
  layer: Layer,
  index: number,
  [height, width, channels]: Shape,
  random: Random,
): [QuantizedOp, Shape] {
  const base = { name: `${layer.kind}${index + 1}`, inputs: [index], output: index + 1 };
  const inputs = height * width * channels;
  switch (layer.kind) {
    case 'conv': {
      const { kernel, filters } = layer;
      const taps = kernel[0] * kernel[1] * channels;
      const weights = int8s(random, taps * filters);
      const window = { ...FLAT, kernel, stride: ONE };
      const shape: Shape = [height - kernel[0] + 1, width - kernel[1] + 1, filters];
      return [{ kind: 'conv2d', ...base, ...window, weights, ...requantization(filters, taps) }, shape];
    }
    case 'pool': {
      const { kernel } = layer;
      const shape: Shape = [Math.floor(height / kernel[0]), Math.floor(width / kernel[1]), channels];
      return [
        { kind: 'maxPool2d', ...base, ...FLAT, kernel, stride: kernel, clampMin: -128, clampMax: 127 },
        shape,
      ];
    }
    case 'circulant': {
      const { outputs, blockSize } = layer;
      const blocks = Math.ceil(inputs / blockSize) * Math.ceil(outputs / blockSize);
      const weights = int8s(random, blocks * blockSize);
      const rest = { blockSize, method: 'auto' as const, weights, ...requantization(outputs, inputs) };
      return [{ kind: 'circulant', ...base, ...rest }, [1, 1, outputs]];
    }
    case 'dense': {
      const weights = int8s(random, inputs * layer.outputs);
      const rest = { weights, ...requantization(layer.outputs, inputs) };
      return [{ kind: 'dense', ...base, ...rest }, [1, 1, layer.outputs]];
    }
  }
}

/** One of the networks of RAD. Throws `E_MODEL`. */
export function radNetwork(name: string): QuantizedNetwork {
  const described = Object.hasOwn(NETWORKS, name) ? NETWORKS[name] : undefined;
  if (!described) {
    throw new BrownoutError({
      code: 'E_MODEL',
      found: `model "${name}"`,
      expected: RAD_NETWORKS.join(', '),
      hint: didYouMean(name, RAD_NETWORKS, 'Name one of these, or give an image (.brn).'),
    });
  }
  const random = new Random(1);
  const tensor = (shape: Shape): TensorSpec => ({ shape, scale: 1 / 64, zeroPoint: 0 });
  const tensors = [tensor(described.input)];
  const ops: QuantizedOp[] = [];
  let shape: Shape = described.input;
  for (const layer of described.layers) {
    const vector = layer.kind === 'circulant' || layer.kind === 'dense';
    if (vector && shape[0] * shape[1] > 1) {
      const flat: Shape = [1, 1, shape[0] * shape[1] * shape[2]];
      ops.push({ kind: 'reshape', name: 'flatten', inputs: [tensors.length - 1], output: tensors.length });
      tensors.push(tensor(flat));
      shape = flat;
    }
    const [op, next] = opOf(layer, tensors.length - 1, shape, random);
    ops.push(op);
    tensors.push(tensor(next));
    shape = next;
  }
  // Vectors are one-dimensional.
  const flattened = tensors.map((t) =>
    t.shape[0] === 1 && t.shape[1] === 1 ? { ...t, shape: [t.shape[2]!] } : t,
  );
  return { name, tensors: flattened, ops, input: 0, output: tensors.length - 1 };
}
