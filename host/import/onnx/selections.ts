// The place of the largest, classes as 1 and 0, and running sums: made of other nodes.
import { elementCount } from '../../model/quantized-network.js';
import { arithmetic } from './arithmetic.js';
import type { Handler, OnnxGraph } from './graph.js';
import { matMul as byConstant } from './layers.js';
import type { OnnxAttribute, OnnxNode } from './model.js';
import { orderOf } from './order.js';
import { UNARY } from './pointwise.js';
import { transpose } from './shapes.js';
import { Steps } from './steps.js';

/** Places and classes are numbers of 0 to 255; 255 is one that is none. */
const MOST_PLACES = 255;
/** Numbers that a running sum goes over. */
const MOST_SUMMED = 1024;

const attributes = (entries: Record<string, OnnxAttribute>): Map<string, OnnxAttribute> =>
  new Map(Object.entries(entries));

function axisOf(graph: OnnxGraph, node: OnnxNode, rank: number, absent = 0): number {
  const given = graph.integer(node, 'axis', absent);
  const axis = given < 0 ? given + rank : given;
  return axis >= 0 && axis < rank ? axis : graph.refuse(node, `along dimension ${given}`, `one of ${rank}`);
}

/** ArgMax, and ArgMin of the opposite. */
export const argExtreme: Handler = (graph, node) => {
  const steps = new Steps(graph, node);
  const given = node.inputs[0] ?? '';
  const { shape } = graph.activation(node);
  const name = node.op === 'ArgMin' ? steps.run(UNARY['Neg']!, 'Neg', [given]) : given;
  const axis = axisOf(graph, node, shape.length);
  const depth = shape[axis]!;
  if (depth > MOST_PLACES || graph.integer(node, 'select_last_index') !== 0)
    graph.refuse(node, `of ${depth} values, or of the last of equals`, `the first of at most ${MOST_PLACES}`);
  const others = shape.map((_, i) => i).filter((i) => i !== axis);
  const columns = elementCount({ shape: others.map((i) => shape[i]!) });
  const tensor = graph.inOrder(node, steps.value(name), orderOf(shape, [axis, ...others]));
  const made = graph.add(
    node,
    { kind: 'argMax' },
    [graph.reshape(node, tensor, [depth, 1, columns])],
    [columns],
  );
  const kept = graph.integer(node, 'keepdims', 1) !== 0;
  graph.result(
    node,
    made,
    kept ? shape.map((size, i) => (i === axis ? 1 : size)) : others.map((i) => shape[i]!),
  );
};

/** One value a class, the second of `values` where the number is that class, the first elsewhere. */
export const oneHot: Handler = (graph, node) => {
  const { tensor, shape, order } = graph.any(node);
  const depth = graph.needConstant(node, 1).values[0] ?? 0;
  const [off = 0, on = 1] = Array.from(graph.needConstant(node, 2).values);
  if (!(depth >= 1 && depth <= MOST_PLACES)) graph.refuse(node, `of ${depth} classes`, `1 to ${MOST_PLACES}`);
  const axis = axisOf(graph, node, shape.length + 1, -1);
  const count = elementCount({ shape });
  const numbers = graph.reshape(node, graph.inOrder(node, { tensor, shape, order }, undefined), [count, 1]);
  const scale = Math.abs(on - off) || 1;
  const fixed = off === 0 || on === 0 ? { scale, zeroPoint: 0 } : undefined;
  const columns = Array.from({ length: depth }, (_, i) => {
    const f = (x: number): number => (Math.round(x < 0 ? x + depth : x) === i ? on : off);
    return graph.add(node, { kind: 'unary', f, ...(fixed ? { fixed } : {}) }, [numbers], [count, 1]);
  });
  const made =
    columns.length === 1
      ? columns[0]!
      : graph.add(node, { kind: 'concat', axis: 1 }, columns, [count, depth]);
  const to = [...shape.slice(0, axis), depth, ...shape.slice(axis)];
  const places = to.map((_, i) => i);
  graph.result(node, made, to, orderOf(to, [...places.filter((i) => i !== axis), axis]));
};

