import { basename, dirname, extname, join } from 'node:path';
import { compress } from './compress.js';
import { compressOptions } from './compress-options.js';
import type { Augmentation } from './augment.js';
import { fromGraph } from './from-graph.js';
import type { LabelledData } from './float-network.js';
import { asOption } from '../data/input-options.js';
import { type InputArray, realInputs } from '../data/model-input.js';
import { BrownoutError, ExitCode, naming } from '../error.js';
import type { FloatGraph } from '../import/float-graph.js';
import { fileOperators, floatGraphOf } from '../import/import-model.js';
import type { ImportedOnnx } from '../import/onnx/import-onnx.js';
import { elementCount } from '../model/quantized-network.js';
import { compressText } from './report.js';
import { count } from '../report/text.js';
import { compressHtml } from './page.js';
import { checkCount, type LabelledArray, type LabelledSet, readBoth, readSets } from '../data/samples.js';
import { cliOptions, type Command, defineCommand } from '../options/command.js';
import { choice, file, isBytes, outputFile } from '../options/kinds.js';
import { JOURNAL_FILE, IMAGE_FILE, PAGE_FILE } from '../options/outputs.js';
import { readUserFile, writeWhole } from '../data/files.js';

/** Random changes to inputs, by what the inputs are. */
const AUGMENTATIONS: Record<string, Augmentation | undefined> = {
  none: undefined,
  image: { shiftPixels: 2, rotationRadians: 0.2, shear: 0.15, scale: 0.12 },
  handwriting: { shiftPixels: 2, rotationRadians: 0.2, shear: 0.15, scale: 0.12, elasticPixels: 1.5 },
  series: { timeShift: 8, noise: 0.05, gain: 0.1 },
};

/** Samples as rows of floats, in the order in which the network has them. */
function rowsOf(array: InputArray, shape: readonly number[], channelsFirst: boolean): [Float32Array, number] {
  const samples = realInputs(array, shape, channelsFirst);
  const size = samples[0]?.length ?? 0;
  const rows = new Float32Array(samples.length * size);
  samples.forEach((sample, i) => rows.set(sample, i * size));
  return [rows, samples.length];
}

function classified(
  what: string,
  { array, labels, groups }: LabelledSet,
  { tensors, input }: FloatGraph,
  channelsFirst: boolean,
): LabelledData {
  const [inputs, count] = naming(`${what} inputs`, () => rowsOf(array, tensors[input]!.shape, channelsFirst));
  naming(`${what} inputs`, () => checkCount(count, labels));
  return { inputs, labels, ...(groups ? { groups } : {}) };
}

/** What a regression is to answer: y, or the inputs themselves where there is none. */
function withTargets(
  what: string,
  { array, targets = array, groups }: LabelledArray,
  { tensors, input, output }: FloatGraph,
  channelsFirst: boolean,
): LabelledData {
  const [inputs, count] = naming(`${what} inputs`, () => rowsOf(array, tensors[input]!.shape, channelsFirst));
  const { shape } = tensors[output]!;
  // One number a sample needs no dimension of its own.
  const whole = targets.shape.length === 1 ? { ...targets, shape: [...targets.shape, 1] } : targets;
  const size = whole.shape.slice(1).reduce((product, extent) => product * extent, 1);
  const isSame = `${whole.shape.slice(1)}` === `${channelsFirst ? [shape[2], shape[0], shape[1]] : shape}`;
  const flat = isSame ? whole : { ...whole, shape: [whole.shape[0]!, size] };
  const wanted = isSame ? shape : [elementCount({ shape })];
  const [values, rows] = naming(`${what} targets`, () => rowsOf(flat, wanted, channelsFirst && isSame));
  if (rows !== count)
    throw new BrownoutError({
      code: 'E_DATASET',
      found: `${rows} ${what} targets for ${count} samples`,
      expected: 'one for each',
      hint: 'Check the arrays.',
    });
  return { inputs, targets: values, labels: new Uint8Array(count), ...(groups ? { groups } : {}) };
}

/** Both sets made something of. */
const mapped = <T>(
  { training, test }: { training: T; test?: T },
  use: (what: string, set: T) => LabelledData,
): { training: LabelledData; test?: LabelledData } => ({
  training: use('training', training),
  ...(test ? { test: use('test', test) } : {}),
});

/** Layers that go over a sequence step by step, as files name them. */
const RECURRENT = /^(LSTM|GRU|RNN|SVDF|.*_(LSTM|RNN))$/;

