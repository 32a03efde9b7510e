// A float graph to int8: ranges from samples or from the file, weights per output channel (Jacob et al. 2018), biases
// corrected for the mean error of rounded weights (Nagel et al. 2019, §4.2).
import { affine, affineOf, nearestInteger, quantizeValues } from '../model/affine.js';
import { BrownoutError, checkFields } from '../error.js';
import {
  type ConstantTensor,
  elementCount,
  quantizeMultiplier,
  type Quantization,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
} from '../model/quantized-network.js';
import {
  nearestWeight,
  WEIGHT_TYPES,
  type WeightFormat,
  type WeightType,
  weightTypeOf,
} from '../model/weight-types.js';
import type { Port } from '../model/ports.js';
import { equalizeGraph } from './equalize.js';
import {
  type Bounds,
  type FloatGraph,
  type GraphOp,
  type GraphPort,
  KEEPS_SCALE,
  outputOf,
  UNBOUNDED,
  type WeightedOp,
} from './float-graph.js';
import { argMax, NUMBERS } from './arg-max.js';
import { fineSpec, stepOf, wholeNumbers } from './fine-steps.js';
import { roundToLean } from '../ops/lean.js';
import { leastSum, signsAlone, signsWithout0, signTensors } from './signs.js';
import { product } from './matmul.js';
import { NetworkBuilder } from './network-builder.js';
import { callback, choice, flag, instance, text } from '../options/kinds.js';
import { checkOptions, type Table } from '../options/table.js';
import { chooseRanges, observe, rangeOfTable, type RangeMethod } from './ranges.js';

/** What a sample is like: the input, or all inputs one after the other. */
export function sampleShape({ inputs, input, tensors }: FloatGraph): readonly number[] {
  if (!inputs) return tensors[input]!.shape;
  return [inputs.reduce((sum, { tensor }) => sum + elementCount(tensors[tensor]!), 0)];
}

/** A scale of 1, if whole numbers of that range are no more than int8 has. */
function wholeSteps(ranged: Quantization): Quantization {
  if (ranged.scale > 1) return ranged;
  const low = Math.ceil((-128 - ranged.zeroPoint) * ranged.scale);
  return { scale: 1, zeroPoint: Math.max(-128, Math.min(127, -128 - low)) };
}

/** The quantization of every tensor. */
function chooseScales(
  graph: FloatGraph,
  ranges: readonly (readonly [number, number])[] | undefined,
): Quantization[] {
  const scales: (Quantization | undefined)[] = graph.tensors.map(({ given }) => given);
  const ranged = (tensor: number, name = ''): Quantization => {
    const range = ranges?.[tensor];
    if (!range) {
      const partly = graph.tensors.some(({ given }) => given) && name !== '';
      throw new BrownoutError({
        code: 'E_CALIBRATION',
        found: partly ? `no scale for what "${name}" makes, and no samples` : 'a float model without samples',
        expected: `inputs of shape [${sampleShape(graph)}], whose activations set the ranges`,
        hint: 'Give a few hundred as `data`, as the model will see them.',
      });
    }
    const [low, high] = range;
    if (!Number.isFinite(low) || !Number.isFinite(high)) {
      throw new BrownoutError({
        code: 'E_CALIBRATION',
        found: `activations from ${low} to ${high}`,
        expected: 'numbers',
        hint: 'Check the samples and the model’s weights.',
      });
    }
    return affine(low, high);
  };
  for (const { tensor } of graph.inputs ?? [{ tensor: graph.input }]) scales[tensor] ??= ranged(tensor);
  for (const op of graph.ops) {
    if (KEEPS_SCALE.includes(op.kind)) scales[op.output] = scales[op.inputs[0]!];
    else if (op.kind === 'concat' && op.inputs.every((input) => scales[input] === scales[op.inputs[0]!]))
      // Parts of one tensor, or copies.
      scales[op.output] ??= scales[op.inputs[0]!];
    else if (op.kind === 'argMax') scales[op.output] = NUMBERS;
    else if (op.kind === 'softmax') scales[op.output] = { scale: 1 / 256, zeroPoint: -128 };
    else if (op.kind === 'reinterpret') scales[op.output] = op.to;
    else if (op.kind === 'unary' && op.fixed) scales[op.output] ??= op.fixed;
    else if (op.kind === 'unary') {
      const found = (): Quantization =>
        ranges ? ranged(op.output, op.name) : rangeOfTable(op.f, scales[op.inputs[0]!]!);
      scales[op.output] ??= op.whole ? wholeSteps(found()) : found();
    } else scales[op.output] ??= ranged(op.output, op.name);
  }
  return scales as Quantization[];
}

