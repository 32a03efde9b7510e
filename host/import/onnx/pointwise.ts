// Nodes that work value by value: activations, sums and products, quantization; and Softmax.
import { elementCount, type Quantization } from '../../model/quantized-network.js';
import { type Bounds, exponential, UNBOUNDED } from '../float-graph.js';
import type { Activation, Handler, OnnxGraph } from './graph.js';
import { affine } from './layers.js';
import type { OnnxNode, OnnxTensor } from './model.js';

/** A function of one value, with the scale of its output if it has a range of its own. */
function unary(graph: OnnxGraph, node: OnnxNode, f: (x: number) => number, fixed?: Quantization): void {
  const { tensor, shape, order } = graph.activation(node);
  const body = { kind: 'unary' as const, f, ...(fixed ? { fixed } : {}) };
  graph.result(node, graph.add(node, body, [tensor], graph.shapeOf(tensor)), shape, order);
}

/** Clamps: the layer before does it, if it can. */
function bounded(graph: OnnxGraph, node: OnnxNode, bounds: Bounds): void {
  const value = graph.activation(node);
  if (!(bounds[0] <= bounds[1]))
    graph.refuse(node, `from ${bounds[0]} to ${bounds[1]}`, 'least before largest');
  const producer = graph.producer(value.tensor);
  const sum = producer?.kind === 'add' && producer.bounds === UNBOUNDED ? producer : undefined;
  const open = !value.shared && !graph.float.tensors[value.tensor]!.given;
  const layer = graph.foldable(value) ?? (open ? sum : undefined);
  if (!layer) {
    unary(graph, node, (x) => Math.max(bounds[0], Math.min(bounds[1], x)));
    return;
  }
  layer.bounds = bounds;
  graph.result(node, value.tensor, value.shape, value.order);
}

export const relu: Handler = (graph, node) => bounded(graph, node, [0, Infinity]);

export const clip: Handler = (graph, node) => {
  const limit = (slot: number, name: string, absent: number): number => {
    if (node.inputs[slot]) return graph.needConstant(node, slot).values[0] ?? absent;
    return graph.real(node, name, absent);
  };
  bounded(graph, node, [limit(1, 'min', -Infinity), limit(2, 'max', Infinity)]);
};

const PROBABILITY: Quantization = { scale: 1 / 256, zeroPoint: -128 };

const logistic = (x: number): number => {
  const power = exponential(x < 0 ? x : -x);
  return x < 0 ? power / (1 + power) : 1 / (1 + power);
};
export const sigmoid: Handler = (graph, node) => unary(graph, node, logistic, PROBABILITY);
export const tanh: Handler = (graph, node) =>
  unary(graph, node, (x) => 2 * logistic(2 * x) - 1, { scale: 1 / 128, zeroPoint: 0 });

const part = (x: number): number => Math.max(0, Math.min(1, x));
export const hardSigmoid: Handler = (graph, node) => {
  const [alpha, beta] = [graph.real(node, 'alpha', 0.2), graph.real(node, 'beta', 0.5)];
  unary(graph, node, (x) => part(alpha * x + beta), PROBABILITY);
};
export const hardSwish: Handler = (graph, node) => unary(graph, node, (x) => x * part(x / 6 + 0.5));
export const leakyRelu: Handler = (graph, node) => {
  const alpha = graph.real(node, 'alpha', 0.01);
  unary(graph, node, (x) => (x < 0 ? alpha * x : x));
};
export const elu: Handler = (graph, node) => {
  const alpha = graph.real(node, 'alpha', 1);
  unary(graph, node, (x) => (x < 0 ? alpha * (exponential(x) - 1) : x));
};

export const softmax: Handler = (graph, node) => {
  const value = graph.activation(node);
  const rank = value.shape.length;
  const axis = graph.integer(node, 'axis', graph.opset < 13 ? 1 : -1);
  const last = axis === rank - 1 || axis === -1;
  if (!last && elementCount({ shape: value.shape.slice(axis + 1) }) !== 1)
    graph.refuse(node, `along dimension ${axis}`, 'the last one');
  const depth = value.shape[last ? rank - 1 : axis] ?? 1;
  const input = graph.reshape(node, graph.inOrder(node, value, undefined), [
    elementCount(value) / depth,
    depth,
  ]);
  const made = graph.add(node, { kind: 'softmax' }, [input], graph.shapeOf(input));
  graph.result(node, graph.reshape(node, made, value.shape.slice(rank > 1 ? 1 : 0)), value.shape);
};

/** A constant for each value of the last stored dimension, if that is what it is. */
function perChannel(graph: OnnxGraph, node: OnnxNode, value: Activation, constant: OnnxTensor): Float64Array {
  const { shape, order, tensor } = value;
  const channels = graph.shapeOf(tensor).at(-1) ?? 1;
  const rank = shape.length;
  const own = [
    ...Array.from({ length: Math.max(0, rank - constant.shape.length) }, () => 1),
    ...constant.shape,
  ];
  if (own.length !== rank || own.some((size, axis) => size !== 1 && size !== shape[axis]))
    graph.refuse(node, `with a constant [${constant.shape}] on [${shape}]`, 'one that broadcasts');
  const result = new Float64Array(channels).fill(Number.NaN);
  const count = elementCount({ shape });
  for (let i = 0; i < count; i++) {
    let [rest, at, stride] = [i, 0, 1];
    for (let axis = rank - 1; axis >= 0; axis--) {
      if (own[axis] !== 1) {
        at += (rest % shape[axis]!) * stride;
        stride *= own[axis]!;
      }
      rest = Math.floor(rest / shape[axis]!);
    }
    const channel = (order?.[i] ?? i) % channels;
    const found = constant.values[at]!;
    if (Number.isNaN(result[channel]!)) result[channel] = found;
    else if (result[channel] !== found)
      graph.refuse(node, 'with a constant for each element', 'one a channel');
  }
  return result;
}

