import { checkFields } from '../error.js';
import { Random } from '../math/random.js';
import type { Architecture, FloatNetwork } from './float-network.js';
import { elements, type FloatLayer, outputCount, weightShape } from './layers.js';

/**
 * Uniform weights in ± √(6 / fan-in) and zero biases (He et al., "Delving Deep into Rectifiers", ICCV 2015). The fan-in
 * of a circulant layer is its number of inputs: sharing weights does not change an output's variance. It does give all
 * outputs of a block the same response to the inputs' mean, so that they may all die in a ReLU together; hence each
 * circulant vector starts with a sum of zero.
 */
export function initialise(architecture: Architecture, seed: number): FloatNetwork {
  checkFields(architecture, 'an architecture', 'inputShape', 'layers');
  const random = new Random(seed);
  const layers = architecture.layers.map((layer): FloatLayer => {
    const shape = weightShape(layer);
    if (shape.length === 0) return layer as FloatLayer;
    if (layer.kind === 'batchNorm') {
      const fill = (value: number): Float32Array => new Float32Array(layer.channels).fill(value);
      return { ...layer, weights: fill(1), bias: fill(0), mean: fill(0), variance: fill(1) };
    }
    const weighted = layer as Exclude<FloatLayer, { kind: 'batchNorm' }> & { kind: 'conv2d' };
    const blockSize = 'blockSize' in layer ? (layer.blockSize ?? 1) : 1;
    const bound = Math.sqrt(6 / fanIn(layer as FloatLayer));
    const weights = Float32Array.from({ length: elements(shape) }, () => random.uniform(-bound, bound));
    if (blockSize > 1) centre(weights, blockSize);
    // What a pattern leaves out stays out.
    const kept = weighted.patterned ? weights.map((w, i) => (weighted.weights[i] === 0 ? 0 : w)) : weights;
    return { ...weighted, weights: kept, bias: new Float32Array(outputCount(weighted)) };
  });
  return { inputShape: architecture.inputShape, layers };
}

/** How many inputs one output of a layer sums over. */
function fanIn(layer: FloatLayer): number {
  switch (layer.kind) {
    case 'conv2d':
      return layer.kernelHeight * layer.kernelWidth * layer.inChannels;
    case 'depthwiseConv2d':
      return layer.kernelHeight * layer.kernelWidth;
    case 'dense':
    case 'circulant':
      return layer.inputs;
    default:
      return 1;
  }
}

/** Takes each vector's mean away and restores the variance. */
function centre(vectors: Float32Array, size: number): void {
  for (let at = 0; at < vectors.length; at += size) {
    const vector = vectors.subarray(at, at + size);
    const mean = vector.reduce((sum, value) => sum + value, 0) / size;
    vector.forEach((value, index) => {
      vector[index] = (value - mean) * Math.sqrt(size / (size - 1));
    });
  }
}
