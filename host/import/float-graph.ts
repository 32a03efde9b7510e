// A float network between import and quantization: NHWC without the batch, any graph of the ops below.
import {
  type CirculantMethod,
  elementCount,
  type Quantization,
  type Window,
} from '../model/quantized-network.js';
import { permutedFrom } from '../model/permutation.js';
import type { WeightBits } from '../model/weight-types.js';

/** A tensor of a float graph. */
export interface GraphTensor {
  shape: readonly number[];
  /** As the file says; absent: from calibration. */
  given?: Quantization;
}

/** Least and largest output. */
export type Bounds = readonly [low: number, high: number];

export const UNBOUNDED: Bounds = [-Infinity, Infinity];

interface Base {
  name: string;
  inputs: readonly number[];
  output: number;
}

/** Weights as in the quantized network's op of the same kind. */
export interface WeightedOp extends Base {
  kind: 'conv2d' | 'depthwiseConv2d' | 'dense' | 'circulant';
  weights: Float64Array;
  bias: Float64Array;
  /** Scales of quantized weights, one or one an output, if the file has them. */
  scales?: readonly number[];
  /** How the weights are stored; default 8. */
  bits?: WeightBits;
  /** Of convolutions. */
  window?: Window;
  /** Of circulant layers; of convolutions with circulant blocks over channels. */
  blockSize?: number;
  /** How circulant layers are evaluated; default `auto`. */
  method?: 'auto' | CirculantMethod;
  bounds: Bounds;
}

/** A function of each value by itself; quantized, it is a table of 256 entries. */
export interface UnaryOp extends Base {
  kind: 'unary';
  f: (x: number) => number;
  /** The output's scale where the function has a range of its own. */
  fixed?: Quantization;
  /** Results are whole numbers: a scale of 1, where their range allows it. */
  whole?: boolean;
  /** The sign, of 0 that of what is above: −1 or 1, times the output's scale. */
  sign?: true;
}

/** An op of a float graph; `kind` says which. */
export type GraphOp =
  | WeightedOp
  | UnaryOp
  | (Base & { kind: 'maxPool2d' | 'averagePool2d'; window: Window; bounds?: Bounds })
  | (Base & { kind: 'add'; bounds: Bounds; constant?: Float64Array })
  | (Base & { kind: 'mul'; bounds?: Bounds; constant?: Float64Array })
  | (Base & { kind: 'softmax' | 'reshape' | 'repeat' })
  /** Dimensions in the order `permutation`; default a matrix with the two exchanged. */
  | (Base & { kind: 'transpose'; permutation?: readonly number[] })
  /** The product of two activations: [M, 1, K] by [N, K] transposed. */
  | (Base & { kind: 'matmul' })
  /** The row of the largest value of each column of [depth][1][columns], the first of equals. */
  | (Base & { kind: 'argMax' })
  /** `total`: the sum instead. */
  | (Base & { kind: 'mean'; total?: boolean })
  /** The same integers under another quantization, the output's `given`: costs nothing. */
  | (Base & { kind: 'reinterpret'; from: Quantization; to: Quantization })
  | (Base & { kind: 'slice'; axis: number; start: number })
  | (Base & { kind: 'concat'; axis: number })
  | (Base & { kind: 'pad'; rows: readonly [number, number]; columns: readonly [number, number] });

/** Ops whose output has the scale of their input. */
export const KEEPS_SCALE: readonly GraphOp['kind'][] = [
  'maxPool2d',
  'averagePool2d',
  'reshape',
  'transpose',
  'repeat',
  'slice',
  'pad',
];

/** One of several inputs or outputs. */
export interface GraphPort {
  name: string;
  tensor: number;
  /** The model has channels first there. */
  channelsFirst?: boolean;
}

