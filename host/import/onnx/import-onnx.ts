// From an .onnx file to a float graph in NHWC.
import type { FloatGraph } from '../float-graph.js';
import { type Handler, OnnxGraph } from './graph.js';
import { FLOAT, type OnnxModel, type OnnxNode, readOnnx } from './model.js';
import {
  averagePool,
  batchNormalization,
  conv,
  gemm,
  globalAveragePool,
  matMul,
  maxPool,
  reduceMean,
} from './layers.js';
import {
  arithmetic,
  clip,
  dequantizeLinear,
  elu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  quantizeLinear,
  relu,
  sigmoid,
  softmax,
  tanh,
} from './pointwise.js';
import { damaged } from './protobuf.js';
import {
  concat,
  constant,
  flatten,
  gather,
  identity,
  pad,
  reshape,
  shape,
  slice,
  squeeze,
  transpose,
  unsqueeze,
} from './shapes.js';

const HANDLERS: Record<string, Handler> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matMul,
  BatchNormalization: batchNormalization,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
  ReduceMean: reduceMean,
  Relu: relu,
  Clip: clip,
  Sigmoid: sigmoid,
  Tanh: tanh,
  HardSigmoid: hardSigmoid,
  HardSwish: hardSwish,
  LeakyRelu: leakyRelu,
  Elu: elu,
  Add: arithmetic,
  Sub: arithmetic,
  Mul: arithmetic,
  Div: arithmetic,
  Softmax: softmax,
  Concat: concat,
  Flatten: flatten,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Pad: pad,
  Identity: identity,
  Dropout: identity,
  Cast: identity,
  Constant: constant,
  Shape: shape,
  Gather: gather,
  Slice: slice,
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
};

const [LEAST_OPSET, MOST_OPSET] = [11, 20];

export interface ImportedOnnx {
  graph: FloatGraph;
  /** Whether the model itself takes channels first, where the image takes them last. */
  channelsFirst: boolean;
}

/** The model's one input, with a batch of 1, and whether it is a map in NCHW. */
function inputOf(model: OnnxModel): { name: string; shape: number[]; asMap: boolean } {
  const [input] = model.inputs;
  if (!input || model.inputs.length !== 1 || model.outputs.length !== 1)
    return damaged(
      `a model of ${model.inputs.length} inputs and ${model.outputs.length} outputs`,
      'one of each',
    );
  const [batch = 1, ...rest] = input.shape;
  const what = `input "${input.name}" of shape [${input.shape}]`;
  if (input.type !== FLOAT) damaged(`${what} and type ${input.type}`, 'float32');
  if (batch > 1 || rest.length === 0 || rest.some((size) => size === 0))
    damaged(what, 'a batch of 1 and sizes that are known');
  const uses = model.nodes.filter(({ inputs }) => inputs.includes(input.name));
  const asMap =
    rest.length >= 2 &&
    uses.every(({ op }) => !['Transpose', 'Reshape', 'Flatten', 'Unsqueeze', 'MatMul'].includes(op));
  return { name: input.name, shape: [1, ...rest], asMap };
}

/** What a last ArgMax (and what only renames its result) is of: whoever reads the answer finds the largest. */
function beforeArgMax(model: OnnxModel, output: string): { name: string; skip: Set<OnnxNode> } {
  const skip = new Set<OnnxNode>();
  for (let name = output; ;) {
    const node = model.nodes.find(({ outputs }) => outputs.includes(name));
    if (node?.op === 'ArgMax') return { name: node.inputs[0] ?? '', skip: skip.add(node) };
    if (!node || skip.has(node) || !['Cast', 'Identity', 'Squeeze', 'Reshape', 'Flatten'].includes(node.op))
      return { name: output, skip: new Set() };
    skip.add(node);
    name = node.inputs[0] ?? '';
  }
}

/** Imports an .onnx model of float32, or of QuantizeLinear and DequantizeLinear. Throws `E_ONNX`, `E_ONNX_OP`. */
export function importOnnx(bytes: Uint8Array): ImportedOnnx {
  const model = readOnnx(bytes);
  if (model.opset < LEAST_OPSET || model.opset > MOST_OPSET)
    damaged(`opset ${model.opset}`, `${LEAST_OPSET} to ${MOST_OPSET}`);
  const input = inputOf(model);
  const graph = new OnnxGraph(model, `${Object.keys(HANDLERS).join(', ')} and, at the end, ArgMax`);
  graph.startAt(input.name, input.shape, input.asMap);
  const [{ name: answerName }] = model.outputs as [OnnxModel['outputs'][0]];
  const asked = beforeArgMax(model, answerName);
  for (const node of model.nodes) {
    if (asked.skip.has(node)) continue;
    const handler = Object.hasOwn(HANDLERS, node.op) ? HANDLERS[node.op] : undefined;
    if (!handler) return graph.refuse(node, 'is not supported', 'a node that is');
    handler(graph, node);
  }
  const answer = graph.value(asked.name);
  if (!answer) return damaged(`an output "${asked.name}" that no node makes`, 'one that is made');
  graph.float.output = answer.tensor;
  const channelsFirst = input.asMap;
  return { graph: graph.float, channelsFirst };
}
