// Layer by layer: how far the device's numbers are from the model's, where they go wrong first, and why.
import { OP_INPUT } from '../../assembly/layout.js';
import { alignSamples, asCodes, type InputArray, readAs } from '../data/model-input.js';
import { BrownoutError } from '../error.js';
import { quantizeValues } from '../model/affine.js';
import { evaluate, UNBOUNDED } from '../import/float-graph.js';
import { imageOf } from '../ops/given-image.js';
import type { Image } from '../model/image.js';
import { elementCount } from '../model/quantized-network.js';
import type { Values } from '../model/values.js';
import { alignLayers } from './align.js';
import { runFromLog, writeLog } from './device-log.js';
import { targetOf } from '../power/target.js';
import { runDevice } from './device-run.js';
import { deviceWeights } from './device-weights.js';
import { type Diagnosis, diagnose, expectedOf } from './diagnose.js';
import { testInput } from './input-test.js';
import type { DeviceLayer, DeviceRun } from './layers.js';
import { type Origin, originOf } from '../origin.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';
import { type LayerPicture, pictureOf } from './pictures.js';
import { naturalBounds, operandsOf, readReference, type Reference } from './reference.js';
import { isWeighted, makeScene, type Scene } from './scene.js';
import { checkOptions } from '../options/table.js';
import { type XrayOptions, xrayOptions, type XraySettings } from './options.js';
import { dequantize, figuresOf, signalToNoise, type TensorFigures } from './statistics.js';

/** One op of the image against the reference. */
export interface LayerReport extends TensorFigures {
  name: string;
  kernel: string;
  shape: readonly number[];
  /** The reference's op; absent: it has none, and there are no figures of it. */
  reference?: string;
  /** As `sqnrDb`, given the inputs that the device really had: the layer's own share. */
  ownSqnrDb: number;
  /** Sound: rounding explains its outputs. */
  sound: boolean;
}

/** A layer that goes wrong, and the most likely cause. */
export interface Fault extends Diagnosis {
  layer: string;
  /** Index in `layers`; −1: the input. */
  index: number;
}

/** What `brownout xray --json` prints. */
export interface XrayResult {
  origin: Origin;
  name: string;
  samples: number;
  /** Whether the figures are of a log or of the simulated device. */
  source: 'log' | 'simulated';
  /** The one simulated: what the image was compiled for. */
  device: string | null;
  layers: LayerReport[];
  /** In order; the first is where it goes wrong first. */
  faults: Fault[];
  sound: boolean;
}

/** What `xray` returns: the result, and what the page draws. */
export interface XrayOutput extends XrayResult {
  /** Tensors of the first sample, for the page. */
  pictures: LayerPicture[];
  /** The run, as a device logs it; absent where it came from a log. */
  log?: Uint8Array;
}

/** Share of layers that must agree with the reference's quantization before one that does not is a fault. */
const MOST_AGREE = 0.5;

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_XRAY', found, expected, hint });
}

const holdsCodes = ({ dtype, as }: InputArray, { metadata }: Image): boolean =>
  readAs(dtype, metadata.input.dtype ?? 'int8', as) === 'codes';

/** Samples as reals, in the image's order of elements. */
function realSamples(array: InputArray, image: Image, reference: Reference): Float64Array[] {
  const { input, preprocessing } = image.metadata;
  const turn = reference.channelsFirst || preprocessing.channelsFirst === true;
  const aligned = alignSamples(array, input.shape, turn);
  if (!holdsCodes(array, image)) return aligned.map((sample) => Float64Array.from(sample));
  // Quantized already, as the model's file says.
  return aligned.map((sample) => dequantize(sample as Values, { ...input, ...reference.input }));
}

/** Samples as the device's integers: floats quantized without a look at their range. */
function deviceSamples(array: InputArray, image: Image, reference: Reference): Values[] {
  const { input, preprocessing } = image.metadata;
  const turn = reference.channelsFirst || preprocessing.channelsFirst === true;
  if (holdsCodes(array, image))
    return alignSamples({ shape: array.shape, data: asCodes(array, image) }, input.shape, turn);
  return alignSamples(array, input.shape, turn).map((sample) => quantizeValues(sample, input));
}

interface Subject {
  image: Image;
  reference: Reference;
  run: DeviceRun;
  /** Inputs of the reference. */
  inputs: Float64Array[];
  /** Index of each layer's op in the reference. */
  matches: (number | undefined)[];
  /** Every tensor of the reference, by sample. */
  exact: (Float64Array | undefined)[][];
  /** Tensors of the reference that the device has, as it has them, by sample. */
  known: Map<number, Float64Array>[];
}

