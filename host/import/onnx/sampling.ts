// Nodes that change the size of maps: Resize, Upsample, ConvTranspose, blocks of pixels to channels and back, Tile.
import { elementCount } from '../../model/quantized-network.js';
import { UNBOUNDED } from '../float-graph.js';
import type { Handler, OnnxGraph } from './graph.js';
import { biasOf, pair, matMul } from './layers.js';
import type { OnnxNode } from './model.js';
import { gather, reshape, transpose } from './shapes.js';
import { Steps } from './steps.js';

const axisOf = (axis: number): OnnxNode['attributes'] => new Map([['axis', { integer: axis }]]);
const permOf = (axes: number[]): OnnxNode['attributes'] => new Map([['perm', { integers: axes }]]);

/** Sizes that a map gets, and how much larger each is. */
function scaling(
  graph: OnnxGraph,
  node: OnnxNode,
  shape: readonly number[],
): { sizes: number[]; scales: number[] } {
  const slots =
    node.op === 'Upsample' || graph.opset < 11 ? { scales: 1, sizes: -1 } : { scales: 2, sizes: 3 };
  const axes = graph.integers(node, 'axes') ?? shape.map((_, axis) => axis);
  const spread = (values: readonly number[]): number[] => {
    const all = [...shape.map(() => 1)];
    axes.forEach((axis, i) => {
      all[axis < 0 ? axis + shape.length : axis] = values[i] ?? 1;
    });
    return all;
  };
  const given = (slot: number): number[] => (node.inputs[slot] ? graph.constantIntegers(node, slot) : []);
  const scales = node.attributes.get('scales')?.reals ?? given(slots.scales);
  if (scales.length > 0) {
    const all = spread(Array.from(scales));
    return { scales: all, sizes: shape.map((size, axis) => Math.floor(size * all[axis]!)) };
  }
  const asked = given(slots.sizes);
  if (asked.length !== axes.length) graph.refuse(node, 'whose size is computed', 'constant scales or sizes');
  const sizes = shape.map((size, axis) => (axes.includes(axis) ? asked[axes.indexOf(axis)]! : size));
  return { sizes, scales: sizes.map((size, axis) => size / shape[axis]!) };
}

/** Where in `from` elements each of `to` lies. */
function positions(graph: OnnxGraph, node: OnnxNode, from: number, to: number, scale: number): number[] {
  const plain = node.op === 'Upsample' || graph.opset < 11;
  const mode = graph.text(node, 'coordinate_transformation_mode') || (plain ? 'asymmetric' : 'half_pixel');
  const at = (i: number): number => {
    switch (mode) {
      case 'half_pixel':
        return (i + 0.5) / scale - 0.5;
      case 'pytorch_half_pixel':
        return to > 1 ? (i + 0.5) / scale - 0.5 : 0;
      case 'half_pixel_symmetric': {
        const adjusted = to / (from * scale);
        return from / 2 - (adjusted * from) / 2 + (i + 0.5) / scale - 0.5;
      }
      case 'align_corners':
        return to > 1 ? (i * (from - 1)) / (to - 1) : 0;
      case 'asymmetric':
        return i / scale;
    }
    return graph.refuse(node, `with ${mode}`, 'half_pixel, align_corners or asymmetric');
  };
  return Array.from({ length: to }, (_, i) => at(i));
}

/** The element nearest to a position. */
function nearestTo(graph: OnnxGraph, node: OnnxNode, x: number, size: number): number {
  const mode = graph.text(node, 'nearest_mode') || (graph.opset < 11 ? 'floor' : 'round_prefer_floor');
  const rounded: Record<string, number> = {
    round_prefer_floor: Math.ceil(x - 0.5),
    round_prefer_ceil: Math.floor(x + 0.5),
    floor: Math.floor(x),
    ceil: Math.ceil(x),
  };
  const found = rounded[mode] ?? graph.refuse(node, `with nearest_mode ${mode}`, 'a mode of ONNX');
  return Math.max(0, Math.min(size - 1, found));
}

