import { learningOptions } from '../learning/options.js';
import type { LearnOptions } from '../learning/spec.js';
import type { ImageMetadata } from '../model/metadata.js';
import type {
  Circulant,
  ConvolutionMethod,
  FuseChoice,
  SpectraChoice,
  WeightTransform,
} from '../model/quantized-network.js';
import type { Values } from '../model/values.js';
import { bytes, capacitance, choice, flag, instance, list, text, whole } from '../options/kinds.js';
import type { Quantity } from '../options/quantity.js';
import { type Checked, nested, type Table } from '../options/table.js';
import { lineKind } from '../plan/line.js';
import { policyKind } from '../plan/policy.js';
import { converterKind } from '../power/converter.js';
import type { OwnConverter } from '../power/own-converter.js';
import { deviceKind } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';

/** Options of `compile`. */
export interface CompileOptions {
  /** `every N`, `low`, `auto` (default) or `never`. */
  policy?: string;
  /** Device profile the plan is made for; default `cortex-m4-generic`. */
  device?: string | DeviceProfile;
  /** Capacitor before the device, in µF or as `'100nF'`; default the converter's or device's own. */
  capacitorUf?: Quantity;
  /** Between harvester and capacitor: `ideal` (default), `diode`, `bq25504`, `bq25570`, or one of your own. */
  converter?: string | OwnConverter;
  /**
   * Bytes of SRAM from the arena on, or as `'8KB'`; default 3,808, 4 KB with the static data, or twice that and so on until
   * ops fit.
   */
  arenaBytes?: Quantity;
  /** Bytes of NVM the image may take, or as `'64KB'`; default what the device has. */
  nvmBytes?: Quantity;
  /** Float range the input was trained on; default 0–1. */
  preprocessing?: ImageMetadata['preprocessing'];
  /**
   * Bytes of a line that NVM writes or checks as one (ECC, read-modify-write), so that a cut spoils them together: 1, 4, 8 or
   * 16. Commits are kept to where no line has bytes on both sides. Default 1.
   */
  line?: number;
  /**
   * NVM of which a word that a cut has torn may read differently every time: every boot settles the slots. Not with a `line`:
   * what is written again must not be spoilt by a cut. Default false.
   */
  unstable?: boolean;
  /**
   * Number of the release, from 1 to 65,535: firmware of a lower one refuses the NVM of this one (docs/FIRMWARE.md, "Updates").
   * Default 0: whatever comes is taken.
   */
  release?: number;
  /** Names of the classes. */
  classes?: string[];
  /** An input to carry along, already quantized. */
  sample?: Values;
  /** What the image learns on the device (docs/LEARNING.md); default nothing. */
  learn?: LearnOptions;
  /**
   * What circulant layers that are transformed keep of their weights, unless they say so themselves: `stored` spectra,
   * four bytes each, or the weights, of which every block row is transformed again (`computed`). `auto` (default): spectra of
   * weights of 8 bits, weights of fewer.
   */
  spectra?: SpectraChoice | 'auto';
  /** How circulant layers that leave it open are computed; `auto` (default): the cheaper of direct and ntt. */
  circulant?: Circulant['method'];
  /**
   * How convolutions that leave it open are computed; `auto` (default): the cheapest of direct, for 3 × 3 of stride 1
   * Winograd's way, and without the blocks of weights that are zero (`sparse`); `winograd`, `sparse`: that wherever it is one.
   */
  convolution?: ConvolutionMethod;
  /**
   * What these keep of their weights: transformed ones (`stored`, 3.6 times the bytes), or as they are, which each tile
   * transforms again (`computed`); `auto` (default): stored as far as a quarter of program flash goes, the largest
   * maps first.
   */
  transformed?: 'auto' | WeightTransform;
  /**
   * Whether a depthwise convolution that leaves it open and the pointwise one after it become one op, the map between them in
   * SRAM: `auto` (default), where an inference takes less energy so on the device, `on`, wherever there is a kernel for both,
   * or `off`. Answers are the same. Images with `learn` by gradients have none.
   */
  fuse?: FuseChoice;
  /**
   * Biases and scales in 4 bytes an output instead of 12. `auto` (default): in layers where that holds them exactly, as it does
   * in most of those that Brownout quantized; `on`: the others of int8 are rounded for it, by at most 1/16 of an output's step;
   * `off`: nowhere. An image that learns has 12 bytes.
   */
  lean?: 'auto' | 'on' | 'off';
  /** Prove the image on the device module (`verify`) and put what was proved into its metadata; default true. */
  verify?: boolean;
}

