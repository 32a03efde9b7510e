// Nodes with weights or windows: Conv, Gemm, MatMul, pooling, BatchNormalization.
import { elementCount, type Window } from '../../model/quantized-network.js';
import { UNBOUNDED, type WeightedOp } from '../float-graph.js';
import { type Activation, type Handler, ONE_BY_ONE, type OnnxGraph } from './graph.js';
import type { OnnxNode, OnnxTensor } from './model.js';
import { orderOf } from './order.js';

type Pair = [number, number];

/** Two numbers of an attribute; one, of 1-D nodes, is of the height. */
export function pair(graph: OnnxGraph, node: OnnxNode, name: string, absent: number): Pair {
  const values = graph.integers(node, name) ?? [absent, absent];
  const both: Pair = [values[0] ?? absent, values.length === 1 ? 1 : (values[1] ?? absent)];
  if (values.length > 2 || both.some((value) => !(value >= 1 && value < 65536)))
    graph.refuse(node, `with ${name} [${values}]`, 'one or two numbers from 1 on');
  return both;
}

/** Geometry and output size. */
function windowOf(
  graph: OnnxGraph,
  node: OnnxNode,
  input: readonly number[],
  kernel: Pair,
): { window: Window; output: Pair; pads: number[] } {
  const stride = pair(graph, node, 'strides', 1);
  const dilation = pair(graph, node, 'dilations', 1);
  const listed = graph.integers(node, 'pads') ?? [0, 0, 0, 0];
  const pads = listed.length === 2 ? [listed[0]!, 0, listed[1]!, 0] : listed;
  if (pads.length !== 4 || pads.some((value) => !(value >= 0 && value < 65536)))
    graph.refuse(node, `with pads [${listed}]`, 'four numbers from 0 on');
  const auto = graph.text(node, 'auto_pad') || 'NOTSET';
  const ceil = graph.integer(node, 'ceil_mode') !== 0;
  const axes = [0, 1].map((axis) => {
    const span = (kernel[axis]! - 1) * dilation[axis]! + 1;
    const size = input[axis]!;
    const step = stride[axis]!;
    if (auto.startsWith('SAME')) {
      const count = Math.ceil(size / step);
      const total = Math.max((count - 1) * step + span - size, 0);
      const before = auto === 'SAME_LOWER' ? Math.ceil(total / 2) : Math.floor(total / 2);
      return { count, before, after: total - before };
    }
    const [before, after] = auto === 'VALID' ? [0, 0] : [pads[axis]!, pads[axis + 2]!];
    const steps = (size + before + after - span) / step;
    let count = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window that would start after the map and the padding before it is left out, as PyTorch and onnxruntime do.
    if (ceil && (count - 1) * step >= size + before) count--;
    return { count, before, after };
  });
  const output = axes.map(({ count }) => count) as Pair;
  if (output.some((count) => !(count >= 1)))
    graph.refuse(node, `with a window of ${kernel}`, 'one that fits its input');
  const padding = axes.map(({ before }) => before) as Pair;
  return {
    window: { kernel, stride, dilation, padding },
    output,
    pads: [...padding, ...axes.map(({ after }) => after)],
  };
}

/** Biases of a node, zeros if it has none. */
export function biasOf(graph: OnnxGraph, node: OnnxNode, slot: number, outputs: number): Float64Array {
  if (!node.inputs[slot]) return new Float64Array(outputs);
  const { values } = graph.needConstant(node, slot);
  if (values.length !== outputs && values.length !== 1)
    graph.refuse(node, `with ${values.length} biases`, `${outputs}`);
  return Float64Array.from({ length: outputs }, (_, i) => values[values.length === 1 ? 0 : i]!);
}

/** Scales that the file gives weights whose outputs go along `axis`. */
const scalesOf = ({ scales, axis }: OnnxTensor, outputs: number): Pick<WeightedOp, 'scales'> =>
  scales && (scales.length === 1 || axis === outputs) ? { scales } : {};

