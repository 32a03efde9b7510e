// Samples, with their labels where the file has them: one way in for every command.
import { BrownoutError, checkBytes, checkFields } from '../error.js';
import type { Image } from '../model/image.js';
import type { Values } from '../model/values.js';
import { readUserFile } from './files.js';
import { classesOf, classesOfTexts, type Labels, readLabels } from './labels.js';
import { type InputArray, modelInputs, type ReadAs, readAs } from './model-input.js';
import { type NpyArray, readNpy, readNpyTexts } from './npy.js';
import type { NpyType } from './npy-types.js';
import { isZip, npzMembers } from './npz.js';
import { type InputFormat, type InputTarget, readInput, sampleName } from './read-input.js';

/** An array of samples, not yet as a model takes them, and what belongs to them. */
export interface LabelledArray extends Partial<Labels> {
  array: InputArray;
  format: InputFormat;
  /** Whose each sample is. */
  groups?: number[];
  /** What a regression is to answer, where that was asked for in place of labels. */
  targets?: NpyArray;
  /** In a .npz: what the device was given for each sample. */
  device?: InputArray;
}

/** Options of `readArray`. */
export interface ReadArrayOptions {
  /** What the numbers are, where that is not to go by their type: see `readAs`. */
  as?: ReadAs;
  /** What the samples are for. */
  target?: InputTarget;
  /** A file of labels, or its bytes: see `readLabels`. */
  labels?: string | Uint8Array;
  /** Names of classes in their order, where labels are names. */
  classes?: readonly string[];
  /** Take labels for numbers that the model is to answer; default false. */
  targets?: boolean;
  /** Of a .npz with both; default training. */
  set?: 'training' | 'test';
}

/** Names of arrays in a .npz: of samples, each with those of its labels. */
export const SETS = {
  training: { samples: ['x', 'x_train', 'input'], labels: ['y', 'y_train', 'labels', 'label'] },
  test: { samples: ['x_test'], labels: ['y_test'] },
} as const;
/** Those of all that are no samples. */
const NO_SAMPLES = new Set<string>(['groups', 'device', ...SETS.training.labels, ...SETS.test.labels]);

function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

const bytesOf = (file: string | Uint8Array): Uint8Array =>
  typeof file === 'string' ? readUserFile(file) : checkBytes(file, 'an input file, or its path');

function fromNpz(
  bytes: Uint8Array,
  { set = 'training', classes, as, targets }: ReadArrayOptions,
): LabelledArray {
  const { names, member } = npzMembers(bytes);
  const isThere = (name: string): boolean => names.includes(name);
  const first = (wanted: readonly string[]) => wanted.find(isThere);
  const usual = first(SETS[set].samples);
  const samples =
    usual ?? (set === 'training' ? sampleName(names.filter((name) => !NO_SAMPLES.has(name))) : undefined);
  if (samples === undefined) {
    const hint = 'Save them with numpy.savez("x.npz", x=…, y=…, x_test=…, y_test=…).';
    return refuse('E_DATASET', `arrays ${names.join(', ')}`, `an array ${SETS[set].samples[0]}`, hint);
  }
  // x_test as the only samples: its labels are y_test.
  const labels = first(samples === 'x_test' ? SETS.test.labels : SETS[set].labels);
  const texts = labels === undefined || targets ? undefined : readNpyTexts(member(labels));
  const named = (): Partial<LabelledArray> => {
    if (labels === undefined || texts) return {};
    const found = readNpy(member(labels));
    return targets ? { targets: found } : { labels: classesOf(found, labels) };
  };
  return {
    array: { ...readNpy(member(samples)), ...(as ? { as } : {}) },
    format: 'npz',
    ...(texts ? classesOfTexts(texts, labels!, classes) : {}),
    ...named(),
    ...(names.includes('groups') && set === 'training'
      ? { groups: Array.from(readNpy(member('groups')).data) }
      : {}),
    ...(names.includes('device') ? { device: readNpy(member('device')) } : {}),
  };
}

/**
 * Reads an array of samples from a file or its bytes, with the labels that it carries (y beside x in a .npz, a column
 * called label in a table) or that `labels` names. Throws `E_FILE`, `E_INPUT_FILE`, `E_LABEL`, `E_DATASET`, or the
 * format's own error.
 */
export function readArray(file: string | Uint8Array, options: ReadArrayOptions = {}): LabelledArray {
  const bytes = bytesOf(file);
  const { target, labels, classes, as } = options;
  let found: LabelledArray;
  if (isZip(bytes)) found = fromNpz(bytes, options);
  else {
    const { format, labelCells, ...array } = readInput(bytes, target);
    const own =
      labelCells && !options.targets ? classesOfTexts(labelCells, 'the column of labels', classes) : {};
    found = { array: { ...array, ...(as ? { as } : {}) }, format, ...own };
  }
  if (labels !== undefined && options.targets) return { ...found, targets: readNpy(bytesOf(labels)) };
  return labels === undefined ? found : { ...found, ...readLabels(bytesOf(labels), 'the labels', classes) };
}

