// Operators of two inputs, element by element: ADD and MUL, with what they broadcast and constants.
import { powerOfTwo, scale } from '../../model/fixed-point.js';
import {
  type Add,
  elementCount,
  type Mul,
  quantizeMultiplier,
  type Scaling,
  type TensorSpec,
} from '../../model/quantized-network.js';
import type { Values } from '../../model/values.js';
import { broadcast as repeated } from '../moves.js';
import type { Handler, TfliteGraph } from './graph.js';
import type { TfliteOperator, TfliteTensor } from './model.js';
import { largest } from './shapes.js';
import { ALL, rescaleWide, sumWide } from './wide.js';

const padded = (shape: readonly number[], rank: number): number[] => [
  ...Array.from({ length: Math.max(0, rank - shape.length) }, () => 1),
  ...shape,
];

/** The activation `from` again and again, so that it has shape `to`. */
export const broadcast = (
  graph: TfliteGraph,
  op: TfliteOperator,
  from: TfliteTensor,
  to: readonly number[],
): number => repeated(graph.mover(op), graph.value(from.index)!, from.shape, to);

/** Constant values of shape `from` as those of shape `to`. */
function expand(values: Values, from: readonly number[], to: readonly number[]): Values {
  const shape = padded(from, to.length);
  const strides = shape.map((_, axis) => elementCount({ shape: shape.slice(axis + 1) }));
  const all =
    values instanceof Int8Array
      ? new Int8Array(elementCount({ shape: to }))
      : new Int16Array(elementCount({ shape: to }));
  for (let i = 0; i < all.length; i++) {
    let [rest, at] = [i, 0];
    for (let axis = to.length - 1; axis >= 0; axis--) {
      const index = rest % to[axis]!;
      rest = Math.floor(rest / to[axis]!);
      if (shape[axis] !== 1) at += index * strides[axis]!;
    }
    all[i] = values[at]!;
  }
  return all;
}

type Body = Omit<Add, 'inputs' | 'output' | 'constant'> | Omit<Mul, 'inputs' | 'output' | 'constant'>;

/** TFLite's Add of int16 whose scales are powers of two; undefined if that is not it. */
function powerOfTwoSum(
  op: TfliteOperator,
  scales: readonly number[],
): Pick<Add, 'leftShift' | 'inputScalings' | 'outputScaling'> | undefined {
  if (op.options && op.options.int8(1, 1) === 0) return undefined;
  const [first, second, output] = scales.map(powerOfTwo);
  if (first === undefined || second === undefined || output === undefined) return undefined;
  const shifts = [first - output, second - output] as const;
  if ((shifts[0] !== 0 && shifts[1] !== 0) || shifts.some((shift) => shift > 0 || shift < -15))
    return undefined;
  const half = (shift: number): Scaling => ({ multiplier: 2 ** 30, shift });
  return { leftShift: 1, inputScalings: [half(shifts[0]), half(shifts[1])], outputScaling: half(1) };
}

export function sumBody(
  op: TfliteOperator,
  a: TensorSpec,
  b: TensorSpec,
  output: TensorSpec,
): Omit<Add, 'inputs' | 'output' | 'clampMin' | 'clampMax'> {
  const base = { kind: 'add' as const, name: 'add' };
  const wide = output.dtype === 'int16';
  const exact = wide ? powerOfTwoSum(op, [a.scale, b.scale, output.scale]) : undefined;
  if (exact) return { ...base, ...exact };
  const leftShift = wide ? 15 : 20;
  const twice = 2 * Math.max(a.scale, b.scale);
  return {
    ...base,
    leftShift,
    inputScalings: [quantizeMultiplier(a.scale / twice), quantizeMultiplier(b.scale / twice)],
    outputScaling: quantizeMultiplier(twice / (2 ** leftShift * output.scale)),
  };
}

const clampTo = (value: number, { clampMin, clampMax }: Body): number =>
  Math.max(clampMin, Math.min(clampMax, value));

/** What `body` makes of int8 values a and b. */
function compute(body: Body, a: number, b: number, zeros: readonly [number, number, number]): number {
  const by = (x: number, { multiplier, shift }: Scaling): number => scale(x, multiplier, shift);
  const [x, y] = [a - zeros[0], b - zeros[1]];
  if (body.kind === 'mul') return clampTo(by(x * y, body.outputScaling) + zeros[2], body);
  const up = 2 ** body.leftShift;
  const sum = by(x * up, body.inputScalings[0]) + by(y * up, body.inputScalings[1]);
  return clampTo(by(sum, body.outputScaling) + zeros[2], body);
}

