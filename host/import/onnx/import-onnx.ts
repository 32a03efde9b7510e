// From an .onnx file to a float graph in NHWC.
import type { FloatGraph } from '../float-graph.js';
import { Obstacles } from '../obstacles.js';
import { arithmetic, prelu, several, softmax } from './arithmetic.js';
import { EXPANDED, expandNodes, keyOf } from './expand.js';
import { type Handler, type Integers, OnnxGraph } from './graph.js';
import { gemm } from './gemm.js';
import {
  averagePool,
  batchNormalization,
  conv,
  globalAveragePool,
  maxPool,
  reduceMax,
  reduceMean,
} from './layers.js';
import {
  type OnnxModel,
  type OnnxNode,
  type OnnxValue,
  type ReadBeside,
  readOnnx,
  refuseModel,
  typeName,
  typeOf,
} from './model.js';
import { reduceProd, reducing } from './constant-reductions.js';
import { einsum } from './einsum.js';
import { compare, modulo, range, where } from './logic.js';
import { cast, clip, relu, UNARY } from './pointwise.js';
import { groupNormalization, layerNormalization, matMul, skipLayerNormalization } from './products.js';
import { damaged } from './protobuf.js';
import { branching } from './branches.js';
import { argExtreme, cumSum, localResponseNormalization, oneHot, trilu } from './selections.js';
import { recurrent } from './recurrent.js';
import { blocks, convTranspose, resize, tile } from './sampling.js';
import { divide, extreme, globalMaxPool, logOfSum, lpNormalization, norm, reduceMin } from './pairs.js';
import { bipolarQuant, dequantizeLinear, onIntegers, quant, quantizeLinear } from './quantization.js';
import {
  concat,
  constant,
  constantOfShape,
  expand,
  flatten,
  gather,
  identity,
  pad,
  reshape,
  shape,
  size,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from './shapes.js';

/** Nodes of ONNX itself by name, those of other domains with the domain before it. */
const HANDLERS: Record<string, Handler> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matMul,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: layerNormalization,
  SimplifiedLayerNormalization: layerNormalization,
  'com.microsoft.SkipLayerNormalization': skipLayerNormalization,
  'com.microsoft.SkipSimplifiedLayerNormalization': skipLayerNormalization,
  InstanceNormalization: groupNormalization,
  GroupNormalization: groupNormalization,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
  ReduceMean: reducing(reduceMean),
  ReduceSum: reducing(reduceMean),
  ReduceMax: reducing(reduceMax),
  ReduceMin: reducing(reduceMin),
  ReduceProd: reduceProd,
  ReduceL1: norm,
  ReduceL2: norm,
  ReduceSumSquare: norm,
  ReduceLogSum: logOfSum,
  ReduceLogSumExp: logOfSum,
  LRN: localResponseNormalization,
  ArgMax: argExtreme,
  ArgMin: argExtreme,
  OneHot: oneHot,
  CumSum: cumSum,
  Trilu: trilu,
  If: branching((node) => handlerOf(node)),
  LpNormalization: lpNormalization,
  GlobalMaxPool: globalMaxPool,
  ConvTranspose: convTranspose,
  Resize: onIntegers(resize),
  Upsample: onIntegers(resize),
  DepthToSpace: blocks,
  SpaceToDepth: blocks,
  Tile: tile,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Relu: relu,
  Clip: clip,
  ...UNARY,
  PRelu: prelu,
  Add: arithmetic,
  Sub: arithmetic,
  Mul: arithmetic,
  Div: divide,
  Pow: arithmetic,
  Max: extreme,
  Min: extreme,
  Sum: several,
  Mean: several,
  Greater: compare,
  GreaterOrEqual: compare,
  Less: compare,
  LessOrEqual: compare,
  Equal: compare,
  And: compare,
  Or: compare,
  Xor: compare,
  Where: where,
  Mod: modulo,
  Range: range,
  Einsum: einsum,
  Softmax: softmax,
  LogSoftmax: softmax,
  Concat: concat,
  Flatten: flatten,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Pad: pad,
  Identity: identity,
  Dropout: identity,
  Cast: cast,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Expand: expand,
  Shape: shape,
  Size: size,
  Gather: gather,
  Slice: slice,
  Split: split,
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  'qonnx.custom_op.general.Quant': quant,
  'qonnx.custom_op.general.BipolarQuant': bipolarQuant,
  'onnx.brevitas.Quant': quant,
  'onnx.brevitas.BipolarQuant': bipolarQuant,
};