/** A model’s ops with real weights, in NHWC, before it is quantized; tensors by index. */
export interface FloatGraph {
  tensors: GraphTensor[];
  ops: GraphOp[];
  /** The input, or the first of several. */
  input: number;
  /** The answer, or the first of several. */
  output: number;
  /** What tensors hold that nothing makes: state as it is at first. */
  constants?: readonly { tensor: number; values: Float64Array }[];
  /** Where there are several; a sample is then all of them, one after the other. */
  inputs?: readonly GraphPort[];
  outputs?: readonly GraphPort[];
}

/** Which output a weight belongs to; of circulant blocks which scale. */
export function outputOf(op: WeightedOp, weight: number): number {
  const outputs = op.bias.length;
  if (op.blockSize !== undefined) return Math.floor(weight / (op.weights.length / (op.scales?.length ?? 1)));
  return op.kind === 'depthwiseConv2d'
    ? weight % outputs
    : Math.floor(weight / (op.weights.length / outputs));
}

const clamp = (value: number, [low, high]: Bounds): number => Math.max(low, Math.min(high, value));

const clamped = (values: Float64Array, bounds: Bounds | undefined): Float64Array =>
  bounds ? values.map((value) => clamp(value, bounds)) : values;

/** Calls `tap` for every pair of an output pixel and an input pixel under its window. */
function eachTap(
  { kernel, stride, dilation, padding }: Window,
  input: readonly number[],
  output: readonly number[],
  tap: (outputPixel: number, inputPixel: number, tap: number) => void,
): void {
  for (let row = 0; row < output[0]!; row++) {
    for (let column = 0; column < output[1]!; column++) {
      for (let ky = 0; ky < kernel[0]; ky++) {
        const y = row * stride[0] + ky * dilation[0] - padding[0];
        if (y < 0 || y >= input[0]!) continue;
        for (let kx = 0; kx < kernel[1]; kx++) {
          const x = column * stride[1] + kx * dilation[1] - padding[1];
          if (x < 0 || x >= input[1]!) continue;
          tap(row * output[1]! + column, y * input[1]! + x, ky * kernel[1] + kx);
        }
      }
    }
  }
}

/** y[r] += Σ w[(r − c) mod k] · x[c], block by block. */
function addCirculant({ weights, blockSize: k = 1 }: WeightedOp, x: Float64Array, y: Float64Array): void {
  const blocks = Math.ceil(x.length / k);
  for (let output = 0; output < y.length; output++) {
    const row = Math.floor(output / k) * blocks * k;
    for (let i = 0; i < x.length; i++) {
      const element = (((output % k) - (i % k) + k) % k) + Math.floor(i / k) * k;
      y[output]! += weights[row + element]! * x[i]!;
    }
  }
}

function runWeighted(
  op: WeightedOp,
  x: Float64Array,
  input: readonly number[],
  output: readonly number[],
): Float64Array {
  const y = new Float64Array(elementCount({ shape: output }));
  const { weights, bias, bounds } = op;
  const outputs = bias.length;
  for (let i = 0; i < y.length; i++) y[i] = bias[i % outputs]!;
  if (op.kind === 'circulant') addCirculant(op, x, y);
  else if (op.kind === 'dense') {
    for (let o = 0; o < outputs; o++) {
      let sum = 0;
      for (let i = 0; i < x.length; i++) sum += x[i]! * weights[o * x.length + i]!;
      y[o]! += sum;
    }
  } else {
    const channels = input[2]!;
    const window = op.window!;
    const taps = window.kernel[0] * window.kernel[1];
    const multiplier = outputs / channels;
    const k = op.blockSize ?? 1;
    const depthwise = (to: number, from: number, tap: number): void => {
      const [first, row] = [to * outputs, tap * outputs];
      for (let c = 0, o = 0; c < channels; c++) {
        const value = x[from * channels + c]!;
        for (const end = (c + 1) * multiplier; o < end; o++) y[first + o]! += value * weights[row + o]!;
      }
    };
    const dense = (to: number, from: number, tap: number): void => {
      const base = from * channels;
      for (let o = 0; o < outputs; o++) {
        let sum = 0;
        const row = Math.floor(o / k) * taps + tap;
        for (let c = 0; c < channels; c++) {
          const block = row * Math.ceil(channels / k) + Math.floor(c / k);
          sum += x[base + c]! * weights[block * k + (((o % k) - (c % k) + k) % k)]!;
        }
        y[to * outputs + o]! += sum;
      }
    };
    eachTap(window, input, output, op.kind === 'depthwiseConv2d' ? depthwise : dense);
  }
  return y.map((value) => clamp(value, bounds));
}