export const conv: Handler = (graph, node) => {
  const { tensor, shape } = graph.feature(node);
  const weights = graph.needConstant(node, 1);
  const [outputs = 0, part = 0, height = 0, width = 1] = weights.shape;
  const channels = shape[2];
  const groups = graph.integer(node, 'group', 1);
  if (
    weights.shape.length < 3 ||
    weights.shape.length > 4 ||
    part * groups !== channels ||
    outputs % groups !== 0
  )
    graph.refuse(
      node,
      `with weights [${weights.shape}] in ${groups} groups`,
      `[out, ${channels} / groups, …]`,
    );
  const { window, output } = windowOf(graph, node, shape, [height, width]);
  const depthwise = groups > 1 && part === 1;
  const taps = height * width;
  const perGroup = outputs / groups;
  if (outputs * taps * channels > 1 << 24) graph.refuse(node, `with weights [${weights.shape}]`, 'fewer');
  const values = new Float64Array(outputs * taps * (depthwise ? 1 : channels));
  for (let o = 0; o < outputs; o++) {
    const first = Math.floor(o / perGroup) * part;
    for (let c = 0; c < part; c++) {
      for (let tap = 0; tap < taps; tap++) {
        const at = depthwise ? tap * outputs + o : (o * taps + tap) * channels + first + c;
        values[at] = weights.values[(o * part + c) * taps + tap]!;
      }
    }
  }
  const body = {
    kind: depthwise ? ('depthwiseConv2d' as const) : ('conv2d' as const),
    weights: values,
    bias: biasOf(graph, node, 2, outputs),
    ...scalesOf(weights, 0),
    window,
    bounds: UNBOUNDED,
  };
  const made = graph.add(node, body, [tensor], [...output, outputs]);
  graph.mapResult(node, made, graph.activation(node).shape.length);
};

/** A layer of weights [out][in] on the last dimension of a value. */
function dense(
  graph: OnnxGraph,
  node: OnnxNode,
  value: Activation,
  layer: {
    depth: number;
    outputs: number;
    weight: (o: number, i: number) => number;
    tensor: OnnxTensor;
    /** Dimension of the weights that outputs go along. */
    axis: number;
    bias: Float64Array;
  },
): void {
  const { depth, outputs, weight, tensor, axis, bias } = layer;
  const rows = elementCount(value) / depth;
  if (value.shape.at(-1) !== depth || !Number.isInteger(rows))
    graph.refuse(node, `with weights [${tensor.shape}] on shape [${value.shape}]`, 'weights that fit');
  const body = { bias, ...scalesOf(tensor, axis), window: ONE_BY_ONE, bounds: UNBOUNDED };
  const weights = new Float64Array(depth * outputs);
  const single = rows === 1;
  for (let i = 0; i < depth; i++) {
    const at = single ? (value.order?.[i] ?? i) : i;
    for (let o = 0; o < outputs; o++) weights[o * depth + at] = weight(o, i);
  }
  const shape = [...value.shape.slice(0, -1), outputs];
  if (single) {
    const input = graph.reshape(node, value.tensor, [depth]);
    graph.result(node, graph.add(node, { kind: 'dense', weights, ...body }, [input], [outputs]), shape);
    return;
  }
  const input = graph.reshape(node, graph.inOrder(node, value, undefined), [rows, 1, depth]);
  graph.result(
    node,
    graph.add(node, { kind: 'conv2d', weights, ...body }, [input], [rows, 1, outputs]),
    shape,
  );
}

/** Gemm whose third input, if it has one, is a constant. */
export const gemmOfConstants: Handler = (graph, node) => {
  const tensor = graph.needConstant(node, 1);
  const [alpha, beta] = [graph.real(node, 'alpha', 1), graph.real(node, 'beta', 1)];
  const transposed = graph.integer(node, 'transB') !== 0;
  if (tensor.shape.length !== 2 || graph.integer(node, 'transA') !== 0)
    graph.refuse(node, 'with transA or weights of another rank', 'weights of two dimensions');
  const [depth, outputs] = (transposed ? [...tensor.shape].reverse() : tensor.shape) as [number, number];
  const at = (o: number, i: number): number =>
    tensor.values[transposed ? o * depth + i : i * outputs + o]! * alpha;
  const bias = biasOf(graph, node, 2, outputs).map((value) => value * beta);
  const scaled = tensor.scales
    ? { ...tensor, scales: tensor.scales.map((scale) => scale * Math.abs(alpha)) }
    : tensor;
  dense(graph, node, graph.activation(node), {
    depth,
    outputs,
    weight: at,
    tensor: scaled,
    axis: transposed ? 0 : 1,
    bias,
  });
};

export const matMul: Handler = (graph, node) => {
  const tensor = graph.needConstant(node, 1);
  if (tensor.shape.length !== 2) graph.refuse(node, `with weights [${tensor.shape}]`, 'two dimensions');
  const [depth, outputs] = tensor.shape as [number, number];
  const at = (o: number, i: number): number => tensor.values[i * outputs + o]!;
  dense(graph, node, graph.activation(node), {
    depth,
    outputs,
    weight: at,
    tensor,
    axis: 1,
    bias: new Float64Array(outputs),
  });
};

