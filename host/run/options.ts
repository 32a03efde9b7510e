import { type GivenInputs, givenOptions } from '../data/given-inputs.js';
import { signedByOption } from '../data/option-kinds.js';
import { flag, instance, progressKind } from '../options/kinds.js';
import type { Table } from '../options/table.js';

/** Options of `run`. */
export interface RunOptions extends GivenInputs {
  /** The class of each sample, by number: answers are scored by them. */
  labels?: readonly number[];
  /** Of an image that keeps state: every sample begins with the first state, as after a reset; default: the last one's. */
  reset?: boolean;
  /** PEM of an Ed25519 public key: no other image is run than one it has signed (`sign`). */
  signedBy?: Uint8Array;
  onSample?: (done: number, total: number) => void;
}

const areNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'number');

export const runOptions = {
  ...givenOptions,
  labels: { kind: instance('an array of class numbers', areNumbers) },
  reset: { kind: flag, default: false, help: 'of an image that keeps state: every sample begins anew' },
  signedBy: signedByOption,
  onSample: { kind: progressKind },
} as const satisfies Table<RunOptions>;
