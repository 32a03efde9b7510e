import { type GivenInputs, givenOptions } from '../data/given-inputs.js';
import { samplesKind } from '../data/option-kinds.js';
import type { InputArray } from '../data/model-input.js';
import { callback, instance, progressKind, whole } from '../options/kinds.js';
import type { Table } from '../options/table.js';
import type { TargetOptions } from '../power/target.js';
import type { Trace } from '../power/trace.js';
import { powerOptions } from '../replay/options.js';

/** How far learning is. Time and energy are simulated. */
export interface LearningPoint {
  samples: number;
  /** On samples held out, 0 … 1; absent without any. */
  accuracy?: number;
  /** On samples of the task of before; absent without any. */
  old?: number;
  energyUj: number;
  timeMs: number;
  cuts: number;
  updates: number;
  /** Mean of the last samples, in bits. */
  loss: number;
}

/** `input`, or for an image of several inputs `inputs`: the samples to learn, in order. */
export interface LearnReplayOptions extends GivenInputs, TargetOptions {
  /** The class of each sample, by number. */
  labels: readonly number[];
  /** Samples that are never learnt, to measure accuracy on. */
  heldOut?: InputArray;
  heldOutLabels?: readonly number[];
  /** Samples of the task of before, to measure what learning forgets. */
  old?: InputArray;
  oldLabels?: readonly number[];
  /** Times that the samples are gone through; default 1. */
  epochs?: number;
  /** Accuracy is measured after so many samples; default a tenth of all. */
  every?: number;
  /** A generator or a recording, as of `replay`; default `rf`. */
  trace?: string | Trace;
  /** Of the trace, and of what cuts do to unsynced writes; default 1. */
  seed?: number;
  /** In place of the image's own. */
  policy?: string;
  /** What the app does when the monitor says LOW: `sleep` (default) until the capacitor is full, or `run` on. */
  onLow?: 'sleep' | 'run';
  onSample?: (done: number, total: number) => void;
  onPoint?: (point: LearningPoint) => void;
}

const areNumbers = (value: unknown): value is readonly number[] =>
  (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) &&
  Array.from(value as ArrayLike<unknown>).every((one) => typeof one === 'number');
const labelsKind = instance('an array of class numbers', areNumbers);

export const learnOptions = {
  input: { kind: givenOptions.input.kind },
  inputs: givenOptions.inputs,
  labels: { kind: labelsKind, required: true },
  heldOut: { kind: samplesKind() },
  heldOutLabels: { kind: labelsKind },
  old: { kind: samplesKind() },
  oldLabels: { kind: labelsKind },
  epochs: { kind: whole(1, 10_000), default: 1, help: 'times that the samples are gone through' },
  every: { kind: whole(1), help: 'measure accuracy after so many samples', otherwise: 'a tenth' },
  ...powerOptions,
  onSample: { kind: progressKind },
  onPoint: { kind: callback<(point: LearningPoint) => void>() },
} as const satisfies Table<LearnReplayOptions>;
