// From a .tflite file to a quantized network whose kernels give the bits of TFLite's reference kernels.
import { damaged } from './flatbuffer.js';
import { type Handler, TfliteGraph } from './graph.js';
import { readTflite, type TfliteModel, type TfliteOperator } from './model.js';
import { add, mul, sub } from './elementwise.js';
import { hardSwish, leakyRelu, logistic, quantize, relu, softmax } from './pointwise.js';
import {
  concatenation,
  mean,
  pack,
  pad,
  rename,
  shapeOf,
  sliceOf,
  stridedSlice,
  transpose,
} from './shapes.js';
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
  MEAN: mean,
  ADD: add,
  MUL: mul,
  SUB: sub,
  PAD: pad,
  PADV2: pad,
  RESHAPE: rename,
  EXPAND_DIMS: rename,
  SQUEEZE: rename,
  TRANSPOSE: transpose,
  CONCATENATION: concatenation,
  SOFTMAX: softmax,
  LOGISTIC: logistic,
  HARD_SWISH: hardSwish,
  LEAKY_RELU: leakyRelu,
  RELU: relu(RELU),
  RELU6: relu(RELU6),
  RELU_N1_TO_1: relu(RELU_N1_TO_1),
  QUANTIZE: quantize,
  SHAPE: shapeOf,
  SLICE: sliceOf,
  STRIDED_SLICE: stridedSlice,
  PACK: pack,
};

const SUPPORTED = `${Object.keys(HANDLERS).join(', ')} and, at the end, DEQUANTIZE and ARG_MAX`;

export interface ImportedTflite {
  network: QuantizedNetwork;
  /** Where tensors of the file are in the network: by their index there, those that the answer needs. */
  tensors: Map<number, number>;
}

/** The one of `list`, or a refusal. */
function single(model: TfliteModel, list: readonly number[], what: string): number {
  const [index] = list;
  if (index !== undefined && list.length === 1) return index;
  return damaged(`a model of ${list.length} ${what}`, `one, of its ${model.tensors.length} tensors`);
}

/** The tensor that the device starts from: the model's input, or what a first QUANTIZE makes of it. */
function inputOf(model: TfliteModel): { tensor: number; skip: TfliteOperator | undefined } {
  const tensor = single(model, model.inputs, 'inputs');
  const { type } = model.tensors[tensor]!;
  const uses = model.operators.filter((op) => op.inputs.includes(tensor));
  const [first] = uses;
  const quantized =
    uses.length === 1 && first?.name === 'QUANTIZE' && (type === 'float32' || type === 'uint8');
  const made = first?.outputs[0];
  return quantized && made !== undefined ? { tensor: made, skip: first } : { tensor, skip: undefined };
}

/** Imports a .tflite model of int8 or int16. Throws `E_TFLITE`, `E_TFLITE_OP`, naming what is not supported. */
export function importTflite(bytes: Uint8Array, { name = 'model' } = {}): ImportedTflite {
  const model = readTflite(bytes);
  const graph = new TfliteGraph(model, SUPPORTED);
  const input = inputOf(model);
  let output = single(model, model.outputs, 'outputs');
  const inputTensor = model.tensors[input.tensor]!;
  const start: TfliteOperator = { index: 0, name: 'INPUT', inputs: [], outputs: [], options: undefined };
  if (inputTensor.shape.length > 1 && inputTensor.shape[0] !== 1) {
    const expected = 'a batch of 1';
    graph.refuse(start, `${graph.describe(inputTensor)}`, expected, 'Convert the model with a batch of 1.');
  }
  const from = graph.builder.tensor(graph.spec(start, inputTensor));
  graph.define(inputTensor, from);
  for (const op of model.operators) {
    if (op === input.skip) continue;
    // The answer stays quantized: whoever reads it has its scale, and finds the largest.
    if ((op.name === 'DEQUANTIZE' || op.name === 'ARG_MAX') && op.outputs[0] === output) {
      output = graph.input(op).index;
      continue;
    }
    const handler = Object.hasOwn(HANDLERS, op.name) ? HANDLERS[op.name] : undefined;
    if (!handler) {
      const tensor = graph.optional(op, 0);
      return graph.refuse(
        op,
        tensor ? `on ${graph.describe(tensor)}` : 'without inputs',
        'an operator that is supported',
      );
    }
    handler(graph, op);
  }
  const answer = graph.value(output);
  if (answer === undefined)
    damaged(`an output, tensor ${output}, that no operator makes`, 'one that is made');
  const { network, kept } = graph.builder.finish(name, from, answer);
  const tensors = new Map<number, number>();
  for (const { index } of model.tensors) {
    const value = kept.get(graph.value(index) ?? -1);
    if (value !== undefined) tensors.set(index, value);
  }
  return { network, tensors };
}
