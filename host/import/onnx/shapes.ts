// Nodes that move or rename values, and those whose results are known at compile time.
import { elementCount } from '../../model/quantized-network.js';
import { gather as moved } from '../moves.js';
import { arithmetic } from './arithmetic.js';
import { Steps } from './steps.js';
import type { Activation, Handler, OnnxGraph } from './graph.js';
import type { OnnxNode, OnnxTensor } from './model.js';
import { embedding } from './embedding.js';
import { held } from './held.js';
import { orderOf, permutationOf } from './order.js';

/** The same values under another ONNX shape; their order stays. */
function rename(graph: OnnxGraph, node: OnnxNode, shape: number[]): void {
  const constant = graph.constant(node, 0);
  const before = constant ? constant.shape : graph.any(node).shape;
  const sound = constant ? shape.every((size) => size >= 0) : shape.every((size) => size >= 1);
  if (elementCount({ shape }) !== elementCount({ shape: before }) || !sound)
    graph.refuse(node, `of [${before}] into [${shape}]`, 'as many elements');
  if (constant) {
    const { scales, axis, ...rest } = constant;
    graph.fold(node, { ...rest, shape, ...(scales?.length === 1 ? { scales, axis: 0 } : {}) });
    return;
  }
  graph.define(node.outputs[0] ?? '', { ...graph.any(node), shape });
}

const shapeOf = (graph: OnnxGraph, node: OnnxNode): number[] =>
  graph.constant(node, 0)?.shape ?? graph.any(node).shape;

export const identity: Handler = (graph, node) => {
  const constant = graph.constant(node, 0);
  if (constant) graph.fold(node, constant);
  else graph.define(node.outputs[0] ?? '', graph.any(node));
};

export const reshape: Handler = (graph, node) => {
  const before = shapeOf(graph, node);
  const asked = graph.constantIntegers(node, 1);
  const zero = graph.integer(node, 'allowzero') === 0;
  const sizes = asked.map((size, axis) => (size === 0 && zero ? (before[axis] ?? 0) : size));
  // A batch that was fixed to 1 is one here as well.
  if (!graph.constant(node, 0) && sizes[0] === graph.batch && before[0] === 1) sizes[0] = 1;
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
): { to: number[]; from: (i: number) => number } {
  const to = permutation.map((axis) => shape[axis]!);
  const inverse = orderOf(
    to,
    permutation.map((_, axis) => permutation.indexOf(axis)),
  );
  return { to, from: (i) => inverse?.[i] ?? i };
}

export const transpose: Handler = (graph, node) => {
  const before = shapeOf(graph, node);
  const permutation = graph.integers(node, 'perm') ?? before.map((_, axis) => before.length - 1 - axis);
  if (`${[...permutation].sort((a, b) => a - b)}` !== `${before.map((_, axis) => axis)}`)
    graph.refuse(node, `by [${permutation}] of [${before}]`, 'a permutation');
  const { to, from } = transposition(before, permutation);
  const constant = graph.constant(node, 0);
  if (constant) {
    const values = Array.from(constant.values, (_, i) => constant.values[from(i)]!);
    const axis = constant.axis === undefined ? {} : { axis: permutation.indexOf(constant.axis) };
    graph.fold(node, { ...constant, ...axis, shape: to, values });
    return;
  }
  const value = graph.any(node);
  const order = Int32Array.from({ length: elementCount({ shape: to }) }, (_, i) => {
    return value.order?.[from(i)] ?? from(i);
  });
  graph.define(node.outputs[0] ?? '', { ...value, shape: to, order });
};

const constantConcat = (graph: OnnxGraph, node: OnnxNode, parts: OnnxTensor[], axis: number): void => {
  const [first] = parts as [OnnxTensor];
  const inner = (shape: readonly number[]): number => elementCount({ shape: shape.slice(axis) });
  const shape = first.shape.map((size, i) =>
    i === axis ? parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0) : size,
  );
  const values: number[] = [];
  for (let i = 0; i < elementCount({ shape: first.shape.slice(0, axis) }); i++) {
    for (const part of parts) {
      const size = inner(part.shape);
      for (let at = 0; at < size; at++) values.push(part.values[i * size + at] ?? 0);
    }
  }
  if (values.length !== elementCount({ shape })) graph.refuse(node, 'of constants', 'shapes that fit');
  graph.fold(node, { shape, values, integer: parts.every(({ integer }) => integer) });
};

