// Options of the commands that replay images on power traces.
import { type GivenInputs, givenOptions } from '../data/given-inputs.js';
import { capacitance, choice, flag, progressKind, real, seedKind, whole } from '../options/kinds.js';
import type { Quantity } from '../options/quantity.js';
import type { Checked, Table } from '../options/table.js';
import { policyKind } from '../plan/policy.js';
import { converterKind } from '../power/converter.js';
import type { OwnConverter } from '../power/own-converter.js';
import { traceKind } from '../power/source.js';
import type { Trace } from '../power/trace.js';
import { deviceKind } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';

/** Options of `replay`. */
export interface ReplayOptions extends GivenInputs {
  /** A generator (`rf`, `solar`, `kinetic`, `constant`, `square`, with parameters) or a recording; default `rf`. */
  trace?: string | Trace;
  /** Of generators, and of what cuts do to unsynced writes; default 1. */
  seed?: number;
  /** Device profile; default `cortex-m4-generic`. */
  device?: string | DeviceProfile;
  /** In place of the converter's or device's own, in µF or as `'100nF'`. */
  capacitorUf?: Quantity;
  /** `ideal` (default), `diode`, `bq25504` or `bq25570`. */
  converter?: string | OwnConverter;
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
  device: { kind: deviceKind, default: 'cortex-m4-generic', help: 'device profile' },
  converter: { kind: converterKind, default: 'ideal', help: 'between harvester and capacitor' },
  capacitorUf: { kind: capacitance, help: 'such as 100uF', otherwise: 'the device’s or converter’s own' },
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
