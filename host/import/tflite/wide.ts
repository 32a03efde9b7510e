// What int16 has no table for: values rescaled, clamped or negated one by one, as a depthwise convolution of one weight.
import { elementCount, quantizeMultiplier, type TensorSpec } from '../../model/quantized-network.js';
import type { TfliteGraph } from './graph.js';

const MOST = 32767;

export interface WideRange {
  clampMin: number;
  clampMax: number;
}

export const ALL: WideRange = { clampMin: -MOST - 1, clampMax: MOST };

/** clamp(round(sign · x · factor)) of every value, rounded as MultiplyByQuantizedMultiplier does. */
export function rescaleWide(
  graph: TfliteGraph,
  input: number,
  output: TensorSpec,
  factor: number,
  { clampMin, clampMax }: WideRange = ALL,
  sign: 1 | -1 = 1,
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
    bias: new Int32Array(channels),
    multipliers: Int32Array.of(multiplier),
    shifts: Int32Array.of(shift),
    clampMin,
    clampMax,
  };
  const map = [pixels, 1, channels];
  const made = builder.add(body, [builder.reshape(input, map)], { ...output, shape: map });
  return builder.reshape(made, output.shape);
}

/** The sum of two tensors of one scale, exact but for the ends of the range. */
export function sumWide(graph: TfliteGraph, a: number, b: number, output: TensorSpec): number {
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

/** Means of columns [rows][1][columns], bit for bit TFLite's of int16: sums, by a multiplier that has the count in it. */
export function meanWide(graph: TfliteGraph, input: number, output: TensorSpec, factor: number): number {
  const [rows = 1, , columns = 1] = graph.builder.spec(input).shape;
  const scaling = quantizeMultiplier(factor);
  const up = Math.min(31 - Math.clz32(rows), 32, 31 + scaling.shift);
  const multiplier = Number((BigInt(scaling.multiplier) << BigInt(up)) / BigInt(rows));
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