export const concat: Handler = (graph, node) => {
  const constants = node.inputs.map((_, slot) => graph.constant(node, slot));
  const given = graph.integer(node, 'axis');
  if (constants.every((constant) => constant !== undefined)) {
    const parts = constants as OnnxTensor[];
    const axis = given < 0 ? given + (parts[0]?.shape.length ?? 1) : given;
    constantConcat(graph, node, parts, axis);
    return;
  }
  const near = graph.any(node, constants.indexOf(undefined));
  const { integers } = near;
  const parts = node.inputs
    .map((_, slot) => {
      const constant = constants[slot];
      if (!constant) {
        const part = graph.any(node, slot);
        const same =
          part.integers?.scale === integers?.scale && part.integers?.zeroPoint === integers?.zeroPoint;
        return same ? part : graph.activation(node, slot);
      }
      if (integers) graph.refuse(node, `of the integers "${node.inputs[slot]}"`, 'reals');
      return elementCount(constant) === 0 ? undefined : held(graph, node, constant, near);
    })
    .filter((part) => part !== undefined);
  const { shape, order } = near;
  const axis = given < 0 ? given + shape.length : given;
  const fits = parts.every((part) => {
    return (
      part.shape.length === shape.length && part.shape.every((size, i) => i === axis || size === shape[i])
    );
  });
  if (!fits || axis < 0 || axis >= shape.length)
    graph.refuse(node, `along dimension ${given} of [${shape}]`, 'shapes that fit');
  const total = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
  const joined = shape.map((size, i) => (i === axis ? total : size));
  const permutation = permutationOf(shape, order) ?? shape.map((_, i) => i);
  const tensors = parts.map((part) => {
    const tensor = graph.inOrder(node, part, orderOf(part.shape, permutation));
    return graph.reshape(
      node,
      tensor,
      permutation.map((i) => part.shape[i]!),
    );
  });
  const body = { kind: 'concat' as const, axis: permutation.indexOf(axis) };
  const made = graph.add(
    node,
    body,
    tensors,
    permutation.map((i) => joined[i]!),
  );
  graph.result(node, made, joined, orderOf(joined, permutation), integers);
};

/** Elements along one dimension, in any stored order. */
function take(
  graph: OnnxGraph,
  node: OnnxNode,
  value: Activation,
  axis: number,
  indices: readonly number[],
): Activation {
  const { shape, order } = value;
  const to = shape.map((size, i) => (i === axis ? indices.length : size));
  if (indices.length < 1) graph.refuse(node, `of nothing along dimension ${axis}`, 'at least one element');
  if (indices.length === shape[axis] && indices.every((index, i) => index === i)) return value;
  const permutation = permutationOf(shape, order) ?? shape.map((_, i) => i);
  const tensor = graph.inOrder(node, value, orderOf(shape, permutation));
  const stored = permutation.map((i) => shape[i]!);
  const made = moved(graph.mover(node), tensor, stored, permutation.indexOf(axis), indices);
  return { ...value, tensor: made, shape: to, order: orderOf(to, permutation) };
}

/** Axes, starts, ends and steps, as attributes (before opset 10) or inputs. */
function rangesOf(
  graph: OnnxGraph,
  node: OnnxNode,
  shape: readonly number[],
): { axis: number; start: number; count: number; step: number }[] {
  const list = (slot: number, name: string): number[] | undefined =>
    node.inputs[slot] ? graph.constantIntegers(node, slot) : graph.integers(node, name);
  const starts = list(1, 'starts') ?? [];
  const ends = list(2, 'ends') ?? [];
  const axes = list(3, 'axes') ?? starts.map((_, axis) => axis);
  const steps = list(4, 'steps') ?? [];
  if (starts.length > shape.length) graph.refuse(node, 'of more ranges than dimensions', 'one each');
  return starts.map((from, i) => {
    const axis = (axes[i] ?? 0) < 0 ? (axes[i] ?? 0) + shape.length : (axes[i] ?? 0);
    const size = shape[axis];
    const step = steps[i] ?? 1;
    if (size === undefined || ends[i] === undefined)
      graph.refuse(node, `along dimension ${axes[i]}`, 'one there is');
    if (step === 0) graph.refuse(node, 'with step 0', 'another step');
    // Backwards from the last element, down to the one before the first.
    const [low, high] = step > 0 ? [0, size!] : [-1, size! - 1];
    const bound = (value: number): number => Math.max(low, Math.min(high, value < 0 ? value + size! : value));
    const start = bound(from);
    return { axis, start, step, count: Math.max(0, Math.ceil((bound(ends[i]!) - start) / step)) };
  });
}

