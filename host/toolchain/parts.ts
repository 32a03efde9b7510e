// What a build of the device module has: the kernels, types and features that an image uses, as what asc is asked for.
import {
  ActivationType,
  FEATURE_BLOCKS,
  FEATURE_FAST,
  FEATURE_GRAIN,
  FEATURE_LEAN,
  FEATURE_ROWS,
  FEATURE_SPECIAL,
  FEATURE_UNSTABLE,
  FEATURE_WEIGHT_ZERO,
  KIND_LEARNING,
  KINDS_INT8,
  KINDS_INT8_HIGH,
  KINDS_INT16,
  KINDS_INT16_HIGH,
  OP_ACTIVATION_TYPE,
  OP_FLAG_JOINED,
  OP_FLAG_PLAIN,
  OP_FLAG_WEIGHT_ZERO,
  OP_GRAIN,
  OP_WEIGHT_TYPE,
  OpKind,
  STATIC_BYTES_LEARNING,
} from '../../assembly/layout.js';
import {
  FACTOR_ROWS,
  FEATURE_DECAY,
  FEATURE_SINGLES,
  FOLD_DECAY,
  SOLVE_CLASSES,
} from '../../assembly/learning-layout.js';
import { WORK_BYTES } from '../../assembly/work-layout.js';
import { BrownoutError } from '../error.js';
import type { DeviceImage } from '../model/image.js';
import type { OpRecord } from '../model/record.js';
import { WEIGHT_TYPES, type WeightType, weightTypeOfCode } from '../model/weight-types.js';
import { deviceImageOf } from '../ops/given-image.js';
import { recordOp } from '../ops/record.js';
import { bytes, choice, flag } from '../options/kinds.js';
import type { Quantity } from '../options/quantity.js';
import { type Checked, checkOptions, type Table } from '../options/table.js';

/** Options of `buildDevice`. */
export interface BuildOptions {
  /** asconfig.json's target: `scalar` (default) or `simd`. */
  target?: 'scalar' | 'simd';
  /** `device` (default): what runs on a part; `bare`: its kernels alone, to measure the engine against. */
  entry?: 'device' | 'bare';
  /** `size` (default), or `speed`: several sums at a time, for scalar cores; the results are the same. */
  optimize?: 'size' | 'speed';
  /** Sums are imported as `accel.*` (docs/ACCEL.md) where a kernel has a place for them; with `speed` only. */
  accelerated?: boolean;
  /**
   * Bytes of NVM in the module's own memory, from `MAPPED_AT` on: the module reads and writes it there, and imports
   * of `nvm` the barrier alone, `sync`. For hosts whose NVM is mapped.
   */
  mappedBytes?: Quantity;
  /**
   * Bytes of the image, of which dense layers and convolutions are computed by weights that the host keeps widened to int16, in
   * twice as much memory behind all else: the module exports `widen(image)`, to be called once it has booted. With
   * `target: 'simd'`, `optimize: 'speed'` and `mappedBytes` only; for hosts that have the memory.
   */
  wideBytes?: Quantity;
  /** Keeps the names of functions (default false): for C that people read. The code is the same. */
  names?: boolean;
}

export const buildOptions = {
  target: { kind: choice(['scalar', 'simd']), default: 'scalar', help: 'scalar or simd' },
  entry: { kind: choice(['device', 'bare']), default: 'device' },
  optimize: {
    kind: choice(['size', 'speed'], { placeholder: 'WHAT' }),
    default: 'size',
    help: 'size, or speed: several sums at a time on scalar cores, inlining with simd',
  },
  accelerated: { kind: flag, default: false },
  mappedBytes: { kind: bytes },
  wideBytes: { kind: bytes },
  names: { kind: flag, default: false },
} as const satisfies Table<BuildOptions>;

export type BuildSettings = Checked<BuildOptions, typeof buildOptions>;

/** What a build has (assembly/kernels/mask.ts). */
export interface BuildParts {
  /** Kernels for int8 activations, and for int16 ones. */
  int8: readonly OpKind[];
  int16: readonly OpKind[];
  /** Types of weights. */
  weights: readonly WeightType[];
  /** FEATURE_*. */
  features: number;
  /** Kernels of learning; none: no room for its state either. */
  learning: readonly OpKind[];
}

/** The kinds whose bits two masks have: of kinds 0–31, and of kinds 32–63. */
function kindsIn(low: number, high: number): OpKind[] {
  return Array.from({ length: 64 }, (_, kind) => kind).filter(
    (kind) => (((kind < 32 ? low : high) >>> (kind % 32)) & 1) !== 0,
  );
}

