// Operators with weights: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED.
import {
  elementCount,
  quantizeMultiplier,
  type Requantization,
  type TensorSpec,
} from '../../model/quantized-network.js';
import type { WeightType } from '../../model/weight-types.js';
import type { Handler, TfliteGraph } from './graph.js';
import type { TfliteOperator, TfliteTensor } from './model.js';
import { featureInput, windowOf } from './window.js';

/** Scales of weights, one or one a channel along `axis`; their zero points must be 0. */
function weightScales(
  graph: TfliteGraph,
  op: TfliteOperator,
  weights: TfliteTensor,
  channels: number,
  axis: number,
): number[] {
  const { scales, zeroPoints } = weights;
  const perChannel = scales.length > 1;
  if (scales.length !== 1 && (scales.length !== channels || weights.axis !== axis)) {
    graph.refuse(
      op,
      `on ${graph.describe(weights)} with ${scales.length} scales along dimension ${weights.axis}`,
      `one, or ${channels} along dimension ${axis}`,
    );
  }
  if (scales.some((scale) => !(scale >= 0 && scale < Infinity)))
    graph.refuse(op, `on ${graph.describe(weights)} with a scale that is no number`, 'scales from 0 on');
  if (perChannel && zeroPoints.some((zeroPoint) => zeroPoint !== 0))
    graph.refuse(op, `on ${graph.describe(weights)} with zero points other than 0`, 'symmetric weights');
  return scales;
}

/** The zero point of weights that have one scale, as they are stored. */
const zeroOf = ({ type, zeroPoints }: TfliteTensor): number =>
  (zeroPoints[0] ?? 0) - (type === 'uint8' ? 128 : 0);

/** Weights and what their scales and biases become. */
interface Symmetric {
  weights: Int8Array;
  weightType: WeightType;
  scales: number[];
  /** What biases are multiplied by, one a channel, where scales changed. */
  factors?: number[];
}

/**
 * Weights without their zero point, as our convolutions have them. Exact where a channel's then fit int8; others are rounded
 * to 127 steps of a larger scale. TensorFlow 1 writes such weights.
 */
function symmetric(
  graph: TfliteGraph,
  op: TfliteOperator,
  filter: TfliteTensor,
  scales: number[],
  { channels, channelOf }: { channels: number; channelOf: (weight: number) => number },
): Symmetric {
  const { weights, weightType } = graph.weights(op, filter);
  const zero = zeroOf(filter);
  if (zero === 0 || scales.length > 1) return { weights, weightType, scales };
  const most = new Float64Array(channels);
  weights.forEach((weight, i) => {
    most[channelOf(i)] = Math.max(most[channelOf(i)]!, Math.abs(weight - zero));
  });
  const factors = Array.from(most, (largest) => (largest > 127 ? 127 / largest : 1));
  return {
    weights: weights.map((weight, i) => Math.round((weight - zero) * factors[channelOf(i)]!)),
    weightType: 'int8',
    scales: factors.map((factor) => scales[0]! / factor),
    factors,
  };
}

/**
 * Biases of `channels` channels, zeros if there are none. With int16 activations their type is the accumulators': the
 * file's. Without any, TFLite's reference kernels take int32, but of depthwise convolutions int64; those of TFLite Micro
 * always int64.
 */
function biasOf(
  graph: TfliteGraph,
  op: TfliteOperator,
  channels: number,
  wide: boolean,
): Int32Array | BigInt64Array {
  const slot = op.name === 'TRANSPOSE_CONV' ? 3 : 2;
  const tensor = graph.optional(op, slot);
  const wider = op.name === 'DEPTHWISE_CONV_2D' || op.name === 'TRANSPOSE_CONV';
  if (!tensor)
    return wide && (graph.reference === 'tflm' || wider)
      ? new BigInt64Array(channels)
      : new Int32Array(channels);
  const values = graph.wideIntegers(op, slot);
  if (values.length !== channels || (tensor.type === 'int64' && !wide))
    graph.refuse(op, `with biases of ${graph.describe(tensor)}`, `${channels} of int32`);
  return tensor.type === 'int64' ? BigInt64Array.from(values) : Int32Array.from(values, Number);
}

