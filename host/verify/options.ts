import { type GivenInputs, givenOptions } from '../data/given-inputs.js';
import { bytesKind, signedByOption } from '../data/option-kinds.js';
import { choice, flag, type Kind, progressKind, time } from '../options/kinds.js';
import type { Quantity } from '../options/quantity.js';
import type { Checked, Table } from '../options/table.js';
import { lineKind } from '../plan/line.js';
import { fixedPolicyKind } from '../plan/policy.js';
import { type TargetOptions, targetOptions } from '../power/target.js';

/**
 * Device, capacitor and converter: whose charge must hold a tile. Of samples, the first is what it is proved on; default: the
 * input that the image carries, else noise.
 */
export interface VerifyOptions extends GivenInputs, TargetOptions {
  /** Default `infer`. */
  job?: 'infer' | 'learn';
  /** Bytes a write may be torn at: 1 (default), 2, 4 or 8. */
  tear?: number;
  /**
   * Bytes of a line that memory writes or checks as one (ECC, read-modify-write): a cut amid a write spoils the whole of it,
   * neighbours included: 1, 4, 8 or 16; default what the image was compiled for.
   */
  line?: number;
  /** Words that a cut has torn may read differently every time; default false, and true for an image compiled so. */
  unstable?: boolean;
  /** The device module to prove; default the one that ships. */
  module?: Uint8Array;
  /** Another commit policy than the image's: `every N`, `low` or `never`. */
  policy?: string;
  /** Also explore plain states, as a cross-check: to closure, or as long as `budgetMs` lasts; default false. */
  enumerate?: boolean;
  /** Look for a schedule of cuts that goes wrong where an obligation fails; default true. */
  search?: boolean;
  /** PEM of an Ed25519 public key: no other image is proved than one it has signed (`sign`). */
  signedBy?: Uint8Array;
  /** In ms or as `'60s'`; default: to the end. */
  budgetMs?: Quantity;
  onProgress?: (done: number, total: number) => void;
}

export const jobOption = {
  kind: choice(['infer', 'learn'], { renamed: { train: 'learn' } }),
  default: 'infer',
  help: 'infer or learn',
} as const;

const TEARS = ['1', '2', '4', '8'] as const;
const tear = choice(TEARS, { placeholder: 'BYTES' });
const tearKind: Kind<number> = {
  ...tear,
  expected: '1, 2, 4 or 8',
  parse: (text) => (tear.parse!(text) === undefined ? undefined : Number(text)),
  check: (value) => (typeof value === 'number' && tear.check(`${value}`) !== undefined ? value : undefined),
  right: () => '1',
};

export const verifyOptions = {
  ...givenOptions,
  input: {
    ...givenOptions.input,
    help: 'sample to prove it on, as `run` takes it',
    otherwise: 'the input in the image, else noise',
  },
  job: jobOption,
  tear: { kind: tearKind, default: 1, help: 'bytes a write may be torn at: 1, 2, 4 or 8' },
  line: {
    kind: lineKind,
    help: 'bytes that a cut amid a write spoils together: 1, 4, 8 or 16',
    otherwise: 'what the image was compiled for',
  },
  unstable: { kind: flag, default: false, help: 'words that a cut has torn may read differently every time' },
  policy: { kind: fixedPolicyKind, help: 'every N, low or never', otherwise: 'the image’s own' },
  ...targetOptions,
  module: {
    kind: bytesKind('a device module', 'device.wasm'),
    help: 'device module to prove',
    otherwise: 'the one that ships',
  },
  enumerate: { kind: flag, default: false, help: 'also explore plain states one by one, as a cross-check' },
  search: { kind: flag, default: true },
  signedBy: signedByOption,
  budgetMs: { kind: time, help: 'stop enumerating after 60s, 5m, …; the result says that it is not closed' },
  onProgress: { kind: progressKind },
} as const satisfies Table<VerifyOptions>;

export type VerifySettings = Checked<VerifyOptions, typeof verifyOptions>;

/** Options of one schedule that is played. */
export type ReplayCutsOptions = Pick<VerifyOptions, 'input' | 'inputs' | 'job' | 'module'>;

export const replayCutsOptions = {
  input: verifyOptions.input,
  inputs: verifyOptions.inputs,
  job: jobOption,
  module: verifyOptions.module,
} as const satisfies Table<ReplayCutsOptions>;
