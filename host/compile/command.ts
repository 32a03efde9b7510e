import { basename, dirname, extname, join } from 'node:path';
import { analyze } from '../analyze/analyze.js';
import type { AnalyzeOptions } from '../analyze/options.js';
import { analyzeText } from '../analyze/report.js';
import { readUserFile, writeWhole } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import { givenSamples } from '../data/given-inputs.js';
import { readInputFiles } from '../data/input-files.js';
import type { ReadAs } from '../data/model-input.js';
import { pathsIn } from '../data/option-kinds.js';
import { readArray } from '../data/samples.js';
import { ExitCode } from '../error.js';
import { importModel, importOptions, type ImportOptions, quantizeOptions } from '../import/import-model.js';
import { KEYWORD_FEATURES } from '../model/audio-features.js';
import { type Image, readImage } from '../model/image.js';
import type { Values } from '../model/values.js';
import type { Preprocessing, Proof } from '../model/metadata.js';
import type { QuantizationChoices } from '../model/quantized-network.js';
import { cliOptions, type CliValues, type Command, defineCommand } from '../options/command.js';
import { choice, file, files, isBytes, type Kind, list, outputFile, real } from '../options/kinds.js';
import { IMAGE_FILE } from '../options/outputs.js';
import { farads } from '../options/quantity.js';
import { originOf } from '../origin.js';
import { count } from '../report/text.js';
import { compileForCharge } from './larger-capacitor.js';
import { learnOptionsOf, learningFlags } from './learning-options.js';
import { type CompileOptions, compileOptions, isValues } from './options.js';
import { checkLearningData, learningJson, learningText, learningWith } from './learning-data.js';

/** LOW,HIGH. */
const rangeKind: Kind<[number, number]> = {
  ...list(real(-1e9, 1e9)),
  expected: 'two numbers, the lesser first',
  placeholder: 'LOW,HIGH',
  parse: (text) => pairOf(text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))),
  check: (value) => (Array.isArray(value) ? pairOf(value) : undefined),
  right(wrong = '') {
    const turned = wrong.split(',').toReversed();
    return rangeKind.parse!(turned.join(',')) ? turned.join(',') : '0,1';
  },
};

function pairOf([low, high, ...more]: readonly number[]): [number, number] | undefined {
  return low !== undefined && high !== undefined && low < high && more.length === 0 ? [low, high] : undefined;
}

const FEATURES = ['mfcc', 'log-mel'] as const;

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

/** How the model was quantized, and what importing it found worth saying. */
const saidOf = (choices: QuantizationChoices | undefined, notes: readonly string[]): string =>
  [quantizationText(choices), ...notes].join('\n');

function provedText({ length }: Uint8Array, proof: Proof | undefined): string {
  const proved = proof
    ? `proved for every schedule of power failures: ${count(proof.cursors)} cursors`
    : 'not proved (--no-verify)';
  return `${count(length)} bytes, ${proved}`;
}

/** That the image asks for more than the device has before it, where it does. */
const largerText = (capacitorUf: number | undefined): string[] =>
  capacitorUf === undefined
    ? []
    : [`for a capacitor of ${farads(capacitorUf)}: the device’s own does not hold it`];

type Quantize = NonNullable<ImportOptions['quantize']>;

/** How activations are quantized, as far as it is asked for. */
const quantizingOf = ({ ranges, equalize, biasCorrection }: CliValues<typeof quantizeOptions>): Quantize => ({
  ...(ranges === undefined ? {} : { ranges }),
  ...(equalize === undefined ? {} : { equalize }),
  ...(biasCorrection === undefined ? {} : { biasCorrection }),
});

/** The first sample in a file, as `image` takes it. */
function firstSample(path: string, image: Image, as: ReadAs | undefined): Values {
  return givenSamples(readInputFiles(path, image, as).given, image)!.samples[0]!;
}

/** Device and converter of one's own, which an image only names. */
const ownOf = ({ device, converter }: Pick<CompileOptions, 'device' | 'converter'>): AnalyzeOptions => ({
  ...(typeof device === 'object' ? { device } : {}),
  ...(typeof converter === 'object' ? { converter } : {}),
});

