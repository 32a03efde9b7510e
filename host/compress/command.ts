import { basename, extname } from 'node:path';
import { compress } from './compress.js';
import { compressOptions } from './compress-options.js';
import type { Augmentation } from './augment.js';
import { fromGraph } from './from-graph.js';
import type { LabelledData } from './float-network.js';
import { asOption } from '../data/input-options.js';
import { realInputs } from '../data/model-input.js';
import { ExitCode } from '../error.js';
import { importOnnx } from '../import/onnx/import-onnx.js';
import { compressText } from './report.js';
import { compressHtml } from './page.js';
import { checkCount, type LabelledSet, readSets } from '../data/samples.js';
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

function aligned(
  { array, labels, groups }: LabelledSet,
  shape: readonly number[],
  channelsFirst: boolean,
): LabelledData {
  const samples = realInputs(array, shape, channelsFirst);
  checkCount(samples.length, labels);
  const size = samples[0]?.length ?? 0;
  const inputs = new Float32Array(samples.length * size);
  samples.forEach((sample, i) => inputs.set(sample, i * size));
  return { inputs, labels, ...(groups ? { groups } : {}) };
}

const AUGMENT = ['none', 'image', 'handwriting', 'series'] as const;

/** What a preset changes, in words: shiftPixels 2, … */
const augmentText = (changes: Augmentation): string =>
  Object.entries(changes)
    .map(([name, limit]) => `${name} ${limit}`)
    .join(', ');

export const command: Command = defineCommand({
  positionals: [{ name: 'model', expected: 'a float network (.onnx)' }],
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
    'brownout compress model.onnx --data train.npz --flash 8KB --augment image --report model.html',
  ],
  run({ positionals, options, print, progress, writes, commandLine }) {
    const path = positionals[0]!;
    const { data, labels, as, report: page, augment = 'none', output: given, ...settings } = options;
    const stem = basename(path, extname(path));
    const output = given ?? writes(`${stem}.brn`, IMAGE_FILE);
    const journal = settings.journal ?? writes(`${output}.progress`, JOURNAL_FILE);
    const augmentation = AUGMENTATIONS[augment];
    if (augmentation)
      print(`every input changes at random in every epoch, by up to: ${augmentText(augmentation)}`);
    const { graph, channelsFirst } = importOnnx(readUserFile(path));
    const network = fromGraph(graph);
    const sets = readSets(data!, {
      ...(as ? { as } : {}),
      ...(labels === undefined ? {} : { labels }),
      ...(settings.classes ? { classes: settings.classes } : {}),
    });
    const { shape } = graph.tensors[graph.input]!;
    let stage = '';
    const result = compress(network, {
      ...settings,
      ...(augmentation ? { augmentation } : {}),
      data: aligned(sets.training, shape, channelsFirst),
      ...(sets.test ? { test: aligned(sets.test, shape, channelsFirst) } : {}),
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
    return {
      json: { file: output, bytes: result.image.length, ...result.report },
      text: `${compressText(result.report)}\n\n${output}: ${result.image.length} bytes, proved`,
      exitCode: ExitCode.OK,
    };
  },
});
