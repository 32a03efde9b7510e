// Operators that move values or compute with shapes: RESHAPE, PAD, CONCATENATION, STRIDED_SLICE, MEAN, SHAPE, PACK …
import { elementCount, quantizeMultiplier, type TensorSpec } from '../../model/quantized-network.js';
import { aroundAxis } from '../network-builder.js';
import type { Handler, TfliteGraph } from './graph.js';
import type { TfliteOperator } from './model.js';

/** Most slices an op that works on parts of a tensor is made of. */
const MOST_PARTS = 256;

/** RESHAPE, EXPAND_DIMS, SQUEEZE: another name for the same values. The file says the resulting shape. */
export const rename: Handler = (graph, op) => {
  const [from, target] = [graph.input(op), graph.output(op)];
  if (elementCount(from) !== elementCount(target))
    graph.refuse(op, `of ${graph.describe(from)} into ${graph.describe(target)}`, 'as many elements');
  if (graph.isConstant(from)) {
    graph.fold(target, graph.integers(op, 0));
    return;
  }
  const output = graph.spec(op, target);
  const input = graph.activation(op);
  const { scale, zeroPoint } = graph.builder.spec(input);
  if (scale !== output.scale || zeroPoint !== output.zeroPoint)
    graph.refuse(op, `into ${graph.describe(target)} of another scale`, 'the scale of its input');
  graph.define(target, graph.builder.reshape(input, output.shape));
};

/** Axes as they count from the front. */
function axesOf(graph: TfliteGraph, op: TfliteOperator, axes: readonly number[], rank: number): number[] {
  return axes.map((axis) => {
    const positive = axis < 0 ? axis + rank : axis;
    if (positive < 0 || positive >= rank || !Number.isInteger(axis))
      graph.refuse(op, `along dimension ${axis}`, `one of ${rank}`);
    return positive;
  });
}

export const pad: Handler = (graph, op) => {
  const { shape } = graph.input(op);
  const amounts = graph.integers(op, 1);
  const target = graph.output(op);
  const output = graph.spec(op, target);
  let value = graph.activation(op);
  const spec = graph.builder.spec(value);
  const filler = graph.optional(op, 2);
  const fill = filler ? graph.constants(op, filler).values[0] : spec.zeroPoint;
  if (fill !== spec.zeroPoint) graph.refuse(op, `with value ${fill}`, `the zero point ${spec.zeroPoint}`);
  const padded = shape.map((size, axis) => size + (amounts[2 * axis] ?? 0) + (amounts[2 * axis + 1] ?? 0));
  const sound = amounts.length === 2 * shape.length && amounts.every((n) => n >= 0 && n < 65536);
  if (!sound || `${padded}` !== `${target.shape}`)
    graph.refuse(
      op,
      `by [${amounts}] into [${target.shape}]`,
      `${2 * shape.length} amounts that give [${padded}]`,
    );
  const around = (axis: number): [number, number] => [amounts[2 * axis]!, amounts[2 * axis + 1]!];
  const current = [...shape];
  const step = (view: number[], rows: [number, number], columns: [number, number]): void => {
    const made = [view[0]! + rows[0] + rows[1], view[1]! + columns[0] + columns[1], view[2]!];
    const input = graph.builder.reshape(value, view);
    value = graph.builder.add({ kind: 'pad', name: 'pad', rows, columns }, [input], { ...spec, shape: made });
  };
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const columns = around(axis);
    if (columns.every((n) => n === 0)) continue;
    const [outer, size, inner] = aroundAxis(current, axis);
    // Rows and columns of a map at once.
    const together = axis > 0 && elementCount({ shape: current.slice(0, axis - 1) }) === 1 && inner > 0;
    if (together) {
      step([current[axis - 1]!, size, inner], around(axis - 1), columns);
      current[axis - 1] = padded[axis - 1]!;
      amounts[2 * axis - 2] = amounts[2 * axis - 1] = 0;
    } else step([outer, size, inner], [0, 0], columns);
    current[axis] = padded[axis]!;
  }
  graph.define(target, graph.builder.reshape(value, output.shape));
};

export const concatenation: Handler = (graph, op) => {
  const target = graph.output(op);
  const output = graph.spec(op, target);
  const { shape } = target;
  if ((op.options?.int8(1) ?? 0) !== 0) graph.refuse(op, 'with a fused activation', 'none');
  const [axis] = axesOf(graph, op, [op.options?.int32(0) ?? 0], shape.length) as [number];
  const inputs = op.inputs.map((_, slot) => {
    const part = graph.input(op, slot).shape;
    const fits = part.length === shape.length && part.every((size, i) => i === axis || size === shape[i]);
    if (!fits) graph.refuse(op, `of ${graph.describe(graph.input(op, slot))}`, `what fits [${shape}]`);
    return graph.builder.reshape(graph.activation(op, slot), part);
  });
  const total = inputs.reduce((sum, input) => sum + graph.builder.spec(input).shape[axis]!, 0);
  if (inputs.length === 0 || total !== shape[axis])
    graph.refuse(op, `of ${total} along dimension ${axis}`, `${shape[axis]}`);
  const body = { kind: 'concat' as const, name: 'concatenation', axis };
  const made = graph.builder.add(body, inputs, { ...output, shape });
  graph.define(target, graph.builder.reshape(made, output.shape));
};

