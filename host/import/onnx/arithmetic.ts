// Sums, products, quotients and extremes of two values, what they broadcast, and Softmax.
import { elementCount, type Quantization } from '../../model/quantized-network.js';
import { exponential, UNBOUNDED } from '../float-graph.js';
import { log, power } from '../functions.js';
import { broadcast as spreadOut, permute } from '../moves.js';
import { jointly } from './alike.js';
import type { Activation, Handler, OnnxGraph } from './graph.js';
import { affine } from './layers.js';
import type { OnnxNode, OnnxTensor } from './model.js';
import { orderOf, permutationOf } from './order.js';

const padded = (shape: readonly number[], rank: number): number[] => [
  ...Array.from({ length: Math.max(0, rank - shape.length) }, () => 1),
  ...shape,
];

/** The shape that two shapes broadcast to. */
function joined(graph: OnnxGraph, node: OnnxNode, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const [left, right] = [padded(a, rank), padded(b, rank)];
  return left.map((size, axis) => {
    const other = right[axis]!;
    if (size !== other && size !== 1 && other !== 1)
      graph.refuse(node, `of shapes [${a}] and [${b}]`, 'shapes that broadcast');
    return Math.max(size, other);
  });
}

/** A constant with an element for each of `shape`, in the order a value of it lies in. */
export function spread(
  constant: OnnxTensor,
  shape: readonly number[],
  order: Activation['order'],
): Float64Array {
  const own = padded(constant.shape, shape.length);
  const strides = own.map((_, axis) => elementCount({ shape: own.slice(axis + 1) }));
  const all = new Float64Array(elementCount({ shape }));
  for (let i = 0; i < all.length; i++) {
    let [rest, at] = [i, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (own[axis] !== 1) at += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    all[order?.[i] ?? i] = constant.values[at]!;
  }
  return all;
}

/** A value again and again, so that it has `shape`, stored in the order `permutation` of its dimensions. */
function broadcast(
  graph: OnnxGraph,
  node: OnnxNode,
  value: Activation,
  shape: readonly number[],
  permutation: readonly number[],
): number {
  const own = padded(value.shape, shape.length);
  const tensor = graph.inOrder(node, { ...value, shape: own }, orderOf(own, permutation));
  const [from, to] = [own, shape].map((sizes) => permutation.map((axis) => sizes[axis]!)) as [
    number[],
    number[],
  ];
  return `${from}` === `${to}` ? tensor : spreadOut(graph.mover(node), tensor, from, to);
}

/** The constant of each channel, the last stored dimension, if that is all there is. */
function perChannel(all: Float64Array, channels: number): Float64Array | undefined {
  return all.every((value, i) => value === all[i % channels]) ? all.slice(0, channels) : undefined;
}

/** What a node makes of an activation and a constant, `all` of it an element each; returns the tensor. */
function combine(
  graph: OnnxGraph,
  node: OnnxNode,
  value: Activation,
  { all, slot }: { all: Float64Array; slot: number },
): number {
  const [first = 0] = all;
  const elements = graph.shapeOf(value.tensor);
  const single = all.every((c) => c === first);
  const unary = (f: (x: number) => number): number =>
    graph.add(node, { kind: 'unary', f }, [value.tensor], elements);
  const channels = elements.at(-1) ?? 1;
  const each = perChannel(all, channels);
  const folds = each !== undefined && graph.foldable(value)?.bias.length === channels;
  const ones = new Float64Array(channels).fill(1);
  const zeros = new Float64Array(channels);
  switch (node.op) {
    case 'Add':
    case 'Sub': {
      const turned = node.op === 'Sub' && slot === 1;
      const sign = node.op === 'Sub' && slot === 0 ? -1 : 1;
      if (single && !folds) return unary((x) => (turned ? first - x : x + sign * first));
      const terms = all.map((c) => sign * c);
      if (each)
        return affine(graph, node, value, turned ? ones.map(() => -1) : ones, terms.slice(0, channels));
      const positive = turned ? negative(graph, node, value.tensor) : value.tensor;
      return graph.add(node, { kind: 'add', bounds: UNBOUNDED, constant: terms }, [positive], elements);
    }
    case 'Mul':
    case 'Div': {
      if (node.op === 'Div' && slot === 1) {
        if (!single) graph.refuse(node, 'of several constants by an activation', 'one constant');
        return unary((x) => (x === 0 ? 0 : first / x));
      }
      const factors = node.op === 'Mul' ? all : all.map((c) => 1 / c);
      if (single && !folds) return unary((x) => x * factors[0]!);
      if (each) return affine(graph, node, value, factors.slice(0, channels), zeros);
      return graph.add(node, { kind: 'mul', constant: factors }, [value.tensor], elements);
    }
    case 'Max':
    case 'Min':
    case 'Pow': {
      if (!single || (node.op === 'Pow' && slot === 1))
        graph.refuse(node, 'with several constants', 'one number, as the second input');
      const f = { Max: Math.max, Min: Math.min, Pow: power }[node.op];
      return unary((x) => f(x, first));
    }
    default:
      return graph.refuse(node, 'with a constant', 'a sum, a product, or an extreme');
  }
}

/** A node of an activation, its input `slot`, and a constant. */
function withConstant(graph: OnnxGraph, node: OnnxNode, slot: number): void {
  const given = graph.activation(node, slot);
  const constant = graph.needConstant(node, 1 - slot);
  const shape = joined(graph, node, given.shape, constant.shape);
  const wider = elementCount({ shape }) !== elementCount(given);
  const axes = shape.map((_, axis) => axis);
  const value: Activation = wider
    ? { tensor: broadcast(graph, node, given, shape, axes), shape, order: undefined }
    : { ...given, shape };
  const all = spread(constant, shape, value.order);
  graph.result(node, combine(graph, node, value, { all, slot }), shape, value.order);
}

const negative = (graph: OnnxGraph, node: OnnxNode, tensor: number): number =>
  graph.add(node, { kind: 'unary', f: (x) => -x }, [tensor], graph.shapeOf(tensor));

/** Of two constants. */
export function folded(
  graph: OnnxGraph,
  node: OnnxNode,
  a: OnnxTensor,
  b: OnnxTensor,
  of?: (x: number, y: number) => number,
): void {
  const shape = joined(graph, node, a.shape, b.shape);
  const [left, right] = [spread(a, shape, undefined), spread(b, shape, undefined)];
  const integer = a.integer && b.integer;
  const f =
    of ?? (integer && node.op === 'Div' ? (x: number, y: number) => Math.trunc(x / y) : OF_TWO[node.op]!);
  const values = Array.from(left, (x, i) => f(x, right[i]!));
  graph.fold(node, { shape, values, integer, ...(integer ? { bits: 64 } : {}) });
}

/** Of two numbers, by the node's name. */
export const OF_TWO: Record<string, (x: number, y: number) => number> = {
  Add: (x, y) => x + y,
  Sub: (x, y) => x - y,
  Mul: (x, y) => x * y,
  Div: (x, y) => x / y,
  Max: Math.max,
  Min: Math.min,
  Pow: power,
};

export const arithmetic: Handler = (graph, node) => {
  if (node.inputs.length !== 2) graph.refuse(node, `of ${node.inputs.length} inputs`, 'two');
  const constants = [graph.constant(node, 0), graph.constant(node, 1)] as const;
  if (constants[0] && constants[1]) return folded(graph, node, constants[0], constants[1]);
  if (constants[0]) return withConstant(graph, node, 1);
  if (constants[1]) return withConstant(graph, node, 0);
  if (jointly(graph, node, OF_TWO[node.op]!)) return undefined;
  const [a, b] = [graph.activation(node, 0), graph.activation(node, 1)];
  if (!['Add', 'Sub', 'Mul'].includes(node.op))
    graph.refuse(node, 'of two activations', 'a constant as the second input');
  const shape = joined(graph, node, a.shape, b.shape);
  const large = elementCount(a) >= elementCount(b) ? a : b;
  const permutation = permutationOf(large.shape, large.order) ?? large.shape.map((_, axis) => axis);
  const full = padded(large.shape, shape.length);
  const shifted = [...shape.keys()].slice(0, shape.length - permutation.length);
  const layout = [...shifted, ...permutation.map((axis) => axis + shifted.length)];
  const order = orderOf(shape, layout);
  const stored =
    elementCount({ shape: full }) === elementCount({ shape })
      ? graph.shapeOf(large.tensor)
      : layout.map((axis) => shape[axis]!);
  const [left, right] = [a, b].map((value) =>
    graph.reshape(node, broadcast(graph, node, value, shape, layout), stored),
  ) as [number, number];
  const second = node.op === 'Sub' ? negative(graph, node, right) : right;
  const body = node.op === 'Mul' ? ({ kind: 'mul' } as const) : ({ kind: 'add', bounds: UNBOUNDED } as const);
  return graph.result(node, graph.add(node, body, [left, second], stored), shape, order);
};

/** Sum and Mean of any number of inputs, Max and Min of one. */
export const several: Handler = (graph, node) => {
  const name = node.op === 'Sum' || node.op === 'Mean' ? 'Add' : node.op;
  const [first = '', ...rest] = node.inputs;
  const last = node.outputs[0] ?? '';
  const count = node.inputs.length;
  let left = first;
  rest.forEach((right, i) => {
    const done = i === rest.length - 1 && node.op !== 'Mean';
    const output = done ? last : `${last}#${i}`;
    arithmetic(graph, { ...node, op: name, inputs: [left, right], outputs: [output] });
    left = output;
  });
  if (rest.length === 0 && node.op !== 'Mean') graph.define(last, graph.any(node));
  if (node.op !== 'Mean') return;
  const share = `${last}#share`;
  graph.fold({ ...node, outputs: [share] }, { shape: [], values: [count], integer: false });
  arithmetic(graph, { ...node, op: 'Div', inputs: [left, share] });
};

/** A slope for each channel of what is below 0: max(x, 0) + slope · min(x, 0). */
export const prelu: Handler = (graph, node) => {
  const value = graph.activation(node);
  const { tensor, shape, order } = value;
  const all = spread(
    graph.needConstant(node, 1),
    joined(graph, node, shape, graph.needConstant(node, 1).shape),
    order,
  );
  const elements = graph.shapeOf(tensor);
  const [first = 0] = all;
  if (all.every((slope) => slope === first)) {
    const f = (x: number): number => (x < 0 ? first * x : x);
    return graph.result(node, graph.add(node, { kind: 'unary', f }, [tensor], elements), shape, order);
  }
  if (all.length !== elementCount({ shape }))
    graph.refuse(node, 'with a wider slope', 'one that broadcasts to the input');
  const below = graph.add(node, { kind: 'unary', f: (x) => Math.min(0, x) }, [tensor], elements);
  const above = graph.add(node, { kind: 'unary', f: (x) => Math.max(0, x) }, [tensor], elements);
  const sloped = graph.add(node, { kind: 'mul', constant: all }, [below], elements);
  return graph.result(
    node,
    graph.add(node, { kind: 'add', bounds: UNBOUNDED }, [above, sloped], elements),
    shape,
    order,
  );
};

/** x − max x − log Σ exp(x − max x) of each row of a matrix. */
function logSoftmax(graph: OnnxGraph, node: OnnxNode, matrix: number): number {
  const [rows, depth] = graph.shapeOf(matrix) as [number, number];
  const mover = graph.mover(node);
  // A row is a column here, so that what is over rows is a window.
  const shape = [depth, 1, rows];
  const columns = graph.reshape(node, permute(mover, matrix, [rows, depth], [1, 0]), shape);
  const window = { kernel: [depth, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] } as const;
  const unary = (tensor: number, f: (x: number) => number, fixed?: Quantization): number =>
    graph.add(node, { kind: 'unary', f, ...(fixed ? { fixed } : {}) }, [tensor], graph.shapeOf(tensor));
  const repeated = (tensor: number): number => graph.add(node, { kind: 'repeat' }, [tensor], shape);
  const add = (a: number, b: number): number =>
    graph.add(node, { kind: 'add', bounds: UNBOUNDED }, [a, b], shape);
  const most = graph.add(node, { kind: 'maxPool2d', window }, [columns], [1, 1, rows]);
  const below = add(columns, repeated(unary(most, (x) => -x)));
  const powers = unary(below, exponential, { scale: 1 / 256, zeroPoint: -128 });
  const sum = graph.add(node, { kind: 'mean', total: true }, [powers], [rows]);
  const made = add(below, repeated(unary(sum, (x) => -log(Math.max(1, x)))));
  return graph.reshape(node, permute(mover, made, [depth, rows], [1, 0]), [rows, depth]);
}

/** Softmax along any dimension: its elements are brought side by side. */
export const softmax: Handler = (graph, node) => {
  const value = graph.activation(node);
  const { shape } = value;
  const rank = shape.length;
  const given = graph.integer(node, 'axis', graph.opset < 13 ? 1 : -1);
  const axis = given < 0 ? given + rank : given;
  if (!(axis >= 0 && axis < rank)) graph.refuse(node, `along dimension ${given}`, `one of ${rank}`);
  // Before opset 13, all dimensions from `axis` on are one.
  const rest = graph.opset < 13 ? elementCount({ shape: shape.slice(axis) }) : shape[axis]!;
  const last = graph.opset < 13 || elementCount({ shape: shape.slice(axis + 1) }) === 1;
  const axes = shape.map((_, i) => i);
  const order = last ? undefined : orderOf(shape, [...axes.filter((i) => i !== axis), axis]);
  const tensor = graph.inOrder(node, value, order);
  const input = graph.reshape(node, tensor, [elementCount({ shape }) / rest, rest]);
  const logarithmic = node.op === 'LogSoftmax';
  const made = logarithmic
    ? logSoftmax(graph, node, input)
    : graph.add(node, { kind: 'softmax' }, [input], graph.shapeOf(input));
  const result = graph.reshape(node, made, graph.shapeOf(tensor));
  return graph.result(node, result, shape, order);
};
