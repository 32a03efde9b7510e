// From a .tflite file to a quantized network whose kernels give the bits of TFLite's reference kernels.
import { BrownoutError } from '../../error.js';
import { Obstacles } from '../obstacles.js';
import { damaged } from './flatbuffer.js';
import { type Handler, TfliteGraph } from './graph.js';
import { lstm } from './lstm.js';
import { dequantize, logSoftmax } from './log-softmax.js';
import { batchMatmul } from './batch-matmul.js';
import { resizeBilinear } from './bilinear.js';
import * as mirrors from './mirrors.js';
import { squaredDifference } from './squared-difference.js';
import { svdf } from './svdf.js';
import { type Variable, variablesOf } from './states.js';
import { logistic as sigmoid, tanh } from '../functions.js';
import { readTflite, type TfliteModel, type TfliteOperator } from './model.js';
import { add, maximum, minimum, mul, prelu, sub } from './elementwise.js';
import { logistic, quantize, relu, softmax } from './pointwise.js';
import * as shapes from './shapes.js';
import * as tables from './tables.js';
import { conv2d, depthwiseConv2d, fullyConnected, transposeConv } from './weighted.js';
import { averagePool2d, maxPool2d } from './window.js';
import type { Port } from '../../model/ports.js';
import type { QuantizedNetwork } from '../../model/quantized-network.js';

const [RELU, RELU_N1_TO_1, RELU6] = [1, 2, 3];