/** A map with rows and columns of zeros around it. */
function padded(
  graph: OnnxGraph,
  node: OnnxNode,
  tensor: number,
  [top, left, bottom, right]: readonly number[],
): { tensor: number; shape: [number, number, number] } {
  const [height, width, channels] = graph.shapeOf(tensor) as [number, number, number];
  const shape: [number, number, number] = [height + top! + bottom!, width + left! + right!, channels];
  const body = { kind: 'pad' as const, rows: [top!, bottom!] as const, columns: [left!, right!] as const };
  return { tensor: graph.add(node, body, [tensor], shape), shape };
}

/** Weights that a mean by a depthwise convolution may take. */
const MOST_MEAN_WEIGHTS = 4096;

/** Means over windows as a depthwise convolution of equal weights, which are exact. */
function means(
  graph: OnnxGraph,
  node: OnnxNode,
  tensor: number,
  window: Window,
  output: readonly [number, number],
): number {
  const channels = graph.shapeOf(tensor)[2]!;
  const taps = window.kernel[0] * window.kernel[1];
  const body = {
    kind: 'depthwiseConv2d' as const,
    weights: new Float64Array(taps * channels).fill(1 / taps),
    bias: new Float64Array(channels),
    window,
    bounds: UNBOUNDED,
  };
  return graph.add(node, body, [tensor], [...output, channels]);
}

const pool =
  (kind: 'maxPool2d' | 'averagePool2d'): Handler =>
  (graph, node) => {
    const value = kind === 'maxPool2d' ? graph.any(node) : graph.activation(node);
    let { tensor, shape } = graph.feature(node, 0, value);
    const rank = value.shape.length;
    let { window, output, pads } = windowOf(graph, node, shape, pair(graph, node, 'kernel_shape', 1));
    if (node.outputs.length > 1 && node.outputs[1] !== '') graph.refuse(node, 'with indices', 'one output');
    const counts = kind === 'averagePool2d' && graph.integer(node, 'count_include_pad') !== 0;
    if (kind === 'averagePool2d' && (counts || pads.every((size) => size === 0))) {
      // Every window has as many elements: means get a scale of their own, which those of wide windows need.
      const taps = window.kernel[0] * window.kernel[1];
      if (taps * shape[2] <= MOST_MEAN_WEIGHTS && graph.givenOf(tensor) === undefined) {
        const made = means(graph, node, tensor, window, output);
        return graph.mapResult(node, made, rank);
      }
    }
    // Padding that counts is part of the map.
    if (counts && pads.some((size) => size > 0)) {
      ({ tensor, shape } = padded(graph, node, tensor, pads));
      window = { ...window, padding: [0, 0] };
    }
    const made = graph.add(node, { kind, window }, [tensor], [...output, shape[2]]);
    graph.mapResult(node, made, rank, value.integers);
  };

export const maxPool = pool('maxPool2d');
export const averagePool = pool('averagePool2d');

/** The mean over all pixels. */
export const globalAveragePool: Handler = (graph, node) => {
  const { tensor, shape } = graph.feature(node);
  const rank = graph.activation(node).shape.length;
  const made = graph.add(node, { kind: 'mean' }, [tensor], [1, 1, shape[2]]);
  graph.mapResult(node, made, rank);
};

/** Where a reduction goes along, from the front. */
export function reducedAxes(graph: OnnxGraph, node: OnnxNode, rank: number): number[] {
  const listed =
    graph.integers(node, 'axes') ?? (node.inputs[1] ? graph.constantIntegers(node, 1) : undefined) ?? [];
  if (listed.length === 0 && graph.integer(node, 'noop_with_empty_axes') !== 0) return [];
  const axes = listed.length === 0 ? Array.from({ length: rank }, (_, axis) => axis) : listed;
  const positive = [...new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)))].sort((a, b) => a - b);
  if (positive.some((axis) => !(axis >= 0 && axis < rank)))
    graph.refuse(node, `along [${axes}]`, `dimensions of ${rank}`);
  return positive;
}