/** Add, Sub, Mul and Div with a constant. */
function withConstant(graph: OnnxGraph, node: OnnxNode, slot: number): void {
  const value = graph.activation(node, slot);
  const constants = perChannel(graph, node, value, graph.needConstant(node, 1 - slot));
  const ones = constants.map(() => 1);
  const zeros = constants.map(() => 0);
  if (node.op === 'Add') affine(graph, node, value, ones, constants);
  else if (node.op === 'Mul') affine(graph, node, value, constants, zeros);
  else if (node.op === 'Sub' && slot === 0)
    affine(
      graph,
      node,
      value,
      ones,
      constants.map((c) => -c),
    );
  else if (node.op === 'Sub')
    affine(
      graph,
      node,
      value,
      ones.map(() => -1),
      constants,
    );
  else if (slot === 0)
    affine(
      graph,
      node,
      value,
      constants.map((c) => 1 / c),
      zeros,
    );
  else graph.refuse(node, 'of a constant by an activation', 'an activation by a constant');
}

export const arithmetic: Handler = (graph, node) => {
  if (!graph.isActivation(node, 0)) {
    withConstant(graph, node, 1);
    return;
  }
  if (!graph.isActivation(node, 1)) {
    withConstant(graph, node, 0);
    return;
  }
  if (node.op === 'Div') graph.refuse(node, 'of two activations', 'a constant to divide by');
  const a = graph.activation(node, 0);
  let b = graph.activation(node, 1);
  if (node.op === 'Sub') {
    // a − b = a + (−b)
    const { tensor } = b;
    b = { ...b, tensor: graph.add(node, { kind: 'unary', f: (x) => -x }, [tensor], graph.shapeOf(tensor)) };
  }
  const [large, small] = elementCount(a) >= elementCount(b) ? [a, b] : [b, a];
  const shape = graph.shapeOf(large.tensor);
  let other: number;
  if (`${large.shape}` === `${small.shape}`) {
    other = graph.reshape(node, graph.inOrder(node, small, large.order), shape);
  } else {
    const channels = large.shape[1];
    const gate = small.shape[1] === channels && elementCount(small) === channels && shape.at(-1) === channels;
    if (!gate || large.shape.length < 3)
      graph.refuse(node, `of [${a.shape}] and [${b.shape}]`, 'equal shapes, or one value a channel');
    other = graph.add(
      node,
      { kind: 'repeat' },
      [small.tensor],
      shape,
      graph.float.tensors[small.tensor]!.given,
    );
  }
  const body = node.op === 'Mul' ? ({ kind: 'mul' } as const) : ({ kind: 'add', bounds: UNBOUNDED } as const);
  graph.result(node, graph.add(node, body, [large.tensor, other], shape), large.shape, large.order);
};

/** Scale and zero point, as int8 has them. */
function quantizationOf(graph: OnnxGraph, node: OnnxNode): Quantization {
  const scales = graph.needConstant(node, 1).values;
  const zero = node.inputs[2] ? graph.needConstant(node, 2) : undefined;
  const zeroPoint = (zero?.values[0] ?? 0) - (zero === undefined || zero.unsigned ? 128 : 0);
  const [scale = 0] = Array.from(scales);
  if (scales.length !== 1 || !(scale > 0) || !(zeroPoint >= -128 && zeroPoint <= 127))
    graph.refuse(
      node,
      `with ${scales.length} scales, the first ${scale}`,
      'one above 0, and a zero point of 8 bits',
    );
  return { scale, zeroPoint };
}

export const quantizeLinear: Handler = (graph, node) => {
  const value = graph.activation(node);
  const quantization = quantizationOf(graph, node);
  const tensor = graph.float.tensors[value.tensor]!;
  const same =
    tensor.given?.scale === quantization.scale && tensor.given.zeroPoint === quantization.zeroPoint;
  if (tensor.given === undefined || same) {
    tensor.given = quantization;
    graph.result(node, value.tensor, value.shape, value.order);
    return;
  }
  const made = graph.add(node, { kind: 'unary', f: (x) => x }, [value.tensor], tensor.shape, quantization);
  graph.result(node, made, value.shape, value.order);
};

export const dequantizeLinear: Handler = (graph, node) => {
  const constant = graph.constant(node, 0);
  if (!constant) {
    const { tensor, shape, order } = graph.activation(node);
    graph.result(node, tensor, shape, order);
    return;
  }
  const scales = Array.from(graph.needConstant(node, 1).values);
  const zeros = node.inputs[2] ? graph.needConstant(node, 2).values : [0];
  const axis = graph.integer(node, 'axis', 1);
  const along = axis < 0 ? axis + constant.shape.length : axis;
  const inner = elementCount({ shape: constant.shape.slice(along + 1) });
  if (scales.length === 0 || (scales.length > 1 && scales.length !== constant.shape[along]))
    graph.refuse(node, `with ${scales.length} scales`, 'one, or one for each of a dimension');
  const at = (list: ArrayLike<number>, i: number): number =>
    list[list.length === 1 ? 0 : Math.floor(i / inner) % scales.length] ?? 0;
  const values = Array.from(constant.values, (q, i) => (q - at(zeros, i)) * at(scales, i));
  // Weights with a zero point are quantized again, symmetrically.
  const symmetric = Array.from(zeros).every((zero) => zero === 0) && constant.shape.length > 1;
  graph.fold(node, { shape: constant.shape, values, integer: false, ...(symmetric ? { scales } : {}) });
};