/** The part of int8 that bounds leave of an output. */
function clampOf(
  [low, high]: Bounds,
  { scale, zeroPoint }: Quantization,
): { clampMin: number; clampMax: number } {
  const at = (bound: number, otherwise: number): number =>
    Number.isFinite(bound) ? Math.max(-128, Math.min(127, Math.round(bound / scale) + zeroPoint)) : otherwise;
  return { clampMin: at(low, -128), clampMax: at(high, 127) };
}

const formatOf = ({ bits = 8 }: WeightedOp): WeightFormat => WEIGHT_TYPES[weightTypeOf(bits)];

/** What is known of a layer beside itself. */
interface Around {
  /** Of its input's channels. */
  means?: Float64Array | undefined;
  /** Whether signs are all that its outputs are read for, and all that its inputs are. */
  signsAlone?: boolean;
  ofSigns?: boolean;
}

/**
 * Scale of each output's weights: the file's, or the largest magnitude over 127; of a layer of signs, where all of an output's
 * weights have one magnitude, that.
 */
function weightScales(op: WeightedOp, { ofSigns = false }: Around): Float64Array {
  const outputs = op.blockSize === undefined ? op.bias.length : (op.scales?.length ?? 1);
  const scales = new Float64Array(outputs);
  if (op.scales) return scales.map((_, o) => op.scales![op.scales!.length === 1 ? 0 : o]!);
  op.weights.forEach((weight, i) => {
    const o = outputOf(op, i);
    scales[o] = Math.max(scales[o]!, Math.abs(weight));
  });
  const most =
    ofSigns && op.weights.every((w, i) => Math.abs(w) === scales[outputOf(op, i)]) ? 1 : formatOf(op).most;
  return scales.map((largest) => (largest > 0 ? largest / most : 1));
}

function quantizeWeighted(
  op: WeightedOp,
  input: Quantization,
  output: Quantization,
  around: Around,
): { weights: Int8Array; weightType?: WeightType } & Requantization {
  const { means } = around;
  const scales = weightScales(op, around);
  const outputs = op.bias.length;
  const channels = op.kind === 'dense' ? op.weights.length / outputs : (means?.length ?? 1);
  const errors = new Float64Array(outputs);
  const corrects = means !== undefined && !op.scales && op.blockSize === undefined;
  const format = op.bits === undefined ? undefined : formatOf(op);
  const weights = new Int8Array(op.weights.length);
  for (let i = 0; i < weights.length; i++) {
    const weight = op.weights[i]!;
    const o = outputOf(op, i);
    const exact = weight / scales[o]!;
    weights[i] = format ? nearestWeight(format, exact) : Math.max(-128, Math.min(127, nearestInteger(exact)));
    if (!corrects) continue;
    const channel = op.kind === 'depthwiseConv2d' ? Math.floor(o / (outputs / channels)) : i % channels;
    errors[o]! += (weight - weights[i]! * scales[o]!) * means[channel % means.length]!;
  }
  // Scales of block rows are those of all their outputs.
  const of = (o: number): number => Math.floor((o * scales.length) / outputs);
  const each = scales.length === 1 ? scales : Float64Array.from(op.bias, (_, o) => scales[of(o)]!);
  const pairs = Array.from(each, (scale) => {
    const scaling = quantizeMultiplier((input.scale * scale) / output.scale);
    // Where signs alone count any factor serves: a power of two is the same in fewer bits.
    return around.signsAlone ? { ...scaling, multiplier: 2 ** 30 } : scaling;
  });
  const bias = Int32Array.from(op.bias, (b, o) => {
    const exact = (b + errors[o]!) / (input.scale * scales[of(o)]!);
    // A sum is whole: with what is below the bias it has the sign of the real number, which rounding must leave it.
    const whole = around.signsAlone
      ? Math.floor(exact) + leastSum(pairs[pairs.length === 1 ? 0 : o]!)
      : Math.round(exact);
    return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, whole));
  });
  return {
    weights,
    ...(op.bits ? { weightType: weightTypeOf(op.bits) } : {}),
    bias,
    multipliers: Int32Array.from(pairs, ({ multiplier }) => multiplier),
    shifts: Int32Array.from(pairs, ({ shift }) => shift),
    ...clampOf(op.bounds, output),
  };
}