/** Reduces dimensions that are brought to the front: `make` gets [count, 1, size], and returns a tensor of `size` elements. */
function reduce(
  graph: OnnxGraph,
  node: OnnxNode,
  make: (input: number, count: number, size: number) => number,
): void {
  const value = graph.activation(node);
  const { shape } = value;
  const axes = reducedAxes(graph, node, shape.length).filter((axis) => shape[axis] !== 1);
  const all = reducedAxes(graph, node, shape.length);
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const count = elementCount({ shape: axes.map((axis) => shape[axis]!) });
  const rest = kept.map((axis) => shape[axis]!);
  const to = graph.integer(node, 'keepdims', 1)
    ? shape.map((size, axis) => (all.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !all.includes(axis));
  if (count === 1) {
    graph.define(node.outputs[0] ?? '', { ...value, shape: to });
    return;
  }
  const size = elementCount({ shape: rest });
  const tensor = graph.inOrder(node, value, orderOf(shape, [...axes, ...kept]));
  const input = graph.reshape(node, tensor, [count, 1, size]);
  graph.result(node, make(input, count, size), to);
}

/** ReduceMean, and ReduceSum. */
export const reduceMean: Handler = (graph, node) => {
  const total = node.op === 'ReduceSum' ? { total: true } : {};
  reduce(graph, node, (input, _, size) => graph.add(node, { kind: 'mean', ...total }, [input], [size]));
};

/** ReduceMax, and GlobalMaxPool. */
export const reduceMax: Handler = (graph, node) => {
  reduce(graph, node, (input, count, size) => {
    const window: Window = { ...ONE_BY_ONE, kernel: [count, 1] };
    return graph.reshape(node, graph.add(node, { kind: 'maxPool2d', window }, [input], [1, 1, size]), [size]);
  });
};

/** Puts y = factor · x + term for each output into a layer. Scales that the file gives its weights go along. */
function fold(layer: WeightedOp, factors: Float64Array, terms: Float64Array): void {
  const outputs = factors.length;
  const rows = layer.weights.length / outputs;
  layer.weights = layer.weights.map((weight, i) => {
    const output = layer.kind === 'depthwiseConv2d' ? i % outputs : Math.floor(i / rows);
    return weight * factors[output]!;
  });
  layer.bias = layer.bias.map((bias, output) => bias * factors[output]! + terms[output]!);
  const { scales } = layer;
  if (!scales || factors.every((factor) => factor === 1)) return;
  layer.scales = Array.from(factors, (factor, output) => {
    return Math.abs(factor) * scales[scales.length === 1 ? 0 : output]! || 1;
  });
}

/**
 * y = factor · x + term for each of the last stored dimension: into the layer before, or as a depthwise 1×1 convolution.
 * Returns the tensor.
 */
export function affine(
  graph: OnnxGraph,
  node: OnnxNode,
  value: Activation,
  factors: Float64Array,
  terms: Float64Array,
): number {
  const channels = factors.length;
  const layer = graph.foldable(value);
  if (layer && layer.bias.length === channels) {
    fold(layer, factors, terms);
    return value.tensor;
  }
  const pixels = elementCount(value) / channels;
  const input = graph.reshape(node, value.tensor, [pixels, 1, channels]);
  const body = {
    kind: 'depthwiseConv2d' as const,
    weights: factors,
    bias: terms,
    window: ONE_BY_ONE,
    bounds: UNBOUNDED,
  };
  const made = graph.add(node, body, [input], [pixels, 1, channels]);
  return graph.reshape(node, made, graph.shapeOf(value.tensor));
}

export const batchNormalization: Handler = (graph, node) => {
  const value = graph.activation(node);
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((slot) => graph.needConstant(node, slot).values) as [
    ArrayLike<number>,
    ArrayLike<number>,
    ArrayLike<number>,
    ArrayLike<number>,
  ];
  const channels = value.shape[1] ?? 0;
  if ([gamma, beta, mean, variance].some(({ length }) => length !== channels))
    graph.refuse(node, `with ${gamma.length} channels`, `${channels}`);
  const epsilon = graph.real(node, 'epsilon', 1e-5);
  const factors = Float64Array.from(gamma, (g, c) => g / Math.sqrt(variance[c]! + epsilon));
  const terms = factors.map((factor, c) => beta[c]! - mean[c]! * factor);
  const axes = value.shape.map((_, axis) => axis);
  const order = orderOf(value.shape, [0, ...axes.slice(2), ...axes.slice(1, 2)]);
  const tensor = graph.inOrder(node, value, order);
  const lasts = graph.reshape(node, tensor, [elementCount(value) / channels, channels]);
  const made = affine(graph, node, { ...value, tensor: lasts, order }, factors, terms);
  graph.result(node, made, value.shape, order);
};
