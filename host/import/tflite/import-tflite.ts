// From a .tflite file to a quantized network whose kernels give the bits of TFLite's reference kernels.
import { BrownoutError } from '../../error.js';
import { Obstacles } from '../obstacles.js';
import { damaged } from './flatbuffer.js';
import { type Handler, TfliteGraph } from './graph.js';
import { readTflite, type TfliteModel, type TfliteOperator } from './model.js';
import { add, maximum, minimum, mul, prelu, sub } from './elementwise.js';
import { logistic, quantize, relu, softmax } from './pointwise.js';
import * as shapes from './shapes.js';
import * as tables from './tables.js';
import { conv2d, depthwiseConv2d, fullyConnected } from './weighted.js';
import { averagePool2d, maxPool2d } from './window.js';
import type { QuantizedNetwork } from '../../model/quantized-network.js';

const [RELU, RELU_N1_TO_1, RELU6] = [1, 2, 3];

const HANDLERS: Record<string, Handler> = {
  CONV_2D: conv2d,
  DEPTHWISE_CONV_2D: depthwiseConv2d,
  FULLY_CONNECTED: fullyConnected,
  AVERAGE_POOL_2D: averagePool2d,
  MAX_POOL_2D: maxPool2d,
  MEAN: shapes.mean,
  SUM: shapes.sum,
  REDUCE_MAX: shapes.reduceMax,
  REDUCE_MIN: shapes.reduceMin,
  ADD: add,
  MUL: mul,
  SUB: sub,
  MAXIMUM: maximum,
  MINIMUM: minimum,
  PRELU: prelu,
  PAD: shapes.pad,
  PADV2: shapes.pad,
  RESHAPE: shapes.rename,
  EXPAND_DIMS: shapes.rename,
  SQUEEZE: shapes.rename,
  TRANSPOSE: shapes.transpose,
  CONCATENATION: shapes.concatenation,
  SLICE: shapes.sliceOf,
  STRIDED_SLICE: shapes.stridedSlice,
  SPLIT: shapes.split,
  SPLIT_V: shapes.splitV,
  UNPACK: shapes.unpack,
  PACK: shapes.pack,
  GATHER: shapes.gatherOf,
  TILE: shapes.tile,
  RESIZE_NEAREST_NEIGHBOR: shapes.resizeNearest,
  DEPTH_TO_SPACE: shapes.depthToSpace,
  SPACE_TO_DEPTH: shapes.spaceToDepth,
  SHAPE: shapes.shapeOf,
  SOFTMAX: softmax,
  LOGISTIC: logistic,
  TANH: tables.tangent,
  HARD_SWISH: tables.hardSwish,
  LEAKY_RELU: tables.leakyRelu,
  ABS: tables.absolute,
  NEG: tables.negate,
  SQUARE: tables.square,
  SQRT: tables.squareRoot,
  RSQRT: tables.reciprocalRoot,
  EXP: tables.exp,
  LOG: tables.logarithm,
  ELU: tables.elu,
  FLOOR: tables.floor,
  CEIL: tables.ceil,
  SIGN: tables.sign,
  SIN: tables.sine,
  COS: tables.cosine,
  GELU: tables.gelu,
  RELU: relu(RELU),
  RELU6: relu(RELU6),
  RELU_N1_TO_1: relu(RELU_N1_TO_1),
  QUANTIZE: quantize,
};

const SUPPORTED = `${Object.keys(HANDLERS).join(', ')} and, at the end, DEQUANTIZE and ARG_MAX`;

export interface ImportedTflite {
  network: QuantizedNetwork;
  /** Where tensors of the file are in the network: by their index there, those that the answer needs. */
  tensors: Map<number, number>;
  /** What was done that a user should know of. */
  notes: readonly string[];
}

export interface ImportTfliteOptions {
  name?: string;
  /** The tensor that is the answer, by its name; default the model's own output. */
  cut?: string;
  /** Where kernels differ, whose results are meant: TFLite's (default) or TFLite Micro's. */
  reference?: 'tflite' | 'tflm';
}

/** The file is sound, but not a model that can be taken: says why. */
function refuseModel(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_TFLITE_MODEL', found, expected, hint });
}

const nameOf = (model: TfliteModel, index: number): string => model.tensors[index]?.name ?? '';

/** The one input of a model. */
function singleInput(model: TfliteModel): number {
  const [index] = model.inputs;
  if (index !== undefined && model.inputs.length === 1) return index;
  const list = model.inputs.map((input) => nameOf(model, input)).join(', ');
  return refuseModel(
    `a model of ${model.inputs.length} inputs: ${list}`,
    'one',
    'Convert a part of it that has one input.',
  );
}

/** The tensor that is the answer. */
function answerOf(model: TfliteModel, cut: string | undefined): number {
  if (cut !== undefined) {
    const made = model.operators.flatMap(({ outputs }) => outputs);
    const index = made.find((output) => nameOf(model, output) === cut);
    if (index !== undefined) return index;
    const last = made.slice(-8).map((output) => nameOf(model, output));
    return refuseModel(
      `no tensor "${cut}"`,
      `one that an operator makes: ${last.join(', ')} …`,
      'Name one of them with --cut.',
    );
  }
  const [index] = model.outputs;
  if (index !== undefined && model.outputs.length === 1) return index;
  const list = model.outputs.map((output) => nameOf(model, output)).join(', ');
  return refuseModel(
    `a model of ${model.outputs.length} outputs: ${list}`,
    'one',
    'Name the one you need with --cut.',
  );
}