/** Sums of all up to each: a product with ones below the diagonal. */
export const cumSum: Handler = (graph, node) => {
  const { shape } = graph.activation(node);
  const given = graph.constantIntegers(node, 1)[0] ?? 0;
  const axis = axisOf(graph, { ...node, attributes: attributes({ axis: { integer: given } }) }, shape.length);
  const size = shape[axis]!;
  if (size > MOST_SUMMED) graph.refuse(node, `over ${size} values`, `at most ${MOST_SUMMED}`);
  const own = graph.integer(node, 'exclusive') === 0;
  const backwards = graph.integer(node, 'reverse') !== 0;
  const values = Float64Array.from({ length: size * size }, (_, i) => {
    const [from, to] = backwards ? [i % size, Math.floor(i / size)] : [Math.floor(i / size), i % size];
    return from < to || (own && from === to) ? 1 : 0;
  });
  const steps = new Steps(graph, node);
  const perm = shape.map((_, i) => i);
  [perm[axis], perm[perm.length - 1]] = [perm.at(-1)!, axis];
  const turn = (name: string): string =>
    steps.run(transpose, 'Transpose', [name], attributes({ perm: { integers: perm } }));
  const ones = steps.constant(values, [size, size]);
  steps.finish(turn(steps.run(byConstant, 'MatMul', [turn(node.inputs[0] ?? ''), ones])));
};

/** The triangle of a constant matrix: masks of attention. */
export const trilu: Handler = (graph, node) => {
  const constant = graph.needConstant(node, 0);
  const { shape, values } = constant;
  const [rows = 1, columns = 1] = shape.slice(-2);
  const shift = node.inputs[1] ? (graph.constantIntegers(node, 1)[0] ?? 0) : 0;
  const upper = graph.integer(node, 'upper', 1) !== 0;
  const kept = (i: number): boolean => {
    const beyond = (i % columns) - (Math.floor(i / columns) % rows) - shift;
    return upper ? beyond >= 0 : beyond <= 0;
  };
  graph.fold(node, { ...constant, values: Array.from(values, (value, i) => (kept(i) ? value : 0)) });
};

/** x over a power of the mean square of neighbouring channels. */
export const localResponseNormalization: Handler = (graph, node) => {
  const { shape } = graph.activation(node);
  const channels = shape[1] ?? 1;
  const size = graph.integer(node, 'size', 1);
  const real = (name: string, absent: number): number => graph.real(node, name, absent);
  const [alpha, beta, bias] = [real('alpha', 1e-4), real('beta', 0.75), real('bias', 1)];
  if (channels > MOST_SUMMED) graph.refuse(node, `of ${channels} channels`, `at most ${MOST_SUMMED}`);
  const steps = new Steps(graph, node);
  const x = node.inputs[0] ?? '';
  const perm = shape.map((_, i) => i);
  perm.push(perm.splice(1, 1)[0]!);
  const back = perm.map((_, i) => perm.indexOf(i));
  const turned = (name: string, order: number[]): string =>
    steps.run(transpose, 'Transpose', [name], attributes({ perm: { integers: order } }));
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const near = Float64Array.from({ length: channels * channels }, (_, i) => {
    const distance = Math.floor(i / channels) - (i % channels);
    return distance >= -before && distance <= after ? 1 : 0;
  });
  const squares = steps.run(arithmetic, 'Mul', [x, x]);
  const sums = steps.run(byConstant, 'MatMul', [
    turned(squares, perm),
    steps.constant(near, [channels, channels]),
  ]);
  const scaled = steps.run(arithmetic, 'Mul', [sums, steps.constant([alpha / size])]);
  const base = steps.run(arithmetic, 'Add', [scaled, steps.constant([bias])]);
  const factor = steps.run(arithmetic, 'Pow', [base, steps.constant([-beta])]);
  steps.finish(steps.run(arithmetic, 'Mul', [x, turned(factor, back)]));
};
