import { basename, extname } from 'node:path';
import { compress } from './compress.js';
import type { CompressOptions } from './compress-options.js';
import type { Augmentation } from './augment.js';
import { fromGraph } from './from-graph.js';
import type { LabelledData } from './float-network.js';
import { realInputs } from '../data/model-input.js';
import { BrownoutError, ExitCode } from '../error.js';
import { importOnnx } from '../import/onnx/import-onnx.js';
import { compressText } from './report.js';
import { compressHtml } from './page.js';
import { checkCount, type LabelledSet, readSets } from '../data/samples.js';
import type { Command, CommandInput } from '../options/command.js';
import { asOf, asOption } from '../data/input-options.js';
import { readUserFile, wholeNumber, writeWhole } from '../data/files.js';
import { capacitance } from '../options/capacitance.js';
import { commandLine } from '../replay/power-options.js';

const BYTES = { b: 1, kb: 1024, mb: 1024 ** 2 };
const MICROJOULES = { uj: 1, µj: 1, mj: 1000, j: 1e6 };

/** Random changes to inputs, by what the inputs are. */
const AUGMENTATIONS: Record<string, Augmentation | undefined> = {
  none: undefined,
  image: { shiftPixels: 2, rotationRadians: 0.2, shear: 0.15, scale: 0.12 },
  series: { timeShift: 8, noise: 0.05, gain: 0.1 },
};

function optionError(name: string, found: string | boolean, expected: string): BrownoutError {
  const hint = 'See `brownout compress --help`.';
  return new BrownoutError({ code: 'E_OPTION', found: `--${name} ${found}`, expected, hint });
}

/** A number with a unit, such as 32KB. Throws `E_OPTION`. */
function quantity(name: string, text: string, units: Record<string, number>, example: string): number {
  const [, value, unit = ''] = /^(\d+(?:\.\d+)?) ?([a-zµ]*)$/i.exec(text) ?? [];
  const factor = unit === '' ? 1 : units[unit.toLowerCase()];
  if (value === undefined || factor === undefined || Number(value) <= 0)
    throw optionError(name, text, `a quantity such as ${example}`);
  return Number(value) * factor;
}

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

/** What the options say, beside files. */
function settings(options: CommandInput['options']): Partial<CompressOptions> {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const take = <T>(name: string, key: string, parse: (text: string) => T): object => {
    const value = text(name);
    return value === undefined ? {} : { [key]: parse(value) };
  };
  const augment = text('augment') ?? 'none';
  if (!Object.hasOwn(AUGMENTATIONS, augment))
    throw optionError('augment', augment, Object.keys(AUGMENTATIONS).join(', '));
  const augmentation = AUGMENTATIONS[augment];
  const real = (name: string) => (value: string) => {
    if (!/^\d+(\.\d+)?(e-?\d+)?$/.test(value)) throw optionError(name, value, 'a number');
    return Number(value);
  };
  return {
    ...take('flash', 'flashBytes', (value) => Math.floor(quantity('flash', value, BYTES, '32KB'))),
    ...take('sram', 'sramBytes', (value) => Math.floor(quantity('sram', value, BYTES, '4KB'))),
    ...take('energy', 'energyUj', (value) => quantity('energy', value, MICROJOULES, '2mJ')),
    ...take('capacitor', 'capacitorUf', capacitance),
    ...take('device', 'device', String),
    ...take('policy', 'policy', String),
    ...take('classes', 'classes', (value) => value.split(',')),
    ...take('methods', 'methods', (value) => value.split(',')),
    ...take('seed', 'seed', (value) => wholeNumber('seed', value)),
    ...take('epochs', 'epochs', (value) => wholeNumber('epochs', value)),
    ...take('batch', 'batchSize', (value) => wholeNumber('batch', value)),
    ...take('rate', 'learningRate', real('rate')),
    ...take('mixup', 'mixup', real('mixup')),
    ...(augmentation ? { augmentation } : {}),
  };
}

