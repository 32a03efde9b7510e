import { callback, seedKind, whole } from '../options/kinds.js';
import type { Table } from '../options/table.js';

/** One digit of `demo`, its answer, and the power failures it went through. */
export interface DemoSample {
  index: number;
  /** 28×28, −128 (paper) to 127 (ink). */
  pixels: Int8Array;
  label: number;
  answer: number;
  cuts: number;
}

/** Options of `demo`. */
export interface DemoOptions {
  /** Digits to classify, 1–200; default 30. */
  samples?: number;
  /** Seed of the power trace and of what cuts do to unsynced writes; default 1. */
  seed?: number;
  /** Called after each digit. */
  onSample?: (sample: DemoSample) => void;
}

export const demoOptions = {
  samples: { kind: whole(1, 200), default: 30, help: 'digits to classify, 1–200' },
  seed: { kind: seedKind, default: 1, help: 'seed of the power trace and of what cuts tear' },
  onSample: { kind: callback<(sample: DemoSample) => void>() },
} as const satisfies Table<DemoOptions>;