/** The masks of `kinds`: of kinds 0–31, and of kinds 32–63. */
function masksOf(kinds: readonly OpKind[]): [low: number, high: number] {
  const masks: [number, number] = [0, 0];
  for (const kind of kinds) masks[kind < 32 ? 0 : 1] |= 1 << (kind % 32);
  return [masks[0] >>> 0, masks[1] >>> 0];
}

/** Bits of codes. */
export const maskOf = (codes: readonly number[]): number =>
  codes.reduce((mask, code) => mask | (1 << code), 0) >>> 0;

/** Kernels for int8 that a build has only if it names them: of images that use them (modules.ts). */
export const NAMED: readonly OpKind[] = [OpKind.CONV2D_SPARSE, OpKind.CONV2D_XNOR, OpKind.CONV2D_NTT];

/** All there is, but for learning; slow bodies. */
export const EVERYTHING: BuildParts = {
  int8: [...kindsIn(KINDS_INT8, KINDS_INT8_HIGH), ...NAMED],
  int16: kindsIn(KINDS_INT16, KINDS_INT16_HIGH),
  weights: Object.keys(WEIGHT_TYPES) as WeightType[],
  features:
    FEATURE_BLOCKS |
    FEATURE_WEIGHT_ZERO |
    FEATURE_SPECIAL |
    FEATURE_GRAIN |
    FEATURE_UNSTABLE |
    FEATURE_LEAN |
    FEATURE_SINGLES |
    FEATURE_DECAY |
    FEATURE_ROWS,
  learning: [],
};

/** Features of a head by sums. */
function sumsFeatures(ops: readonly OpRecord[]): number {
  const some = (kind: OpKind, is: (op: OpRecord) => boolean): boolean =>
    ops.some((op) => op.kind === kind && is(op));
  const singles =
    some(OpKind.FACTOR, (op) => op.get(FACTOR_ROWS) === 1) ||
    some(OpKind.SOLVE, (op) => op.get(SOLVE_CLASSES) === 1);
  const decay = some(OpKind.FOLD, (op) => op.get(FOLD_DECAY) > 0);
  return (singles ? FEATURE_SINGLES : 0) | (decay ? FEATURE_DECAY : 0);
}

/** What `image` uses. Throws `E_IMAGE_…`. */
export function partsOf(given: Uint8Array | DeviceImage): BuildParts {
  const image = deviceImageOf(given);
  const forward = image.ops.filter((op) => !op.isLearning);
  const kindsOf = (type: ActivationType): OpKind[] =>
    forward.filter((op) => op.get(OP_ACTIVATION_TYPE) === type).map(({ kind }) => kind);
  const features = forward.reduce((mask, op) => {
    const zero = op.has(OP_FLAG_WEIGHT_ZERO) ? FEATURE_WEIGHT_ZERO : 0;
    const special = op.has(OP_FLAG_PLAIN) ? 0 : FEATURE_SPECIAL;
    const lean = op.isLean ? FEATURE_LEAN : 0;
    return mask | recordOp(op).features(op) | zero | special | lean;
  }, 0);
  const grains = image.ops.some((op) => op.get(OP_GRAIN) > 0 || op.has(OP_FLAG_JOINED)) ? FEATURE_GRAIN : 0;
  const unstable = image.unstable ? FEATURE_UNSTABLE : 0;
  return {
    int8: kindsOf(ActivationType.INT8),
    int16: kindsOf(ActivationType.INT16),
    // Rows of int8 are taken as they are: no code that could be left out.
    weights: ['int8', ...forward.map((op) => weightTypeOfCode(op.get(OP_WEIGHT_TYPE)))],
    features: features | grains | unstable | sumsFeatures(image.ops),
    learning: image.ops.filter((op) => op.isLearning).map(({ kind }) => kind),
  };
}

const ENTRIES = { device: 'assembly/index.ts', bare: 'assembly/bare.ts' };
const LEARNING_ENTRIES = { ...ENTRIES, device: 'assembly/learn.ts' };

/** Bytes of a page of WASM memory. */
export const PAGE_BYTES = 0x10000;

/** Where NVM begins in the memory of a build with `mappedBytes`: behind the page that is SRAM. */
export const MAPPED_AT = PAGE_BYTES;

/** Slots of the state share no write line. */
const STATE_ALIGNMENT = 64;

