// What int16 has no table for: values rescaled, clamped or negated one by one, as a depthwise convolution of one weight.
import type { LookupBody } from '../../model/lookup.js';
import { elementCount, quantizeMultiplier, type TensorSpec } from '../../model/quantized-network.js';
import type { TfliteGraph } from './graph.js';
import type { TfliteOperator } from './model.js';

const MOST = 32767;

export interface WideRange {
  clampMin: number;
  clampMax: number;
}

export const ALL: WideRange = { clampMin: -MOST - 1, clampMax: MOST };

/** clamp(round((sign · x + bias) · factor)) of every value, rounded as MultiplyByQuantizedMultiplier does. */
export function rescaleWide(
  graph: TfliteGraph,
  input: number,
  output: TensorSpec,
  factor: number,
  { clampMin, clampMax }: WideRange = ALL,
  sign: 1 | -1 = 1,
  bias = 0,
): number {
  const { builder } = graph;
  const channels = output.shape.at(-1) ?? 1;
  const pixels = elementCount(output) / channels;
  const { multiplier, shift } = quantizeMultiplier(factor);
  const one = [1, 1] as const;
  const body = {
    kind: 'depthwiseConv2d' as const,
    name: 'rescale',
    kernel: one,
    stride: one,
    dilation: one,
    padding: [0, 0] as const,
    weights: new Int8Array(channels).fill(sign),
    bias: new Int32Array(channels).fill(bias),
    multipliers: Int32Array.of(multiplier),
    shifts: Int32Array.of(shift),
    clampMin,
    clampMax,
  };
  const map = [pixels, 1, channels];
  const made = builder.add(body, [builder.reshape(input, map)], { ...output, shape: map });
  return builder.reshape(made, output.shape);
}

/** int8 as int16 of the same scale. */
export function widen(graph: TfliteGraph, input: number): number {
  const spec = graph.builder.spec(input);
  const output: TensorSpec = { ...spec, zeroPoint: 0, dtype: 'int16' };
  return spec.dtype === 'int16'
    ? input
    : graph.builder.add({ kind: 'convert', name: 'widen' }, [input], output);
}

/** The range of int8 with a zero point, in int16 without one. */
export const int8Range = ({ zeroPoint }: TensorSpec): WideRange => ({
  clampMin: -128 - zeroPoint,
  clampMax: 127 - zeroPoint,
});

/** An int16 tensor whose values lie within `int8Range` as that int8. */
export const narrow = (graph: TfliteGraph, input: number, output: TensorSpec): number =>
  graph.builder.add({ kind: 'convert', name: 'narrow' }, [input], output);

/** The int16 that a tensor of int8 is made of by `narrow`. */
export const asWide = (output: TensorSpec): TensorSpec => ({ ...output, zeroPoint: 0, dtype: 'int16' });

/** −x − 1 of every value: the order turned round, and turned again the same as before. */
export const oppositeWide = (graph: TfliteGraph, input: number): number =>
  rescaleWide(graph, input, graph.builder.spec(input), 1, ALL, -1, -1);

/** The sum of two tensors of one scale, exact but for the ends of the range. */
export function sumWide(
  graph: Pick<TfliteGraph, 'builder'>,
  a: number,
  b: number,
  output: TensorSpec,
): number {
  const half = { multiplier: 2 ** 30, shift: 0 };
  const body = {
    kind: 'add' as const,
    name: 'sum',
    leftShift: 1,
    inputScalings: [half, half] as const,
    outputScaling: { multiplier: 2 ** 30, shift: 1 },
    ...ALL,
  };
  return graph.builder.add(body, [a, b], output);
}

/** Means, or sums, of columns [rows][1][columns], bit for bit TFLite's of int16: a mean's multiplier has the count in it. */
export function meanWide(
  graph: TfliteGraph,
  input: number,
  output: TensorSpec,
  factor: number,
  sum = false,
): number {
  const [rows = 1, , columns = 1] = graph.builder.spec(input).shape;
  const scaling = quantizeMultiplier(factor);
  const up = sum ? 0 : Math.min(31 - Math.clz32(rows), 32, 31 + scaling.shift);
  const multiplier = Number((BigInt(scaling.multiplier) << BigInt(up)) / BigInt(sum ? 1 : rows));
  const body = {
    kind: 'depthwiseConv2d' as const,
    name: 'mean',
    kernel: [rows, 1] as const,
    stride: [1, 1] as const,
    dilation: [1, 1] as const,
    padding: [0, 0] as const,
    weights: new Int8Array(rows * columns).fill(1),
    bias: new Int32Array(columns),
    multipliers: Int32Array.of(multiplier),
    shifts: Int32Array.of(scaling.shift - up),
    ...ALL,
  };
  return graph.builder.add(body, [input], output);
}

/** A function of int16 whose results have scale 2⁻¹⁵. */
export function lookUpWide(
  graph: TfliteGraph,
  op: TfliteOperator,
  make: (scale: number) => LookupBody,
): void {
  const input = graph.activation(op);
  const output = graph.spec(op, graph.output(op));
  const { scale: from, dtype } = graph.builder.spec(input);
  // Of a larger scale TFLite's multiplier leaves its 16 bits.
  if (dtype !== 'int16' || output.dtype !== 'int16' || output.scale !== 2 ** -15 || from * 3 * 4096 > 32767)
    graph.refuse(
      op,
      `of scale ${from} into ${graph.describe(graph.output(op))} of scale ${output.scale}`,
      'the type of its input, of scale 1/32768, and an input of a scale below 2.66',
    );
  const body = { ...make(from), name: op.name.toLowerCase() };
  graph.define(graph.output(op), graph.builder.add(body, [input], output));
}