/** Elements of a constant, along one dimension. */
function constantParts(
  graph: OnnxGraph,
  node: OnnxNode,
  { shape, values, integer }: OnnxTensor,
  axis: number,
  indices: readonly number[],
): OnnxTensor {
  const inner = elementCount({ shape: shape.slice(axis + 1) });
  const outer = elementCount({ shape: shape.slice(0, axis) });
  graph.checkComputed(node, outer * indices.length * inner);
  const size = shape[axis] ?? 1;
  const taken = new Float64Array(outer * indices.length * inner);
  let count = 0;
  for (let i = 0; i < outer; i++)
    for (const index of indices)
      for (let at = 0; at < inner; at++) taken[count++] = values[(i * size + index) * inner + at] ?? 0;
  return {
    shape: shape.map((old, i) => (i === axis ? indices.length : old)),
    values: taken,
    integer,
  };
}

const spaced = (start: number, count: number, step: number): number[] =>
  Array.from({ length: count }, (_, i) => start + i * step);

export const slice: Handler = (graph, node) => {
  let constant = graph.constant(node, 0);
  if (constant) {
    for (const { axis, start, count, step } of rangesOf(graph, node, constant.shape))
      constant = constantParts(graph, node, constant, axis, spaced(start, count, step));
    graph.fold(node, constant);
    return;
  }
  let value = graph.any(node);
  for (const { axis, ...range } of rangesOf(graph, node, value.shape))
    value = take(graph, node, value, axis, spaced(range.start, range.count, range.step));
  graph.define(node.outputs[0] ?? '', value);
};

export const split: Handler = (graph, node) => {
  const constant = graph.constant(node, 0);
  const shape = shapeOf(graph, node);
  const given = graph.integer(node, 'axis');
  const axis = given < 0 ? given + shape.length : given;
  const size = shape[axis] ?? 0;
  const count = node.outputs.length;
  const even = Math.ceil(size / count);
  const sizes =
    graph.integers(node, 'split') ??
    (node.inputs[1]
      ? graph.constantIntegers(node, 1)
      : node.outputs.map((_, i) => Math.min(even, size - i * even)));
  if (sizes.length !== count || sizes.reduce((sum, part) => sum + part, 0) !== size)
    graph.refuse(node, `of ${size} into [${sizes}]`, `${count} parts that make the whole`);
  let start = 0;
  sizes.forEach((part, i) => {
    const name = node.outputs[i] ?? '';
    if (constant) graph.fold(node, constantParts(graph, node, constant, axis, spaced(start, part, 1)), i);
    else if (name) graph.define(name, take(graph, node, graph.any(node), axis, spaced(start, part, 1)));
    start += part;
  });
};

/** Elements by constant indices. */
export const gather: Handler = (graph, node) => {
  const before = shapeOf(graph, node);
  const given = graph.integer(node, 'axis');
  const axis = given < 0 ? given + before.length : given;
  const size = before[axis];
  if (size === undefined) return graph.refuse(node, `along dimension ${given}`, `one of ${before.length}`);
  const constant = graph.constant(node, 0);
  if (constant && graph.isActivation(node, 1)) return embedding(graph, node, constant);
  const asked = graph.needConstant(node, 1);
  const indices = Array.from(asked.values, (index) => (index < 0 ? index + size : index));
  if (indices.some((index) => !(index >= 0 && index < size)))
    return graph.refuse(node, `of elements [${indices}]`, `0 to ${size - 1}`);
  const shape = [...before.slice(0, axis), ...asked.shape, ...before.slice(axis + 1)];
  if (constant) return graph.fold(node, { ...constantParts(graph, node, constant, axis, indices), shape });
  const value = take(graph, node, graph.any(node), axis, indices);
  return graph.define(node.outputs[0] ?? '', { ...value, shape });
};

