// Pattern pruning (Niu et al., "PatDNN", ASPLOS 2020) in the blocks that the device can leave out (host/ops/sparse-conv2d.ts): of
// a convolution's window every set of outputs keeps as many blocks, a few channels under one tap, those of largest norm.
import type { Desk } from './desk-module.js';
import { type ConvolutionLayer, elements, type FloatLayer } from './layers.js';
import type { LayerParameters } from './placed-network.js';

/** Channels that a block may have, the largest first: they are copied word by word. */
const BLOCK_SIZES = [8, 4];
/** Outputs that keep the same blocks. */
const SET_SIZE = 16;

/** Whether a layer can have a pattern: a plain convolution whose channels make whole blocks. */
export const takesPattern = (layer: FloatLayer): layer is ConvolutionLayer =>
  layer.kind === 'conv2d' && (layer.blockSize ?? 1) === 1 && layer.inChannels % BLOCK_SIZES.at(-1)! === 0;

/** `weights` of `layer` with a `share` of the blocks of each set of outputs left, those of largest norm, and zeros elsewhere. */
export function projectPattern(layer: ConvolutionLayer, weights: Float32Array, share: number): Float32Array {
  const { outChannels, inChannels, kernelHeight, kernelWidth } = layer;
  const block = BLOCK_SIZES.find((size) => inChannels % size === 0)!;
  const patch = kernelHeight * kernelWidth * inChannels;
  const blocks = patch / block;
  const kept = Math.max(1, Math.round(blocks * share));
  const nearest = new Float32Array(weights.length);
  for (let first = 0; first < outChannels; first += SET_SIZE) {
    const outputs = Math.min(SET_SIZE, outChannels - first);
    const norms = new Float64Array(blocks);
    for (let i = 0; i < outputs * patch; i++)
      norms[Math.floor((i % patch) / block)]! += weights[first * patch + i]! ** 2;
    const order = [...norms.keys()].sort((a, b) => norms[b]! - norms[a]! || a - b);
    for (const at of order.slice(0, kept))
      for (let output = first; output < first + outputs; output++) {
        const from = output * patch + at * block;
        nearest.set(weights.subarray(from, from + block), from);
      }
  }
  return nearest;
}

/** Weights that patterns leave out, kept at zero while a network is trained. */
export class KeptZeros {
  private readonly kept: { values: number; count: number; zeros: Uint32Array }[];

  constructor(
    private readonly desk: Desk,
    layers: readonly FloatLayer[],
    parameters: readonly (LayerParameters | undefined)[],
  ) {
    this.kept = layers.flatMap((layer, index) => {
      const placed = parameters[index];
      if (layer.kind !== 'conv2d' || !layer.patterned || !placed) return [];
      const zeros = [...layer.weights.keys()].filter((i) => layer.weights[i] === 0);
      const { values, shape } = placed.weights;
      return [{ values, count: elements(shape), zeros: Uint32Array.from(zeros) }];
    });
  }

  /** After a step: zeros again. */
  restore(): void {
    for (const { values, count, zeros } of this.kept) {
      const weights = this.desk.floats(values, count);
      for (const at of zeros) weights[at] = 0;
    }
  }
}