function requantizationOf(
  graph: TfliteGraph,
  op: TfliteOperator,
  factors: readonly number[],
  channels: number,
  output: TensorSpec,
  activation: number,
  biasFactors?: readonly number[],
): Requantization {
  const pairs = factors.map((factor) => {
    const pair = quantizeMultiplier(factor);
    if (!(factor < Infinity) || pair.shift > 14)
      graph.refuse(op, `with scales that multiply by ${factor}`, 'less than 2¹⁴');
    return pair;
  });
  const bias = biasOf(graph, op, channels, output.dtype === 'int16');
  const scaled =
    biasFactors && bias instanceof Int32Array
      ? bias.map((value, channel) => Math.round(value * biasFactors[channel]!))
      : bias;
  return {
    bias: scaled,
    multipliers: Int32Array.from(pairs, ({ multiplier }) => multiplier),
    shifts: Int32Array.from(pairs, ({ shift }) => shift),
    ...graph.clamp(op, activation, output),
  };
}

/** Weights of a grouped convolution as those of a whole one: zeros between groups. */
function withoutGroups(
  weights: Int8Array,
  outputs: number,
  taps: number,
  part: number,
  channels: number,
): Int8Array {
  if (part === channels) return weights;
  const whole = new Int8Array(outputs * taps * channels);
  const perGroup = outputs / (channels / part);
  for (let output = 0; output < outputs; output++) {
    const first = Math.floor(output / perGroup) * part;
    for (let tap = 0; tap < taps; tap++) {
      const from = (output * taps + tap) * part;
      whole.set(weights.subarray(from, from + part), (output * taps + tap) * channels + first);
    }
  }
  return whole;
}

export const conv2d: Handler = (graph, op) => {
  const { tensor: input, shape } = featureInput(graph, op);
  const filter = graph.input(op, 1);
  const [outputs = 0, height = 0, width = 0, part = 0] = filter.shape;
  const groups = shape[2] / part;
  if (filter.shape.length !== 4 || !Number.isInteger(groups) || outputs % groups !== 0)
    graph.refuse(op, `with weights of ${graph.describe(filter)}`, `[out, height, width, ${shape[2]}]`);
  const options = op.options;
  const window = windowOf(graph, op, shape, [height, width], {
    padding: options?.int8(0) ?? 0,
    stride: [options?.int32(2) ?? 0, options?.int32(1) ?? 0],
    dilation: [options?.int32(5, 1) ?? 1, options?.int32(4, 1) ?? 1],
  });
  const output = { ...graph.spec(op, graph.output(op)), shape: [...window.output, outputs] };
  const given = weightScales(graph, op, filter, outputs, 0);
  const perOutput = elementCount(filter) / outputs;
  const channelOf = (weight: number): number => Math.floor(weight / perOutput);
  const centred = symmetric(graph, op, filter, given, { channels: outputs, channelOf });
  const { weights, weightType, scales } = centred;
  const factors = scales.map((scale) => (graph.builder.spec(input).scale * scale) / output.scale);
  if (outputs * height * width * shape[2] > 1 << 24)
    graph.refuse(op, `with ${groups} groups`, 'fewer: they are stored as one');
  const body = {
    kind: 'conv2d' as const,
    name: 'conv2d',
    ...window.geometry,
    weights: withoutGroups(weights, outputs, height * width, part, shape[2]),
    weightType,
    ...requantizationOf(graph, op, factors, outputs, output, options?.int8(3) ?? 0, centred.factors),
  };
  graph.define(graph.output(op), graph.builder.add(body, [input], output));
};

