// What structured training may demand of a layer's weights, and the nearest weights that obey (Euclidean projections).
import { elements, type FloatLayer, hasWeights, type WeightedLayer, weightShape } from './layers.js';
import { projectPattern, takesPattern } from './pattern.js';

/** A structure that weights are to have. */
export type Constraint =
  /** Circulant blocks of this size, over inputs and outputs, or over channels at each tap of a kernel (CirCNN). */
  | { kind: 'circulant'; blockSize: number }
  /** At most this many outputs with weights that are not 0: those `kept`, if given. */
  | { kind: 'channels'; keep: number; kept?: readonly number[] }
  /** Weights within a window of this size of the kernel, the same for all channels (shape-wise pruning). */
  | ({ kind: 'kernel' } & KernelWindow)
  /** A share of the blocks of a convolution's window, as many for each set of outputs (pattern.ts). */
  | { kind: 'pattern'; share: number };

/** A window of a kernel; its top and left rows at most as far down and right as `mostTop` and `mostLeft`. */
interface KernelWindow {
  height: number;
  width: number;
  mostTop: number;
  mostLeft: number;
}

/** A weighted layer as matrices: weights [outputs][taps][inputs]. */
interface Matrices {
  outputs: number;
  taps: number;
  inputs: number;
}

function matricesOf(layer: WeightedLayer): Matrices {
  const shape = weightShape(layer);
  const [outputs, inputs] = [shape[0]!, shape.at(-1)!];
  return { outputs, inputs, taps: elements(shape) / outputs / inputs };
}

/** Calls `visit` with the index of each weight of dense matrices and that of its element in circulant vectors. */
function eachElement(
  { outputs, taps, inputs }: Matrices,
  k: number,
  visit: (weight: number, element: number) => void,
): void {
  const blocks = Math.ceil(inputs / k);
  let weight = 0;
  for (let o = 0; o < outputs; o++) {
    for (let tap = 0; tap < taps; tap++) {
      const row = (Math.floor(o / k) * taps + tap) * blocks;
      for (let i = 0; i < inputs; i++) {
        visit(weight++, (row + Math.floor(i / k)) * k + (((o % k) - (i % k) + k) % k));
      }
    }
  }
}

/** First columns of the circulant blocks nearest to dense weights: the mean along each diagonal. */
export function circulantVectors(layer: WeightedLayer, weights: Float32Array, k: number): Float32Array {
  const matrices = matricesOf(layer);
  const size = Math.ceil(matrices.outputs / k) * matrices.taps * Math.ceil(matrices.inputs / k) * k;
  const sums = new Float64Array(size);
  const counts = new Uint32Array(size);
  eachElement(matrices, k, (weight, element) => {
    sums[element]! += weights[weight]!;
    counts[element]!++;
  });
  return Float32Array.from(sums, (sum, i) => sum / Math.max(1, counts[i]!));
}

/**
 * The same as a start for training: a mean of k weights that are not alike is small, and a layer of small weights learns
 * slowly, so each vector's differences from its mean are scaled up to vary as much as the weights did.
 */
export function livelyVectors(layer: WeightedLayer, weights: Float32Array, k: number): Float32Array {
  const vectors = circulantVectors(layer, weights, k);
  const variance = (values: Float32Array): number => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  };
  const factor = Math.min(Math.sqrt(k), Math.sqrt(variance(weights) / (variance(vectors) || 1)));
  for (let at = 0; at < vectors.length; at += k) {
    const vector = vectors.subarray(at, at + k);
    const mean = vector.reduce((sum, value) => sum + value, 0) / k;
    vector.forEach((value, i) => {
      vector[i] = mean + (value - mean) * factor;
    });
  }
  return vectors;
}

/** The squared norm of each output's weights. */
export function outputNorms(layer: WeightedLayer, weights: Float32Array): number[] {
  const { outputs } = matricesOf(layer);
  const length = weights.length / outputs;
  return Array.from({ length: outputs }, (_, o) =>
    weights.subarray(o * length, (o + 1) * length).reduce((sum, weight) => sum + weight * weight, 0),
  );
}

/** Indices of the `keep` largest, in order. */
export function largest(values: readonly number[], keep: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);
  return order.slice(0, keep).sort((a, b) => a - b);
}

/** Top and left of the window of the kernel that holds most of the squared weights. */
export function largestWindow(
  layer: WeightedLayer & { kind: 'conv2d' },
  weights: Float32Array,
  { height, width, mostTop, mostLeft }: KernelWindow,
): { top: number; left: number } {
  const { kernelHeight, kernelWidth, inChannels } = layer;
  const taps = new Float64Array(kernelHeight * kernelWidth);
  weights.forEach((weight, i) => {
    taps[Math.floor(i / inChannels) % taps.length]! += weight * weight;
  });
  let best = { top: 0, left: 0, sum: -1 };
  for (let top = 0; top <= Math.min(mostTop, kernelHeight - height); top++) {
    for (let left = 0; left <= Math.min(mostLeft, kernelWidth - width); left++) {
      let sum = 0;
      for (let y = top; y < top + height; y++) {
        for (let x = left; x < left + width; x++) sum += taps[y * kernelWidth + x]!;
      }
      if (sum > best.sum) best = { top, left, sum };
    }
  }
  return best;
}

/** The weights nearest to `weights`, of the layer's own shape, that obey. */
export function project(layer: FloatLayer, weights: Float32Array, constraint: Constraint): Float32Array {
  if (!hasWeights(layer)) return weights;
  switch (constraint.kind) {
    case 'circulant': {
      const vectors = circulantVectors(layer, weights, constraint.blockSize);
      const nearest = new Float32Array(weights.length);
      eachElement(matricesOf(layer), constraint.blockSize, (weight, element) => {
        nearest[weight] = vectors[element]!;
      });
      return nearest;
    }
    case 'channels': {
      const kept = new Set(constraint.kept ?? largest(outputNorms(layer, weights), constraint.keep));
      const length = weights.length / matricesOf(layer).outputs;
      return weights.map((weight, i) => (kept.has(Math.floor(i / length)) ? weight : 0));
    }
    case 'pattern':
      return takesPattern(layer) ? projectPattern(layer, weights, constraint.share) : weights;
    case 'kernel': {
      const { kernelWidth, kernelHeight, inChannels } = layer as WeightedLayer & { kind: 'conv2d' };
      const { top, left } = largestWindow(layer as WeightedLayer & { kind: 'conv2d' }, weights, constraint);
      return weights.map((weight, i) => {
        const tap = Math.floor(i / inChannels) % (kernelHeight * kernelWidth);
        const [y, x] = [Math.floor(tap / kernelWidth) - top, (tap % kernelWidth) - left];
        return y >= 0 && y < constraint.height && x >= 0 && x < constraint.width ? weight : 0;
      });
    }
  }
}
