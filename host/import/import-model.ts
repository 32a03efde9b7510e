// A model as another tool wrote it, whichever format it is in.
import { type InputArray, realInputs } from '../data/model-input.js';
import { samplesKind } from '../data/option-kinds.js';
import { BrownoutError, checkBytes } from '../error.js';
import type { Preprocessing } from '../model/metadata.js';
import { elementCount, type QuantizedNetwork, type TensorSpec } from '../model/quantized-network.js';
import { callback, choice, list, progressKind, real, text, whole } from '../options/kinds.js';
import { type Checked, checkOptions, nested, type Table } from '../options/table.js';
import { graphOf, type ImportedOnnx, importOnnx } from './onnx/import-onnx.js';
import {
  quantizeGraph,
  type QuantizeGraphOptions,
  quantizeGraphOptions,
  sampleShape,
} from './quantize-graph.js';
import { FLOAT_OPERATORS, floatModelOf } from './tflite/float.js';
import { isFloatModel } from './tflite/is-float.js';
import { importTflite, WIDE_OPERATORS, withUnsigned } from './tflite/import-tflite.js';
import { ObstacleError } from './obstacles.js';
import type { Port } from '../model/ports.js';
import { readTflite } from './tflite/model.js';
import { narrowWeights, WEIGHT_CHOICES, type WeightChoice } from './narrow-weights.js';
import { type ReadBeside, readOnnx } from './onnx/model.js';

/** Options of `importModel`. */
export interface ImportOptions {
  /** Name of the model; default `model`. */
  name?: string;
  /** Float inputs, as the model takes them, that set the ranges of a float model. */
  data?: InputArray;
  /** How a float model is quantized: see `quantizeGraph`. */
  quantize?: Pick<QuantizeGraphOptions, 'ranges' | 'biasCorrection' | 'equalize'>;
  onSample?: (done: number, total: number) => void;
  /** Reads a file of the model's folder by its name: for constants that lie in files of their own. */
  beside?: (name: string) => Uint8Array;
  /** The value that is the answer; default the model's own output. */
  cut?: string;
  /** Shape of the input where the file leaves sizes open, the batch first. */
  shape?: readonly number[];
  /**
   * Bits of weights: 8 as the file or its quantization has them (default), 4, 2 or 1 for all layers that can, or `mixed`: as
   * few a layer as `weightLoss` allows, judged on `data`. Nothing is trained for it: below 4 bits most models lose much.
   */
  weights?: WeightChoice;
  /** With `mixed`: the squared error that rounding weights may bring, as a share of the answers' variance; default 0.003. */
  weightLoss?: number;
  /** Whose kernels a .tflite file’s results are those of, where the two differ; default `tflite`. */
  reference?: 'tflite' | 'tflm';
}

type Quantize = NonNullable<ImportOptions['quantize']>;

const { ranges, biasCorrection, equalize } = quantizeGraphOptions;
/** How a float model is quantized, as far as users choose. */
export const quantizeOptions = { ranges, biasCorrection, equalize } as const satisfies Table<Quantize>;

export const importOptions = {
  name: { kind: text('NAME', 'keywords'), default: 'model' },
  data: {
    kind: samplesKind('samples.npy'),
    help: 'float inputs that set the ranges of a float model: .npy, .npz or .csv',
  },
  quantize: { kind: nested<Quantize, typeof quantizeOptions>(quantizeOptions) },
  onSample: { kind: progressKind },
  beside: { kind: callback<(name: string) => Uint8Array>() },
  cut: {
    kind: text('NAME', 'logits'),
    help: 'the value that is the answer',
    otherwise: 'the model’s output',
  },
  shape: {
    kind: list(whole(1, 1_000_000), 'N,N,…'),
    help: 'shape of the input, where the file leaves sizes open',
  },
  weights: {
    kind: choice(WEIGHT_CHOICES, { placeholder: 'BITS' }),
    help: 'bits of weights: 8, 4, 2, 1, or mixed: as few a layer as the loss allows',
    otherwise: 'as the model has',
  },
  weightLoss: {
    kind: real(0, 1, { example: '0.003' }),
    default: 0.003,
    help: 'of mixed weights: the share of the answer’s variance that may be lost',
  },
  reference: {
    kind: choice(['tflite', 'tflm']),
    default: 'tflite',
    help: 'whose kernels a .tflite file’s results are those of, where they differ: tflite or tflm',
  },
} as const satisfies Table<ImportOptions>;

type ImportSettings = Checked<ImportOptions, typeof importOptions>;

/** A model as `compile` takes it. */
export interface ImportedModel {
  network: QuantizedNetwork;
  /** What float inputs must be: the range that the model's input tensor holds. */
  preprocessing: Preprocessing;
  /** What was done that a user should know of. */
  notes: readonly string[];
}

