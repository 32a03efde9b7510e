// Products of two activations, and what is made of several nodes: LayerNormalization and its kin.
import { elementCount } from '../../model/quantized-network.js';
import { cut } from '../moves.js';
import { arithmetic } from './arithmetic.js';
import { productOfConstants } from './gemm.js';
import type { Activation, Handler, OnnxGraph } from './graph.js';
import { matMul as byConstant, reduceMean } from './layers.js';
import type { OnnxNode } from './model.js';
import { Steps } from './steps.js';
import { orderOf } from './order.js';
import { UNARY } from './pointwise.js';
import { expand, reshape, transpose } from './shapes.js';

/** Matrices that one product is made for, one after the other. */
const MOST_MATRICES = 64;

/** The matrices of a value, each as it lies: [rows, columns]; `turned`: with the two exchanged. */
function matrices(graph: OnnxGraph, node: OnnxNode, value: Activation, turned: boolean): number[] {
  const { shape } = value;
  const rank = shape.length;
  const axes = shape.map((_, axis) => axis);
  const last = turned ? [rank - 1, rank - 2] : [rank - 2, rank - 1];
  const tensor = graph.inOrder(node, value, orderOf(shape, [...axes.slice(0, -2), ...last]));
  const count = elementCount({ shape: shape.slice(0, -2) });
  const [rows, columns] = last.map((axis) => shape[axis]!) as [number, number];
  const whole = [count, rows, columns];
  const mover = graph.mover(node);
  return Array.from({ length: count }, (_, i) =>
    graph.reshape(node, cut(mover, tensor, whole, 0, { start: i, count: 1 }), [rows, 1, columns]),
  );
}

/** A · B of two activations; leading dimensions of one broadcast to those of the other where it has none. */
function products(graph: OnnxGraph, node: OnnxNode): void {
  const [a, b] = [0, 1].map((slot) => graph.activation(node, slot)) as [Activation, Activation];
  const [rows = 0, depth = 0] = a.shape.slice(-2);
  const [below = 0, outputs = 0] = b.shape.slice(-2);
  const [outer, other] = [a, b].map(({ shape }) => shape.slice(0, -2)) as [number[], number[]];
  const [many, fewer] = [outer, other].map((shape) => elementCount({ shape })) as [number, number];
  const fits =
    a.shape.length >= 2 &&
    b.shape.length >= 2 &&
    depth === below &&
    (`${outer}` === `${other}` || many === 1 || fewer === 1);
  const count = Math.max(many, fewer);
  if (!fits || count > MOST_MATRICES)
    graph.refuse(
      node,
      `of shapes [${a.shape}] and [${b.shape}]`,
      `matrices that fit, at most ${MOST_MATRICES}`,
    );
  const [left, right] = [matrices(graph, node, a, false), matrices(graph, node, b, true)];
  const parts = Array.from({ length: count }, (_, i) =>
    graph.add(
      node,
      { kind: 'matmul' },
      [left[many === 1 ? 0 : i]!, right[fewer === 1 ? 0 : i]!],
      [rows, 1, outputs],
    ),
  );
  const shape = [...(many >= fewer && outer.length >= other.length ? outer : other), rows, outputs];
  const made =
    parts.length === 1
      ? parts[0]!
      : graph.add(node, { kind: 'concat', axis: 0 }, parts, [count * rows, 1, outputs]);
  graph.result(node, made, shape);
}

/** By constants on the right, or on the left: (A · B)ᵀ = Bᵀ · Aᵀ; or of two activations. */
export const matMul: Handler = (graph, node) => {
  if (productOfConstants(graph, node)) return undefined;
  if (graph.constant(node, 1)) return byConstant(graph, node);
  if (!graph.constant(node, 0)) return products(graph, node);
  const rank = graph.any(node, 1).shape.length;
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  perm.splice(-2, 2, rank - 1, rank - 2);
  const name = (what: string): string => `${node.outputs[0] ?? ''}#${what}`;
  const swap = (input: string, output: string, axes: number[]): void =>
    transpose(graph, {
      ...node,
      op: 'Transpose',
      inputs: [input],
      outputs: [output],
      attributes: new Map([['perm', { integers: axes }]]),
    });
  const [left = '', right = ''] = node.inputs;
  swap(left, name('left'), [1, 0]);
  swap(right, name('right'), perm);
  byConstant(graph, { ...node, inputs: [name('right'), name('left')], outputs: [name('turned')] });
  return swap(name('turned'), node.outputs[0] ?? '', perm);
};

/** (x − mean) / √(variance + ε) over dimensions; `mean` false: without taking off the mean. */
function normalize(steps: Steps, x: string, axes: number[], epsilon: number, mean: boolean): string {
  const over: OnnxNode['attributes'] = new Map([
    ['axes', { integers: axes }],
    ['keepdims', { integer: 1 }],
  ]);
  const average = (of: string): string => steps.run(reduceMean, 'ReduceMean', [of], over);
  const centred = mean ? steps.run(arithmetic, 'Sub', [x, average(x)]) : x;
  const variance = average(steps.run(arithmetic, 'Mul', [centred, centred]));
  const spread = steps.run(arithmetic, 'Add', [variance, steps.constant([epsilon])]);
  const root = steps.run(UNARY['Sqrt']!, 'Sqrt', [spread]);
  return steps.run(arithmetic, 'Mul', [centred, steps.run(UNARY['Reciprocal']!, 'Reciprocal', [root])]);
}

