// Operators that move values or compute with shapes: RESHAPE, PAD, CONCATENATION, STRIDED_SLICE, MEAN, SHAPE, PACK …
import { elementCount, quantizeMultiplier } from '../../model/quantized-network.js';
import { cut, gather, permute, stretch } from '../moves.js';
import { aroundAxis } from '../network-builder.js';
import type { Handler, TfliteGraph } from './graph.js';
import type { TfliteOperator, TfliteTensor } from './model.js';
import { nearest } from './resize.js';
import { meanWide, oppositeWide } from './wide.js';

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
export function axesOf(
  graph: TfliteGraph,
  op: TfliteOperator,
  axes: readonly number[],
  rank: number,
): number[] {
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

/** The network's tensor of input 0, in the file's shape. */
export const shaped = (graph: TfliteGraph, op: TfliteOperator): number =>
  graph.builder.reshape(graph.activation(op), graph.input(op).shape);

/** Says that `made` is an output; it must have its elements and scale. */
export function define(graph: TfliteGraph, op: TfliteOperator, target: TfliteTensor, made: number): void {
  if (target.type === 'float32') {
    // Floats after a DEQUANTIZE that are only moved: the same integers.
    const shape = target.shape.length > 1 ? target.shape.slice(1) : target.shape;
    graph.define(target, target.shape[0] === 1 ? graph.builder.reshape(made, shape) : made);
    return;
  }
  const output = graph.spec(op, target);
  const spec = graph.builder.spec(made);
  const fits =
    elementCount(spec) === elementCount(output) &&
    spec.scale === output.scale &&
    spec.zeroPoint === output.zeroPoint;
  if (!fits)
    graph.refuse(op, `into ${graph.describe(target)}`, `${elementCount(spec)} elements of the input's scale`);
  graph.define(target, graph.builder.reshape(made, output.shape));
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
    if (stride === 0) graph.refuse(op, 'with stride 0', 'another stride');
    // Backwards from the last element, down to the one before the first.
    const [low, high] = stride > 0 ? [0, size] : [-1, size - 1];
    const bound = (value: number): number => Math.max(low, Math.min(high, value < 0 ? value + size : value));
    const [first, last] = stride > 0 ? [low, high] : [high, low];
    const start = beginMask & (1 << axis) ? first : bound(begin[axis]!);
    const single = (shrink & (1 << axis)) !== 0;
    const stop = single ? start + 1 : endMask & (1 << axis) ? last : bound(end[axis]!);
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
  if (ranges.some(({ count }) => count === 0)) graph.refuse(op, 'of an empty range', 'at least one element');
  let value = shaped(graph, op);
  let { shape } = from;
  ranges.forEach(({ start, count, stride }, axis) => {
    const indices = Array.from({ length: count }, (_, i) => start + i * stride);
    value = gather(graph.mover(op), value, shape, axis, indices);
    shape = shape.map((size, i) => (i === axis ? count : size));
  });
  define(graph, op, target, value);
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
  let value = shaped(graph, op);
  let { shape } = from;
  from.shape.forEach((size, axis) => {
    const count = sizes[axis] === -1 ? size - begin[axis]! : sizes[axis]!;
    value = cut(graph.mover(op), value, shape, axis, { start: begin[axis]!, count });
    shape = shape.map((old, i) => (i === axis ? count : old));
  });
  define(graph, op, target, value);
};

/** SPLIT and SPLIT_V: parts along a dimension, one after the other. */
const parts =
  (slots: { input: number; axis: number }): Handler =>
  (graph, op) => {
    const from = graph.input(op, slots.input);
    const [axis] = axesOf(graph, op, graph.integers(op, slots.axis), from.shape.length);
    if (axis === undefined) return graph.refuse(op, 'without a dimension', 'one');
    const value = graph.builder.reshape(graph.activation(op, slots.input), from.shape);
    let start = 0;
    for (const target of graph.outputs(op)) {
      const count = target.shape[axis] ?? 0;
      if (count < 1 || start + count > from.shape[axis]!)
        graph.refuse(op, `into ${graph.describe(target)}`, `parts of ${from.shape[axis]}`);
      define(graph, op, target, cut(graph.mover(op), value, from.shape, axis, { start, count }));
      start += count;
    }
  };

export const split = parts({ input: 1, axis: 0 });
export const splitV = parts({ input: 0, axis: 2 });

/** Each of a dimension as a tensor of its own. */
export const unpack: Handler = (graph, op) => {
  const from = graph.input(op);
  const [axis] = axesOf(graph, op, [op.options?.int32(1) ?? 0], from.shape.length) as [number];
  const value = shaped(graph, op);
  if (graph.outputs(op).length !== from.shape[axis])
    graph.refuse(op, `into ${graph.outputs(op).length}`, `${from.shape[axis]}`);
  graph.outputs(op).forEach((target, start) => {
    define(graph, op, target, cut(graph.mover(op), value, from.shape, axis, { start, count: 1 }));
  });
};

/** Elements by constant indices. */
export const gatherOf: Handler = (graph, op) => {
  const from = graph.input(op);
  const [axis] = axesOf(graph, op, [op.options?.int32(0) ?? 0], from.shape.length) as [number];
  if ((op.options?.int32(1) ?? 0) !== 0) graph.refuse(op, 'of several batches', 'one');
  const indices = graph.integers(op, 1);
  const size = from.shape[axis]!;
  if (indices.some((index) => !(index >= 0 && index < size)))
    graph.refuse(op, `of elements [${indices}]`, `0 to ${size - 1}`);
  if (graph.isConstant(from)) {
    if (from.shape.length !== 1)
      graph.refuse(op, `on ${graph.describe(from)}`, 'a constant of one dimension');
    const integers = graph.integers(op, 0);
    return graph.fold(
      graph.output(op),
      indices.map((index) => integers[index]!),
    );
  }
  return define(
    graph,
    op,
    graph.output(op),
    gather(graph.mover(op), shaped(graph, op), from.shape, axis, indices),
  );
};

/** TILE: dimensions again and again. */
export const tile: Handler = (graph, op) => {
  const from = graph.input(op);
  const copies = graph.integers(op, 1);
  if (copies.length !== from.shape.length || copies.some((count) => !(count >= 1 && count < 65536)))
    graph.refuse(op, `by [${copies}]`, `${from.shape.length} numbers from 1 on`);
  let value = shaped(graph, op);
  let { shape } = from;
  copies.forEach((count, axis) => {
    if (count === 1) return;
    const outer = elementCount({ shape: shape.slice(0, axis) });
    const inner = elementCount({ shape: shape.slice(axis) });
    value = stretch(graph.mover(op), value, [outer, 1, inner], 1, count);
    shape = shape.map((size, i) => (i === axis ? size * count : size));
  });
  define(graph, op, graph.output(op), value);
};

export const resizeNearest: Handler = (graph, op) => {
  const from = graph.input(op);
  const [rows = 0, columns = 0] = graph.integers(op, 1);
  if (from.shape.length !== 4 || !(rows > 0 && columns > 0 && rows < 65536 && columns < 65536))
    return graph.refuse(op, `on ${graph.describe(from)} to [${rows},${columns}]`, 'a map, and sizes above 0');
  const [alignCorners, halfPixels] = [0, 1].map((field) => (op.options?.int8(field) ?? 0) !== 0) as [
    boolean,
    boolean,
  ];
  const [, height = 1, width = 1, channels = 1] = from.shape;
  const across = nearest(width, columns, alignCorners, halfPixels);
  const down = nearest(height, rows, alignCorners, halfPixels);
  const wide = gather(graph.mover(op), shaped(graph, op), from.shape, 2, across);
  const made = gather(graph.mover(op), wide, [1, height, columns, channels], 1, down);
  return define(graph, op, graph.output(op), made);
};

/** Blocks of pixels to channels, or back: dimensions that change places. */
const blocks =
  (toSpace: boolean): Handler =>
  (graph, op) => {
    const from = graph.input(op);
    const [, height = 1, width = 1, channels = 1] = from.shape;
    const size = op.options?.int32(0) ?? 0;
    const fits = toSpace ? channels % (size * size) === 0 : height % size === 0 && width % size === 0;
    if (from.shape.length !== 4 || !(size >= 1) || !fits)
      return graph.refuse(op, `of blocks of ${size} on ${graph.describe(from)}`, 'sizes that blocks divide');
    const view = toSpace
      ? [height, width, size, size, channels / (size * size)]
      : [height / size, size, width / size, size, channels];
    const made = permute(graph.mover(op), shaped(graph, op), view, [0, 2, 1, 3, 4]);
    return define(graph, op, graph.output(op), made);
  };

export const depthToSpace = blocks(true);
export const spaceToDepth = blocks(false);

/** Dimensions in another order. */
export const transpose: Handler = (graph, op) => {
  const [from, target] = [graph.input(op), graph.output(op)];
  const permutation = graph.integers(op, 1);
  const sorted = [...permutation].sort((a, b) => a - b);
  if (`${sorted}` !== `${from.shape.map((_, axis) => axis)}`)
    graph.refuse(op, `by [${permutation}] of [${from.shape}]`, 'a permutation');
  define(graph, op, target, permute(graph.mover(op), shaped(graph, op), from.shape, permutation));
};

/** Means along any dimensions: they are brought to the front. SUM is a mean of another scale. */
const reduction =
  (sum: boolean): Handler =>
  (graph, op) => {
    const from = graph.input(op);
    const target = graph.output(op);
    const axes = axesOf(graph, op, graph.integers(op, 1), from.shape.length);
    const reduced = [...new Set(axes)].filter((axis) => from.shape[axis] !== 1).sort((a, b) => a - b);
    const kept = from.shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
    const output = graph.spec(op, target);
    const wide = output.dtype === 'int16';
    const size = elementCount({ shape: reduced.map((axis) => from.shape[axis]!) });
    const inner = elementCount({ shape: kept.map((axis) => from.shape[axis]!) });
    if (elementCount(output) !== inner)
      graph.refuse(op, `into ${graph.describe(target)}`, `${inner} elements`);
    const input = permute(graph.mover(op), shaped(graph, op), from.shape, [...reduced, ...kept]);
    const ratio = graph.builder.spec(input).scale / output.scale;
    const whole = graph.builder.reshape(input, [size, 1, inner]);
    if (wide) {
      const made = meanWide(graph, whole, { ...output, shape: [1, 1, inner] }, ratio, sum);
      graph.define(target, graph.builder.reshape(made, output.shape));
      return;
    }
    const scaling = quantizeMultiplier(ratio);
    const total = sum ? { total: true } : {};
    const body = { kind: 'mean' as const, name: op.name.toLowerCase(), scaling, ...total };
    const made = graph.builder.add(body, [whole], { ...output, shape: [inner] });
    graph.define(target, graph.builder.reshape(made, output.shape));
  };

export const mean = reduction(false);
export const sum = reduction(true);

/** REDUCE_MAX and REDUCE_MIN: a window over all that is reduced; the least is the opposite of the opposites' largest. */
const extreme =
  (least: boolean): Handler =>
  (graph, op) => {
    const from = graph.input(op);
    const axes = [...new Set(axesOf(graph, op, graph.integers(op, 1), from.shape.length))];
    const kept = from.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    const size = elementCount({ shape: axes.map((axis) => from.shape[axis]!) });
    const inner = elementCount({ shape: kept.map((axis) => from.shape[axis]!) });
    if (size > 65535) graph.refuse(op, `of ${size} values`, 'at most 65535');
    const order = [...axes.sort((a, b) => a - b), ...kept];
    const input = permute(graph.mover(op), shaped(graph, op), from.shape, order);
    const made = largest(graph, graph.builder.reshape(input, [size, 1, inner]), least);
    define(graph, op, graph.output(op), made);
  };

export const reduceMax = extreme(false);
export const reduceMin = extreme(true);

/** The largest, or least, of each column of [rows][1][columns]. */
export function largest(graph: TfliteGraph, rows: number, least: boolean): number {
  const { builder } = graph;
  const opposite = (tensor: number): number => {
    const spec = builder.spec(tensor);
    if (spec.dtype === 'int16') return oppositeWide(graph, tensor);
    const table = Int8Array.from({ length: 256 }, (_, i) => 127 - i);
    return builder.add({ kind: 'map', name: 'negate', table }, [tensor], {
      ...spec,
      zeroPoint: -spec.zeroPoint - 1,
    });
  };
  const from = least ? opposite(rows) : rows;
  const spec = builder.spec(from);
  const [count, , columns] = spec.shape as [number, number, number];
  const most = spec.dtype === 'int16' ? 32767 : 127;
  const window = { kernel: [count, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] } as const;
  const body = { kind: 'maxPool2d' as const, name: 'max', ...window, clampMin: -most - 1, clampMax: most };
  const made = builder.add(body, [from], { ...spec, shape: [1, 1, columns] });
  return least ? opposite(made) : made;
}

export const shapeOf: Handler = (graph, op) => {
  graph.fold(graph.output(op), graph.input(op).shape);
};

/** Tensors as the slices of one more dimension; constants are computed. */
export const pack: Handler = (graph, op) => {
  const target = graph.output(op);
  if (op.inputs.every((_, slot) => graph.isConstant(graph.input(op, slot)))) {
    const all = op.inputs.map((_, slot) => graph.integers(op, slot));
    if (all.some((part) => part.length !== 1)) graph.refuse(op, 'of vectors', 'single constants');
    return graph.fold(target, all.flat());
  }
  const output = graph.spec(op, target);
  const [axis] = axesOf(graph, op, [op.options?.int32(1) ?? 0], target.shape.length) as [number];
  const slice = target.shape.map((size, i) => (i === axis ? 1 : size));
  const tensors = op.inputs.map((_, slot) => {
    const tensor = graph.activation(op, slot);
    if (elementCount(graph.builder.spec(tensor)) !== elementCount({ shape: slice }))
      graph.refuse(op, `of ${graph.describe(graph.input(op, slot))}`, `[${slice}]`);
    return graph.builder.reshape(tensor, slice);
  });
  const body = { kind: 'concat' as const, name: 'pack', axis };
  const made = graph.builder.add(body, tensors, { ...output, shape: target.shape });
  return graph.define(target, graph.builder.reshape(made, output.shape));
};
