// Options of the commands that replay images on power traces.
import { type GivenInputs, givenOptions } from '../data/given-inputs.js';
import { choice, flag, progressKind, real, seedKind, whole } from '../options/kinds.js';
import type { Checked, Table } from '../options/table.js';
import { policyKind } from '../plan/policy.js';
import { traceKind } from '../power/source.js';
import { type TargetOptions, targetOptions } from '../power/target.js';
import type { Trace } from '../power/trace.js';

/** Options of `replay`. */
export interface ReplayOptions extends GivenInputs, TargetOptions {
  /** A generator (`rf`, `solar`, `kinetic`, `constant`, `square`, with parameters) or a recording; default `rf`. */
  trace?: string | Trace;
  /** Of generators, and of what cuts do to unsynced writes; default 1. */
  seed?: number;
  /** Series resistance of the capacitor; default 0. */
  esrOhm?: number;
  /** Default 0. */
  capacitorLeakageNa?: number;
  /** In place of the image's own. */
  policy?: string;
  /** What the app does when the monitor says LOW: `sleep` (default) until the capacitor is full, or `run` on. */
  onLow?: 'sleep' | 'run';
  /** How many inferences; inputs are taken in turn. Default: as many as there are inputs. */
  inferences?: number;
  /** Keep what happened when, for drawing; default false. */
  timeline?: boolean;
  /** Told of inferences done, on steady power and then on harvested. */
  onInference?: (done: number, total: number) => void;
}

/** Of everything that runs on harvested power. */
export const powerOptions = {
  trace: {
    kind: traceKind,
    default: 'rf',
    help: 'CSV with units in its header, I–V curves, or rf, solar, kinetic, constant, square (rf:on_uw=900,…)',
  },
  ...targetOptions,
  policy: { kind: policyKind, help: 'every N, low, auto or never', otherwise: 'the image’s own' },
  onLow: {
    kind: choice(['sleep', 'run']),
    default: 'sleep',
    help: 'what the app does when power is low: sleep or run',
  },
  seed: { kind: seedKind, default: 1, help: 'seed of the trace and of what cuts tear' },
} as const;

export const replayOptions = {
  ...givenOptions,
  ...powerOptions,
  inferences: { kind: whole(1, 10_000), help: 'how many', otherwise: 'as many as there are inputs' },
  esrOhm: { kind: real(0, 1e6), default: 0 },
  capacitorLeakageNa: { kind: real(0, 1e9), default: 0 },
  timeline: { kind: flag, default: false, help: 'with --trace and --json: what happened when' },
  onInference: { kind: progressKind },
} as const satisfies Table<ReplayOptions>;

export type ReplaySettings = Checked<ReplayOptions, typeof replayOptions>;