export const command: Command = defineCommand({
  positionals: [{ name: 'model', expected: 'a model: .tflite or .onnx' }],
  options: {
    output: {
      kind: outputFile(IMAGE_FILE, 'model.brn'),
      short: 'o',
      help: 'where to write the image',
      otherwise: 'the model’s name, .brn',
    },
    name: {
      kind: importOptions.name.kind,
      help: 'name of the model in reports',
      otherwise: 'the file’s',
    },
    data: importOptions.data,
    as: asOption,
    sample: {
      kind: file('an input', 'x.npy', isValues),
      help: 'an input to put into the image: the first of a file as `run --input` takes',
    },
    shape: importOptions.shape,
    reference: importOptions.reference,
    cut: importOptions.cut,
    weights: importOptions.weights,
    weightLoss: importOptions.weightLoss,
    range: { kind: rangeKind, help: 'floats the model was trained on', otherwise: 'what its input holds' },
    learnData: {
      kind: { ...file('samples and their classes', 'train.npz', isBytes), paths: pathsIn },
      help: 'with --learn sums or auto: labelled samples that the network was trained on (x, y)',
    },
    tuneData: {
      kind: { ...files('samples and their classes', 'user.npz', isBytes, 'FILES'), paths: pathsIn },
      help: 'with --learn: labelled samples like those to come, a file a user: choose what is left open',
    },
    features: {
      kind: choice(FEATURES),
      help: 'of sound: mfcc or log-mel, as for 49×10 keyword features',
    },
    ...cliOptions(quantizeOptions),
    ...cliOptions(compileOptions),
    ...learningFlags,
  },
  examples: [
    'brownout compile model.tflite -o model.brn',
    'brownout compile model.onnx --data samples.npy --policy low --json',
    'brownout compile model.tflite --data samples.npy --weights mixed -o small.brn',
    'brownout compile model.tflite --learn auto --learn-data train.npz --tune-data user1.npz,user2.npz',
    'brownout compile model.tflite --learn sums --learn-data train.npz -o model-sums.brn',
    'brownout compile model.tflite --learn head:2 --learning-rate 1/32 -o model-learn.brn',
  ],
  run({ positionals, options, progress, writes }) {
    const path = positionals[0]!;
    const stem = basename(path, extname(path));
    const { learn, others } = learnOptionsOf(options);
    checkLearningData(options, learn);
    const {
      output = writes(`${stem}.brn`, IMAGE_FILE),
      name = stem,
      data: calibration,
      as,
      sample,
      learnData,
      tuneData,
      shape,
      reference,
      cut,
      weights,
      weightLoss,
      ...more
    } = others;
    const { range, features, ranges: _, equalize: __, biasCorrection: ___, ...settings } = more;
    const model = readUserFile(path);
    const { network, preprocessing, notes } = importModel(model, {
      name,
      beside: (file) => readUserFile(join(dirname(path), file)),
      ...(cut === undefined ? {} : { cut }),
      ...(reference === undefined ? {} : { reference }),
      ...(shape === undefined ? {} : { shape }),
      ...(weights === undefined ? {} : { weights }),
      ...(weightLoss === undefined ? {} : { weightLoss }),
      ...(calibration === undefined ? {} : { data: readArray(calibration, as ? { as } : {}).array }),
      quantize: quantizingOf(more),
      onSample: progress,
    });
    const stated: Partial<Preprocessing> = {
      ...(range ? { minimum: range[0], maximum: range[1] } : {}),
      ...(features ? { features: { kind: features, ...KEYWORD_FEATURES } } : {}),
    };
    const choices = { ...settings, preprocessing: { ...preprocessing, ...stated } };
    // What an image takes is asked of an image: of one that is not proved, and thrown away.
    const isAsked = [sample, learnData, tuneData].some((one) => one !== undefined);
    const plain = isAsked
      ? readImage(compileForCharge(network, { ...choices, verify: false }).image)
      : undefined;
    const learning =
      learn && learningWith(network, { ...choices, learn }, { learnData, tuneData }, { plain, as, progress });
    const { image: file, capacitorUf } = compileForCharge(network, {
      ...choices,
      ...(learning ? { learn: learning.tuning.learn } : {}),
      ...(sample === undefined ? {} : { sample: firstSample(sample, plain!, as) }),
    });
    const said = [...notes, ...largerText(capacitorUf)];
    const image = readImage(file);
    const analysis = analyze(image, ownOf(settings));
    writeWhole(output, file);
    const { proof, input, output: answer, quantization } = image.metadata;
    return {
      json: {
        origin: originOf({ image: file, model }),
        file: output,
        bytes: file.length,
        input,
        output: answer,
        proof: proof ?? null,
        quantization: quantization ?? null,
        notes: said,
        ...learningJson(learning),
        analysis,
      },
      text: [
        analyzeText(analysis),
        '',
        saidOf(quantization, said),
        ...learningText(learning),
        `${output}: ${provedText(file, proof)}`,
      ].join('\n'),
      exitCode: ExitCode.OK,
    };
  },
});