/** A constant operand in int8. */
function constantOf(reals: Float64Array): ConstantTensor & { scale: number } {
  const quantization = affineOf(reals);
  return { ...quantization, values: quantizeValues(reals, quantization) };
}

type Body = QuantizedOp extends infer Op
  ? Op extends QuantizedOp
    ? Omit<Op, 'inputs' | 'output'>
    : never
  : never;

function sumBody(op: GraphOp & { kind: 'add' }, a: TensorSpec, b: TensorSpec, output: TensorSpec): Body {
  const second = op.constant ? constantOf(op.constant) : undefined;
  const other = second ?? b;
  const twice = 2 * Math.max(a.scale, other.scale);
  return {
    kind: 'add',
    name: op.name,
    ...(second ? { constant: second } : {}),
    leftShift: 20,
    inputScalings: [quantizeMultiplier(a.scale / twice), quantizeMultiplier(other.scale / twice)],
    outputScaling: quantizeMultiplier(twice / (2 ** 20 * output.scale)),
    ...clampOf(op.bounds, output),
  };
}

function productBody(op: GraphOp & { kind: 'mul' }, a: TensorSpec, b: TensorSpec, output: TensorSpec): Body {
  const second = op.constant ? constantOf(op.constant) : undefined;
  return {
    kind: 'mul',
    name: op.name,
    ...(second ? { constant: second } : {}),
    outputScaling: quantizeMultiplier((a.scale * (second ?? b).scale) / output.scale),
    ...clampOf(op.bounds ?? UNBOUNDED, output),
  };
}

/** The product of two activations. */
function productOf(
  builder: NetworkBuilder,
  name: string,
  [a = 0, b = 0]: readonly number[],
  output: TensorSpec,
): number {
  const [left, right] = [builder.spec(a), builder.spec(b)];
  const { multiplier, shift } = quantizeMultiplier((left.scale * right.scale) / output.scale);
  const requantization = { multipliers: Int32Array.of(multiplier), shifts: Int32Array.of(shift) };
  const body = { name, ...requantization, ...clampOf(UNBOUNDED, output) };
  return product(builder, [a, b], left.shape.at(-1)!, output, body);
}

/** What an op becomes, given the quantization of its inputs and output. */
function bodyOf(
  op: Exclude<GraphOp, { kind: 'matmul' | 'argMax' }>,
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  around: Around,
): Body {
  const { name } = op;
  const [a, b] = inputs as [TensorSpec, TensorSpec];
  switch (op.kind) {
    case 'dense':
      return { kind: 'dense', name, ...quantizeWeighted(op, a, output, around) };
    case 'conv2d':
    case 'depthwiseConv2d':
      return {
        kind: op.kind,
        name,
        ...op.window!,
        ...(op.blockSize === undefined ? {} : { blockSize: op.blockSize }),
        ...quantizeWeighted(op, a, output, around),
      };
    case 'circulant': {
      const circulant = { blockSize: op.blockSize ?? 1, method: op.method ?? ('auto' as const) };
      return { kind: 'circulant', name, ...circulant, ...quantizeWeighted(op, a, output, around) };
    }
    case 'maxPool2d':
    case 'averagePool2d':
      return { kind: op.kind, name, ...op.window, ...clampOf(op.bounds ?? UNBOUNDED, output) };
    case 'mean':
      return {
        kind: 'mean',
        name,
        scaling: quantizeMultiplier(a.scale / output.scale),
        ...(op.total ? { total: true } : {}),
      };
    case 'add':
      return sumBody(op, a, b, output);
    case 'mul':
      return productBody(op, a, b, output);
    case 'unary': {
      const reals = Float64Array.from({ length: 256 }, (_, i) => op.f((i - 128 - a.zeroPoint) * a.scale));
      return { kind: 'map', name, table: quantizeValues(reals, { ...output, dtype: 'int8' }) as Int8Array };
    }
    case 'softmax': {
      const inputScaling = quantizeMultiplier(Math.max(2 ** 1, Math.min(a.scale * 2 ** 26, 2 ** 31 - 1)));
      return {
        kind: 'softmax',
        name,
        inputScaling,
        diffMin: -Math.floor((31 * 2 ** 26) / 2 ** inputScaling.shift),
      };
    }
    case 'concat':
      return { kind: 'concat', name, axis: op.axis };
    case 'slice':
      return { kind: 'slice', name, axis: op.axis, start: op.start };
    case 'pad':
      return { kind: 'pad', name, rows: op.rows, columns: op.columns };
    case 'reinterpret':
      return { kind: 'reshape', name };
    case 'transpose':
      return { kind: 'transpose', name, ...(op.permutation ? { permutation: op.permutation } : {}) };
    case 'reshape':
    case 'repeat':
      return { kind: op.kind, name };
  }
}

