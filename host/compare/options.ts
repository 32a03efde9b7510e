import { type GivenInputs, givenOptions } from '../data/given-inputs.js';
import { policyKind } from '../plan/policy.js';
import { converterKind } from '../power/converter.js';
import type { OwnConverter } from '../power/own-converter.js';
import { capacitance, list, seedKind } from '../options/kinds.js';
import type { Quantity } from '../options/quantity.js';
import type { Table } from '../options/table.js';
import { traceKind } from '../power/source.js';
import type { Trace } from '../power/trace.js';
import { deviceKind } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';

/** Of inputs, the first sample is for images that are given: kernels are metered on it; default the image's own. */
export interface CompareOptions extends GivenInputs {
  /** Default `msp430fr5994` and `cortex-m4-generic`. */
  devices?: readonly (string | DeviceProfile)[];
  /** In µF or as `'1mF'`; default 100 µF, 1 mF and 50 mF. */
  capacitorsUf?: readonly Quantity[];
  /** Default two RF fields: one that mostly stays, one that mostly goes. */
  traces?: readonly (string | Trace)[];
  /** Between harvester and capacitor: `ideal` (default), `diode`, `bq25504`, `bq25570`, or one of your own. */
  converter?: string | OwnConverter;
  /** When ours commits: `low` and `auto` (default) at the monitor's warning, `every N` after N tiles, or `never`. */
  policy?: string;
  /** Of generated traces; default 1. */
  seed?: number;
}

const capacitorsUf: number[] = [100, 1000, 50_000];
const traces: (string | Trace)[] = ['rf', 'rf:on_uw=900,mean_on_ms=40,mean_off_ms=160'];
const devices: (string | DeviceProfile)[] = ['msp430fr5994', 'cortex-m4-generic'];

export const compareOptions = {
  devices: { kind: list(deviceKind), default: devices, help: 'device profiles', cli: 'device' },
  capacitorsUf: {
    kind: list(capacitance, 'C,C,…'),
    default: capacitorsUf,
    otherwise: '100uF,1mF,50mF',
    help: 'capacitors, such as 1mF',
    cli: 'capacitor',
  },
  traces: { kind: list(traceKind), default: traces },
  converter: { kind: converterKind, default: 'ideal', help: 'between harvester and capacitor' },
  policy: { kind: policyKind, default: 'auto', help: 'when ours commits: every N, low, auto or never' },
  ...givenOptions,
  input: {
    ...givenOptions.input,
    help: 'a sample for images, as `run` takes it, to meter kernels on',
    otherwise: 'the image’s',
  },
  seed: { kind: seedKind, default: 1, help: 'seed of generated traces' },
} as const satisfies Table<CompareOptions>;
