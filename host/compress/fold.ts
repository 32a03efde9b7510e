// Batch normalisation into the layer before it: y = a·(W·x + b) + c is (a·W)·x + (a·b + c).
import { BrownoutError } from '../error.js';
import type { FloatNetwork } from './float-network.js';
import { type BatchNormLayer, EPSILON, type FloatLayer, hasWeights, type WeightedLayer } from './layers.js';
import { weightGroups } from './placed-network.js';

function folded(layer: Exclude<WeightedLayer, BatchNormLayer>, norm: BatchNormLayer): FloatLayer {
  const factors = norm.weights.map((gamma, i) => gamma / Math.sqrt(norm.variance[i]! + EPSILON));
  const length = layer.weights.length / factors.length;
  const { interleaved } = weightGroups(layer);
  return {
    ...layer,
    activation: norm.activation,
    weights: layer.weights.map((weight, i) => {
      return weight * factors[interleaved ? i % factors.length : Math.floor(i / length)]!;
    }),
    bias: layer.bias.map((bias, i) => (bias - norm.mean[i]!) * factors[i]! + norm.bias[i]!),
  };
}

/** The network without batch normalisation. Throws `E_NETWORK` where it has nothing to go into. */
export function foldBatchNorm({ inputShape, layers }: FloatNetwork): FloatNetwork {
  const kept: FloatLayer[] = [];
  const renamed = new Map<string, string>();
  layers.forEach((layer) => {
    const at = (name: string): string => renamed.get(name) ?? name;
    let own: FloatLayer = layer.input === undefined ? layer : { ...layer, input: at(layer.input) };
    if (own.kind === 'add') own = { ...own, other: at(own.other) };
    if (own.kind !== 'batchNorm') {
      kept.push(own);
      return;
    }
    const before = kept.at(-1);
    const reads = (other: FloatLayer): boolean =>
      other !== layer &&
      (other.input === before?.name || (other.kind === 'add' && other.other === before?.name));
    const foldable =
      before &&
      hasWeights(before) &&
      before.kind !== 'batchNorm' &&
      before.activation === 'none' &&
      (own.input === undefined || own.input === before.name) &&
      weightGroups(before).groups === before.bias.length &&
      !layers.some(reads);
    if (!foldable) {
      throw new BrownoutError({
        code: 'E_NETWORK',
        found: `batch normalisation "${own.name}" after ${before ? `${before.kind} "${before.name}"` : 'nothing'}`,
        expected: 'a convolution or dense layer right before it, without activation or circulant blocks',
        hint: 'Move the activation behind the normalisation, and make layers circulant after folding.',
      });
    }
    renamed.set(own.name, before.name);
    kept[kept.length - 1] = folded(before as Exclude<WeightedLayer, BatchNormLayer>, own);
  });
  return { inputShape, layers: kept };
}
