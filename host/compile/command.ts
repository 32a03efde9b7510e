import { basename, dirname, extname, join } from 'node:path';
import { analyze } from '../analyze/analyze.js';
import { compile, type CompileOptions } from './compile.js';
import { KEYWORD_FEATURES } from '../model/audio-features.js';
import { readArray } from '../data/samples.js';
import { BrownoutError, ExitCode } from '../error.js';
import { importModel, type ImportOptions } from '../import/import-model.js';
import { analyzeText } from '../analyze/report.js';
import { count } from '../report/text.js';
import { type Preprocessing, readImage } from '../model/image.js';
import type { Circulant, QuantizationChoices, SpectraChoice } from '../model/quantized-network.js';
import type { Command, CommandInput } from '../options/command.js';
import { asOf, asOption } from '../data/input-options.js';
import { readUserFile, wholeNumber, writeWhole } from '../data/files.js';
import { learningOptions, learnOptionsOf } from './learning-options.js';

function compileOptions(options: CommandInput['options']): CompileOptions {
  const number = (name: string): number | undefined => {
    const text = options[name];
    return typeof text === 'string' ? wholeNumber(name, text) : undefined;
  };
  const [arenaBytes, nvmBytes, capacitorUf] = ['arena', 'nvm', 'capacitor'].map(number);
  const { policy, device, classes, spectra, circulant } = options;
  const learn = learnOptionsOf(options);
  return {
    ...(learn ? { learn } : {}),
    ...(typeof policy === 'string' ? { policy } : {}),
    ...(typeof device === 'string' ? { device } : {}),
    // `compile` refuses other words.
    ...(typeof spectra === 'string' ? { spectra: spectra as SpectraChoice } : {}),
    ...(typeof circulant === 'string' ? { circulant: circulant as Circulant['method'] } : {}),
    ...(typeof classes === 'string' ? { classes: classes.split(',') } : {}),
    ...(arenaBytes === undefined ? {} : { arenaBytes }),
    ...(nvmBytes === undefined ? {} : { nvmBytes }),
    ...(capacitorUf === undefined ? {} : { capacitorUf }),
    verify: options['no-verify'] !== true,
  };
}

/** What the options say of how inputs are prepared. Throws `E_OPTION`. */
function preprocessingOf({ range, features }: CommandInput['options']): Partial<Preprocessing> {
  const wrong = (name: string, found: string | boolean, expected: string): BrownoutError => {
    const hint = 'See `brownout compile --help`.';
    return new BrownoutError({ code: 'E_OPTION', found: `--${name} ${found}`, expected, hint });
  };
  const stated: Partial<Preprocessing> = {};
  if (typeof range === 'string') {
    const [minimum = Number.NaN, maximum = Number.NaN, ...more] = range.split(',').map(Number);
    if (!(minimum < maximum) || more.length > 0) throw wrong('range', range, 'two numbers, the lesser first');
    Object.assign(stated, { minimum, maximum });
  }
  if (features === 'mfcc' || features === 'log-mel')
    stated.features = { kind: features, ...KEYWORD_FEATURES };
  else if (features !== undefined) throw wrong('features', features, 'mfcc or log-mel');
  return stated;
}

/** How a float model is quantized. Throws `E_OPTION`. */
function quantizeOptions({
  ranges,
  equalize,
  'no-bias-correction': plain,
}: CommandInput['options']): NonNullable<ImportOptions['quantize']> {
  if (ranges !== undefined && ranges !== 'max' && ranges !== 'percentile' && ranges !== 'mse') {
    const hint = 'See `brownout compile --help`.';
    throw new BrownoutError({
      code: 'E_OPTION',
      found: `--ranges ${ranges}`,
      expected: 'max, percentile or mse',
      hint,
    });
  }
  return { ...(ranges ? { ranges } : {}), equalize: equalize === true, biasCorrection: plain !== true };
}

/** What was chosen where a float model was quantized, beside the table. */
function quantizationText(choices: QuantizationChoices | undefined): string {
  if (!choices) return 'quantized as the file says';
  const { ranges, biasCorrection, equalizedPairs } = choices;
  const names = { max: 'all that was seen', percentile: '99.99 % of values', mse: 'least mean square error' };
  const parts = [
    'int8, weights with a scale a channel',
    `ranges of activations ${ranges} (${names[ranges]})`,
    biasCorrection ? 'biases corrected' : 'biases as they were',
    equalizedPairs > 0 ? `${equalizedPairs} pairs of layers equalized` : 'not equalized',
  ];
  return `quantized on samples: ${parts.join('; ')}`;
}