/** Amounts before and after each dimension, where there are any. */
function amountsOf(graph: OnnxGraph, node: OnnxNode, rank: number): [before: number, after: number][] {
  const pads = graph.integers(node, 'pads') ?? graph.constantIntegers(node, 1);
  const axes = node.inputs[3]
    ? graph.constantIntegers(node, 3)
    : Array.from({ length: rank }, (_, axis) => axis);
  if (pads.length !== 2 * axes.length || pads.some((n) => !(n >= 0 && n < 65536)))
    graph.refuse(node, `by [${pads.slice(0, 16)}]`, `${2 * axes.length} amounts from 0 on`);
  const amounts = Array.from({ length: rank }, (): [number, number] => [0, 0]);
  axes.forEach((axis, i) => {
    amounts[axis < 0 ? axis + rank : axis] = [pads[i]!, pads[axes.length + i]!];
  });
  return amounts;
}

/** Elements of a dimension with as many before and after it, as a mode other than zeros takes them. */
function around(
  mode: string,
  size: number,
  [before, after]: readonly [number, number],
): number[] | undefined {
  const period = 2 * Math.max(1, size - 1);
  const takes: Record<string, (at: number) => number> = {
    edge: (at) => Math.max(0, Math.min(size - 1, at)),
    wrap: (at) => ((at % size) + size) % size,
    reflect: (at) => size - 1 - Math.abs(size - 1 - (((at % period) + period) % period)),
  };
  const take = Object.hasOwn(takes, mode) ? takes[mode] : undefined;
  return take && Array.from({ length: before + size + after }, (_, i) => take(i - before));
}

/** Elements that there are, again at the ends. */
function repeatedEnds(graph: OnnxGraph, node: OnnxNode, mode: string): void {
  let value = graph.any(node);
  amountsOf(graph, node, value.shape.length).forEach((amounts, axis) => {
    if (amounts[0] + amounts[1] === 0) return;
    const indices = around(mode, value.shape[axis]!, amounts);
    if (!indices) graph.refuse(node, `with mode ${mode}`, 'constant, reflect, edge or wrap');
    else value = take(graph, node, value, axis, indices);
  });
  graph.define(node.outputs[0] ?? '', value);
}

/** Any number around a value: what lies it away from 0 is taken off before, and added again. */
function filled(graph: OnnxGraph, node: OnnxNode, fill: number): void {
  const steps = new Steps(graph, node);
  const by = steps.constant([fill]);
  const less = steps.run(arithmetic, 'Sub', [node.inputs[0] ?? '', by]);
  const [, pads = '', , axes = ''] = node.inputs;
  const wide = steps.run(
    pad,
    'Pad',
    axes ? [less, pads, '', axes] : [less, pads].filter((name) => name),
    node.attributes,
  );
  steps.finish(steps.run(arithmetic, 'Add', [wide, by]));
}

/** A constant with more around it. */
function paddedConstant(graph: OnnxGraph, node: OnnxNode, constant: OnnxTensor, fill: number): void {
  const { shape } = constant;
  const amounts = amountsOf(graph, node, shape.length);
  const to = shape.map((size, axis) => size + amounts[axis]![0] + amounts[axis]![1]);
  if (elementCount({ shape: to }) > 1 << 20) graph.refuse(node, `to [${to}]`, 'fewer elements');
  const values = Array.from({ length: elementCount({ shape: to }) }, (_, i) => {
    let [rest, at, stride, inside] = [i, 0, 1, true];
    for (let axis = to.length - 1; axis >= 0; axis--) {
      const place = (rest % to[axis]!) - amounts[axis]![0];
      inside &&= place >= 0 && place < shape[axis]!;
      at += place * stride;
      stride *= shape[axis]!;
      rest = Math.floor(rest / to[axis]!);
    }
    return inside ? constant.values[at]! : fill;
  });
  graph.fold(node, { shape: to, values, integer: constant.integer });
}

