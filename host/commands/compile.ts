import { basename, extname } from 'node:path';
import { analyze } from '../analyze.js';
import { compile, type CompileOptions } from '../compile.js';
import { KEYWORD_FEATURES } from '../data/audio-features.js';
import { readInput } from '../data/read-input.js';
import { BrownoutError, ExitCode } from '../error.js';
import { importModel } from '../import/import-model.js';
import { analyzeText } from '../report/analyze.js';
import { count } from '../report/text.js';
import { type Preprocessing, readImage } from '../model/image.js';
import type { SpectraChoice } from '../model/quantized-network.js';
import type { Command, CommandInput } from './command.js';
import { readUserFile, wholeNumber, writeWhole } from './files.js';

function compileOptions(options: CommandInput['options']): CompileOptions {
  const number = (name: string): number | undefined => {
    const text = options[name];
    return typeof text === 'string' ? wholeNumber(name, text) : undefined;
  };
  const [arenaBytes, nvmBytes, capacitorUf] = ['arena', 'nvm', 'capacitor'].map(number);
  const { policy, device, classes, spectra } = options;
  return {
    ...(typeof policy === 'string' ? { policy } : {}),
    ...(typeof device === 'string' ? { device } : {}),
    // `compile` refuses other words.
    ...(typeof spectra === 'string' ? { spectra: spectra as SpectraChoice } : {}),
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
    {
      name: 'range',
      value: 'LOW,HIGH',
      help: 'floats the model was trained on (default: what its input holds)',
    },
    { name: 'features', value: 'NAME', help: 'of sound: mfcc or log-mel, as for 49×10 keyword features' },
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
    { name: 'classes', value: 'A,B,…', help: 'names of the classes, for reports' },
    { name: 'no-verify', help: 'leave out the proof' },
  ],
  examples: [
    'brownout compile model.tflite -o model.brn',
    'brownout compile model.onnx --data samples.npy --policy low --json',
  ],
  run({ positionals, options, progress }) {
    const { data } = options;
    const stated = preprocessingOf(options);
    const path = positionals[0]!;
    const stem = basename(path, extname(path));
    const output = typeof options['output'] === 'string' ? options['output'] : `${stem}.brn`;
    const name = typeof options['name'] === 'string' ? options['name'] : stem;
    const { network, preprocessing } = importModel(readUserFile(path), {
      name,
      ...(typeof data === 'string' ? { data: readInput(readUserFile(data)) } : {}),
      onSample: progress,
    });
    const settings = compileOptions(options);
    const file = compile(network, { ...settings, preprocessing: { ...preprocessing, ...stated } });
    const image = readImage(file);
    const analysis = analyze(image, settings.device === undefined ? {} : { device: settings.device });
    writeWhole(output, file);
    const { proof, input, output: answer } = image.metadata;
    const proved = proof
      ? `proved for every schedule of power failures: ${count(proof.cursors)} cursors`
      : 'not proved (--no-verify)';
    return {
      json: { file: output, bytes: file.length, input, output: answer, proof: proof ?? null, analysis },
      text: `${analyzeText(analysis)}\n\n${output}: ${count(file.length)} bytes, ${proved}`,
      exitCode: ExitCode.OK,
    };
  },
};