/** Values `start` to `start` + `count` along `axis`. */
function slice(graph: TfliteGraph, input: number, axis: number, start: number, count: number): number {
  const spec = graph.builder.spec(input);
  const shape = spec.shape.map((size, i) => (i === axis ? count : size));
  return graph.builder.add({ kind: 'slice', name: 'slice', axis, start }, [input], { ...spec, shape });
}

/** Where a strided slice begins along each axis, how many it takes and how far apart. */
function rangesOf(
  graph: TfliteGraph,
  op: TfliteOperator,
  shape: readonly number[],
): { start: number; count: number; stride: number }[] {
  const [begin, end, strides] = [1, 2, 3].map((slot) => graph.integers(op, slot)) as [
    number[],
    number[],
    number[],
  ];
  const [beginMask, endMask, ellipsis, newAxis, shrink] = [0, 1, 2, 3, 4].map(
    (f) => op.options?.int32(f) ?? 0,
  ) as [number, number, number, number, number];
  if (ellipsis !== 0 || newAxis !== 0) graph.refuse(op, 'with an ellipsis or a new axis', 'neither');
  if (begin.length > shape.length || end.length !== begin.length || strides.length !== begin.length)
    graph.refuse(op, `of ${begin.length} dimensions`, `at most ${shape.length}`);
  return shape.map((size, axis) => {
    if (axis >= begin.length) return { start: 0, count: size, stride: 1 };
    const stride = strides[axis]!;
    if (!(stride > 0)) graph.refuse(op, `with stride ${stride}`, 'a stride above 0');
    const bound = (value: number): number => Math.max(0, Math.min(size, value < 0 ? value + size : value));
    const start = beginMask & (1 << axis) ? 0 : bound(begin[axis]!);
    const single = (shrink & (1 << axis)) !== 0;
    const stop = single ? start + 1 : endMask & (1 << axis) ? size : bound(end[axis]!);
    return { start, count: Math.max(0, Math.ceil((stop - start) / stride)), stride };
  });
}

export const stridedSlice: Handler = (graph, op) => {
  const [from, target] = [graph.input(op), graph.output(op)];
  const ranges = rangesOf(graph, op, from.shape);
  if (graph.isConstant(from)) {
    const range = ranges[0] ?? { start: 0, count: 0, stride: 1 };
    if (ranges.length !== 1) graph.refuse(op, `on ${graph.describe(from)}`, 'a constant of one dimension');
    const integers = graph.integers(op, 0);
    const at = (i: number): number => integers[range.start + i * range.stride] ?? 0;
    graph.fold(
      target,
      Array.from({ length: range.count }, (_, i) => at(i)),
    );
    return;
  }
  if (ranges.some(({ stride, count }) => stride !== 1 || count === 0))
    graph.refuse(op, 'with a stride or an empty range on an activation', 'stride 1');
  let value = graph.builder.reshape(graph.activation(op), from.shape);
  ranges.forEach(({ start, count }, axis) => {
    if (count !== from.shape[axis]) value = slice(graph, value, axis, start, count);
  });
  const output = graph.spec(op, target);
  const made = graph.builder.spec(value);
  if (elementCount(made) !== elementCount(output) || made.scale !== output.scale)
    graph.refuse(op, `into ${graph.describe(target)}`, `${elementCount(made)} elements of the input's scale`);
  graph.define(target, graph.builder.reshape(value, output.shape));
};

export const sliceOf: Handler = (graph, op) => {
  const [from, target] = [graph.input(op), graph.output(op)];
  const [begin, sizes] = [graph.integers(op, 1), graph.integers(op, 2)];
  const inside = from.shape.every((size, axis) => {
    const [first = -1, count = 0] = [begin[axis], sizes[axis]];
    return first >= 0 && (count === -1 || count > 0) && first + Math.max(count, 1) <= size;
  });
  if (begin.length !== from.shape.length || sizes.length !== begin.length || !inside)
    graph.refuse(op, `from [${begin}] on, [${sizes}] of [${from.shape}]`, 'a part of its input');
  let value = graph.builder.reshape(graph.activation(op), from.shape);
  from.shape.forEach((size, axis) => {
    const count = sizes[axis] === -1 ? size - begin[axis]! : sizes[axis]!;
    if (count !== size) value = slice(graph, value, axis, begin[axis]!, count);
  });
  const output = graph.spec(op, target);
  const made = graph.builder.spec(value);
  if (elementCount(made) !== elementCount(output) || made.scale !== output.scale)
    graph.refuse(op, `into ${graph.describe(target)}`, `${elementCount(made)} elements of the input's scale`);
  graph.define(target, graph.builder.reshape(value, output.shape));
};