export const pad: Handler = (graph, node) => {
  const mode = graph.text(node, 'mode') || 'constant';
  const fill = node.inputs[2] ? graph.needConstant(node, 2).values[0] : graph.real(node, 'value', 0);
  const known = graph.constant(node, 0);
  if (known && mode === 'constant') return paddedConstant(graph, node, known, fill ?? 0);
  if (mode !== 'constant') return repeatedEnds(graph, node, mode);
  if (fill !== undefined && fill !== 0 && Math.abs(fill) < 1e6) {
    const whole = fill;
    return filled(
      graph,
      { ...node, attributes: new Map([...node.attributes].filter(([name]) => name !== 'value')) },
      whole,
    );
  }
  if (fill !== 0) graph.refuse(node, `with ${fill}`, 'numbers below a million');
  const value = graph.activation(node);
  const { shape, order } = value;
  const amounts = amountsOf(graph, node, shape.length);
  const permutation = permutationOf(shape, order) ?? shape.map((_, axis) => axis);
  let tensor = graph.inOrder(node, value, orderOf(shape, permutation));
  const stored = permutation.map((axis) => shape[axis]!);
  const padded = new Set<number>();
  permutation.forEach((axis, at) => {
    if (padded.has(at)) return;
    // Rows and columns of a map at once.
    const next = permutation[at + 1];
    const together = next !== undefined && elementCount({ shape: stored.slice(0, at) }) === 1;
    const rows = together ? amounts[axis]! : ([0, 0] as const);
    const columns = together ? amounts[next]! : amounts[axis]!;
    if ([...rows, ...columns].every((n) => n === 0)) return;
    const view = together
      ? [stored[at]!, stored[at + 1]!, elementCount({ shape: stored.slice(at + 2) })]
      : [
          elementCount({ shape: stored.slice(0, at) }),
          stored[at]!,
          elementCount({ shape: stored.slice(at + 1) }),
        ];
    const input = graph.reshape(node, tensor, view);
    const output = [view[0]! + rows[0] + rows[1], view[1]! + columns[0] + columns[1], view[2]!];
    tensor = graph.add(node, { kind: 'pad', rows, columns }, [input], output);
    stored[at] = together ? output[0]! : output[1]!;
    if (!together) return;
    stored[at + 1] = output[1]!;
    padded.add(at + 1);
  });
  const to = shape.map((size, axis) => size + amounts[axis]![0] + amounts[axis]![1]);
  return graph.result(node, graph.reshape(node, tensor, stored), to, orderOf(to, permutation));
};

/** Constants of nodes: of every kind of attribute. */
export const constant: Handler = (graph, node) => {
  const { attributes } = node;
  const real = attributes.get('value_float')?.real;
  const reals = attributes.get('value_floats')?.reals;
  const integer = attributes.get('value_int')?.integer;
  const integers = attributes.get('value_ints')?.integers;
  if (attributes.get('value')?.tensor) graph.fold(node, graph.tensorAttribute(node, 'value'));
  else if (reals) graph.fold(node, { shape: [reals.length], values: reals, integer: false });
  else if (integers)
    graph.fold(node, { shape: [integers.length], values: integers, integer: true, bits: 64 });
  else if (real !== undefined) graph.fold(node, { shape: [], values: [real], integer: false });
  else if (integer !== undefined) graph.fold(node, { shape: [], values: [integer], integer: true, bits: 64 });
  else graph.refuse(node, `with [${[...attributes.keys()]}]`, 'numbers');
};

export const constantOfShape: Handler = (graph, node) => {
  const sizes = graph.constantIntegers(node, 0);
  const count = elementCount({ shape: sizes });
  if (!(count >= 0 && count <= 1 << 18)) graph.refuse(node, `of shape [${sizes}]`, 'fewer elements');
  const value = node.attributes.has('value') ? graph.tensorAttribute(node, 'value') : undefined;
  const values = new Array<number>(count).fill(value?.values[0] ?? 0);
  graph.fold(node, { shape: sizes, values, integer: value?.integer ?? false });
};

export const shape: Handler = (graph, node) => {
  const all = shapeOf(graph, node);
  const bound = (value: number): number =>
    Math.max(0, Math.min(all.length, value < 0 ? value + all.length : value));
  const start = bound(graph.integer(node, 'start'));
  const values = all.slice(start, bound(graph.integer(node, 'end', all.length)));
  graph.fold(node, { shape: [values.length], values, integer: true, bits: 64 });
};

export const size: Handler = (graph, node) => {
  const count = elementCount({ shape: shapeOf(graph, node) });
  graph.fold(node, { shape: [], values: [count], integer: true, bits: 64 });
};

/** Expand: to a larger shape; what an activation is multiplied by ones for. */
export const expand: Handler = (graph, node) => {
  const ones = graph.constantIntegers(node, 1);
  const name = `${node.outputs[0] ?? ''}#ones`;
  const count = elementCount({ shape: ones });
  if (!(count >= 0 && count <= 1 << 20)) graph.refuse(node, `to [${ones.slice(0, 8)}]`, 'fewer elements');
  const values = new Float64Array(count).fill(1);
  graph.fold({ ...node, outputs: [name] }, { shape: ones, values, integer: false });
  arithmetic(graph, { ...node, op: 'Mul', inputs: [node.inputs[0] ?? '', name] });
};