export const compileCommand: Command = {
  name: 'compile',
  positionals: ['model'],
  summary: 'Compile a model (.tflite, .onnx) to an image, prove it, and show what every op costs.',
  options: [
    {
      name: 'output',
      short: 'o',
      value: 'FILE',
      help: 'where to write the image (default: the model’s name, .brn)',
    },
    { name: 'name', value: 'NAME', help: 'name of the model in reports (default: the file’s)' },
    {
      name: 'data',
      value: 'FILE',
      help: 'float inputs that set the ranges of a float model: .npy, .npz or .csv',
    },
    asOption,
    { name: 'shape', value: 'N,N,…', help: 'shape of the input, where the file leaves sizes open' },
    {
      name: 'reference',
      value: 'NAME',
      help: 'whose kernels a .tflite file’s results are those of, where they differ: tflite (default) or tflm',
    },
    { name: 'cut', value: 'NAME', help: 'the value that is the answer (default: the model’s output)' },
    {
      name: 'range',
      value: 'LOW,HIGH',
      help: 'floats the model was trained on (default: what its input holds)',
    },
    { name: 'features', value: 'NAME', help: 'of sound: mfcc or log-mel, as for 49×10 keyword features' },
    {
      name: 'ranges',
      value: 'NAME',
      help: 'of a float model’s activations: mse (default), percentile or max',
    },
    { name: 'equalize', help: 'cross-layer equalization of a float model, for depthwise networks' },
    { name: 'no-bias-correction', help: 'leave biases of a float model as they are' },
    { name: 'policy', value: 'NAME', help: 'when to commit: every N, low, auto (default) or never' },
    { name: 'device', value: 'NAME', help: 'device profile (default cortex-m4-generic)' },
    { name: 'capacitor', value: 'UF', help: 'capacitor before the device, in µF (default: the device’s)' },
    { name: 'arena', value: 'BYTES', help: 'SRAM for tiles (default 3808, more if ops need it)' },
    { name: 'nvm', value: 'BYTES', help: 'NVM the image may take (default: the device’s)' },
    {
      name: 'spectra',
      value: 'WHICH',
      help: 'of circulant layers: stored (default), or computed again: a quarter of their NVM, more energy',
    },
    {
      name: 'circulant',
      value: 'METHOD',
      help: 'of circulant layers: auto (default), direct, ntt, or karatsuba: quick with int16 vectors, more flash',
    },
    { name: 'classes', value: 'A,B,…', help: 'names of the classes, for reports' },
    ...learningOptions,
    { name: 'no-verify', help: 'leave out the proof' },
  ],
  examples: [
    'brownout compile model.tflite -o model.brn',
    'brownout compile model.onnx --data samples.npy --policy low --json',
    'brownout compile model.tflite --learn head:2 --lr 1/32 -o model-learn.brn',
  ],
  run({ positionals, options, progress }) {
    const { data, cut, shape, reference } = options;
    if (reference !== undefined && reference !== 'tflite' && reference !== 'tflm') {
      const hint = 'See `brownout compile --help`.';
      const found = `--reference ${reference}`;
      throw new BrownoutError({ code: 'E_OPTION', found, expected: 'tflite or tflm', hint });
    }
    const stated = preprocessingOf(options);
    const path = positionals[0]!;
    const stem = basename(path, extname(path));
    const output = typeof options['output'] === 'string' ? options['output'] : `${stem}.brn`;
    const name = typeof options['name'] === 'string' ? options['name'] : stem;
    const { network, preprocessing, notes } = importModel(readUserFile(path), {
      name,
      beside: (file) => readUserFile(join(dirname(path), file)),
      ...(typeof cut === 'string' ? { cut } : {}),
      ...(reference ? { reference } : {}),
      ...(typeof shape === 'string'
        ? { shape: shape.split(',').map((size) => wholeNumber('shape', size)) }
        : {}),
      ...(typeof data === 'string' ? { data: readArray(data, asOf(options)).array } : {}),
      quantize: quantizeOptions(options),
      onSample: progress,
    });
    const settings = compileOptions(options);
    const file = compile(network, { ...settings, preprocessing: { ...preprocessing, ...stated } });
    const image = readImage(file);
    const analysis = analyze(image, settings.device === undefined ? {} : { device: settings.device });
    writeWhole(output, file);
    const { proof, input, output: answer, quantization } = image.metadata;
    const proved = proof
      ? `proved for every schedule of power failures: ${count(proof.cursors)} cursors`
      : 'not proved (--no-verify)';
    const said = [quantizationText(quantization), ...notes].join('\n');
    return {
      json: {
        file: output,
        bytes: file.length,
        input,
        output: answer,
        proof: proof ?? null,
        quantization: quantization ?? null,
        notes,
        analysis,
      },
      text: `${analyzeText(analysis)}\n\n${said}\n${output}: ${count(file.length)} bytes, ${proved}`,
      exitCode: ExitCode.OK,
    };
  },
};
