// Signs in a float graph: what binarized networks have between layers (Courbariaux et al. 2016).
import { scale } from '../model/fixed-point.js';
import type { Scaling } from '../model/quantized-network.js';
import type { FloatGraph, GraphOp, WeightedOp } from './float-graph.js';

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

/** ONNX's Sign, of 0 that is 0. */
const isSign = (op: GraphOp): boolean => op.kind === 'unary' && op.f === Math.sign;

/** Tensors that hold signs, 0 among them or not. */
export function signTensors(graph: FloatGraph): Set<number> {
  const found = new Set<number>();
  for (const op of graph.ops)
    if (isSign(op) || (op.kind === 'unary' && op.sign) || (op.kind === 'reshape' && found.has(op.inputs[0]!)))
      found.add(op.output);
  return found;
}

/** Whether a layer of signs never gives 0: weights of one magnitude an output, of which no whole number of times is its bias. */
function isNever0(op: WeightedOp): boolean {
  const outputs = op.bias.length;
  const each = op.kind === 'depthwiseConv2d' || op.blockSize !== undefined ? 0 : op.weights.length / outputs;
  return (
    each > 0 &&
    op.bounds[0] < 0 &&
    op.bounds[1] > 0 &&
    Array.from(op.bias).every((bias, o) => {
      const row = op.weights.slice(o * each, (o + 1) * each);
      const size = Math.abs(row[0]!);
      // So far from whole that what reals lose does not matter.
      const beyond = Math.abs(bias / size - Math.round(bias / size));
      return size > 0 && row.every((w) => Math.abs(w) === size) && beyond > 1e-6;
    })
  );
}

/** `graph` with each Sign that never meets 0, behind a layer of signs, as a step to −1 and 1: one op with what reads it. */
export function signsWithout0(graph: FloatGraph): FloatGraph {
  const signs = signTensors(graph);
  const makers = new Map(graph.ops.map((op) => [op.output, op]));
  const never0 = (tensor: number): boolean => {
    const op = makers.get(tensor);
    if (!op) return false;
    if (op.kind === 'reshape' || op.kind === 'transpose' || (op.kind === 'maxPool2d' && !op.bounds))
      return never0(op.inputs[0]!);
    return 'weights' in op && signs.has(op.inputs[0]!) && isNever0(op);
  };
  const ops = graph.ops.map((op): GraphOp => {
    if (op.kind !== 'unary' || !isSign(op) || !never0(op.inputs[0]!)) return op;
    const { whole: _, ...rest } = op;
    return { ...rest, f: (x) => (x >= 0 ? 1 : -1), fixed: { scale: 1, zeroPoint: 0 }, sign: true };
  });
  return { ...graph, ops };
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