/**
 * −x in the same steps: q to −q − 1, the zero point likewise, exact for every q. TFLite takes off what it has rounded, here
 * the opposite is rounded: that is another number only where a rounding to 2⁻²⁰ steps ties, and another result only where
 * the last rounding ties within one of those as well.
 */
const opposite = (spec: TensorSpec): TensorSpec =>
  spec.dtype === 'int16' ? spec : { ...spec, zeroPoint: -spec.zeroPoint - 1 };

export function negated(graph: TfliteGraph, value: number): number {
  const spec = graph.builder.spec(value);
  if (spec.dtype === 'int16') return rescaleWide(graph, value, spec, 1, ALL, -1);
  const table = Int8Array.from({ length: 256 }, (_, i) => 127 - i);
  return graph.builder.add(
    { kind: 'map', name: 'negate', table },
    [value],
    opposite(graph.builder.spec(value)),
  );
}

const binary =
  (name: 'add' | 'mul' | 'sub'): Handler =>
  (graph, op) => {
    const kind = name === 'mul' ? 'mul' : 'add';
    const swapped = graph.isConstant(graph.input(op, 0));
    const [first, second] = swapped
      ? [graph.input(op, 1), graph.input(op, 0)]
      : [graph.input(op, 0), graph.input(op, 1)];
    graph.activation(op, swapped ? 1 : 0);
    const target = graph.output(op);
    const to = target.shape;
    for (const { shape } of [first, second]) {
      const fits = padded(shape, to.length).every((size, axis) => size === to[axis] || size === 1);
      if (shape.length > to.length || !fits)
        graph.refuse(
          op,
          `of shapes [${first.shape}] and [${second.shape}] into [${to}]`,
          'shapes that broadcast',
        );
    }
    const [firstSpec, secondSpec, output] = [first, second, target].map((tensor) =>
      graph.spec(op, tensor),
    ) as [TensorSpec, TensorSpec, TensorSpec];
    const minus = name === 'sub';
    const a = minus && swapped ? opposite(firstSpec) : firstSpec;
    const b = minus && !swapped ? opposite(secondSpec) : secondSpec;
    const signed = (value: number, turn: boolean): number => (minus && turn ? negated(graph, value) : value);
    const clamp = graph.clamp(op, op.options?.int8(0) ?? 0, output);
    // TFLite multiplies the scales in float32 (mul.cc, Prepare), TFLite Micro in float64.
    const round = graph.reference === 'tflm' ? (x: number): number => x : Math.fround;
    const product = quantizeMultiplier(round(round(a.scale * b.scale) / output.scale));
    const shared = kind === 'add' ? sumBody(op, a, b, output) : { kind, name: 'mul', outputScaling: product };
    const body = { ...shared, ...clamp } as Body;
    const left = graph.builder.reshape(signed(broadcast(graph, op, first, to), swapped), output.shape);
    const zeros = [a.zeroPoint, b.zeroPoint, output.zeroPoint] as const;
    let made: number;
    if (!graph.isConstant(second)) {
      graph.activation(op, 1);
      const right = graph.builder.reshape(signed(broadcast(graph, op, second, to), true), output.shape);
      made = graph.builder.add(body, [left, right], output);
    } else {
      const stored = graph.constants(op, second).values;
      const wide = output.dtype === 'int16';
      const turn = (q: number): number => (wide ? Math.min(32767, -q) : -q - 1);
      const values = minus && !swapped ? stored.map(turn) : stored;
      if (values.length === 1 && output.dtype !== 'int16') {
        const table = Int8Array.from({ length: 256 }, (_, i) => compute(body, i - 128, values[0]!, zeros));
        made = graph.builder.add({ kind: 'map', name, table }, [left], output);
      } else {
        const constant = { values: expand(values, second.shape, to), zeroPoint: b.zeroPoint };
        made = graph.builder.add({ ...body, constant }, [left], output);
      }
    }
    graph.define(target, made);
  };

export const add = binary('add');
export const mul = binary('mul');
export const sub = binary('sub');