const handlerOf = (node: OnnxNode): Handler | undefined =>
  Object.hasOwn(HANDLERS, keyOf(node)) ? HANDLERS[keyOf(node)] : undefined;

/** Names of the nodes that can be taken. */
export const ONNX_NODES: readonly string[] = [...Object.keys(HANDLERS), ...EXPANDED].sort();

const [LEAST_OPSET, MOST_OPSET] = [7, 24];
/** Kinds of models that are no networks. */
const TREES = /^ai\.onnx\.ml\.(TreeEnsemble|SVM)/;

export interface ImportedOnnx {
  graph: FloatGraph;
  /** Whether the model itself takes channels first, where the image takes them last. */
  channelsFirst: boolean;
  /** What was done that a user should know of. */
  notes: readonly string[];
}

export interface ImportOnnxOptions {
  /** Reads a file that lies beside the model: for constants in files of their own. */
  beside?: ReadBeside;
  /** The value that is the answer; default the model's own output. */
  output?: string;
  /** Shape of the input, where the file leaves sizes open; its first dimension is the batch, 1. */
  shape?: readonly number[];
}

interface ModelInput {
  name: string;
  /** With a batch of 1. */
  shape: number[];
  /** Whether it is a map in NCHW. */
  asMap: boolean;
  batch: number;
  /** Its first dimension is a length that the file leaves open, taken as 1. */
  length: boolean;
  integers: Integers | undefined;
}

/** Nodes that leave elements where they are: what uses them decides how an input lies. */
const PASSES = ['QuantizeLinear', 'DequantizeLinear', 'Cast', 'Identity', 'Clip', 'Add', 'Sub', 'Mul', 'Div'];
/** Nodes whose first dimension is time, not a batch. */
const RECURRENT = ['LSTM', 'GRU', 'RNN'];
const AS_GIVEN = [
  'Transpose',
  'Reshape',
  'Flatten',
  'Unsqueeze',
  'Squeeze',
  'MatMul',
  'Gemm',
  'LayerNormalization',
  ...RECURRENT,
];

/** Whether a value is used as a map, channels first. */
function isMap(model: OnnxModel, name: string, depth = 0): boolean {
  return model.nodes
    .filter(({ inputs }) => inputs.includes(name))
    .every(({ op, outputs }) => {
      if (AS_GIVEN.includes(op)) return false;
      return !PASSES.includes(op) || depth > 16 || isMap(model, outputs[0] ?? '', depth + 1);
    });
}