/** Dimensions in another order: two neighbouring groups of them change places, or nothing that counts does. */
export const transpose: Handler = (graph, op) => {
  const [from, target] = [graph.input(op), graph.output(op)];
  const permutation = graph.integers(op, 1);
  const sorted = [...permutation].sort((a, b) => a - b);
  if (`${sorted}` !== `${from.shape.map((_, axis) => axis)}`)
    graph.refuse(op, `by [${permutation}] of [${from.shape}]`, 'a permutation');
  const output = graph.spec(op, target);
  const input = graph.activation(op);
  const spec = graph.builder.spec(input);
  if (
    spec.scale !== output.scale ||
    spec.zeroPoint !== output.zeroPoint ||
    elementCount(output) !== elementCount(from)
  )
    graph.refuse(op, `into ${graph.describe(target)}`, 'the elements and the scale of its input');
  // Dimensions of 1 do not count; those that stay behind each other are one.
  const order = permutation.filter((axis) => from.shape[axis] !== 1);
  const first = order.findIndex((axis, i) => i > 0 && axis < order[i - 1]!);
  if (first < 0) {
    graph.define(target, graph.builder.reshape(input, output.shape));
    return;
  }
  const ascending = (list: readonly number[]): boolean =>
    list.every((axis, i) => i === 0 || axis > list[i - 1]!);
  const [front, behind] = [order.slice(0, first), order.slice(first)];
  if (!ascending(behind) || behind.at(-1)! > front[0]!)
    graph.refuse(op, `by [${permutation}] of [${from.shape}]`, 'two groups of dimensions that change places');
  const columns = elementCount({ shape: front.map((axis) => from.shape[axis]!) });
  const rows = elementCount(from) / columns;
  const matrix = graph.builder.reshape(input, [rows, columns]);
  const body = { kind: 'transpose' as const, name: 'transpose' };
  const made = graph.builder.add(body, [matrix], { ...output, shape: [columns, rows] });
  graph.define(target, graph.builder.reshape(made, output.shape));
};

/** Means along axes that lie side by side: parts before them are taken one by one. */
export const mean: Handler = (graph, op) => {
  const from = graph.input(op);
  const target = graph.output(op);
  const axes = axesOf(graph, op, graph.integers(op, 1), from.shape.length);
  const reduced = [...new Set(axes)].filter((axis) => from.shape[axis] !== 1).sort((a, b) => a - b);
  const input = graph.activation(op);
  const output = graph.spec(op, target);
  const spec = graph.builder.spec(input);
  const [first = 0] = reduced;
  const last = reduced.at(-1) ?? -1;
  if (last - first + 1 !== Math.max(reduced.length, last < 0 ? 0 : 1))
    graph.refuse(op, `along dimensions ${reduced}`, 'dimensions side by side');
  const outer = elementCount({ shape: from.shape.slice(0, first) });
  const size = elementCount({ shape: from.shape.slice(first, last + 1) });
  const inner = elementCount({ shape: from.shape.slice(Math.max(last + 1, first)) });
  if (elementCount(output) !== outer * inner)
    graph.refuse(op, `into ${graph.describe(target)}`, `${outer * inner} elements`);
  if (outer > MOST_PARTS) graph.refuse(op, `of ${outer} parts`, `at most ${MOST_PARTS}`);
  const scaling = quantizeMultiplier(spec.scale / output.scale);
  const one = (map: number): number => {
    const body = { kind: 'mean' as const, name: 'mean', scaling };
    return graph.builder.add(body, [map], { ...output, shape: [inner] } as TensorSpec);
  };
  const whole = graph.builder.reshape(input, [outer, size, inner]);
  const parts = Array.from({ length: outer }, (_, i) => {
    const part = outer === 1 ? whole : slice(graph, whole, 0, i, 1);
    return one(graph.builder.reshape(part, [size, 1, inner]));
  });
  const joined =
    outer === 1
      ? parts[0]!
      : graph.builder.add({ kind: 'concat', name: 'mean', axis: 0 }, parts, {
          ...output,
          shape: [outer * inner],
        });
  graph.define(target, graph.builder.reshape(joined, output.shape));
};

export const shapeOf: Handler = (graph, op) => {
  graph.fold(graph.output(op), graph.input(op).shape);
};

export const pack: Handler = (graph, op) => {
  const parts = op.inputs.map((_, slot) => graph.integers(op, slot));
  if (parts.some((part) => part.length !== 1)) graph.refuse(op, 'of vectors', 'single constants');
  graph.fold(graph.output(op), parts.flat());
};
