// The cost model against counts: what was counted of which ops (calibration.json, by `npm run calibrate`), the fit, and the
// error on shapes that the fit has not seen.
import { readFileSync } from 'node:fs';
import { OP_BIAS, OP_BYTES, OP_INPUT, OP_OUTPUT, OP_REQUANT, OP_WEIGHTS } from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { OpRecord } from '../host/model/record.js';
import { recordOp } from '../host/ops/record.js';
import type { Body } from '../host/ops/shared/cost.js';
import { PACKED } from '../host/ops/shared/packed-work.js';
import { both, type Part } from '../host/ops/shared/work.js';
import { besideKernel } from '../host/plan/cost.js';
import { msp430fr5994 } from '../host/profiles/msp430fr5994.js';
import { CALIBRATION_FAMILIES, calibrationNetwork, type Family } from '../samples/calibration.js';
import {
  type CalibrationSample,
  type CalibrationSet,
  type CountedBody,
  countsFor,
  fitBeside,
  fitCosts,
  fitNear,
  type KernelCosts,
  kernelsOf,
} from './calibration-fit.js';
import { LEA_FILL_CYCLES } from './mspdebug.js';

/** One image of ops side by side. */
export interface CalibrationImage {
  set: CalibrationSet;
  family: Family;
  seed: number;
  arenaBytes: number;
  capacitorUf: number;
}

/** Each with little SRAM and small tiles, and with more of both. */
const SETTINGS = [
  { arenaBytes: 8192, capacitorUf: 220 },
  { arenaBytes: 24_576, capacitorUf: 10_000 },
];
/** Large blocks ask for more SRAM, and so do weights that are transformed. */
const MORE_BYTES: Partial<Record<Family, number>> = { circulant: 32_768, apart: 32_768, winograd: 8192 };
/** SRAM of families that are about how little there is. */
const ALL_BYTES: Partial<Record<Family, number>> = { tight: 1150 };
const SEEDS: Record<CalibrationSet, number[]> = { fit: [1, 2, 3], 'held-out': [101, 102] };

/** The images that are counted: every family of ops, in both settings, of shapes to fit to and of others. */
export const CALIBRATION_IMAGES: CalibrationImage[] = (Object.keys(SEEDS) as CalibrationSet[]).flatMap(
  (set) =>
    CALIBRATION_FAMILIES.flatMap((family) =>
      SEEDS[set].map((seed, i) => {
        const setting = SETTINGS[i % 2]!;
        const arenaBytes = ALL_BYTES[family] ?? setting.arenaBytes + (MORE_BYTES[family] ?? 0);
        return { set, family, seed, ...setting, arenaBytes };
      }),
    ),
);

/** What is calibrated of an image: the ops that are not there to cut inputs out. */
export const calibrated = (image: Image): number[] =>
  image.metadata.ops.flatMap((name, index) => (name.startsWith('op') ? [index] : []));

export function compileCalibration({ family, seed, arenaBytes, capacitorUf }: CalibrationImage): Image {
  const network = calibrationNetwork(family, new Random(seed));
  const large = { arenaBytes, capacitorUf, nvmBytes: 1 << 24, policy: 'never', verify: false };
  return readImage(compile(network, large));
}

/** An op that was counted: its record, as [offset, word] where there is something, and counts of each body. */
export interface CountedOp {
  set: CalibrationSet;
  family: Family;
  record: number[];
  /** [entering, all tiles], body by body, in the order of `bodies`. */
  counts: number[];
}

export interface Calibration {
  command: string;
  bodies: CountedBody[];
  ops: CountedOp[];
}

const ADDRESSES = [OP_INPUT, OP_OUTPUT, OP_WEIGHTS, OP_BIAS, OP_REQUANT];

/** A record without its addresses: 1 where there is one. */
export function packRecord(op: OpRecord): number[] {
  const record = new OpRecord(op.bytes.slice());
  for (const field of ADDRESSES) record.set(field, record.get(field) === 0 ? 0 : 1);
  const view = new DataView(record.bytes.buffer);
  return Array.from({ length: OP_BYTES / 4 }, (_, i) => i * 4).flatMap((offset) => {
    const word = view.getInt32(offset, true);
    return word === 0 ? [] : [offset, word];
  });
}

/**
 * What was counted of `families`, and before of the others; of none: of all. Families share kernels, so an op is taken out with
 * its family alone.
 */
export function withOthers<Op extends { family: Family }>(
  counted: readonly Op[],
  before: readonly Op[],
  families: readonly string[],
): Op[] {
  if (families.length === 0) return [...counted];
  return [...before.filter(({ family }) => !families.includes(family)), ...counted];
}

function unpackRecord(packed: readonly number[]): OpRecord {
  const record = new OpRecord();
  const view = new DataView(record.bytes.buffer);
  for (let i = 0; i < packed.length; i += 2) view.setInt32(packed[i]!, packed[i + 1]!, true);
  return record;
}

const fileOf = (name: string): URL => new URL(`../../bench/${name}.json`, import.meta.url);