/** Samples as an image takes them. */
export interface Samples extends Partial<Labels> {
  /** Codes of the image's input, one array a sample. */
  inputs: Values[];
  groups?: number[];
  /** What the file held, and what its numbers were taken for: see `readAs`. */
  read: { format: InputFormat; dtype: NpyType; as: ReadAs };
}

/** Options of `readSamples`: the image says the rest. */
export type ReadSamplesOptions = Omit<ReadArrayOptions, 'target' | 'classes'>;

/** What is said of how an input was read. */
export const readText = ({ format, dtype, as }: Samples['read'], name?: string): string =>
  `${name === undefined ? '' : `${name} `}read as: ${as} (${dtype}, .${format})`;

/**
 * The samples in a file (a path, or its bytes) as `image` takes them, with their labels where the file carries them or
 * `labels` names them. Throws what `readArray` does, `E_INPUT_SHAPE`, `E_INPUT_TYPE`, `E_INPUT_RANGE`.
 */
export function readSamples(
  file: string | Uint8Array,
  image: Image,
  options: ReadSamplesOptions = {},
): Samples {
  checkFields(image, 'an image, as `readImage` gives it', 'metadata');
  const { input, preprocessing, classes } = image.metadata;
  const target = { shape: input.shape, preprocessing };
  const {
    array,
    format,
    device: _,
    ...labelled
  } = readArray(file, { ...options, target, ...(classes ? { classes } : {}) });
  const { dtype } = array;
  const inputs = modelInputs(array, image);
  checkCount(inputs.length, labelled.labels);
  return { inputs, ...labelled, read: { format, dtype, as: readAs(dtype, input.dtype ?? 'int8', array.as) } };
}

/** Throws `E_LABEL` unless there is a label for each sample. */
export function checkCount(samples: number, labels: Uint8Array | undefined): void {
  if (labels === undefined || labels.length === samples) return;
  refuse('E_LABEL', `${labels.length} labels for ${samples} samples`, 'one for each', 'Check the arrays.');
}

/** What commands that learn take: samples that have labels. */
export interface LabelledSet extends LabelledArray {
  labels: Uint8Array;
}

/** Throws `E_DATASET`. */
export function noLabels(path: string): never {
  const hint = 'Save them with numpy.savez("train.npz", x=…, y=…), or give x.npy with --labels y.npy.';
  return refuse('E_DATASET', `samples without labels in "${path}"`, 'a class for each', hint);
}

/** Training samples and, if a .npz has them, test samples. Throws what `readArray` does. */
export function readBoth(
  path: string,
  options: Omit<ReadArrayOptions, 'set'> = {},
): { training: LabelledArray; test?: LabelledArray } {
  const bytes = readUserFile(path);
  const training = readArray(bytes, options);
  const { labels: _, ...others } = options;
  const names = isZip(bytes) ? npzMembers(bytes).names : [];
  const [samples, answers] = [SETS.test.samples[0], SETS.test.labels[0]];
  const hasAnswers = names.includes(answers);
  if (!names.includes(samples)) {
    if (hasAnswers)
      refuse('E_DATASET', `${answers} without ${samples}`, 'both, or neither', `Save ${samples}, too.`);
    return { training };
  }
  if (names.every((name) => name === samples || NO_SAMPLES.has(name)))
    refuse(
      'E_DATASET',
      `${samples} without x`,
      'samples to train on, too',
      'Save them as x, their answers as y.',
    );
  // Names of classes count in the same order in both sets, though one of them may have fewer.
  const { classes } = training;
  const test = readArray(bytes, { ...others, ...(classes ? { classes } : {}), set: 'test' });
  if (options.targets && hasAnswers !== (training.targets !== undefined)) {
    const found = hasAnswers ? `${answers} without y` : `y without ${answers}`;
    const hint = 'Without both, what each input is to give is the input itself.';
    refuse('E_DATASET', found, 'both, or neither', hint);
  }
  return { training, test };
}

/** The same, each of which has labels. Throws `E_DATASET`, and what `readArray` does. */
export function readSets(
  path: string,
  options: Omit<ReadArrayOptions, 'set' | 'targets'> = {},
): { training: LabelledSet; test?: LabelledSet } {
  const { training, test } = readBoth(path, options);
  const labelled = (set: LabelledArray): LabelledSet => {
    const { labels } = set;
    return labels ? { ...set, labels } : noLabels(path);
  };
  return { training: labelled(training), ...(test ? { test: labelled(test) } : {}) };
}