/** γ · x + β, by constants of the shape of the last dimensions. */
function scaled(steps: Steps, x: string, gamma: string | undefined, beta: string | undefined): void {
  const { graph, node } = steps;
  const product = gamma ? steps.run(arithmetic, 'Mul', [x, gamma]) : x;
  const made = beta ? steps.run(arithmetic, 'Add', [product, beta]) : product;
  graph.define(node.outputs[0] ?? '', graph.value(made)!);
}

/** LayerNormalization over all dimensions from `axis` on, RMSNormalization the same without the mean. */
export const layerNormalization: Handler = (graph, node) => {
  const { shape } = graph.activation(node);
  const given = graph.integer(node, 'axis', -1);
  const axis = given < 0 ? given + shape.length : given;
  if (!(axis >= 0 && axis < shape.length))
    graph.refuse(node, `along dimension ${given}`, `one of ${shape.length}`);
  if (node.outputs.slice(1).some((name) => name !== '' && graph.isUsed(name)))
    graph.refuse(node, 'whose mean or deviation is used', 'one output');
  const axes = shape.map((_, i) => i).slice(axis);
  const steps = new Steps(graph, node);
  const mean = node.op !== 'RMSNormalization' && node.op !== 'SimplifiedLayerNormalization';
  const normal = normalize(steps, node.inputs[0] ?? '', axes, graph.real(node, 'epsilon', 1e-5), mean);
  return scaled(steps, normal, node.inputs[1], node.inputs[2]);
};

/** com.microsoft.SkipLayerNormalization: of the sum of two inputs, and a bias. */
export const skipLayerNormalization: Handler = (graph, node) => {
  const steps = new Steps(graph, node);
  const [x = '', skip = '', gamma, beta, bias] = node.inputs;
  if (node.outputs.slice(1, 3).some((name) => name !== '' && graph.isUsed(name)))
    graph.refuse(node, 'whose mean or deviation is used', 'none of them');
  const both = steps.run(arithmetic, 'Add', [x, skip]);
  const sum = bias ? steps.run(arithmetic, 'Add', [both, bias]) : both;
  const whole = node.outputs[3];
  if (whole) graph.define(whole, graph.value(sum)!);
  const rank = graph.value(sum)!.shape.length;
  const mean = node.op !== 'SkipSimplifiedLayerNormalization';
  return scaled(
    steps,
    normalize(steps, sum, [rank - 1], graph.real(node, 'epsilon', 1e-5), mean),
    gamma,
    mean ? beta : undefined,
  );
};

/** InstanceNormalization, and GroupNormalization: over pixels, and channels of a group, with constants a channel. */
export const groupNormalization: Handler = (graph, node) => {
  const value = graph.activation(node);
  const [batch = 1, channels = 1, ...pixels] = value.shape;
  const groups = node.op === 'InstanceNormalization' ? channels : graph.integer(node, 'num_groups', 1);
  if (channels % groups !== 0) graph.refuse(node, `of ${groups} groups`, `a divisor of ${channels}`);
  const steps = new Steps(graph, node);
  const order = orderOf(value.shape, [0, ...value.shape.map((_, axis) => axis).slice(2), 1]);
  const x = steps.define({ ...value, tensor: graph.inOrder(node, value, order), order });
  const over: OnnxNode['attributes'] = new Map([
    ['axes', { integers: value.shape.map((_, axis) => axis).slice(2) }],
    ['keepdims', { integer: 1 }],
  ]);
  const sizes = (shape: number[]): string => steps.constant(shape, [shape.length], true);
  /** Means over pixels and, of several channels a group, over these: one a channel. */
  const average = (of: string): string => {
    const each = steps.run(reduceMean, 'ReduceMean', [of], over);
    if (groups === channels) return each;
    const split = [batch, groups, channels / groups];
    const rows = steps.run(reshape, 'Reshape', [each, sizes(split)]);
    const last: OnnxNode['attributes'] = new Map([['axes', { integers: [2] }]]);
    const mean = steps.run(reduceMean, 'ReduceMean', [rows], last);
    const wide = steps.run(expand, 'Expand', [mean, sizes(split)]);
    return steps.run(reshape, 'Reshape', [wide, sizes([batch, channels, ...pixels.map(() => 1)])]);
  };
  const centred = steps.run(arithmetic, 'Sub', [x, average(x)]);
  const variance = average(steps.run(arithmetic, 'Mul', [centred, centred]));
  const spread = steps.run(arithmetic, 'Add', [
    variance,
    steps.constant([graph.real(node, 'epsilon', 1e-5)]),
  ]);
  const root = steps.run(UNARY['Reciprocal']!, 'Reciprocal', [steps.run(UNARY['Sqrt']!, 'Sqrt', [spread])]);
  const each = (slot: number): string => {
    const { values } = graph.needConstant(node, slot);
    const all = Array.from({ length: channels }, (_, c) => {
      return values[values.length === channels ? c : Math.floor((c * values.length) / channels)]!;
    });
    return steps.constant(all, [channels, ...pixels.map(() => 1)]);
  };
  const factors = steps.run(arithmetic, 'Mul', [root, each(1)]);
  const normal = steps.run(arithmetic, 'Mul', [centred, factors]);
  steps.finish(steps.run(arithmetic, 'Add', [normal, each(2)]));
};
