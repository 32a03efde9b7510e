// Nodes that move or rename values, and those whose results are known at compile time.
import { elementCount } from '../../model/quantized-network.js';
import type { Handler, OnnxGraph } from './graph.js';
import type { OnnxNode, OnnxTensor } from './model.js';

/** The same values under another ONNX shape; their order stays. */
function rename(graph: OnnxGraph, node: OnnxNode, shape: number[]): void {
  const constant = graph.constant(node, 0);
  const before = constant ? constant.shape : graph.activation(node).shape;
  if (elementCount({ shape }) !== elementCount({ shape: before }) || shape.some((size) => !(size >= 1)))
    graph.refuse(node, `of [${before}] into [${shape}]`, 'as many elements');
  if (constant) {
    graph.fold(node, { ...constant, shape });
    return;
  }
  const value = graph.activation(node);
  if (shape[0] !== 1 && shape.length > 1 && before[0] === 1)
    graph.refuse(node, `of [${before}] into [${shape}]`, 'a batch of 1');
  graph.define(node.outputs[0] ?? '', { ...value, shape });
}

const shapeOf = (graph: OnnxGraph, node: OnnxNode): number[] =>
  graph.constant(node, 0)?.shape ?? graph.activation(node).shape;

export const identity: Handler = (graph, node) => rename(graph, node, [...shapeOf(graph, node)]);

export const reshape: Handler = (graph, node) => {
  const before = shapeOf(graph, node);
  const asked = graph.constantIntegers(node, 1);
  const zero = graph.integer(node, 'allowzero') === 0;
  const sizes = asked.map((size, axis) => (size === 0 && zero ? (before[axis] ?? 0) : size));
  const known = sizes.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  const rest = elementCount({ shape: before }) / known;
  rename(
    graph,
    node,
    sizes.map((size) => (size === -1 ? rest : size)),
  );
};

export const flatten: Handler = (graph, node) => {
  const before = shapeOf(graph, node);
  const axis = graph.integer(node, 'axis', 1);
  const at = axis < 0 ? axis + before.length : axis;
  rename(graph, node, [
    elementCount({ shape: before.slice(0, at) }),
    elementCount({ shape: before.slice(at) }),
  ]);
};

/** Axes of an attribute, or since opset 13 of an input. */
function axesOf(graph: OnnxGraph, node: OnnxNode, rank: number): number[] | undefined {
  const listed =
    graph.integers(node, 'axes') ?? (node.inputs[1] ? graph.constantIntegers(node, 1) : undefined);
  return listed?.map((axis) => (axis < 0 ? axis + rank : axis));
}

export const squeeze: Handler = (graph, node) => {
  const before = shapeOf(graph, node);
  const axes = axesOf(graph, node, before.length);
  rename(
    graph,
    node,
    before.filter((size, axis) => !(axes ? axes.includes(axis) : size === 1)),
  );
};

export const unsqueeze: Handler = (graph, node) => {
  const before = [...shapeOf(graph, node)];
  const count = graph.integers(node, 'axes')?.length ?? graph.constant(node, 1)?.values.length ?? 0;
  const axes = axesOf(graph, node, before.length + count) ?? [];
  for (const axis of axes.sort((a, b) => a - b)) before.splice(axis, 0, 1);
  rename(graph, node, before);
};

/** Where each element of the transposed array was. */
function transposition(
  shape: readonly number[],
  permutation: readonly number[],
): { to: number[]; from: Int32Array } {
  const to = permutation.map((axis) => shape[axis]!);
  const strides = shape.map((_, axis) => elementCount({ shape: shape.slice(axis + 1) }));
  const from = Int32Array.from({ length: elementCount({ shape }) }, (_, i) => {
    let [rest, at] = [i, 0];
    for (let axis = to.length - 1; axis >= 0; axis--) {
      at += (rest % to[axis]!) * strides[permutation[axis]!]!;
      rest = Math.floor(rest / to[axis]!);
    }
    return at;
  });
  return { to, from };
}

export const transpose: Handler = (graph, node) => {
  const before = shapeOf(graph, node);
  const permutation = graph.integers(node, 'perm') ?? before.map((_, axis) => before.length - 1 - axis);
  if (`${[...permutation].sort((a, b) => a - b)}` !== `${before.map((_, axis) => axis)}`)
    graph.refuse(node, `by [${permutation}] of [${before}]`, 'a permutation');
  const { to, from } = transposition(before, permutation);
  const constant = graph.constant(node, 0);
  if (constant) {
    const { scales: _, ...rest } = constant;
    graph.fold(node, { ...rest, shape: to, values: Array.from(from, (at) => constant.values[at]!) });
    return;
  }
  const value = graph.activation(node);
  const order = from.map((at) => value.order?.[at] ?? at);
  graph.define(node.outputs[0] ?? '', { ...value, shape: to, order });
};

