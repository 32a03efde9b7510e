// Quotients and extremes of two activations, and reductions that are made of others.
import { ONE_BY_ONE, type Handler, type OnnxGraph } from './graph.js';
import { jointly } from './alike.js';
import { arithmetic, OF_TWO, several } from './arithmetic.js';
import { reduceMax, reduceMean } from './layers.js';
import type { OnnxNode } from './model.js';
import { UNARY } from './pointwise.js';
import { Steps } from './steps.js';
import { elementCount } from '../../model/quantized-network.js';
import { expand } from './shapes.js';

const negated = (steps: Steps, x: string): string => steps.run(UNARY['Neg']!, 'Neg', [x]);

/** A quotient of two activations: by a table of reciprocals. */
export const divide: Handler = (graph, node) => {
  if (!graph.isActivation(node, 0) || !graph.isActivation(node, 1)) return arithmetic(graph, node);
  if (jointly(graph, node, (x, y) => (y === 0 ? 0 : x / y))) return undefined;
  const steps = new Steps(graph, node);
  const [a = '', b = ''] = node.inputs;
  return steps.finish(steps.run(arithmetic, 'Mul', [a, steps.run(UNARY['Reciprocal']!, 'Reciprocal', [b])]));
};

/** The larger of two activations: a window over both. */
function largerOf(graph: OnnxGraph, steps: Steps, node: OnnxNode, a: string, b: string): string {
  const [left, right] = [a, b].map((name) => steps.value(name).shape) as [number[], number[]];
  const rank = Math.max(left.length, right.length);
  const size = (shape: number[], axis: number): number => shape[axis - rank + shape.length] ?? 1;
  const shape = Array.from({ length: rank }, (_, axis) => Math.max(size(left, axis), size(right, axis)));
  const sizes = steps.constant(shape, [rank], true);
  const count = elementCount({ shape });
  const rows = [a, b].map((name) => {
    const wide =
      elementCount(steps.value(name)) === count ? name : steps.run(expand, 'Expand', [name, sizes]);
    return graph.reshape(node, graph.inOrder(node, steps.value(wide), undefined), [1, 1, count]);
  });
  const both = graph.add(node, { kind: 'concat', axis: 0 }, rows, [2, 1, count]);
  const window = { ...ONE_BY_ONE, kernel: [2, 1] as const };
  const tensor = graph.add(node, { kind: 'maxPool2d', window }, [both], [1, 1, count]);
  return steps.define({ tensor: graph.reshape(node, tensor, shape), shape, order: undefined });
}

/** Max and Min of two activations; with a constant as before. */
export const extreme: Handler = (graph, node) => {
  const [a = '', b = ''] = node.inputs;
  if (node.inputs.length !== 2 || !graph.isActivation(node, 0) || !graph.isActivation(node, 1))
    return several(graph, node);
  if (jointly(graph, node, OF_TWO[node.op]!)) return undefined;
  const steps = new Steps(graph, node);
  if (node.op === 'Max') return steps.finish(largerOf(graph, steps, node, a, b));
  return steps.finish(negated(steps, largerOf(graph, steps, node, negated(steps, a), negated(steps, b))));
};

/** ReduceMin: of what is negated, the largest, negated. */
export const reduceMin: Handler = (graph, node) => {
  const steps = new Steps(graph, node);
  const most = steps.run(
    reduceMax,
    'ReduceMax',
    [negated(steps, node.inputs[0] ?? ''), ...node.inputs.slice(1)],
    node.attributes,
  );
  steps.finish(negated(steps, most));
};

/** Norms: sums of magnitudes, of squares, and the root of these. */
export const norm: Handler = (graph, node) => {
  const steps = new Steps(graph, node);
  const [x = '', ...axes] = node.inputs;
  const terms =
    node.op === 'ReduceL1' ? steps.run(UNARY['Abs']!, 'Abs', [x]) : steps.run(arithmetic, 'Mul', [x, x]);
  const sum = steps.run(reduceMean, 'ReduceSum', [terms, ...axes], node.attributes);
  steps.finish(node.op === 'ReduceL2' ? steps.run(UNARY['Sqrt']!, 'Sqrt', [sum]) : sum);
};

/** The logarithm of a sum, or of a sum of powers of e: what is largest is taken off before and added after. */
export const logOfSum: Handler = (graph, node) => {
  const steps = new Steps(graph, node);
  const [x = '', ...axes] = node.inputs;
  const reduced = (handler: Handler, op: string, from: string, keep = false): string => {
    const kept = keep
      ? new Map([...node.attributes, ['keepdims', { integer: 1 }] as const])
      : node.attributes;
    return steps.run(handler, op, [from, ...axes], kept);
  };
  const logarithm = (sum: string): string => steps.run(UNARY['Log']!, 'Log', [sum]);
  if (node.op === 'ReduceLogSum') return steps.finish(logarithm(reduced(reduceMean, 'ReduceSum', x)));
  const below = steps.run(arithmetic, 'Sub', [x, reduced(reduceMax, 'ReduceMax', x, true)]);
  const sum = reduced(reduceMean, 'ReduceSum', steps.run(UNARY['Exp']!, 'Exp', [below]));
  return steps.finish(steps.run(arithmetic, 'Add', [logarithm(sum), reduced(reduceMax, 'ReduceMax', x)]));
};

/** x over its norm along one dimension. */
export const lpNormalization: Handler = (graph, node) => {
  const [x = ''] = node.inputs;
  const steps = new Steps(graph, node);
  const along: OnnxNode['attributes'] = new Map([
    ['axes', { integers: [graph.integer(node, 'axis', -1)] }],
    ['keepdims', { integer: 1 }],
  ]);
  const op = graph.integer(node, 'p', 2) === 1 ? 'ReduceL1' : 'ReduceL2';
  const length = steps.run(norm, op, [x], along);
  steps.finish(steps.run(arithmetic, 'Mul', [x, steps.run(UNARY['Reciprocal']!, 'Reciprocal', [length])]));
};

/** The largest of every channel of a map. */
export const globalMaxPool: Handler = (graph, node) => {
  const axes = graph
    .activation(node)
    .shape.map((_, axis) => axis)
    .slice(2);
  const attributes: OnnxNode['attributes'] = new Map([
    ['axes', { integers: axes }],
    ['keepdims', { integer: 1 }],
  ]);
  reduceMax(graph, { ...node, attributes });
};
