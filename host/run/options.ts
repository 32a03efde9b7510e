import { samplesKind } from '../data/option-kinds.js';
import type { InputArray } from '../data/model-input.js';
import { progressKind } from '../options/kinds.js';
import type { Table } from '../options/table.js';

export interface RunOptions {
  /** Samples as an array; default: the input that the image carries. */
  input?: InputArray;
  onSample?: (done: number, total: number) => void;
}

export const runOptions = {
  input: {
    kind: samplesKind(),
    help: '.npy, .npz, .csv, .wav, .png, .bmp or .jpg (docs/INPUTS.md)',
    otherwise: 'the image’s own',
  },
  onSample: { kind: progressKind },
} as const satisfies Table<RunOptions>;