/** Adds what an op becomes; returns the tensor that it makes. */
function addedOp(
  builder: NetworkBuilder,
  op: GraphOp,
  from: readonly number[],
  output: TensorSpec,
  around: Around,
): number {
  if (op.kind === 'matmul') return productOf(builder, op.name, from, output);
  if (op.kind === 'argMax') return argMax(builder, from[0]!, output.shape);
  const inputs = from.map((tensor) => builder.spec(tensor));
  return builder.add(bodyOf(op, inputs, output, around), from, output);
}

/** The layer whose results a step is taken of, where the file gives these no scale. */
function layerBefore({ tensors, ops }: FloatGraph, op: GraphOp): WeightedOp | undefined {
  if (op.kind !== 'unary' || !op.whole || tensors[op.inputs[0]!]!.given) return undefined;
  const maker = ops.find(({ output }) => output === op.inputs[0]);
  const layer = maker?.kind === 'dense' || maker?.kind === 'conv2d' || maker?.kind === 'depthwiseConv2d';
  return layer && maker.bits === undefined && maker.blockSize === undefined ? maker : undefined;
}

/** A step after a layer, which makes int16 for it; undefined where that gains nothing. */
function steppedOp(
  builder: NetworkBuilder,
  op: GraphOp & { kind: 'unary' },
  { layer, input, coarse }: { layer: WeightedOp; input: number; coarse: TensorSpec },
  output: TensorSpec,
  means: Float64Array | undefined,
): number | undefined {
  const fine = fineSpec(coarse.shape, coarse);
  const step = fine && output.scale === 1 ? stepOf(op.f, fine.scale * 32767) : undefined;
  if (!fine || !step) return undefined;
  const from: TensorSpec = { ...builder.spec(input), zeroPoint: 0, dtype: 'int16' };
  const wide = builder.add({ kind: 'convert', name: 'widen' }, [input], from);
  const clamp = layer.bounds.map((bound) =>
    Math.max(-32768, Math.min(32767, Math.round(bound / fine.scale))),
  );
  const body = bodyOf(layer, [from], fine, { means });
  const made = builder.add({ ...body, clampMin: clamp[0]!, clampMax: clamp[1]! } as Body, [wide], fine);
  return wholeNumbers(builder, made, step, output);
}

/** Options of `quantizeGraph`. */
export interface QuantizeGraphOptions {
  name: string;
  /** Inputs as the graph takes them, NHWC; may be left out where the file has every scale. */
  samples?: readonly ArrayLike<number>[];
  /** How ranges of activations are chosen; default `mse`. */
  ranges?: RangeMethod;
  /** Whether biases take up the mean error of rounded weights (Nagel et al. 2019, §4.2); default true. */
  biasCorrection?: boolean;
  /** Cross-layer equalization, for depthwise networks whose channels differ much in size; default false. */
  equalize?: boolean;
  onSample?: (done: number) => void;
}

const areSamples = (value: unknown): value is readonly ArrayLike<number>[] =>
  Array.isArray(value) &&
  value.every(
    (one: unknown) => Array.isArray(one) || (ArrayBuffer.isView(one) && !(one instanceof DataView)),
  );