/** Reals that a quantized tensor can hold. */
function rangeOf({ scale, zeroPoint, dtype }: TensorSpec): { minimum: number; maximum: number } {
  const most = dtype === 'int16' ? 32767 : 127;
  return { minimum: scale * (-most - 1 - zeroPoint), maximum: scale * (most - zeroPoint) };
}

/** A file as a float graph, if it is one: an .onnx file, or a .tflite file whose activations are floats. */
export function floatGraphOf(
  bytes: Uint8Array,
  { beside, cut, shape }: Pick<ImportOptions, 'beside' | 'cut' | 'shape'> = {},
): ImportedOnnx | undefined {
  const options = {
    ...(beside ? { beside } : {}),
    ...(cut === undefined ? {} : { output: cut }),
    ...(shape ? { shape } : {}),
  };
  if (!isTflite(bytes)) return importOnnx(bytes, options);
  const model = readTflite(bytes);
  if (!isFloatModel(model)) return undefined;
  return graphOf(floatModelOf(model), options, { code: 'E_TFLITE_OP', supported: FLOAT_OPERATORS });
}

/** How many operators of each kind a file has. Throws `E_TFLITE`, `E_ONNX…`, `E_MODEL`. */
export function fileOperators(bytes: Uint8Array, beside?: ReadBeside): Record<string, number> {
  if (!isTflite(bytes)) checkOnnx(bytes);
  const names = isTflite(bytes)
    ? readTflite(bytes).operators.map(({ name }) => name)
    : readOnnx(bytes, beside).nodes.map(({ domain, op }) => (domain ? `${domain}.${op}` : op));
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Throws `E_MODEL` where a file is no .onnx file. */
function checkOnnx(bytes: Uint8Array): void {
  // ModelProto begins with its version of the format: field 1, a small number.
  if (bytes[0] === 8 && bytes.length > 16) return;
  throw new BrownoutError({
    code: 'E_MODEL',
    found: `a file of ${bytes.length} bytes that is neither TensorFlow Lite nor ONNX`,
    expected: 'a .tflite or an .onnx file',
    hint: 'Convert or export the model to one of the two.',
  });
}

/** Inputs of one dimension that the samples tell apart, and steps of int8 do not: features of very different sizes. */
function lostInputs(samples: readonly ArrayLike<number>[], { shape, scale }: TensorSpec): string[] {
  if (shape.length !== 1 || samples.length < 2) return [];
  const lost = Array.from({ length: shape[0]! }, (_, i) => {
    const values = samples.map((sample) => sample[i]!);
    const most = values.reduce((x, y) => Math.max(x, y));
    const spread = most - values.reduce((x, y) => Math.min(x, y));
    return spread > 0 && spread < scale;
  }).filter((is) => is).length;
  if (lost === 0) return [];
  return [
    `${lost} of ${shape[0]} inputs change by less than a step, ${scale.toPrecision(3)}, of all samples’ range, and are lost: ` +
      'bring them to one size before the model, and export it without its scaler',
  ];
}

/** Quantizes a float graph on samples. */
function quantized(
  { graph, channelsFirst, notes: found }: ImportedOnnx,
  { name, data, quantize, onSample }: ImportSettings,
): ImportedModel {
  let notes = found;
  const samples = data && realInputs(data, sampleShape(graph), channelsFirst);
  const network = quantizeGraph(graph, {
    name,
    ...quantize,
    ...(samples ? { samples } : {}),
    onSample: (done) => onSample?.(done, samples?.length ?? 0),
  });
  const range = rangeOf(network.tensors[network.input]!);
  const own = graph.tensors[graph.input]!.given !== undefined;
  if (samples && !graph.inputs && !own)
    notes = [...notes, ...lostInputs(samples, network.tensors[network.input]!)];
  if (graph.inputs) {
    const inputs = network.inputs!.map((port, i) => {
      const first = graph.inputs![i]!.channelsFirst ? { channelsFirst: true } : {};
      return { ...port, preprocessing: { ...rangeOf(port.tensor), ...first } };
    });
    return { network: { ...network, inputs }, preprocessing: range, notes };
  }
  return { network, preprocessing: { ...range, ...(channelsFirst ? { channelsFirst } : {}) }, notes };
}

/** Whether a file is TensorFlow Lite's, by its identifier. */
const isTflite = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes.subarray(4, 8)) === 'TFL3';