/** Whether integers are numbers of rows alone, from 0 to 255. */
function isNumbers(model: OnnxModel, name: string, depth = 0): boolean {
  const renames = ['Cast', 'Identity', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten', 'Transpose'];
  // Numbers below 0 count from the end.
  renames.push('Less', 'Not', 'Mul', 'Add', 'Where', 'Clip', 'Max', 'Min');
  return model.nodes
    .filter(({ inputs }) => inputs.includes(name))
    .every(({ op, inputs, outputs }) => {
      if (op === 'Gather') return inputs[1] === name;
      if (op === 'Shape') return true;
      return renames.includes(op) && depth < 16 && isNumbers(model, outputs[0] ?? '', depth + 1);
    });
}

/** The model's inputs; `asked` names the sizes of the only one. */
function inputsOf(model: OnnxModel, asked: readonly number[] | undefined): ModelInput[] {
  if (model.inputs.length === 0) damaged('a model without inputs', 'at least one');
  if (asked && model.inputs.length > 1)
    refuseModel(
      `a shape for a model of ${model.inputs.length} inputs`,
      'a model of one input',
      'Export it with fixed shapes.',
    );
  return model.inputs.map((input) => inputOf(model, input, asked));
}

const SLIDES = /Conv|Pool/;

/** Whether the first dimension of an input is no batch: one is put before it. */
function isLength(model: OnnxModel, name: string): boolean {
  return model.nodes.some(({ op, inputs, attributes }) => {
    const axes = attributes.get('axes')?.integers ?? model.constants.get(inputs[1] ?? '')?.values;
    return op === 'Unsqueeze' && inputs[0] === name && axes?.[0] === 0;
  });
}

function inputOf(model: OnnxModel, given: OnnxValue, asked: readonly number[] | undefined): ModelInput {
  const fits =
    !asked ||
    (given.shape.length === asked.length && given.shape.every((size, i) => size === 0 || size === asked[i]));
  if (!fits)
    refuseModel(
      `shape [${asked}] for input "${given.name}" of [${given.shape}] (0: any)`,
      'the sizes it has',
      'Name sizes only where it leaves them open.',
    );
  const input = asked ? { ...given, shape: [...asked] } : given;
  const [first = 1, ...rest] = input.shape;
  // What is named is meant.
  const batch = asked ? 1 : first;
  const what = `input "${input.name}" of shape [${input.shape}]`;
  const type = typeOf(input.type);
  const numbers = type?.integer === true && type.bits >= 32 && isNumbers(model, input.name);
  if (!type || (!numbers && (type.bits > 32 || (type.integer && type.bits > 8))))
    refuseModel(
      `${what} and type ${typeName(input.type)}`,
      'float32, integers of 8 bits, or numbers of rows of an embedding',
      'Export it with such an input.',
    );
  if (rest.some((size) => size === 0))
    refuseModel(what, 'sizes that are known, but for the batch', 'Name them: --shape 1,3,32,32.');
  const time = model.nodes.some(({ op, inputs, attributes }) => {
    return RECURRENT.includes(op) && inputs[0] === input.name && !attributes.get('layout')?.integer;
  });
  const length = first === 0 && isLength(model, input.name);
  // What slides over it has the least length of its own.
  if (first === 0 && (time || (length && model.nodes.some(({ op }) => SLIDES.test(op)))))
    refuseModel(
      what,
      'a sequence of a length that is known',
      `Name it: --shape ${['20', ...rest].join(',')}.`,
    );
  const shape = rest.length === 0 ? [first] : [asked || time ? first : 1, ...rest];
  return {
    name: input.name,
    shape,
    asMap: rest.length >= 2 && rest.length <= 3 && isMap(model, input.name),
    batch: rest.length === 0 || time ? 1 : batch,
    length,
    integers: type.integer
      ? { scale: 1, zeroPoint: 0, offset: type.unsigned || numbers ? 128 : 0, numbers }
      : undefined,
  };
}

/** What a last ArgMax (and what only renames its result) is of: whoever reads the answer finds the largest. */
function beforeArgMax(model: OnnxModel, output: string): { name: string; skip: Set<OnnxNode> } {
  const skip = new Set<OnnxNode>();
  for (let name = output, uses = 0; ; uses = 1) {
    const node = model.nodes.find(({ outputs }) => outputs.includes(name));
    // What others take as well is computed.
    if (model.nodes.filter(({ inputs }) => inputs.includes(name)).length > uses)
      return { name: output, skip: new Set() };
    if (node?.op === 'ArgMax') return { name: node.inputs[0] ?? '', skip: skip.add(node) };
    // scikit-learn’s labels: a list of them, by the number of the largest.
    const labels = node && keyOf(node) === 'ai.onnx.ml.ArrayFeatureExtractor';
    if (
      !node ||
      skip.has(node) ||
      (!labels && !['Cast', 'Identity', 'Squeeze', 'Reshape', 'Flatten'].includes(node.op))
    )
      return { name: output, skip: new Set() };
    skip.add(node);
    name = node.inputs[labels ? 1 : 0] ?? '';
  }
}

/** The value that a name is another name of. */
function canonical(model: OnnxModel, name: string): string {
  const node = model.nodes.find(({ outputs }) => outputs.includes(name));
  // A ZipMap gives numbers the names of their classes.
  const same = node && ['Identity', 'ai.onnx.ml.ZipMap'].includes(keyOf(node));
  return same ? canonical(model, node.inputs[0] ?? '') : name;
}

/** The answers: the model's outputs, of a class and its scores the scores; or the one that was asked for. */
function answersOf(
  model: OnnxModel,
  asked: string | undefined,
): { answers: { name: string; value: string }[]; skip: Set<OnnxNode> } {
  const made = model.nodes.flatMap(({ outputs }) => outputs);
  if (asked !== undefined) {
    if (!made.includes(asked))
      refuseModel(
        `no value "${asked}"`,
        `one that a node makes: ${made.slice(-8).join(', ')} …`,
        'Name one of them with --cut.',
      );
    return { answers: [{ name: asked, value: asked }], skip: new Set() };
  }
  const found = model.outputs.map(({ name }: OnnxValue) => ({ output: name, ...beforeArgMax(model, name) }));
  const answers = new Map<string, { name: string; value: string }>();
  for (const { output, name, skip } of found) {
    const value = canonical(model, name);
    // What are scores themselves is called by its own name, not by that of the labels.
    if (!answers.has(value) || skip.size === 0) answers.set(value, { name: output, value });
  }
  if (answers.size === 0) damaged('a model without outputs', 'at least one');
  return { answers: [...answers.values()], skip: new Set(found.flatMap(({ skip }) => [...skip])) };
}

/** The tensor of an answer, as the model itself has it: channels first. */
function finish(graph: OnnxGraph, model: OnnxModel, value: string): number {
  const answer = graph.value(value);
  if (!answer) return damaged(`an output "${value}" that no node makes`, 'one that is made');
  const last = model.nodes.find(({ outputs }) => outputs.includes(value)) ?? model.nodes.at(-1)!;
  const tensor = graph.inOrder(last, answer, undefined);
  const [batch = 1, ...rest] = answer.shape;
  const own = batch === 1 && rest.length > 0 ? rest : answer.shape;
  return graph.reshape(last, tensor, own.length > 0 ? own : [1]);
}

/** The nodes that values are made from. */
function neededFor(model: OnnxModel, names: readonly string[], skip: ReadonlySet<OnnxNode>): Set<OnnxNode> {
  const wanted = new Set(names);
  const needed = new Set<OnnxNode>();
  for (const node of [...model.nodes].reverse()) {
    if (skip.has(node) || !node.outputs.some((output) => wanted.has(output))) continue;
    needed.add(node);
    for (const input of node.inputs) wanted.add(input);
  }
  return needed;
}

/** Nodes that hold graphs: what Keras 3 makes of recurrent layers, in both formats. */
const LOOPS = ['Loop', 'Scan', 'WHILE', 'IF'];

const UNKNOWN = { is: 'is not supported', expected: 'a node that is', hint: '' };
const NO_NETWORK = {
  is: 'is no neural network',
  expected: 'layers, not trees or support vectors',
  hint: 'Train a neural network, such as scikit-learn’s MLPClassifier.',
};
const REPEATS = {
  is: 'repeats a graph of its own',
  expected: 'steps one after the other',
  hint: 'Give a recurrent layer of Keras `unroll=True`, or export it from PyTorch, which writes LSTM, GRU or RNN.',
};

const CUSTOM = {
  is: 'is known to the runtime it was made for alone',
  expected: 'operators of TensorFlow Lite',
  hint: 'Convert the model without custom operators.',
};

/** Nodes that no handler is for, as obstacles. */
function unsupported(graph: OnnxGraph, node: OnnxNode, obstacles: Obstacles, code: string): void {
  const kinds = [
    [TREES.test(keyOf(node)), NO_NETWORK],
    [LOOPS.includes(node.op), REPEATS],
    [node.op.startsWith('CUSTOM'), CUSTOM],
  ] as const;
  const why = kinds.find(([is]) => is)?.[1] ?? UNKNOWN;
  obstacles.add({
    code,
    index: node.index,
    op: keyOf(node),
    unsupported: why === UNKNOWN,
    found: `${graph.describe(node)} ${why.is} (tensor "${node.outputs[0] ?? ''}")`,
    expected: why.expected,
    hint: why.hint,
  });
}

/** How a model is spoken of in messages. */
export interface Dialect {
  /** Code of what cannot be taken. */
  code: string;
  /** What can. */
  supported: readonly string[];
}

const ONNX: Dialect = { code: 'E_ONNX_OP', supported: ONNX_NODES };

/**
 * Imports an .onnx model of float32, or of quantized operators. Throws `E_ONNX` (damaged), `E_ONNX_MODEL` (not one that can
 * be taken), `E_ONNX_OP` (all nodes that cannot).
 */
export function importOnnx(bytes: Uint8Array, options: ImportOnnxOptions = {}): ImportedOnnx {
  const file = readOnnx(bytes, options.beside);
  if (file.opset < LEAST_OPSET || file.opset > MOST_OPSET)
    refuseModel(
      `opset ${file.opset}`,
      `${LEAST_OPSET} to ${MOST_OPSET}`,
      'Convert it: onnx.version_converter.convert_version(model, 17).',
    );
  return graphOf(file, options, ONNX);
}

/** The float graph of a model in ONNX' nodes. */
export function graphOf(
  file: OnnxModel,
  { beside, output, shape: sizes }: ImportOnnxOptions,
  { code, supported }: Dialect,
): ImportedOnnx {
  const model = expandNodes(file);
  const inputs = inputsOf(model, sizes);
  const { answers, skip } = answersOf(model, output);
  const names = answers.map(({ value }) => value);
  const needed = neededFor(model, names, skip);
  const graph = new OnnxGraph({ ...model, nodes: [...needed] }, names, code, beside);
  const starts = inputs.map(({ name, shape, asMap, integers }) => {
    const tensor = graph.startAt(name, shape, asMap, integers);
    return { name, tensor, ...(asMap ? { channelsFirst: true } : {}) };
  });
  const batch = Math.max(...inputs.map((input) => input.batch));
  if (batch > 1) {
    graph.batch = batch;
    graph.notes.push(`batch of ${batch} fixed to 1`);
  }
  for (const { name, shape } of inputs.filter(({ length }) => length))
    graph.notes.push(
      `input "${name}" of any length taken as of 1: name another by --shape ${['20', ...shape.slice(1)].join(',')}`,
    );
  const obstacles = new Obstacles();
  for (const node of model.nodes) {
    if (!needed.has(node)) continue;
    const key = keyOf(node);
    const handler = handlerOf(node);
    if (!handler) unsupported(graph, node, obstacles, code);
    const through =
      handler && obstacles.attempt({ index: node.index, name: key }, code, () => handler(graph, node));
    if (!through) graph.block(node);
  }
  const total = new Set(file.nodes.map(({ index }) => index)).size;
  obstacles.settle(total, supported.join(', '));
  const ends = answers.map(({ name, value }) => ({ name, tensor: finish(graph, model, value) }));
  const { float } = graph;
  float.output = ends[0]!.tensor;
  if (starts.length > 1) float.inputs = starts;
  if (ends.length > 1) float.outputs = ends;
  return { graph: float, channelsFirst: inputs.length === 1 && inputs[0]!.asMap, notes: graph.notes };
}