function runPool(
  average: boolean,
  window: Window,
  x: Float64Array,
  input: readonly number[],
  output: readonly number[],
): Float64Array {
  const channels = input[2]!;
  const y = new Float64Array(elementCount({ shape: output })).fill(average ? 0 : -Infinity);
  const counts = new Float64Array(output[0]! * output[1]!);
  eachTap(window, input, output, (to, from) => {
    counts[to]!++;
    for (let c = 0; c < channels; c++) {
      const at = to * channels + c;
      const value = x[from * channels + c]!;
      y[at] = average ? y[at]! + value : Math.max(y[at]!, value);
    }
  });
  return average ? y.map((sum, i) => sum / Math.max(1, counts[Math.floor(i / channels)]!)) : y;
}

function runPad(
  op: GraphOp & { kind: 'pad' },
  x: Float64Array,
  input: readonly number[],
  output: readonly number[],
): Float64Array {
  const y = new Float64Array(elementCount({ shape: output }));
  const row = input[1]! * input[2]!;
  for (let i = 0; i < input[0]!; i++) {
    const at = ((i + op.rows[0]) * output[1]! + op.columns[0]) * input[2]!;
    y.set(x.subarray(i * row, (i + 1) * row), at);
  }
  return y;
}

function runConcat(
  parts: readonly { values: Float64Array; shape: readonly number[] }[],
  axis: number,
  output: readonly number[],
): Float64Array {
  const y = new Float64Array(elementCount({ shape: output }));
  const row = elementCount({ shape: output.slice(axis) });
  let offset = 0;
  for (const { values, shape } of parts) {
    const size = elementCount({ shape: shape.slice(axis) });
    for (let i = 0; i * size < values.length; i++)
      y.set(values.subarray(i * size, (i + 1) * size), i * row + offset);
    offset += size;
  }
  return y;
}

function runSlice(
  { axis, start }: GraphOp & { kind: 'slice' },
  x: Float64Array,
  input: readonly number[],
  output: readonly number[],
): Float64Array {
  const y = new Float64Array(elementCount({ shape: output }));
  const row = elementCount({ shape: input.slice(axis) });
  const size = elementCount({ shape: output.slice(axis) });
  const first = start * elementCount({ shape: input.slice(axis + 1) });
  for (let i = 0; i * size < y.length; i++)
    y.set(x.subarray(i * row + first, i * row + first + size), i * size);
  return y;
}

/** e^x by sums and products alone, the same on every machine. */
export function exponential(x: number): number {
  if (x > 700) return exponential(700);
  if (x < -700) return 0;
  const halvings = 12;
  const reduced = x / 2 ** halvings;
  let [sum, term] = [1, 1];
  for (let n = 1; n <= 10; n++) {
    term *= reduced / n;
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum *= sum;
  return sum;
}

function runSoftmax(x: Float64Array, depth: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let first = 0; first < x.length; first += depth) {
    const row = x.subarray(first, first + depth);
    const most = row.reduce((x, y) => Math.max(x, y));
    const powers = row.map((value) => exponential(value - most));
    const sum = powers.reduce((total, power) => total + power, 0);
    y.set(
      powers.map((power) => power / sum),
      first,
    );
  }
  return y;
}