/** A float model's file as a graph. Throws `E_TRAIN_OP` where it is of integers or recurrent. */
function imported(path: string): ImportedOnnx {
  const model = readUserFile(path);
  const beside = (file: string): Uint8Array => readUserFile(join(dirname(path), file));
  const recurrent = Object.keys(fileOperators(model, beside)).filter((name) => RECURRENT.test(name));
  if (recurrent.length > 0)
    throw new BrownoutError({
      code: 'E_TRAIN_OP',
      found: `a recurrent network: ${recurrent.join(', ')}`,
      expected: 'layers without a state',
      hint: '`brownout compile` takes recurrent layers: quantize this model as it is. To train, use convolutions over time.',
    });
  const graph = floatGraphOf(model, { beside });
  if (graph) return graph;
  throw new BrownoutError({
    code: 'E_TRAIN_OP',
    found: 'a .tflite file of integers',
    expected: 'one of floats, as it was before it was quantized',
    hint: 'Convert the model without quantization; `brownout compile` takes this one as it is.',
  });
}

const AUGMENT = ['none', 'image', 'handwriting', 'series'] as const;

/** What a preset changes, in words: shiftPixels 2, … */
const augmentText = (changes: Augmentation): string =>
  Object.entries(changes)
    .map(([name, limit]) => `${name} ${limit}`)
    .join(', ');

export const command: Command = defineCommand({
  positionals: [{ name: 'model', expected: 'a float network (.onnx, .tflite)' }],
  options: {
    data: {
      kind: file('training inputs and their classes', 'train.npz', isBytes),
      required: true,
      help: '.npz with x and y, and x_test, y_test and groups (whose each x is) if you like; or .npy of inputs',
    },
    labels: {
      kind: file('class numbers', 'labels.npy', isBytes),
      help: '.npy or .csv of classes, where --data has none',
    },
    as: asOption,
    output: {
      kind: outputFile(IMAGE_FILE, 'model.brn'),
      short: 'o',
      help: 'where to write the image',
      otherwise: 'the model’s name, .brn',
    },
    ...cliOptions(compressOptions),
    augment: {
      kind: choice(AUGMENT, { placeholder: 'KIND' }),
      default: 'none',
      help: 'random changes to inputs, with limits that it prints: none, image, handwriting or series',
    },
    report: {
      kind: outputFile(PAGE_FILE, 'model.html'),
      help: 'write a page: what was tried, what was done to each layer and why',
    },
  },
  examples: [
    'brownout compress model.onnx --data train.npz --device msp430fr5994 --flash 32KB --sram 4KB --energy 20mJ -o model.brn',
    'brownout compress model.tflite --data train.npz --flash 8KB --augment image --report model.html',
  ],
  run({ positionals, options, print, progress, writes, commandLine }) {
    const path = positionals[0]!;
    const { data, labels, as, report: page, augment = 'none', output: asked, ...settings } = options;
    const stem = basename(path, extname(path));
    const output = asked ?? writes(`${stem}.brn`, IMAGE_FILE);
    const journal = settings.journal ?? writes(`${output}.progress`, JOURNAL_FILE);
    const augmentation = AUGMENTATIONS[augment];
    if (augmentation)
      print(`every input changes at random in every epoch, by up to: ${augmentText(augmentation)}`);
    const { graph, channelsFirst } = imported(path);
    const network = fromGraph(graph);
    const given = {
      ...(as ? { as } : {}),
      ...(labels === undefined ? {} : { labels }),
      ...(settings.classes ? { classes: settings.classes } : {}),
    };
    const sets =
      settings.metric === 'mae'
        ? mapped(readBoth(data!, { ...given, targets: true }), (what, set) =>
            withTargets(what, set, graph, channelsFirst),
          )
        : mapped(readSets(data!, given), (what, set) => classified(what, set, graph, channelsFirst));
    let stage = '';
    const result = compress(network, {
      ...settings,
      ...(augmentation ? { augmentation } : {}),
      data: sets.training,
      ...(sets.test ? { test: sets.test } : {}),
      name: stem,
      channelsFirst,
      journal,
      onProgress(event) {
        if (event.stage !== stage)
          print(
            `${event.stage}${stage === '' ? ` (cut off? the same command goes on from ${journal})` : ''}`,
          );
        stage = event.stage;
        print(`  ${event.text}`);
        if (event.done !== undefined && event.total !== undefined) progress(event.done, event.total);
      },
    });
    writeWhole(output, result.image);
    if (page !== undefined) writeWhole(page, new TextEncoder().encode(compressHtml(result, commandLine)));
    const size = count(result.image.length);
    const flash = count(result.report.after.cost!.flashBytes);
    return {
      json: { file: output, bytes: result.image.length, ...result.report },
      text: `${compressText(result.report)}\n\n${output}: ${size} bytes, ${flash} of them for the device, proved`,
      exitCode: ExitCode.OK,
    };
  },
});