/** How a float model is quantized. */
export const quantizeGraphOptions = {
  name: { kind: text('NAME', 'keywords'), required: true },
  samples: { kind: instance('an array of inputs, each an array of numbers', areSamples) },
  ranges: {
    kind: choice(['mse', 'percentile', 'max']),
    default: 'mse',
    help: 'of a float model’s activations: mse, percentile or max',
  },
  biasCorrection: { kind: flag, default: true, help: 'leave biases of a float model as they are' },
  equalize: {
    kind: flag,
    default: false,
    help: 'cross-layer equalization of a float model, for depthwise networks',
  },
  onSample: { kind: callback<(done: number) => void>() },
} as const satisfies Table<QuantizeGraphOptions>;

/** Quantizes `graph` to int8. Throws `E_CALIBRATION`, `E_OPTION`. */
export function quantizeGraph(given: FloatGraph, options: QuantizeGraphOptions): QuantizedNetwork {
  const { name, samples, onSample, ranges, biasCorrection, equalize } = checkOptions(
    quantizeGraphOptions,
    options,
  );
  checkFields(given, 'a float graph', 'tensors', 'ops', 'input', 'output');
  const { graph: equalized, pairs } = equalize ? equalizeGraph(given) : { graph: given, pairs: 0 };
  const graph = signsWithout0(equalized);
  const starts = graph.inputs ?? [{ name: 'input', tensor: graph.input }];
  const size = starts.reduce((sum, { tensor }) => sum + elementCount(graph.tensors[tensor]!), 0);
  const wrong = samples?.find((sample) => sample.length !== size);
  if (wrong) {
    throw new BrownoutError({
      code: 'E_CALIBRATION',
      found: `a sample of ${wrong.length} values`,
      expected: `${size}`,
      hint: 'Give samples of the shape of the model’s input.',
    });
  }
  const seen = samples && samples.length > 0 ? observe(graph, samples, onSample) : undefined;
  const scales = chooseScales(graph, seen && chooseRanges(graph, samples!, seen, ranges));
  const builder = new NetworkBuilder();
  const made = new Map<number, number>();
  const specOf = (tensor: number): TensorSpec => ({
    shape: graph.tensors[tensor]!.shape,
    ...scales[tensor]!,
  });
  const portsOf = (list: readonly GraphPort[]): Port[] =>
    list.map((port) => ({ name: port.name, tensor: builder.spec(made.get(port.tensor)!) }));
  const inputPorts = starts.map((port): Port => ({ name: port.name, tensor: specOf(port.tensor) }));
  const { input, parts } = builder.inputs(inputPorts);
  starts.forEach(({ tensor }, i) => {
    made.set(tensor, parts[i]!);
  });
  const [alone, signs] = [signsAlone(graph), signTensors(graph)];
  for (const op of graph.ops) {
    const output = specOf(op.output);
    const means = biasCorrection ? seen?.[op.inputs[0]!]?.means : undefined;
    const from = op.inputs.map((tensor) => made.get(tensor)!);
    const around = { means, signsAlone: alone.has(op.output), ofSigns: signs.has(op.inputs[0]!) };
    const layer = layerBefore(graph, op);
    const before = layer && {
      layer,
      input: made.get(layer.inputs[0]!)!,
      coarse: specOf(layer.output),
      means: biasCorrection ? seen?.[layer.inputs[0]!]?.means : undefined,
    };
    const stepped =
      before && op.kind === 'unary' ? steppedOp(builder, op, before, output, before.means) : undefined;
    made.set(op.output, stepped ?? addedOp(builder, op, from, output, around));
  }
  const ends = graph.outputs ?? [{ name: 'output', tensor: graph.output }];
  const outputPorts = portsOf(ends);
  const answer = builder.outputs(
    ends.map(({ tensor }) => made.get(tensor)!),
    outputPorts,
  );
  const { network: plain } = builder.finish(name, input, answer);
  const network = {
    ...plain,
    ...(graph.inputs ? { inputs: inputPorts } : {}),
    ...(graph.outputs ? { outputs: outputPorts } : {}),
  };
  // Without samples every number was the file's.
  if (!seen) return network;
  return roundToLean({ ...network, quantization: { ranges, biasCorrection, equalizedPairs: pairs } });
}