/** The tensor that the device starts from: the model's input, or what a first QUANTIZE makes of it. */
function inputOf(model: TfliteModel): { tensor: number; skip: TfliteOperator | undefined } {
  const tensor = singleInput(model);
  const { type } = model.tensors[tensor]!;
  const uses = model.operators.filter((op) => op.inputs.includes(tensor));
  const [first] = uses;
  const quantized = uses.length === 1 && first?.name === 'QUANTIZE' && type !== 'int8';
  const made = first?.outputs[0];
  return quantized && made !== undefined ? { tensor: made, skip: first } : { tensor, skip: undefined };
}

/** The operators that a tensor is made from. */
function neededFor(model: TfliteModel, tensor: number): Set<TfliteOperator> {
  const wanted = new Set([tensor]);
  const needed = new Set<TfliteOperator>();
  for (const op of [...model.operators].reverse()) {
    if (!op.outputs.some((output) => wanted.has(output))) continue;
    needed.add(op);
    for (const input of op.inputs) wanted.add(input);
  }
  return needed;
}

/** Compilers for one chip, whose operators hold code of that chip. */
const COMPILED: readonly [operator: RegExp, who: string][] = [
  [/"ethos-u"/, 'Vela (Ethos-U)'],
  [/"XC_/, 'XMOS’ compiler'],
  [/"edgetpu-custom-op"/, 'the Edge TPU compiler'],
];

/** An operator that no handler is for, as an obstacle. */
function unsupported(graph: TfliteGraph, model: TfliteModel, op: TfliteOperator, obstacles: Obstacles): void {
  const tensor = model.tensors[op.outputs[0] ?? -1];
  const compiler = COMPILED.find(([pattern]) => pattern.test(op.name))?.[1];
  const custom = op.name.startsWith('CUSTOM');
  obstacles.add({
    code: 'E_TFLITE_OP',
    index: op.index,
    op: op.name,
    unsupported: !compiler && !custom,
    found: `op ${op.index} ${op.name}${tensor ? ` that makes ${graph.describe(tensor)}` : ''}`,
    expected: compiler ? 'operators, not code for one chip' : 'an operator that is supported',
    hint: compiler
      ? `The file is the output of ${compiler}: give the file from before that compiler.`
      : custom
        ? 'A custom operator is known to the runtime it was made for alone: convert the model without it.'
        : '',
  });
}

/** The last operators, which whoever reads the answer does: it has the scale, and finds the largest. */
const isLast = ({ name }: TfliteOperator): boolean => name === 'DEQUANTIZE' || name === 'ARG_MAX';

/**
 * Imports a .tflite model of int8, uint8 or int16. Throws `E_TFLITE` (damaged), `E_TFLITE_MODEL` (not one that can be
 * taken), `E_TFLITE_OP` (all operators that cannot).
 */
export function importTflite(
  bytes: Uint8Array,
  { name = 'model', cut, reference = 'tflite' }: ImportTfliteOptions = {},
): ImportedTflite {
  const model = readTflite(bytes);
  const graph = new TfliteGraph(model, reference);
  const input = inputOf(model);
  let output = answerOf(model, cut);
  const needed = neededFor(model, output);
  const inputTensor = model.tensors[input.tensor]!;
  const start: TfliteOperator = { index: 0, name: 'INPUT', inputs: [], outputs: [], options: undefined };
  if (inputTensor.shape.length > 1 && inputTensor.shape[0] !== 1) {
    const expected = 'a batch of 1';
    graph.refuse(start, `${graph.describe(inputTensor)}`, expected, 'Convert the model with a batch of 1.');
  }
  const obstacles = new Obstacles();
  let from = -1;
  const sound = obstacles.attempt(start, 'E_TFLITE_OP', () => {
    from = graph.builder.tensor(graph.spec(start, inputTensor));
    graph.define(inputTensor, from);
  });
  if (!sound) graph.block({ ...start, outputs: [input.tensor] });
  for (const op of model.operators) {
    if (op === input.skip || !needed.has(op)) continue;
    if (isLast(op) && op.outputs[0] === output) {
      output = op.inputs[0] ?? output;
      continue;
    }
    const handler = Object.hasOwn(HANDLERS, op.name) ? HANDLERS[op.name] : undefined;
    if (!handler) unsupported(graph, model, op, obstacles);
    if (!handler || !obstacles.attempt(op, 'E_TFLITE_OP', () => handler(graph, op))) graph.block(op);
  }
  obstacles.settle(model.operators.length, SUPPORTED);
  const answer = graph.value(output);
  if (answer === undefined)
    damaged(`an output, tensor ${output}, that no operator makes`, 'one that is made');
  const { network, kept } = graph.builder.finish(name, from, answer);
  const tensors = new Map<number, number>();
  for (const { index } of model.tensors) {
    const value = kept.get(graph.value(index) ?? -1);
    if (value !== undefined) tensors.set(index, value);
  }
  return { network, tensors, notes: [] };
}