const HANDLERS: Record<string, Handler> = {
  CONV_2D: conv2d,
  DEPTHWISE_CONV_2D: depthwiseConv2d,
  FULLY_CONNECTED: fullyConnected,
  TRANSPOSE_CONV: transposeConv,
  AVERAGE_POOL_2D: averagePool2d,
  MAX_POOL_2D: maxPool2d,
  MEAN: shapes.mean,
  SUM: shapes.sum,
  REDUCE_MAX: shapes.reduceMax,
  REDUCE_MIN: shapes.reduceMin,
  ADD: add,
  MUL: mul,
  SUB: sub,
  SQUARED_DIFFERENCE: squaredDifference,
  MAXIMUM: maximum,
  MINIMUM: minimum,
  PRELU: prelu,
  UNIDIRECTIONAL_SEQUENCE_LSTM: lstm,
  PAD: shapes.pad,
  PADV2: shapes.pad,
  RESHAPE: shapes.rename,
  EXPAND_DIMS: shapes.rename,
  SQUEEZE: shapes.rename,
  TRANSPOSE: shapes.transpose,
  CONCATENATION: shapes.concatenation,
  SLICE: shapes.sliceOf,
  STRIDED_SLICE: shapes.stridedSlice,
  SVDF: svdf,
  BATCH_MATMUL: batchMatmul,
  SPLIT: shapes.split,
  SPLIT_V: shapes.splitV,
  UNPACK: shapes.unpack,
  PACK: shapes.pack,
  GATHER: shapes.gatherOf,
  TILE: shapes.tile,
  RESIZE_NEAREST_NEIGHBOR: shapes.resizeNearest,
  RESIZE_BILINEAR: resizeBilinear,
  MIRROR_PAD: mirrors.mirrorPad,
  REVERSE_V2: mirrors.reverse,
  BROADCAST_TO: mirrors.broadcastTo,
  DEPTH_TO_SPACE: shapes.depthToSpace,
  SPACE_TO_DEPTH: shapes.spaceToDepth,
  SHAPE: shapes.shapeOf,
  SOFTMAX: softmax,
  LOG_SOFTMAX: logSoftmax,
  DEQUANTIZE: dequantize,
  LOGISTIC: tables.orReal(logistic, () => sigmoid),
  TANH: tables.orReal(tables.tangent, () => tanh),
  HARD_SWISH: tables.hardSwish,
  LEAKY_RELU: tables.orReal(tables.leakyRelu, tables.leaky),
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

/** Operators of models of integers; those of variables are none of an inference. */
export const INTEGER_OPERATORS: readonly string[] = [
  ...Object.keys(HANDLERS),
  ...['ARG_MAX', 'CALL_ONCE', 'VAR_HANDLE', 'READ_VARIABLE', 'ASSIGN_VARIABLE'],
];

/** Those that take int8 alone. */
const NARROW = ['SVDF', 'BATCH_MATMUL', 'HARD_SWISH', 'LOG_SOFTMAX'];

/** Operators that take int16 as well. */
export const WIDE_OPERATORS: readonly string[] = INTEGER_OPERATORS.filter((name) => !NARROW.includes(name));

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

/** The tensors that are the answers: the model's outputs, or the one that was asked for. */
function answersOf(model: TfliteModel, cut: string | undefined): number[] {
  if (cut === undefined) {
    if (model.outputs.length === 0) damaged('a model without outputs', 'at least one');
    return model.outputs;
  }
  const made = model.operators.flatMap(({ outputs }) => outputs);
  const index = made.find((output) => nameOf(model, output) === cut);
  if (index !== undefined) return [index];
  const last = made.slice(-8).map((output) => nameOf(model, output));
  return refuseModel(
    `no tensor "${cut}"`,
    `one that an operator makes: ${last.join(', ')} …`,
    'Name one of them with --cut.',
  );
}

/** Inputs that operators take as shapes alone: they are known from the file. */
const SHAPES: readonly [operator: string, slot: number][] = [
  ['TRANSPOSE_CONV', 0],
  ['RESHAPE', 1],
];

/** What the device starts from for an input: it, or what a first QUANTIZE makes of it; undefined: it is a shape. */
function inputOf(
  model: TfliteModel,
  tensor: number,
): { tensor: number; skip: TfliteOperator | undefined } | undefined {
  const { type } = model.tensors[tensor]!;
  const uses = model.operators.filter((op) => op.inputs.includes(tensor));
  if (
    uses.length > 0 &&
    uses.every((op) => SHAPES.some(([name, slot]) => op.name === name && op.inputs[slot] === tensor))
  )
    return undefined;
  const [first] = uses;
  const quantized = uses.length === 1 && first?.name === 'QUANTIZE' && type !== 'int8';
  const made = first?.outputs[0];
  return quantized && made !== undefined ? { tensor: made, skip: first } : { tensor, skip: undefined };
}

/** The operators that tensors are made from. */
function neededFor(model: TfliteModel, tensors: readonly number[]): Set<TfliteOperator> {
  const wanted = new Set(tensors);
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

/** Operators of variables: see `variablesOf`. */
const KEEPING = ['CALL_ONCE', 'VAR_HANDLE', 'READ_VARIABLE', 'ASSIGN_VARIABLE'];

/** Follows what a variable holds at each operator that reads or assigns it. */
function keep(
  graph: TfliteGraph,
  model: TfliteModel,
  { name, inputs, outputs }: TfliteOperator,
  handles: ReadonlyMap<number, string>,
  present: Map<string, number>,
): void {
  const variable = handles.get(inputs[0] ?? -1);
  if (variable === undefined) return;
  if (name === 'ASSIGN_VARIABLE') present.set(variable, inputs[1] ?? -1);
  const value = graph.value(present.get(variable) ?? -1);
  const read = model.tensors[outputs[0] ?? -1];
  if (name === 'READ_VARIABLE' && read && value !== undefined) graph.define(read, value);
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
  const inputs = model.inputs.flatMap((tensor) => {
    const input = inputOf(model, tensor);
    return input ? [{ ...input, name: nameOf(model, tensor) }] : [];
  });
  const skipped = new Set(inputs.map(({ skip }) => skip));
  const { variables, handles } = variablesOf(model);
  const outputs = answersOf(model, cut);
  const assigned = new Map<string, number>();
  for (const { name: op, inputs: from } of model.operators) {
    const variable = op === 'ASSIGN_VARIABLE' ? handles.get(from[0] ?? -1) : undefined;
    if (variable !== undefined) assigned.set(variable, from[1] ?? -1);
  }
  const needed = neededFor(model, [...outputs, ...assigned.values()]);
  const obstacles = new Obstacles();
  const input = begin(graph, model, inputs, variables, obstacles);
  // The last operators are left to whoever reads the answer.
  const answers = outputs.map((output) => ({ name: nameOf(model, output), tensor: output }));
  const present = new Map(variables.map(({ name: variable, tensor }) => [variable, tensor.index]));
  for (const op of model.operators) {
    keep(graph, model, op, handles, present);
    if (skipped.has(op) || !needed.has(op) || KEEPING.includes(op.name)) continue;
    const last = answers.filter(({ tensor }) => op.outputs[0] === tensor);
    const used = model.operators.some((other) => other.inputs.includes(op.outputs[0]!));
    if (isLast(op) && last.length > 0 && !used) {
      for (const answer of last) answer.tensor = op.inputs[0] ?? answer.tensor;
      continue;
    }
    const handler = Object.hasOwn(HANDLERS, op.name) ? HANDLERS[op.name] : undefined;
    if (!handler) unsupported(graph, model, op, obstacles);
    if (!handler || !obstacles.attempt(op, 'E_TFLITE_OP', () => handler(graph, op))) graph.block(op);
  }
  for (const { tensor } of answers) {
    const last = model.operators.find((op) => op.outputs.includes(tensor));
    if (last) obstacles.attempt(last, 'E_TFLITE_OP', () => tables.realAnswer(graph, last, tensor));
  }
  obstacles.settle(model.operators.length, SUPPORTED);
  const ports = answers.map(({ name: port, tensor }): Port & { value: number } => {
    const value = graph.value(tensor);
    if (value === undefined)
      damaged(`an output, tensor ${tensor}, that no operator makes`, 'one that is made');
    const unsigned = model.tensors[tensor]!.type === 'uint8' ? { unsigned: true } : {};
    return { name: port, tensor: { ...graph.builder.spec(value), ...unsigned }, value };
  });
  checkTypes(ports);
  const output = graph.builder.outputs(
    ports.map(({ value }) => value),
    ports,
  );
  const states = variables.map(({ name: state, initial, tensor: { index } }) => {
    const before = input.states.get(state)!;
    return {
      name: state,
      input: before,
      output: graph.value(assigned.get(state) ?? index) ?? before,
      initial,
    };
  });
  const { network, kept } = graph.builder.finish(name, input.tensor, output, states);
  const tensors = new Map<number, number>();
  for (const { index } of model.tensors) {
    const value = kept.get(graph.value(index) ?? -1);
    if (value !== undefined) tensors.set(index, value);
  }
  return {
    network: withUnsigned(
      network,
      input.ports,
      ports.map(({ name: port, tensor }) => ({ name: port, tensor })),
    ),
    tensors,
    notes: [...graph.notes],
  };
}

/** A network with its ports: one input and one output say themselves that the file has them as uint8. */
export function withUnsigned(
  network: QuantizedNetwork,
  inputs: readonly Port[],
  outputs: readonly Port[],
): QuantizedNetwork {
  const marked = new Set<number>();
  if (inputs.length === 1 && inputs[0]!.tensor.unsigned) marked.add(network.input);
  if (outputs.length === 1 && outputs[0]!.tensor.unsigned) marked.add(network.output);
  const tensors = network.tensors.map((tensor, i) =>
    marked.has(i) ? { ...tensor, unsigned: true } : tensor,
  );
  return {
    ...network,
    tensors,
    ...(inputs.length > 1 ? { inputs } : {}),
    ...(outputs.length > 1 ? { outputs } : {}),
  };
}

/** Ports lie side by side in one tensor: they are of one type. */
function checkTypes(ports: readonly Port[]): void {
  const types = [...new Set(ports.map(({ tensor }) => tensor.dtype ?? 'int8'))];
  if (types.length > 1)
    refuseModel(
      `inputs or outputs of ${types.join(' and ')}`,
      'one type for all',
      'Convert the model with inputs and outputs of one type, or name one output with --cut.',
    );
}

/** The network's input: one tensor, or all inputs side by side. */
function begin(
  graph: TfliteGraph,
  model: TfliteModel,
  inputs: readonly { tensor: number; name: string }[],
  variables: readonly Variable[],
  obstacles: Obstacles,
): { tensor: number; ports: Port[]; states: Map<string, number> } {
  const start: TfliteOperator = { index: 0, name: 'INPUT', inputs: [], outputs: [], options: undefined };
  const ports: Port[] = [];
  const states = new Map<string, number>();
  for (const { name, tensor } of variables) {
    const through = obstacles.attempt(start, 'E_TFLITE_OP', () => {
      const value = graph.builder.tensor(graph.spec(start, tensor));
      states.set(name, value);
      graph.define(tensor, value);
    });
    if (!through) graph.block({ ...start, outputs: [tensor.index] });
  }
  for (const { tensor: index, name } of inputs) {
    const tensor = model.tensors[index]!;
    const through = obstacles.attempt(start, 'E_TFLITE_OP', () => {
      if (tensor.shape.length > 1 && tensor.shape[0] !== 1) {
        const hint = 'Convert the model with a batch of 1.';
        graph.refuse(start, `${graph.describe(tensor)}`, 'a batch of 1', hint);
      }
      const unsigned = tensor.type === 'uint8' ? { unsigned: true } : {};
      ports.push({ name, tensor: { ...graph.spec(start, tensor), ...unsigned } });
    });
    if (!through) graph.block({ ...start, outputs: [index] });
  }
  if (inputs.length === 0) damaged('a model without inputs', 'at least one');
  if (ports.length < inputs.length) return { tensor: -1, ports, states };
  checkTypes(ports);
  const plain = ports.map(({ name, tensor: { unsigned: _, ...tensor } }) => ({ name, tensor }));
  const { input, parts } = graph.builder.inputs(plain);
  inputs.forEach(({ tensor }, i) => {
    graph.define(model.tensors[tensor]!, parts[i]!);
  });
  return { tensor: input, ports, states };
}