/** Rows and columns of zeros put between those of a map: `steps` − 1 after each. */
function spaced(graph: TfliteGraph, map: number, [down, across]: readonly [number, number]): number {
  const { builder } = graph;
  const spec = builder.spec(map);
  const [height, width, channels] = spec.shape as [number, number, number];
  const pad = (tensor: number, view: [number, number, number], after: number): number => {
    if (after === 0) return tensor;
    const body = { kind: 'pad' as const, name: 'pad', rows: [0, 0] as const, columns: [0, after] as const };
    const shape = [view[0], view[1] + after, view[2]];
    return builder.add(body, [builder.reshape(tensor, view)], { ...spec, shape });
  };
  const wide = pad(map, [height * width, 1, channels], across - 1);
  const high = pad(wide, [height, 1, width * across * channels], down - 1);
  return builder.reshape(high, [height * down, width * across, channels]);
}

/**
 * A convolution of the map with zeros between its pixels, weights turned around: every product there is, in the same sums.
 * TFLite's TransposeConv.
 */
export const transposeConv: Handler = (graph, op) => {
  const filter = graph.input(op, 1);
  const from = graph.input(op, 2);
  const target = graph.output(op);
  const [outputs = 0, height = 0, width = 0, channels = 0] = filter.shape;
  const [, rows = 0, columns = 0] = from.shape;
  const options = op.options;
  const stride = [options?.int32(2) ?? 0, options?.int32(1) ?? 0] as const;
  const sound = stride.every((step) => step >= 1 && step <= 64) && height >= 1 && width >= 1;
  if (from.shape.length !== 4 || from.shape[3] !== channels || target.shape[3] !== outputs || !sound)
    graph.refuse(
      op,
      `of ${graph.describe(from)} with weights of ${graph.describe(filter)}`,
      'maps and strides that fit',
    );
  const map = graph.builder.reshape(graph.activation(op, 2), [rows, columns, channels]);
  const sizes = [target.shape[1]!, target.shape[2]!];
  const padding = [height, width].map((kernel, axis) => {
    const same = Math.max(0, ([rows, columns][axis]! - 1) * stride[axis]! + kernel - sizes[axis]!) >> 1;
    return kernel - 1 - ((options?.int8(0) ?? 0) === 0 ? same : 0);
  }) as [number, number];
  const given = weightScales(graph, op, filter, outputs, 0);
  const perOutput = elementCount(filter) / outputs;
  const channelOf = (weight: number): number => Math.floor(weight / perOutput);
  const centred = symmetric(graph, op, filter, given, { channels: outputs, channelOf });
  const output = { ...graph.spec(op, target), shape: [...sizes, outputs] };
  const factors = centred.scales.map((scale) => (graph.builder.spec(map).scale * scale) / output.scale);
  const taps = height * width;
  const weights = centred.weights.map((_, i) => {
    const [tap, channel] = [Math.floor(i / channels) % taps, i % channels];
    return centred.weights[channelOf(i) * perOutput + (taps - 1 - tap) * channels + channel]!;
  });
  const one = [1, 1] as const;
  const body = {
    kind: 'conv2d' as const,
    name: 'transpose_conv',
    kernel: [height, width] as const,
    stride: one,
    dilation: one,
    padding,
    weights,
    weightType: centred.weightType,
    ...requantizationOf(graph, op, factors, outputs, output, options?.int8(3) ?? 0, centred.factors),
  };
  const made = graph.builder.add(body, [spaced(graph, map, stride)], output);
  graph.define(target, graph.builder.reshape(made, graph.spec(op, target).shape));
};