function subjectOf(image: Image, options: XraySettings): { subject: Subject; log?: Uint8Array } {
  const reference = readReference(options.reference, (image.metadata.quantization?.equalizedPairs ?? 0) > 0);
  const size = elementCount(image.metadata.input);
  const wanted = elementCount(reference.graph.tensors[reference.graph.input]!);
  if (size !== wanted)
    refuse(
      `a reference that takes ${wanted} values`,
      `${size}, as the image does`,
      'Give the model it was compiled from.',
    );
  const most = options.samples;
  let run: DeviceRun;
  let log: Uint8Array | undefined;
  if (options.log) run = runFromLog(options.log, image);
  else {
    const source = options.deviceData ?? options.data;
    if (!source) refuse('neither data nor a log', 'one of them', 'Give inputs as `data`, or a log as `log`.');
    const made = runDevice(image, deviceSamples(source, image, reference).slice(0, most), options.onSample);
    run = made.run;
    log = writeLog(image.imageId, made.log);
  }
  const count = Math.min(most, run.inputs.length);
  run = {
    inputs: run.inputs.slice(0, count),
    layers: run.layers.map((layer) => ({ ...layer, values: layer.values.slice(0, count) })),
  };
  const given = run.inputs.map((values) => dequantize(values, image.metadata.input));
  const inputs = options.data ? realSamples(options.data, image, reference).slice(0, count) : given;
  if (inputs.length !== count)
    refuse(
      `${inputs.length} samples for ${count} runs of the device`,
      'as many',
      'Give the samples that were run, in order.',
    );
  const matches = alignLayers(run.layers, reference.graph);
  const matched = matches.filter((match) => match !== undefined).length;
  if (matched * 2 < run.layers.length)
    refuse(
      `${matched} of ${run.layers.length} layers that are alike`,
      'most of them',
      'Give the model it was compiled from.',
    );
  const exact = inputs.map((input) => evaluate(reference.graph, input));
  const known = given.map((input, sample) => {
    const tensors = new Map([[reference.graph.input, input]]);
    run.layers.forEach((layer, i) => {
      const match = matches[i];
      if (match !== undefined)
        tensors.set(reference.graph.ops[match]!.output, dequantize(layer.values[sample]!, layer.spec));
    });
    return tensors;
  });
  return { subject: { image, reference, run, inputs, matches, exact, known }, ...(log ? { log } : {}) };
}

/** The image's weights and biases of a layer as reals, in the reference's order; nothing where they are not alike. */
function weightsOf(
  { image, run }: Subject,
  layer: DeviceLayer,
  op: Scene['op'],
): Pick<Scene, 'weights' | 'bias'> {
  const record = image.ops[layer.first]!;
  const address = record.get(OP_INPUT);
  const before = run.layers.findLast((other) => other.op < layer.first && other.address === address);
  const input = before?.spec ?? (address === image.input.offset ? image.metadata.input : undefined);
  const found = input && deviceWeights(image, record, input.zeroPoint);
  if (!isWeighted(op) || !found || found.values.length !== op.weights.length) return {};
  const depthwise = op.kind === 'depthwiseConv2d';
  const row = found.values.length / found.outputs;
  // An accumulator's unit: what it is multiplied by, in the output's units.
  const unit = (o: number): number => found.multipliers[o]! * layer.spec.scale;
  return {
    weights: found.values.map(
      (q, i) => (q * unit(depthwise ? i % found.outputs : Math.floor(i / row))) / input.scale,
    ),
    bias: found.bias.map((b, o) => b * unit(o)),
  };
}

function sceneOf(subject: Subject, index: number): Scene {
  const { reference, run, matches, known } = subject;
  const layer = run.layers[index]!;
  const op = reference.graph.ops[matches[index]!]!;
  const operands = known.map((tensors) => {
    // The layer's own output is what is tested.
    const before = new Map(tensors);
    before.delete(op.output);
    return operandsOf(reference.graph, op, before);
  });
  const direct = operands.every((one) => one.direct) ? operands.map((one) => one.direct!) : undefined;
  const parts = {
    name: layer.name,
    graph: reference.graph,
    op,
    inputs: operands.map(({ values }) => values),
    atInput: operands[0]!.atInput,
    spec: layer.spec,
    ...(direct ? { direct } : {}),
    ...weightsOf(subject, layer, op),
  };
  return makeScene(parts, layer.values);
}