/** A model with its weights in fewer bits, and a note of what that did. */
function inFewerBits(
  model: ImportedModel,
  { data, weights = '8', weightLoss }: ImportSettings,
): ImportedModel {
  if (weights === '8') return model;
  const { network, preprocessing } = model;
  const shape = network.inputs
    ? [elementCount(network.tensors[network.input]!)]
    : network.tensors[network.input]!.shape;
  const samples = data ? realInputs(data, shape, preprocessing.channelsFirst) : [];
  const { network: narrow, bits, others, error } = narrowWeights(network, weights, samples, weightLoss);
  const counts = ([8, 4, 2, 1] as const).flatMap((width) => {
    const layers = bits.filter((layer) => layer.bits === width).length;
    return layers > 0
      ? [`${width} bit${width === 1 ? '' : 's'} in ${layers} layer${layers === 1 ? '' : 's'}`]
      : [];
  });
  const kept = others.length > 0 ? `; as they were: ${others.join(', ')}` : '';
  const judged =
    error === undefined
      ? 'how much is lost is not known: give samples as --data'
      : `of the answers’ variance ${(error * 100).toPrecision(2)} % is lost on the samples`;
  const note = `weights rounded, not trained for it: ${counts.join(', ')}${kept}; ${judged}`;
  return { ...model, network: narrow, notes: [...model.notes, note] };
}

/** Imports a .tflite or an .onnx file. Throws `E_MODEL`, `E_TFLITE…`, `E_ONNX…`, `E_CALIBRATION`, `E_INPUT_…`. */
export function importModel(bytes: Uint8Array, options: ImportOptions = {}): ImportedModel {
  const settings = checkOptions(importOptions, options);
  checkBytes(bytes, 'a model (.tflite, .onnx)');
  return inFewerBits(importAsItIs(bytes, settings), settings);
}

function importAsItIs(bytes: Uint8Array, settings: ImportSettings): ImportedModel {
  if (isTflite(bytes)) {
    const float = floatGraphOf(bytes, settings);
    if (float) return quantized(float, settings);
    try {
      return inIntegers(bytes, settings);
    } catch (error) {
      if (error instanceof ObstacleError && mayBeNear(bytes, error))
        return throughReals(bytes, settings, error);
      throw error;
    }
  }
  checkOnnx(bytes);
  return quantized(floatGraphOf(bytes, settings)!, settings);
}

/** A .tflite file of integers, to the bit. */
function inIntegers(bytes: Uint8Array, { name, cut, reference }: ImportSettings): ImportedModel {
  const { network, notes } = importTflite(bytes, { name, reference, ...(cut === undefined ? {} : { cut }) });
  const inputs = network.inputs?.map((port) => ({ ...port, preprocessing: rangeOf(port.tensor) }));
  const preprocessing = rangeOf(network.tensors[network.input]!);
  return { network: inputs ? { ...network, inputs } : network, preprocessing, notes };
}

const hasInt16 = (bytes: Uint8Array): boolean =>
  readTflite(bytes).tensors.some(({ type, data }) => type === 'int16' && data.length === 0);

/** Whether near is good enough: not for int16, whose values would become int8, but where there is no other way. */
function mayBeNear(bytes: Uint8Array, { obstacles }: ObstacleError): boolean {
  return (
    !hasInt16(bytes) || obstacles.every(({ op, unsupported }) => unsupported || !WIDE_OPERATORS.includes(op))
  );
}

/**
 * A .tflite file of integers with operators that have no kernel here whose bits are TensorFlow Lite's: they are made of others,
 * with the scales that the file gives. Throws `refused`, what stood in the way, where that will not do either.
 */
function throughReals(bytes: Uint8Array, settings: ImportSettings, refused: ObstacleError): ImportedModel {
  const { cut } = settings;
  let graph: ImportedOnnx;
  try {
    const dialect = { code: 'E_TFLITE_OP', supported: FLOAT_OPERATORS };
    graph = graphOf(floatModelOf(readTflite(bytes)), cut === undefined ? {} : { output: cut }, dialect);
  } catch (error) {
    throw error instanceof BrownoutError ? refused : error;
  }
  const made = quantized(graph, settings);
  const names = [...new Set(refused.obstacles.map(({ op }) => op))];
  const int8 = hasInt16(bytes) ? '; int16 becomes int8 for it' : '';
  const note = `made of other operators, near TensorFlow Lite’s answers and not its bits: ${names.join(', ')}${int8}`;
  return { ...made, network: withUnsignedOf(bytes, made.network), notes: [...made.notes, note] };
}

/** A network whose inputs and outputs are uint8 where the file has them so. */
function withUnsignedOf(bytes: Uint8Array, network: QuantizedNetwork): QuantizedNetwork {
  const { inputs, outputs, tensors } = readTflite(bytes);
  const marked = (list: readonly number[], ports: readonly Port[] | undefined, only: number): Port[] => {
    const own = ports ?? [{ name: '', tensor: network.tensors[only]! }];
    return own.map((port, i) => {
      const unsigned = own.length === list.length && tensors[list[i]!]!.type === 'uint8';
      return unsigned ? { ...port, tensor: { ...port.tensor, unsigned: true } } : port;
    });
  };
  return withUnsigned(
    network,
    marked(inputs, network.inputs, network.input),
    marked(outputs, network.outputs, network.output),
  );
}