export const concat: Handler = (graph, node) => {
  const constants = node.inputs.map((_, slot) => graph.constant(node, slot));
  if (constants.every((constant) => constant !== undefined)) {
    const parts = constants as OnnxTensor[];
    if (parts.some(({ shape }) => shape.length !== 1)) graph.refuse(node, 'of constant maps', 'vectors');
    const values = parts.flatMap((part) => Array.from(part.values));
    graph.fold(node, { shape: [values.length], values, integer: true });
    return;
  }
  const parts = node.inputs.map((_, slot) => graph.activation(node, slot));
  const { shape } = parts[0]!;
  const axis = graph.integer(node, 'axis');
  const at = axis < 0 ? axis + shape.length : axis;
  const fits = parts.every((part) => {
    return part.shape.length === shape.length && part.shape.every((size, i) => i === at || size === shape[i]);
  });
  if (!fits || at < 1 || at >= shape.length)
    graph.refuse(node, `along dimension ${axis}`, 'shapes that fit, behind the batch');
  const total = parts.reduce((sum, part) => sum + part.shape[at]!, 0);
  const joined = shape.map((size, i) => (i === at ? total : size));
  if (shape.length > 2) {
    // Maps lie in NHWC: channels are their last dimension.
    const maps = node.inputs.map((_, slot) => graph.feature(node, slot));
    const [height = 1, width = 1] = joined.slice(2);
    const body = { kind: 'concat' as const, axis: at === 1 ? 2 : at - 2 };
    const made = graph.add(
      node,
      body,
      maps.map(({ tensor }) => tensor),
      [height, width, joined[1]!],
    );
    graph.mapResult(node, made, shape.length);
    return;
  }
  const vectors = parts.map((part) => {
    return graph.reshape(node, graph.inOrder(node, part, undefined), [elementCount(part)]);
  });
  graph.result(node, graph.add(node, { kind: 'concat', axis: 0 }, vectors, [total]), joined);
};

export const pad: Handler = (graph, node) => {
  const { tensor, shape } = graph.feature(node);
  const rank = graph.activation(node).shape.length;
  const pads = graph.integers(node, 'pads') ?? graph.constantIntegers(node, 1);
  const mode = graph.text(node, 'mode') || 'constant';
  const value = node.inputs[2] ? graph.needConstant(node, 2).values[0] : graph.real(node, 'value', 0);
  const outside = [pads[0], pads[1], pads[rank], pads[rank + 1]];
  if (
    mode !== 'constant' ||
    value !== 0 ||
    pads.length !== 2 * rank ||
    outside.some((n) => n !== 0) ||
    pads.some((n) => !(n >= 0 && n < 65536))
  )
    graph.refuse(node, `by [${pads}] with ${mode} ${value}`, 'zeros around maps');
  const rows = [pads[2] ?? 0, pads[rank + 2] ?? 0] as const;
  const columns = rank === 3 ? ([0, 0] as const) : ([pads[3] ?? 0, pads[rank + 3] ?? 0] as const);
  const output = [shape[0] + rows[0] + rows[1], shape[1] + columns[0] + columns[1], shape[2]];
  graph.mapResult(node, graph.add(node, { kind: 'pad', rows, columns }, [tensor], output), rank);
};

export const constant: Handler = (graph, node) => {
  if (node.attributes.has('value')) graph.fold(node, graph.tensorAttribute(node, 'value'));
  else {
    const integers = graph.integers(node, 'value_ints');
    const single = node.attributes.has('value_int')
      ? graph.integer(node, 'value_int')
      : graph.real(node, 'value_float', 0);
    const shape = integers ? [integers.length] : [];
    graph.fold(node, { shape, values: integers ?? [single], integer: node.attributes.has('value_int') });
  }
};

export const shape: Handler = (graph, node) => {
  const values = shapeOf(graph, node);
  graph.fold(node, { shape: [values.length], values, integer: true });
};

/** Parts of constant shapes. */
export const gather: Handler = (graph, node) => {
  const from = graph.needConstant(node, 0);
  const indices = graph.needConstant(node, 1);
  if (from.shape.length !== 1) graph.refuse(node, `on [${from.shape}]`, 'a constant of one dimension');
  const values = Array.from(
    indices.values,
    (index) => from.values[index < 0 ? index + from.values.length : index] ?? 0,
  );
  graph.fold(node, { shape: indices.shape, values, integer: true });
};

export const slice: Handler = (graph, node) => {
  const from = graph.needConstant(node, 0);
  const [start = 0] = node.inputs[1]
    ? graph.constantIntegers(node, 1)
    : (graph.integers(node, 'starts') ?? []);
  const [end = 0] = node.inputs[2] ? graph.constantIntegers(node, 2) : (graph.integers(node, 'ends') ?? []);
  if (from.shape.length !== 1) graph.refuse(node, `on [${from.shape}]`, 'a constant of one dimension');
  const values = Array.from(from.values).slice(start, end);
  graph.fold(node, { shape: [values.length], values, integer: true });
};
