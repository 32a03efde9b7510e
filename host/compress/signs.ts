// Activations of one bit: layers whose outputs are −1 and 1 (Courbariaux et al., "Binarized Neural Networks", 2016). On the
// device a table of steps, which is one op with the convolution or dense layer behind it where weights have one bit as well.
import { BrownoutError } from '../error.js';
import type { Quantization } from '../model/quantized-network.js';
import { inputsOf, type LayerShape, weightShape } from './layers.js';

/** Signs in int8. */
export const SIGNS: Quantization = { scale: 1, zeroPoint: 0 };
/** What signs are taken of, in int8: nothing but its sign counts, which is kept whatever the scale. */
export const UNSIGNED: Quantization = { scale: 1 / 16, zeroPoint: 0 };

export const isSign = (layer: LayerShape): boolean => 'activation' in layer && layer.activation === 'sign';

/** Layers that pass signs on as they are. */
const PASSES: readonly LayerShape['kind'][] = ['maxPool2d', 'reshape', 'dropout'];

/** Why signs of layer `index` cannot be read, if they cannot; kernels that read them are of convolutions and dense layers. */
function obstacle(
  layers: readonly LayerShape[],
  reads: readonly number[][],
  index: number,
): string | undefined {
  const tensors = new Set([index + 1]);
  // A set is gone through in the order in which it grows.
  for (const tensor of tensors) {
    if (tensor === layers.length) return 'are the answer';
    for (const [at, sources] of reads.entries()) {
      if (!sources.includes(tensor)) continue;
      const reader = layers[at]!;
      const blocks = reader.kind === 'conv2d' && (reader.blockSize ?? 1) > 1;
      if (PASSES.includes(reader.kind)) tensors.add(at + 1);
      else if (blocks || (reader.kind !== 'conv2d' && reader.kind !== 'dense'))
        return `${blocks ? 'a conv2d of circulant blocks' : reader.kind} "${reader.name}" reads`;
    }
  }
  return undefined;
}

/** Throws `E_NETWORK` where a layer has signs that no kernel takes. */
export function checkSigns(layers: readonly LayerShape[]): void {
  const reads = inputsOf(layers);
  layers.forEach((layer, index) => {
    if (!isSign(layer)) return;
    const found = layer.kind === 'add' ? 'are of a sum' : obstacle(layers, reads, index);
    if (found === undefined) return;
    throw new BrownoutError({
      code: 'E_NETWORK',
      found: `signs of "${layer.name}" that ${found}`,
      expected:
        'signs of a convolution, a dense layer or normalisation, which convolutions without circulant blocks or dense layers ' +
        'read, pools of maxima and reshapes between',
      hint: "Give the layer another activation than 'sign'.",
    });
  });
}

/**
 * Layers with an activation whose outputs can be signs, with these in its place: weighted ones that convolutions and dense layers
 * alone read. All others stay as they are.
 */
export function withSigns<L extends LayerShape>(layers: readonly L[]): L[] {
  const reads = inputsOf(layers);
  return layers.map((layer, index) => {
    const isWeighted = weightShape(layer).length > 0;
    if (!isWeighted || !('activation' in layer) || layer.activation === 'none') return layer;
    return obstacle(layers, reads, index) === undefined ? { ...layer, activation: 'sign' } : layer;
  });
}