function runArgMax(x: Float64Array, columns: number): Float64Array {
  const y = new Float64Array(columns);
  x.forEach((value, i) => {
    const column = i % columns;
    if (value > x[y[column]! * columns + column]!) y[column] = Math.floor(i / columns);
  });
  return y;
}

/** y[m][n] = Σ a[m][k] · b[n][k] */
function runMatmul(a: Float64Array, b: Float64Array, depth: number): Float64Array {
  const [rows, outputs] = [a.length / depth, b.length / depth];
  return Float64Array.from({ length: rows * outputs }, (_, i) => {
    const [left, right] = [Math.floor(i / outputs) * depth, (i % outputs) * depth];
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += a[left + k]! * b[right + k]!;
    return sum;
  });
}

/** What one op makes of its inputs. */
export function runOp(graph: FloatGraph, op: GraphOp, inputs: readonly Float64Array[]): Float64Array {
  const x = inputs[0]!;
  const input = graph.tensors[op.inputs[0]!]!.shape;
  const output = graph.tensors[op.output]!.shape;
  switch (op.kind) {
    case 'conv2d':
    case 'depthwiseConv2d':
    case 'dense':
    case 'circulant':
      return runWeighted(op, x, input, output);
    case 'maxPool2d':
    case 'averagePool2d':
      return clamped(runPool(op.kind === 'averagePool2d', op.window, x, input, output), op.bounds);
    case 'mean': {
      const pixels = x.length / elementCount({ shape: output });
      const whole = { kernel: [pixels, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] } as const;
      const means = runPool(true, whole, x, [pixels, 1, x.length / pixels], [1, 1, x.length / pixels]);
      return op.total ? means.map((mean) => mean * pixels) : means;
    }
    case 'add': {
      const second = op.constant ?? inputs[1]!;
      return x.map((value, i) => clamp(value + second[i]!, op.bounds));
    }
    case 'mul': {
      const second = op.constant ?? inputs[1]!;
      return x.map((value, i) => clamp(value * second[i]!, op.bounds ?? UNBOUNDED));
    }
    case 'matmul':
      return runMatmul(x, inputs[1]!, input.at(-1)!);
    case 'argMax':
      return runArgMax(x, input[2]!);
    case 'slice':
      return runSlice(op, x, input, output);
    case 'unary':
      return x.map(op.f);
    case 'reinterpret': {
      const { from, to } = op;
      return x.map((value) => (value / from.scale + from.zeroPoint - to.zeroPoint) * to.scale);
    }
    case 'softmax':
      return runSoftmax(x, input.at(-1)!);
    case 'reshape':
      return x;
    case 'repeat':
      return Float64Array.from({ length: elementCount({ shape: output }) }, (_, i) => x[i % x.length]!);
    case 'transpose': {
      const from = permutedFrom(input, op.permutation ?? [1, 0]);
      return x.map((_, i) => x[from[i]!]!);
    }
    case 'concat': {
      const parts = inputs.map((values, i) => ({ values, shape: graph.tensors[op.inputs[i]!]!.shape }));
      return runConcat(parts, op.axis, output);
    }
    case 'pad':
      return runPad(op, x, input, output);
  }
}

/** Every tensor of the graph for one input; those that nothing makes are undefined. */
export function evaluate(graph: FloatGraph, input: ArrayLike<number>): (Float64Array | undefined)[] {
  const values: (Float64Array | undefined)[] = [];
  for (const { tensor, values: held } of graph.constants ?? []) values[tensor] = held;
  let at = 0;
  for (const { tensor } of graph.inputs ?? [{ tensor: graph.input }]) {
    const size = elementCount(graph.tensors[tensor]!);
    values[tensor] = Float64Array.from({ length: size }, (_, i) => input[at + i] ?? 0);
    at += size;
  }
  for (const op of graph.ops)
    values[op.output] = runOp(
      graph,
      op,
      op.inputs.map((tensor) => values[tensor]!),
    );
  return values;
}
