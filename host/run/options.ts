import { isArray, samplesKind } from '../data/option-kinds.js';
import type { InputArray } from '../data/model-input.js';
import { instance, progressKind } from '../options/kinds.js';
import type { Table } from '../options/table.js';

export interface RunOptions {
  /** Samples as an array; default: the input that the image carries. */
  input?: InputArray;
  /** For an image of several inputs: an array for each, by name. */
  inputs?: Readonly<Record<string, InputArray>>;
  /** The class of each sample, by number: answers are scored by them. */
  labels?: readonly number[];
  onSample?: (done: number, total: number) => void;
}

const isArrays = (value: unknown): value is Readonly<Record<string, InputArray>> =>
  typeof value === 'object' && value !== null && Object.values(value).every(isArray);

const areNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'number');

export const runOptions = {
  input: {
    kind: samplesKind(),
    help: '.npy, .npz, .csv, .wav, .png, .bmp or .jpg (docs/INPUTS.md); of several NAME=FILE,NAME=FILE',
    otherwise: 'the image’s own',
  },
  inputs: { kind: instance('an array for each input, by name', isArrays) },
  labels: { kind: instance('an array of class numbers', areNumbers) },
  onSample: { kind: progressKind },
} as const satisfies Table<RunOptions>;