export const depthwiseConv2d: Handler = (graph, op) => {
  const { tensor: input, shape } = featureInput(graph, op);
  const filter = graph.input(op, 1);
  const [one, height = 0, width = 0, outputs = 0] = filter.shape;
  if (filter.shape.length !== 4 || one !== 1 || outputs === 0 || outputs % shape[2] !== 0) {
    const expected = `[1, height, width, a multiple of ${shape[2]}]`;
    graph.refuse(op, `with weights of ${graph.describe(filter)}`, expected);
  }
  const options = op.options;
  const window = windowOf(graph, op, shape, [height, width], {
    padding: options?.int8(0) ?? 0,
    stride: [options?.int32(2) ?? 0, options?.int32(1) ?? 0],
    dilation: [options?.int32(6, 1) ?? 1, options?.int32(5, 1) ?? 1],
  });
  const output = { ...graph.spec(op, graph.output(op)), shape: [...window.output, outputs] };
  const given = weightScales(graph, op, filter, outputs, 3);
  const channelOf = (weight: number): number => weight % outputs;
  const centred = symmetric(graph, op, filter, given, { channels: outputs, channelOf });
  const { weights, weightType, scales } = centred;
  const factors = scales.map((scale) => (graph.builder.spec(input).scale * scale) / output.scale);
  const body = {
    kind: 'depthwiseConv2d' as const,
    name: 'depthwise',
    ...window.geometry,
    weights,
    weightType,
    ...requantizationOf(graph, op, factors, outputs, output, options?.int8(4) ?? 0, centred.factors),
  };
  graph.define(graph.output(op), graph.builder.add(body, [input], output));
};

export const fullyConnected: Handler = (graph, op) => {
  const activation = graph.activation(op);
  const filter = graph.input(op, 1);
  const [outputs = 0, depth = 0] = filter.shape;
  const spec = graph.builder.spec(activation);
  const rows = elementCount(spec) / depth;
  if (filter.shape.length !== 2 || outputs === 0 || !Number.isInteger(rows) || rows === 0)
    graph.refuse(
      op,
      `with weights of ${graph.describe(filter)}`,
      `[out, a divisor of ${elementCount(spec)}]`,
    );
  if ((op.options?.int8(1) ?? 0) !== 0) graph.refuse(op, 'with shuffled weights', 'weights in order');
  const target = graph.output(op);
  const output = graph.spec(op, target);
  if (elementCount(output) !== rows * outputs)
    graph.refuse(op, `into ${graph.describe(target)}`, `${rows * outputs} elements`);
  const given = weightScales(graph, op, filter, outputs, 0);
  // The zero point of weights is the kernel's where there is one row.
  const channelOf = (weight: number): number => Math.floor(weight / depth);
  const { weights, weightType, scales, ...centred } =
    rows === 1
      ? { ...graph.weights(op, filter), scales: given, factors: undefined }
      : { factors: undefined, ...symmetric(graph, op, filter, given, { channels: outputs, channelOf }) };
  // One scale: TFLite multiplies in float32 (GetQuantizedConvolutionMultipler); several: in float64.
  const product = (scale: number): number =>
    scales.length === 1 ? Math.fround(spec.scale * scale) : spec.scale * scale;
  const factors = scales.map((scale) => product(scale) / output.scale);
  const activationCode = op.options?.int8(0) ?? 0;
  const shared = {
    name: 'fully_connected',
    weights,
    weightType,
    ...requantizationOf(graph, op, factors, outputs, output, activationCode, centred.factors),
  };
  const zeroPoint = zeroOf(filter);
  if (rows === 1) {
    const input = graph.builder.reshape(activation, [depth]);
    const zero = scales.length === 1 && zeroPoint !== 0 ? { weightZeroPoint: zeroPoint } : {};
    const made = { ...output, shape: [outputs] };
    const dense = graph.builder.add({ kind: 'dense', ...shared, ...zero }, [input], made);
    graph.define(target, graph.builder.reshape(dense, output.shape));
    return;
  }
  // Several rows: a convolution of 1×1 over them.
  const one = [1, 1] as const;
  const body = {
    kind: 'conv2d' as const,
    ...shared,
    kernel: one,
    stride: one,
    dilation: one,
    padding: [0, 0] as const,
  };
  const input = graph.builder.reshape(activation, [rows, 1, depth]);
  const conv = graph.builder.add(body, [input], { ...output, shape: [rows, 1, outputs] });
  graph.define(target, graph.builder.reshape(conv, output.shape));
};
