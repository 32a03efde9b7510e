// Batch normalisation into the layer before it: y = a·(W·x + b) + c is (a·W)·x + (a·b + c). Past a pool of maxima, too, where all
// a are above 0.
import { BrownoutError } from '../error.js';
import type { FloatNetwork } from './float-network.js';
import {
  type BatchNormLayer,
  EPSILON,
  type FloatLayer,
  hasWeights,
  inputsOf,
  type WeightedLayer,
} from './layers.js';
import { weightGroups } from './placed-network.js';

/** What each output is multiplied by. */
export const foldFactors = (norm: BatchNormLayer): Float32Array =>
  norm.weights.map((gamma, i) => gamma / Math.sqrt(norm.variance[i]! + EPSILON));

function folded(layer: Exclude<WeightedLayer, BatchNormLayer>, norm: BatchNormLayer): FloatLayer {
  const factors = foldFactors(norm);
  const length = layer.weights.length / factors.length;
  const { interleaved } = weightGroups(layer);
  return {
    ...layer,
    activation: norm.activation,
    weights: layer.weights.map((weight, i) => {
      return weight * factors[interleaved ? i % factors.length : Math.floor(i / length)]!;
    }),
    bias: layer.bias.map((bias, i) => {
      const channel = Math.floor(i / (norm.block ?? 1));
      return (bias - norm.mean[channel]!) * factors[channel]! + norm.bias[channel]!;
    }),
  };
}

/** By the index of a layer, or of the pool between: that of the batch normalisation that nothing else reads it than. */
export function normalisedLayers({ layers }: FloatNetwork): Map<number, number> {
  const reads = inputsOf(layers);
  const found = new Map<number, number>();
  const only = (index: number): boolean => reads.flat().filter((tensor) => tensor === index + 1).length === 1;
  layers.forEach((norm, index) => {
    if (norm.kind !== 'batchNorm') return;
    const at = reads[index]![0]! - 1;
    const pooled = layers[at]?.kind === 'maxPool2d' && only(at);
    const from = pooled ? reads[at]![0]! - 1 : at;
    const layer = layers[from];
    const foldable =
      layer !== undefined &&
      hasWeights(layer) &&
      layer.kind !== 'batchNorm' &&
      layer.activation === 'none' &&
      weightGroups(layer).groups * (norm.block ?? 1) === layer.bias.length &&
      only(from);
    if (!foldable) return;
    found.set(from, index);
    if (pooled) found.set(at, index);
  });
  return found;
}

/** The network without batch normalisation. Throws `E_NETWORK` where it has nothing to go into. */
export function foldBatchNorm(network: FloatNetwork): FloatNetwork {
  const { inputShape, layers } = network;
  const norms = normalisedLayers(network);
  const reads = inputsOf(layers);
  const kept: FloatLayer[] = [];
  const renamed = new Map<string, string>();
  layers.forEach((layer, index) => {
    const at = (name: string): string => renamed.get(name) ?? name;
    let own: FloatLayer = layer.input === undefined ? layer : { ...layer, input: at(layer.input) };
    if (own.kind === 'add') own = { ...own, other: at(own.other) };
    const norm = layers[norms.get(index) ?? -1];
    if (own.kind === 'batchNorm') {
      const before = layers[reads[index]![0]! - 1];
      const pooled = before?.kind === 'maxPool2d';
      if (
        !before ||
        ![...norms.values()].includes(index) ||
        (pooled && own.weights.some((gamma) => gamma <= 0))
      ) {
        throw new BrownoutError({
          code: 'E_NETWORK',
          found: `batch normalisation "${own.name}" after ${before ? `${before.kind} "${before.name}"` : 'nothing'}`,
          expected:
            'a convolution or dense layer right before it, without activation or circulant blocks but those normalised by rows',
          hint: 'Move the activation behind the normalisation, and make layers circulant after folding.',
        });
      }
      renamed.set(own.name, at(before.name));
    } else if (norm?.kind === 'batchNorm' && hasWeights(own)) {
      kept.push(folded(own as Exclude<WeightedLayer, BatchNormLayer>, norm));
    } else kept.push(own);
  });
  return { inputShape, layers: kept };
}
