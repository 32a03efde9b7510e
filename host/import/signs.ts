// Signs in a float graph: what binarized networks have between layers (Courbariaux et al. 2016).
import { scale } from '../model/fixed-point.js';
import type { Scaling } from '../model/quantized-network.js';
import type { FloatGraph, GraphOp } from './float-graph.js';

/** Ops whose results have the signs of what they are made of, as those come in order. */
const KEEPS_ORDER: readonly GraphOp['kind'][] = [
  'maxPool2d',
  'reshape',
  'transpose',
  'slice',
  'repeat',
  'pad',
];

/** Tensors of which the signs alone count: all that reads them takes the sign, or keeps it for what does. */
export function signsAlone(graph: FloatGraph): Set<number> {
  const outside = new Set([graph.output, ...(graph.outputs ?? []).map(({ tensor }) => tensor)]);
  const alone = new Set<number>();
  for (const { output } of graph.ops.toReversed()) {
    const readers = graph.ops.filter((op) => op.inputs.includes(output));
    const takes = (op: GraphOp): boolean =>
      (op.kind === 'unary' && op.sign === true) || (KEEPS_ORDER.includes(op.kind) && alone.has(op.output));
    // What nothing reads is of no account.
    if (readers.every(takes) && !outside.has(output)) alone.add(output);
  }
  return alone;
}

/** Tensors that hold signs. */
export function signTensors(graph: FloatGraph): Set<number> {
  const found = new Set<number>();
  for (const op of graph.ops)
    if ((op.kind === 'unary' && op.sign) || (op.kind === 'reshape' && found.has(op.inputs[0]!)))
      found.add(op.output);
  return found;
}

/** The least sum that a scaling rounds to 0 or more: what a bias has beside it, so that sums from 0 on are those. */
export function leastSum({ multiplier, shift }: Scaling): number {
  let [below, least] = [-1, 0];
  while (below > -(2 ** 30) && scale(below, multiplier, shift) >= 0) [least, below] = [below, below * 2];
  while (least - below > 1) {
    const middle = Math.floor((least + below) / 2);
    if (scale(middle, multiplier, shift) >= 0) least = middle;
    else below = middle;
  }
  return least;
}