export const compressCommand: Command = {
  name: 'compress',
  positionals: ['model'],
  summary:
    'Train a float network (.onnx) into a circulant, pruned, integer one that fits a device and a charge.',
  options: [
    {
      name: 'data',
      value: 'FILE',
      help: '.npz with x and y, and x_test, y_test and groups (whose each x is) if you like; or .npy of inputs',
    },
    { name: 'labels', value: 'FILE', help: '.npy or .csv of classes, where --data has none' },
    asOption,
    {
      name: 'output',
      short: 'o',
      value: 'FILE',
      help: 'where to write the image (default: the model’s name, .brn)',
    },
    { name: 'device', value: 'NAME', help: 'device profile (default cortex-m4-generic)' },
    { name: 'flash', value: 'SIZE', help: 'most bytes of the image (plan, weights, tables), such as 32KB' },
    { name: 'sram', value: 'SIZE', help: 'most bytes of static data and arena, such as 4KB' },
    {
      name: 'energy',
      value: 'ENERGY',
      help: 'most of one inference on steady power, simulated, such as 2mJ',
    },
    {
      name: 'capacitor',
      value: 'C',
      help: 'capacitor before the device, such as 100uF (default: the device’s)',
    },
    {
      name: 'epochs',
      value: 'N',
      help: 'of training with rounding; other steps take shares of it (default 30)',
    },
    { name: 'batch', value: 'N', help: 'inputs in a batch (default 32)' },
    { name: 'rate', value: 'R', help: 'peak learning rate (default 0.002)' },
    { name: 'augment', value: 'KIND', help: 'random changes to inputs: none (default), image or series' },
    { name: 'mixup', value: 'S', help: 'blend inputs in pairs, with shares up to this (default 0)' },
    {
      name: 'methods',
      value: 'A,B,…',
      help: 'structured training to compare: projected, direct, admm (default all)',
    },
    { name: 'seed', value: 'S', help: 'of everything random (default 1)' },
    { name: 'classes', value: 'A,B,…', help: 'names of the classes, for reports' },
    { name: 'policy', value: 'NAME', help: 'when to commit: every N, low, auto (default) or never' },
    {
      name: 'report',
      value: 'FILE',
      help: 'write a page: what was tried, what was done to each layer and why',
    },
    {
      name: 'checkpoint',
      value: 'FILE',
      help: 'state of the run, to go on from (default: the output’s name, .progress)',
    },
  ],
  examples: [
    'brownout compress model.onnx --data train.npz --device msp430fr5994 --flash 32KB --sram 4KB --energy 20mJ -o model.brn',
    'brownout compress model.onnx --data train.npz --flash 8KB --augment image --report model.html',
  ],
  run(input) {
    const { positionals, options, print, progress } = input;
    const path = positionals[0]!;
    const { data, labels, report: page } = options;
    if (typeof data !== 'string') {
      throw new BrownoutError({
        code: 'E_USAGE',
        found: 'no --data',
        expected: 'training inputs and their classes',
        hint: 'Save them with numpy.savez("train.npz", x=…, y=…).',
      });
    }
    const stem = basename(path, extname(path));
    const output = typeof options['output'] === 'string' ? options['output'] : `${stem}.brn`;
    const checkpoint =
      typeof options['checkpoint'] === 'string' ? options['checkpoint'] : `${output}.progress`;
    const given = settings(options);
    const { graph, channelsFirst } = importOnnx(readUserFile(path));
    const network = fromGraph(graph);
    const sets = readSets(data, {
      ...asOf(options),
      ...(typeof labels === 'string' ? { labels } : {}),
      ...(given.classes ? { classes: given.classes } : {}),
    });
    const { shape } = graph.tensors[graph.input]!;
    let stage = '';
    const result = compress(network, {
      ...given,
      data: aligned(sets.training, shape, channelsFirst),
      ...(sets.test ? { test: aligned(sets.test, shape, channelsFirst) } : {}),
      name: stem,
      channelsFirst,
      checkpoint,
      onProgress(event) {
        if (event.stage !== stage)
          print(
            `${event.stage}${stage === '' ? ` (cut off? the same command goes on from ${checkpoint})` : ''}`,
          );
        stage = event.stage;
        print(`  ${event.text}`);
        if (event.done !== undefined && event.total !== undefined) progress(event.done, event.total);
      },
    });
    writeWhole(output, result.image);
    const command = commandLine('compress', input);
    if (typeof page === 'string')
      writeWhole(page, new TextEncoder().encode(compressHtml(result.report, command)));
    return {
      json: { file: output, bytes: result.image.length, ...result.report },
      text: `${compressText(result.report)}\n\n${output}: ${result.image.length} bytes, proved`,
      exitCode: ExitCode.OK,
    };
  },
};