/** The larger, or lesser, of two: of a constant by a table, of two activations by a window over both. */
const extreme =
  (least: boolean): Handler =>
  (graph, op) => {
    const swapped = graph.isConstant(graph.input(op, 0));
    const [first, second] = swapped
      ? [graph.input(op, 1), graph.input(op, 0)]
      : [graph.input(op, 0), graph.input(op, 1)];
    const target = graph.output(op);
    const output = graph.spec(op, target);
    graph.activation(op, swapped ? 1 : 0);
    for (const tensor of [first, second]) {
      const { scale: own, zeroPoint } = graph.spec(op, tensor);
      if (own !== output.scale || zeroPoint !== output.zeroPoint)
        graph.refuse(op, `on ${graph.describe(tensor)}`, 'the scale of its output');
    }
    const left = broadcast(graph, op, first, target.shape);
    if (graph.isConstant(second)) {
      const { values } = graph.constants(op, second);
      const [limit = 0] = values;
      if (values.length !== 1) graph.refuse(op, `with ${graph.describe(second)}`, 'one constant');
      if (output.dtype === 'int16') {
        const range = least ? { ...ALL, clampMax: limit } : { ...ALL, clampMin: limit };
        graph.define(target, rescaleWide(graph, left, output, 1, range));
        return;
      }
      const pick = least ? Math.min : Math.max;
      const table = Int8Array.from({ length: 256 }, (_, i) => pick(i - 128, limit));
      graph.define(
        target,
        graph.builder.add({ kind: 'map', name: op.name.toLowerCase(), table }, [left], output),
      );
      return;
    }
    graph.activation(op, 1);
    const count = elementCount(output);
    const rows = [left, broadcast(graph, op, second, target.shape)].map((tensor) =>
      graph.builder.reshape(tensor, [1, 1, count]),
    );
    const both = graph.builder.add({ kind: 'concat', name: 'both', axis: 0 }, rows, {
      ...output,
      shape: [2, 1, count],
    });
    graph.define(target, graph.builder.reshape(largest(graph, both, least), output.shape));
  };

export const maximum = extreme(false);
export const minimum = extreme(true);

/** TFLite's Prelu: what is above 0 rescaled, what is below multiplied by slopes; the sum of the two parts is exact. */
export const prelu: Handler = (graph, op) => {
  const [from, alpha, target] = [graph.input(op), graph.input(op, 1), graph.output(op)];
  const input = graph.activation(op);
  const [spec, output] = [graph.builder.spec(input), graph.spec(op, target)];
  const slopes = graph.spec(op, alpha);
  const { values } = graph.constants(op, alpha);
  const [above, below] = [spec.scale / output.scale, (spec.scale * slopes.scale) / output.scale].map(
    quantizeMultiplier,
  ) as [Scaling, Scaling];
  if (output.dtype === 'int16') {
    const sloped = expand(values, alpha.shape, from.shape);
    const constant = { values: Int16Array.from(sloped, (q) => q - slopes.zeroPoint), zeroPoint: 0 };
    const product = { kind: 'mul' as const, name: 'prelu', constant, outputScaling: below, ...ALL };
    const lower = rescaleWide(graph, input, spec, 1, { ...ALL, clampMax: 0 });
    const upper = rescaleWide(graph, input, output, spec.scale / output.scale, { ...ALL, clampMin: 0 });
    graph.define(target, sumWide(graph, upper, graph.builder.add(product, [lower], output), output));
    return;
  }
  const positive = Int8Array.from({ length: 256 }, (_, i) => {
    const value = Math.max(0, i - 128 - spec.zeroPoint);
    return Math.min(127, scale(value, above.multiplier, above.shift) + output.zeroPoint);
  });
  const negative = Int8Array.from({ length: 256 }, (_, i) => Math.min(i - 128, spec.zeroPoint));
  const { builder } = graph;
  const name = 'prelu';
  const upper = builder.add({ kind: 'map', name, table: positive }, [input], output);
  const lower = builder.add({ kind: 'map', name, table: negative }, [input], spec);
  const clamp = { clampMin: -128, clampMax: 127 };
  const constant = { values: expand(values, alpha.shape, from.shape), zeroPoint: slopes.zeroPoint };
  const product = { kind: 'mul' as const, name, constant, outputScaling: below, ...clamp };
  const sloped = builder.add(product, [lower], output);
  const body = { ...sumBody(op, output, output, output), name, ...clamp };
  graph.define(
    target,
    builder.add(
      body,
      [upper, sloped].map((tensor) => builder.reshape(tensor, output.shape)),
      output,
    ),
  );
};