/** Where the state begins behind the image, counted from `MAPPED_AT`. */
export const mappedStateAt = ({ imageBytes }: Pick<DeviceImage, 'imageBytes'>): number =>
  Math.ceil(imageBytes / STATE_ALIGNMENT) * STATE_ALIGNMENT;

/** What asc is asked for, besides the entry. */
function flagsOf(parts: BuildParts, options: BuildSettings): string[] {
  const { target, names, accelerated, optimize } = options;
  const [int8, int8High] = masksOf(parts.int8);
  const [int16, int16High] = masksOf(parts.int16);
  const learning = maskOf(parts.learning.map((kind) => kind - KIND_LEARNING));
  const constants = {
    KERNELS_INT8: int8,
    KERNELS_INT8_HIGH: int8High,
    KERNELS_INT16: int16,
    KERNELS_INT16_HIGH: int16High,
    WEIGHT_TYPES: maskOf(parts.weights.map((type) => WEIGHT_TYPES[type].code)),
    FEATURE_MASK: parts.features | (optimize === 'speed' ? FEATURE_FAST : 0),
    ...(learning ? { LEARNING_MASK: learning } : {}),
    ...(accelerated ? { ACCELERATOR: 1 } : {}),
  };
  return [
    ...['--target', target, '--outFile', 'device.wasm'],
    ...Object.entries(constants).flatMap(([name, value]) => ['--use', `${name}=${value}`]),
    ...(learning ? ['--lowMemoryLimit', `${STATIC_BYTES_LEARNING}`] : []),
    ...(names ? ['--debug'] : []),
    ...memoryFlags(parts, options),
  ];
}

/** Kernels that work beside SRAM in builds for speed in lanes (assembly/sram.ts). */
const ROOM_KINDS: readonly OpKind[] = [
  ...[OpKind.CONV2D, OpKind.CONV2D_SPARSE, OpKind.CIRCULANT_KARATSUBA],
  ...[OpKind.DEPTHWISE_CONV2D, OpKind.SEPARABLE_CONV2D],
];

/** Pages of widened weights, which begin where a line of a cache does. */
const widePages = (bytes: number): number => (bytes > 0 ? Math.ceil((2 * bytes + 64) / PAGE_BYTES) : 0);

/** Widened weights are of modules in lanes, for speed, that find constants in memory. Throws `E_OPTION`. */
function refuseWide({ target, optimize, mappedBytes }: BuildSettings): never {
  throw new BrownoutError({
    code: 'E_OPTION',
    found: `widened weights with target ${target}, optimize ${optimize} and NVM ${mappedBytes ? 'mapped' : 'imported'}`,
    expected: 'target simd, optimize speed and NVM mapped beside them',
    hint: 'Ask for all of these (--target simd --optimize speed --nvm mapped), or not for widened weights.',
  });
}

/** Pages of memory: SRAM, NVM that is mapped, and room to work in. */
function memoryFlags({ int8 }: BuildParts, settings: BuildSettings): string[] {
  const { target, optimize, mappedBytes = 0, wideBytes = 0 } = settings;
  const inLanes = target === 'simd' && optimize === 'speed';
  if (wideBytes > 0 && (!inLanes || mappedBytes === 0)) refuseWide(settings);
  const hasRoom = inLanes && (wideBytes > 0 || int8.some((kind) => ROOM_KINDS.includes(kind)));
  const nvmPages = Math.ceil(mappedBytes / PAGE_BYTES);
  const workPages = hasRoom ? WORK_BYTES / PAGE_BYTES : 0;
  const wideAt = MAPPED_AT + (nvmPages + workPages) * PAGE_BYTES;
  const pages = 1 + nvmPages + workPages + widePages(wideBytes);
  return [
    ...(wideBytes > 0 ? ['assembly/wide.ts', '--use', `WIDE_AT=${wideAt}`] : []),
    ...(nvmPages > 0 ? ['--use', `NVM_AT=${MAPPED_AT}`] : []),
    ...(hasRoom ? ['assembly/room.ts', '--use', `WORK_AT=${MAPPED_AT + nvmPages * PAGE_BYTES}`] : []),
    ...(pages > 1 ? ['--initialMemory', `${pages}`, '--maximumMemory', `${pages}`] : []),
  ];
}

/** What asc is asked for `parts`: the entry, and all else. Throws `E_OPTION`. */
export function askedFor(parts: BuildParts, options: BuildOptions): { source: string; flags: string[] } {
  const settings = checkOptions(buildOptions, options);
  const source = (parts.learning.length > 0 ? LEARNING_ENTRIES : ENTRIES)[settings.entry];
  return { source, flags: flagsOf(parts, settings) };
}