function examine(
  subject: Subject,
  index: number,
  behind: boolean,
): { report: LayerReport; diagnosis: Diagnosis | undefined } {
  const { run, matches, exact, reference } = subject;
  const layer = run.layers[index]!;
  const { name, kernel, spec, values } = layer;
  const match = matches[index];
  const shared = { name, kernel, shape: spec.shape };
  if (match === undefined) {
    const own = values.map((row) => dequantize(row, spec));
    return {
      report: { ...shared, ...figuresOf(values, own, spec, UNBOUNDED), ownSqnrDb: 0, sound: true },
      diagnosis: undefined,
    };
  }
  const op = reference.graph.ops[match]!;
  const scene = sceneOf(subject, index);
  const expected = expectedOf(scene);
  const diagnosis = diagnose(scene, expected, { behind });
  const truth = exact.map((tensors) => tensors[op.output]!);
  let [signal, noise] = [0, 0];
  scene.device.forEach((row, sample) => {
    row.forEach((value, i) => {
      signal += expected[sample]![i]! ** 2;
      noise += (value - expected[sample]![i]!) ** 2;
    });
  });
  const figures = figuresOf(values, truth, spec, naturalBounds(reference.graph, op));
  const report = {
    ...shared,
    ...figures,
    reference: op.name,
    ownSqnrDb: signalToNoise(signal, noise),
    sound: !diagnosis,
  };
  return { report, diagnosis };
}

/** Layers whose scale or zero point is not the one that the model's file states, where nearly all the others' are. */
function statedFaults({ reference, run, matches }: Subject): Fault[] {
  const stated = run.layers.flatMap((layer, index) => {
    const match = matches[index];
    const given =
      match === undefined ? undefined : reference.graph.tensors[reference.graph.ops[match]!.output]!.given;
    return given ? [{ layer, index, given }] : [];
  });
  const differs = stated.filter(({ layer, given }) => {
    return Math.abs(layer.spec.scale / given.scale - 1) > 1e-4 || layer.spec.zeroPoint !== given.zeroPoint;
  });
  if (stated.length < 2 || differs.length > stated.length * (1 - MOST_AGREE)) return [];
  return differs.map(({ layer, index, given }): Fault => {
    const factor = Number((layer.spec.scale / given.scale).toPrecision(3));
    const moved = layer.spec.zeroPoint - given.zeroPoint;
    const cause = factor === 1 ? 'zero-point' : 'scale';
    const summary =
      cause === 'scale'
        ? `scale off by ${factor}: quantized with ${layer.spec.scale}, the model says ${given.scale}`
        : `wrong zero point: ${layer.spec.zeroPoint}, the model says ${given.zeroPoint} (off by ${moved})`;
    return { layer: layer.name, index, cause, summary, misfit: 0, explained: 0, others: [] };
  });
}

/**
 * Holds every tensor that the device computes of `image` against `reference` in real arithmetic. Each layer is tested on
 * the inputs it really had, so an error is found where it is made. Throws `E_XRAY`, `E_LOG`, `E_INPUT_SHAPE`, and what
 * the importers throw.
 */
export function xray(image: Uint8Array | Image, given: XrayOptions): XrayOutput {
  const options = checkOptions(xrayOptions, given);
  const model = imageOf(image);
  const { subject, log } = subjectOf(model, options);
  const { run, inputs, reference } = subject;
  const faults: Fault[] = [];
  const apart = options.data !== undefined && (options.log !== undefined || options.deviceData !== undefined);
  const integers = options.data !== undefined && holdsCodes(options.data, model);
  const atInput = testInput({
    graph: reference.graph,
    spec: model.metadata.input,
    samples: inputs,
    device: run.inputs,
    apart: apart || integers,
    ...(options.labels ? { labels: options.labels } : {}),
  });
  if (atInput) faults.push({ layer: 'input', index: -1, ...atInput });
  const layers: LayerReport[] = [];
  run.layers.forEach((layer, index) => {
    const { report, diagnosis } = examine(subject, index, faults.length > 0);
    layers.push(report);
    if (diagnosis) faults.push({ layer: layer.name, index, ...diagnosis });
  });
  for (const fault of statedFaults(subject)) {
    if (faults.some(({ index }) => index === fault.index)) continue;
    layers[fault.index]!.sound = false;
    faults.push(fault);
  }
  faults.sort((a, b) => a.index - b.index);
  const pictures = run.layers.map((layer, index) => {
    const match = subject.matches[index];
    const op = match === undefined ? undefined : reference.graph.ops[match];
    return pictureOf(layer, op && subject.exact[0]![op.output]!);
  });
  return {
    origin: originOf({
      image: model.file,
      ...(options.log ? {} : { module: moduleBytes(moduleFor(model)) }),
    }),
    name: model.metadata.name,
    samples: inputs.length,
    source: options.log ? 'log' : 'simulated',
    device: options.log ? null : targetOf(model, {}).profile.name,
    layers,
    faults,
    sound: faults.length === 0,
    pictures,
    ...(log ? { log } : {}),
  };
}