const isPreprocessing = (value: unknown): value is ImageMetadata['preprocessing'] =>
  typeof value === 'object' &&
  value !== null &&
  'minimum' in value &&
  'maximum' in value &&
  Number.isFinite(value.minimum) &&
  Number.isFinite(value.maximum) &&
  Number(value.minimum) < Number(value.maximum);
export const isValues = (value: unknown): value is Values =>
  value instanceof Int8Array || value instanceof Int16Array;

export const compileOptions = {
  policy: { kind: policyKind, default: 'auto', help: 'when to commit: every N, low, auto or never' },
  device: { kind: deviceKind, default: 'cortex-m4-generic', help: 'device profile' },
  capacitorUf: {
    kind: capacitance,
    help: 'capacitor before the device, such as 100uF',
    otherwise: 'the converter’s or device’s',
  },
  converter: { kind: converterKind, default: 'ideal', help: 'between harvester and capacitor' },
  arenaBytes: { kind: bytes, help: 'SRAM for tiles', otherwise: '3808, more if ops need it' },
  nvmBytes: { kind: bytes, help: 'NVM the image may take, such as 64KB', otherwise: 'the device’s' },
  line: {
    kind: lineKind,
    default: 1,
    help: 'bytes of NVM that a cut spoils together (ECC, read-modify-write): 1, 4, 8 or 16',
  },
  unstable: { kind: flag, default: false, help: 'words that a cut has torn may read differently every time' },
  release: {
    kind: whole(0, 0xffff),
    default: 0,
    help: 'number of the release, below which firmware does not go back',
  },
  spectra: {
    kind: choice(['auto', 'stored', 'computed'], { placeholder: 'WHICH' }),
    default: 'auto',
    help: 'of circulant layers: stored, or computed again: a quarter of their NVM or less, more energy; auto: of 8 bits stored',
  },
  circulant: {
    kind: choice(['auto', 'direct', 'ntt', 'karatsuba'], { placeholder: 'METHOD' }),
    default: 'auto',
    help: 'of circulant layers: auto, direct, ntt, or karatsuba: quick with int16 vectors, more flash',
  },
  convolution: {
    kind: choice(['auto', 'direct', 'winograd', 'sparse', 'ntt'], { placeholder: 'METHOD' }),
    default: 'auto',
    help: 'of convolutions: auto, direct, winograd (3×3), sparse (leaves out zeros), ntt (circulant blocks)',
  },
  transformed: {
    kind: choice(['auto', 'stored', 'computed'], { placeholder: 'WHICH' }),
    default: 'auto',
    help: 'of their weights: auto, stored: 3.6 times the bytes, or computed in each tile',
  },
  fuse: {
    kind: choice(['auto', 'on', 'off'], { placeholder: 'WHEN' }),
    default: 'auto',
    help: 'a depthwise convolution and the 1×1 after it as one op: auto (where it saves energy), on or off',
  },
  lean: {
    kind: choice(['auto', 'on', 'off'], { placeholder: 'WHERE' }),
    default: 'auto',
    help: 'biases and scales in 4 bytes, not 12: auto: where exact, on: others are rounded, off',
  },
  classes: { kind: list(text('NAME', 'yes')), help: 'names of the classes, for reports' },
  preprocessing: { kind: instance('{ minimum, maximum } of the float input', isPreprocessing) },
  sample: { kind: instance('an Int8Array or Int16Array', isValues) },
  learn: { kind: nested<LearnOptions, typeof learningOptions>(learningOptions) },
  verify: { kind: flag, default: true, help: 'leave out the proof' },
} as const satisfies Table<CompileOptions>;

export type CompileSettings = Checked<CompileOptions, typeof compileOptions>;