export const readCalibration = (): Calibration =>
  JSON.parse(readFileSync(fileOf('calibration'), 'utf8')) as Calibration;

/** What accesses take of the core where NVM is mapped, in instructions: these are the memories' in the model. */
const VIEW = 8;
const WRITE = 20;
const WRITTEN_BYTE = 0.25;

function accessUnits({ access }: Part): number {
  const { constantViews, stateViews, writes, writtenBytes } = access;
  return (constantViews + stateViews) * VIEW + writes * WRITE + writtenBytes * WRITTEN_BYTE;
}

/** What QEMU counted on a body, or the meter. */
function calibrationSamples({ bodies, ops }: Calibration, body: CountedBody): CalibrationSample[] {
  const at = bodies.indexOf(body) * 2;
  return ops.map(({ set, record, counts }) => {
    const op = unpackRecord(record);
    const { kernel, enter, all } = recordOp(op).work(op);
    const pieces = [enter, all].map((work, i) => ({
      counts: countsFor(work.counts, body),
      counted: counts[at + i]!,
      // Accesses of metered kernels are not counted.
      beside: body === 'metered' ? 0 : accessUnits(work),
    }));
    return { set, kernel, pieces };
  });
}

/** An op of an MSP430, as `mspdebug sim` counted it: cycles from where its record is asked for, commits left out. */
export interface CountedMsp430 {
  set: CalibrationSet;
  family: Family;
  record: number[];
  /** To the end of its first tile, or grain, and of those behind it; of so many. */
  first: number;
  rest: number;
  tiles: number;
}

export interface CalibrationMsp430 {
  command: string;
  ops: CountedMsp430[];
}

/** By the core alone, or beside LEA. */
export const readCalibrationMsp430 = (body: 'msp430' | 'lea' = 'msp430'): CalibrationMsp430 =>
  JSON.parse(readFileSync(fileOf(`calibration-${body}`), 'utf8')) as CalibrationMsp430;

/** How far the work of a tile may be from a mean one's for all tiles to be taken for alike. */
const ALIKE = 1e-9;

/** Those of an MSP430. Where all tiles are alike entering is told apart: what the first took beyond the mean of the others. */
function msp430Samples({ ops }: CalibrationMsp430, body: 'msp430' | 'lea'): CalibrationSample[] {
  return ops.map(({ set, record, first, rest, tiles }) => {
    const op = unpackRecord(record);
    const { kernel, enter, tile, all } = recordOp(op).work(op);
    const beside = besideKernel(op, msp430fr5994);
    const isAlike = Object.entries(all.counts).every(
      ([name, n]) => Math.abs(n - tiles * (tile.counts[name] ?? 0)) <= ALIKE * n,
    );
    // Where LEA would have left sums (mspdebug.ts).
    const filled = body === 'lea' ? LEA_FILL_CYCLES * (all.counts['unitFilled'] ?? 0) : 0;
    const mean = rest / (tiles - 1);
    const pieces =
      isAlike && tiles > 1 && mean < first
        ? [
            { counts: countsFor(enter.counts, body), counted: first - mean, beside: beside.enter },
            { counts: countsFor(all.counts, body), counted: rest + mean, beside: beside.all + filled },
          ]
        : [
            {
              counts: countsFor(both(enter, all).counts, body),
              counted: first + rest,
              beside: beside.enter + beside.all + filled,
            },
          ];
    return { set, kernel, pieces };
  });
}

/** Samples of a body, and the costs that are fitted to them. */
export function fitted(body: Body): { samples: CalibrationSample[]; costs: KernelCosts } {
  const counted = readCalibration();
  if (body !== 'msp430' && body !== 'lea') {
    const samples = calibrationSamples(counted, body);
    return { samples, costs: fitCosts(samples, body) };
  }
  const alone = msp430Samples(readCalibrationMsp430(), 'msp430');
  const of = (other: CountedBody): KernelCosts => fitCosts(calibrationSamples(counted, other), other);
  // Of packed weights an MSP430 runs C as a Cortex-M0+ does, but for two rows of 4 bits at once, and nothing of what is metered.
  const packed = countsFor(of('armv6m')[PACKED]!, 'msp430');
  const core = fitNear(alone, { ...of('metered'), [PACKED]: packed });
  if (body === 'msp430') return { samples: alone, costs: core };
  const beside = msp430Samples(readCalibrationMsp430('lea'), 'lea');
  const has = ({ pieces }: CalibrationSample, what: RegExp): boolean =>
    pieces.some(({ counts }) => Object.keys(counts).some((name) => what.test(name)));
  const byUnit = beside.filter((sample) => has(sample, /^unit/));
  const kernels = new Set(kernelsOf(byUnit));
  // What LEA is not called for takes what it does without.
  const others = msp430Samples(readCalibrationMsp430(), 'lea').filter(
    (sample) => !kernels.has(sample.kernel) && !has(sample, /\bunitCall$/),
  );
  return { samples: [...byUnit, ...others], costs: fitBeside(byUnit, alone, core) };
}