/** Shares of the elements around a position. */
function shares(cubic: boolean, a: number, x: number): [at: number, share: number][] {
  const low = Math.floor(x);
  const t = x - low;
  if (!cubic) return [[low, 1 - t], [low + 1, t]]; // prettier-ignore
  const near = (d: number): number => (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  const far = (d: number): number => a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a;
  return [[low - 1, far(1 + t)], [low, near(t)], [low + 1, near(1 - t)], [low + 2, far(2 - t)]]; // prettier-ignore
}

/** Resize and Upsample: nearest elements copied, or along one dimension after the other a product by shares. */
export const resize: Handler = (graph, node) => {
  const mode = graph.text(node, 'mode') || 'nearest';
  const { shape } = mode === 'nearest' ? graph.any(node) : graph.activation(node);
  if (!['nearest', 'linear', 'bilinear', 'cubic'].includes(mode) || graph.integer(node, 'antialias') !== 0)
    graph.refuse(node, `by ${mode}`, 'nearest, linear or cubic, without antialiasing');
  const { sizes, scales } = scaling(graph, node, shape);
  if (elementCount({ shape: sizes }) > 1 << 22 || sizes.some((size) => size < 1))
    graph.refuse(node, `to [${sizes}]`, 'fewer elements');
  const steps = new Steps(graph, node);
  let x = node.inputs[0] ?? '';
  shape.forEach((size, axis) => {
    const to = sizes[axis]!;
    const at = positions(graph, node, size, to, scales[axis]!);
    if (mode === 'nearest') {
      const indices = at.map((position) => nearestTo(graph, node, position, size));
      x = steps.run(gather, 'Gather', [x, steps.constant(indices, [to], true)], axisOf(axis));
      return;
    }
    if (to === size && at.every((position, i) => position === i)) return;
    const weights = new Float64Array(size * to);
    at.forEach((position, i) => {
      for (const [from, share] of shares(
        mode === 'cubic',
        graph.real(node, 'cubic_coeff_a', -0.75),
        position,
      ))
        weights[Math.max(0, Math.min(size - 1, from)) * to + i]! += share;
    });
    const last = [...shape.map((_, i) => i).filter((i) => i !== axis), axis];
    const turned = steps.run(transpose, 'Transpose', [x], permOf(last));
    const made = steps.run(matMul, 'MatMul', [turned, steps.constant(weights, [size, to])]);
    x = steps.run(transpose, 'Transpose', [made], permOf(shape.map((_, i) => last.indexOf(i))));
  });
  steps.finish(x);
};

/** A map with zeros after each pixel: every pixel becomes the first of `stride` in each direction. */
function spaced(graph: OnnxGraph, node: OnnxNode, tensor: number, stride: readonly [number, number]): number {
  const [height, width, channels] = graph.shapeOf(tensor) as [number, number, number];
  const pad = (from: number[], step: number): number => {
    const [rows, , depth] = from as [number, number, number];
    const body = { kind: 'pad' as const, rows: [0, 0] as const, columns: [0, step - 1] as const };
    return graph.add(node, body, [graph.reshape(node, made, from)], [rows, step, depth]);
  };
  let made = tensor;
  if (stride[1] > 1) made = pad([height * width, 1, channels], stride[1]);
  if (stride[0] > 1) made = pad([height, 1, width * stride[1] * channels], stride[0]);
  return graph.reshape(node, made, [height * stride[0], width * stride[1], channels]);
}

/** A convolution of the map with zeros between its pixels, by the weights turned around. */
export const convTranspose: Handler = (graph, node) => {
  const { tensor, shape } = graph.feature(node);
  const weights = graph.needConstant(node, 1);
  const [inputs = 0, part = 0, height = 0, width = 1] = weights.shape;
  const groups = graph.integer(node, 'group', 1);
  const outputs = part * groups;
  if (weights.shape.length < 3 || weights.shape.length > 4 || inputs !== shape[2] || inputs % groups !== 0)
    graph.refuse(
      node,
      `with weights [${weights.shape}] in ${groups} groups`,
      `[${shape[2]}, out / groups, …]`,
    );
  const [stride, dilation] = [pair(graph, node, 'strides', 1), pair(graph, node, 'dilations', 1)];
  const kernel = [height, width] as const;
  const listed = (name: string): number[] => {
    const values = graph.integers(node, name) ?? [];
    return weights.shape.length === 3 && values.length > 0 ? values.flatMap((value) => [value, 0]) : values;
  };
  const [pads, extra, asked] = [listed('pads'), listed('output_padding'), listed('output_shape')];
  const auto = graph.text(node, 'auto_pad') || 'NOTSET';
  const axes = [0, 1].map((axis) => {
    const span = (kernel[axis]! - 1) * dilation[axis]!;
    const full = (shape[axis]! - 1) * stride[axis]! + span + 1 + (extra[axis] ?? 0);
    const same = auto.startsWith('SAME') ? shape[axis]! * stride[axis]! : undefined;
    const size = asked[axis] || same;
    if (size === undefined)
      return { size: full - (pads[axis] ?? 0) - (pads[axis + 2] ?? 0), before: span - (pads[axis] ?? 0) };
    const total = Math.max(0, full - size);
    return { size, before: span - (auto === 'SAME_LOWER' ? Math.ceil(total / 2) : Math.floor(total / 2)) };
  });
  const sizes = axes.map(({ size }) => size) as [number, number];
  const padding = axes.map(({ before }) => before) as [number, number];
  if (sizes.some((size) => size < 1) || padding.some((n) => n < 0))
    graph.refuse(node, `with pads [${pads}]`, 'less than its kernel');
  const depthwise = groups > 1 && groups === inputs;
  const [taps, perGroup] = [height * width, inputs / groups];
  if (outputs * taps * (depthwise ? 1 : inputs) > 1 << 24)
    graph.refuse(node, `with weights [${weights.shape}]`, 'fewer');
  const values = new Float64Array(outputs * taps * (depthwise ? 1 : inputs));
  for (let c = 0; c < inputs; c++) {
    for (let p = 0; p < part; p++) {
      const o = Math.floor(c / perGroup) * part + p;
      for (let tap = 0; tap < taps; tap++) {
        const turned = taps - 1 - tap;
        const at = depthwise ? turned * outputs + o : (o * taps + turned) * inputs + c;
        values[at] = weights.values[(c * part + p) * taps + tap]!;
      }
    }
  }
  const body = {
    kind: depthwise ? ('depthwiseConv2d' as const) : ('conv2d' as const),
    weights: values,
    bias: biasOf(graph, node, 2, outputs),
    window: { kernel, stride: [1, 1] as const, dilation, padding },
    bounds: UNBOUNDED,
  };
  const made = graph.add(node, body, [spaced(graph, node, tensor, stride)], [...sizes, outputs]);
  graph.mapResult(node, made, graph.activation(node).shape.length);
};

/** Channels to blocks of pixels, or back. */
export const blocks: Handler = (graph, node) => {
  const { shape } = graph.any(node);
  const [, channels = 0, height = 0, width = 0] = shape;
  const size = graph.integer(node, 'blocksize', 1);
  const deep = node.op === 'DepthToSpace';
  const fits = deep ? channels % (size * size) === 0 : height % size === 0 && width % size === 0;
  if (shape.length !== 4 || !fits)
    graph.refuse(node, `on [${shape}] in blocks of ${size}`, 'sizes that divide');
  const steps = new Steps(graph, node);
  const rows = graph.text(node, 'mode') === 'CRD';
  const depth = channels / size / size;
  const [view, axes, to] = !deep
    ? [
        [1, channels, height / size, size, width / size, size],
        [0, 3, 5, 1, 2, 4],
        [1, channels * size * size, height / size, width / size],
      ]
    : rows
      ? [
          [1, depth, size, size, height, width],
          [0, 1, 4, 2, 5, 3],
          [1, depth, height * size, width * size],
        ]
      : [
          [1, size, size, depth, height, width],
          [0, 3, 4, 1, 5, 2],
          [1, depth, height * size, width * size],
        ];
  const shaped = (x: string, sizes: number[]): string =>
    steps.run(reshape, 'Reshape', [x, steps.constant(sizes, [sizes.length], true)]);
  const viewed = shaped(node.inputs[0] ?? '', view);
  steps.finish(shaped(steps.run(transpose, 'Transpose', [viewed], permOf(axes)), to));
};

/** A value again and again, along any dimensions. */
export const tile: Handler = (graph, node) => {
  const { shape } = graph.any(node);
  const steps = new Steps(graph, node);
  let x = node.inputs[0] ?? '';
  graph.constantIntegers(node, 1).forEach((copies, axis) => {
    if (copies === 1) return;
    const size = shape[axis] ?? 1;
    if (!(copies >= 1 && copies * size <= 1 << 16)) graph.refuse(node, `of ${copies} copies`, 'fewer');
    const indices = Array.from({ length: copies * size }, (_, i) => i % size);
    x = steps.run(gather, 'Gather', [x, steps.constant(indices, [indices.length], true)], axisOf(axis));
  });
  steps.finish(x);
};
