// Which op of the reference each layer of the image is: kinds, sizes and names in order (Needleman and Wunsch 1970).
import type { FloatGraph, GraphOp } from '../import/float-graph.js';
import { elementCount } from '../model/quantized-network.js';
import { FUSED_NAMES } from '../model/metadata.js';
import type { LayerPlace } from './layers.js';

/** Kernels that an op of the reference may have become. */
const KERNELS: Record<GraphOp['kind'], RegExp> = {
  conv2d: /^(conv2d|dense|depthwise|separable)/,
  depthwiseConv2d: /^(depthwise|conv2d|mul|add|map)/,
  dense: /^(dense|conv2d|circulant)/,
  circulant: /^(circulant|dense)/,
  maxPool2d: /^max_pool/,
  averagePool2d: /^(avg_pool|mean)/,
  mean: /^(mean|avg_pool)/,
  add: /^(add|map)/,
  mul: /^(mul|map)/,
  unary: /^(map|mul|add)/,
  matmul: /^conv2d/,
  argMax: /^map/,
  softmax: /^softmax/,
  concat: /^map/,
  slice: /^map/,
  transpose: /^map/,
  repeat: /^map/,
  pad: /^pad/,
  reshape: /^$/,
  reinterpret: /^$/,
};

const baseName = (name: string): string => name.replace(/_\d+$/, '');

/** How alike a layer and an op are; below 0: they cannot be the same. */
function likeness(layer: LayerPlace, op: GraphOp, graph: FloatGraph): number {
  const { shape } = graph.tensors[op.output]!;
  if (elementCount({ shape }) !== elementCount(layer.spec) || !KERNELS[op.kind].test(layer.kernel)) return -1;
  // Of two layers in one op the second makes the output.
  const own = layer.name.split(FUSED_NAMES).at(-1)!;
  const name = own === op.name ? 2 : baseName(own) === baseName(op.name) ? 1 : 0;
  return 3 + name + (`${shape}` === `${layer.spec.shape}` ? 1 : 0);
}

/** For each layer the index of its op in `graph.ops`; undefined: it has none. */
export function alignLayers(layers: readonly LayerPlace[], graph: FloatGraph): (number | undefined)[] {
  const ops = graph.ops
    .map((op, index) => ({ op, index }))
    .filter(({ op }) => op.kind !== 'reshape' && op.kind !== 'reinterpret');
  const best = Array.from({ length: layers.length + 1 }, () => new Float64Array(ops.length + 1));
  for (let i = layers.length - 1; i >= 0; i--) {
    for (let j = ops.length - 1; j >= 0; j--) {
      const score = likeness(layers[i]!, ops[j]!.op, graph);
      const together = score < 0 ? -Infinity : score + best[i + 1]![j + 1]!;
      best[i]![j] = Math.max(together, best[i + 1]![j]!, best[i]![j + 1]!);
    }
  }
  const result: (number | undefined)[] = layers.map(() => undefined);
  for (let [i, j] = [0, 0]; i < layers.length && j < ops.length;) {
    const score = likeness(layers[i]!, ops[j]!.op, graph);
    if (score >= 0 && best[i]![j] === score + best[i + 1]![j + 1]!) result[i++] = ops[j++]!.index;
    else if (best[i]![j] === best[i + 1]![j]!) i++;
    else j++;
  }
  return result;
}
