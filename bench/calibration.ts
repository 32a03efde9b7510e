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
import { countedBy } from '../host/ops/shared/gemm-work.js';
import { both, type Counts, type Part } from '../host/ops/shared/work.js';
import { besideKernel } from '../host/plan/cost.js';
import { msp430fr5994 } from '../host/profiles/msp430fr5994.js';
import { CALIBRATION_FAMILIES, calibrationNetwork, type Family } from '../samples/calibration.js';

/** `held-out`: shapes that the fit does not see. */
export type CalibrationSet = 'fit' | 'held-out';

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
const SEEDS: Record<CalibrationSet, number[]> = { fit: [1, 2, 3], 'held-out': [101, 102] };

/** The images that are counted: every family of ops, in both settings, of shapes to fit to and of others. */
export const CALIBRATION_IMAGES: CalibrationImage[] = (Object.keys(SEEDS) as CalibrationSet[]).flatMap(
  (set) =>
    CALIBRATION_FAMILIES.flatMap((family) =>
      SEEDS[set].map((seed, i) => {
        const setting = SETTINGS[i % 2]!;
        const arenaBytes = setting.arenaBytes + (MORE_BYTES[family] ?? 0);
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
  record: number[];
  /** [entering, all tiles], body by body, in the order of `bodies`. */
  counts: number[];
}

/** Of an MSP430 its kernels as WASM by the meter, which says of what its part does not hold how it grows. */
export type CountedBody = Exclude<Body, 'msp430'> | 'metered';

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

function unpackRecord(packed: readonly number[]): OpRecord {
  const record = new OpRecord();
  const view = new DataView(record.bytes.buffer);
  for (let i = 0; i < packed.length; i += 2) view.setInt32(packed[i]!, packed[i + 1]!, true);
  return record;
}

/** The row of the table of costs that a packed record goes by. */
export function kernelOf(packed: readonly number[]): string {
  const op = unpackRecord(packed);
  return recordOp(op).work(op).kernel;
}

const fileOf = (name: string): URL => new URL(`../../bench/${name}.json`, import.meta.url);

export const readCalibration = (): Calibration =>
  JSON.parse(readFileSync(fileOf('calibration'), 'utf8')) as Calibration;

/** What of `counts` a body does. */
const countsFor = (counts: Counts, body: Body | 'metered'): Counts =>
  Object.fromEntries(Object.entries(counts).filter(([name]) => countedBy(body, name)));

/** Work of one op that was counted by itself. */
interface Piece {
  counts: Counts;
  counted: number;
  /** Of that, what is not the kernel's: accesses to memory, the engine around it. */
  beside: number;
}

/** One op, with the work that the model sees in its record. */
export interface CalibrationSample {
  set: CalibrationSet;
  kernel: string;
  pieces: readonly Piece[];
}

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

export const readCalibrationMsp430 = (): CalibrationMsp430 =>
  JSON.parse(readFileSync(fileOf('calibration-msp430'), 'utf8')) as CalibrationMsp430;

/** How far the work of a tile may be from a mean one's for all tiles to be taken for alike. */
const ALIKE = 1e-9;

/** Those of an MSP430. Where all tiles are alike entering is told apart: what the first took beyond the mean of the others. */
function msp430Samples({ ops }: CalibrationMsp430): CalibrationSample[] {
  return ops.map(({ set, record, first, rest, tiles }) => {
    const op = unpackRecord(record);
    const { kernel, enter, tile, all } = recordOp(op).work(op);
    const beside = besideKernel(op, msp430fr5994);
    const isAlike = Object.entries(all.counts).every(
      ([name, n]) => Math.abs(n - tiles * (tile.counts[name] ?? 0)) <= ALIKE * n,
    );
    const mean = rest / (tiles - 1);
    const pieces =
      isAlike && tiles > 1 && mean < first
        ? [
            { counts: countsFor(enter.counts, 'msp430'), counted: first - mean, beside: beside.enter },
            { counts: countsFor(all.counts, 'msp430'), counted: rest + mean, beside: beside.all },
          ]
        : [
            {
              counts: countsFor(both(enter, all).counts, 'msp430'),
              counted: first + rest,
              beside: beside.enter + beside.all,
            },
          ];
    return { set, kernel, pieces };
  });
}

/** By kernel, what each thing costs that it does. */
export type KernelCosts = Readonly<Record<string, Counts>>;

const ROUNDS = 1500;
/** What takes little counts little: a clock of 40 instructions a tick says less of it. */
const LITTLE = 400;
/** Costs below this are none. */
const LEAST_COST = 5e-4;
/** What a cost weighs that is as the one expected, where samples say little of it. */
const EXPECTED_WEIGHT = 1e-3;

const inOrder = (costs: Counts): Counts =>
  Object.fromEntries(
    Object.entries(costs).flatMap(([name, cost]) =>
      cost >= LEAST_COST ? [[name, Number(cost.toPrecision(4))]] : [],
    ),
  );

/** Costs ≥ 0 of least squared relative error: coordinate descent. `expected`: costs that they are held near to. */
function fitKernel(pieces: readonly Piece[], expected: Counts = {}): Counts {
  const names = [
    ...new Set([...pieces.flatMap(({ counts }) => Object.keys(counts)), ...Object.keys(expected)]),
  ].filter((name) => name in expected || pieces.some(({ counts }) => (counts[name] ?? 0) > 0));
  const weights = pieces.map(({ counted, beside }) => 1 / (Math.abs(counted - beside) + LITTLE));
  const table = pieces.map(({ counts }, s) => names.map((name) => (counts[name] ?? 0) * weights[s]!));
  const near = names.map((name) => (expected[name] ? EXPECTED_WEIGHT / expected[name] ** 2 : 0));
  const costs = names.map((name) => expected[name] ?? 0);
  const residuals = pieces.map(
    ({ counted, beside }, s) =>
      (counted - beside) * weights[s]! - table[s]!.reduce((sum, share, i) => sum + share * costs[i]!, 0),
  );
  for (let round = 0; round < ROUNDS * names.length; round++) {
    const i = round % names.length;
    let top = near[i]! * ((expected[names[i]!] ?? 0) - costs[i]!);
    let bottom = near[i]!;
    table.forEach((row, s) => {
      top += row[i]! * residuals[s]!;
      bottom += row[i]! ** 2;
    });
    const next = Math.max(0, costs[i]! + top / bottom);
    table.forEach((row, s) => {
      residuals[s]! -= row[i]! * (next - costs[i]!);
    });
    costs[i] = next;
  }
  return inOrder(Object.fromEntries(names.map((name, i) => [name, costs[i]!])));
}

const seenOf = (samples: readonly CalibrationSample[], kernel: string): CalibrationSample[] =>
  samples.filter((sample) => sample.set === 'fit' && sample.kernel === kernel);

const kernelsOf = (samples: readonly CalibrationSample[]): string[] =>
  [...new Set(samples.filter(({ set }) => set === 'fit').map(({ kernel }) => kernel))].sort();

/** Costs of every kernel on a body, fitted to the samples of the fit. */
function fitCosts(samples: readonly CalibrationSample[]): KernelCosts {
  return Object.fromEntries(
    kernelsOf(samples).map((kernel) => [
      kernel,
      fitKernel(seenOf(samples, kernel).flatMap(({ pieces }) => pieces)),
    ]),
  );
}

/** What `row` makes of a sample, and what was counted. */
function modelled({ pieces }: CalibrationSample, row: Counts): { units: number; counted: number } {
  let [units, counted] = [0, 0];
  for (const piece of pieces) {
    for (const [name, n] of Object.entries(piece.counts)) units += n * (row[name] ?? 0);
    units += piece.beside;
    counted += piece.counted;
  }
  return { units, counted };
}

/** A kernel, and one that runs the same code for what both have: transforms of the input. */
const SAME_CODE: Readonly<Record<string, string>> = { circulant_ntt: 'circulant_spectra' };

/**
 * The same where samples are few, and none of what is too large for the part: near to costs that were `metered` of all kernels,
 * each kernel's scaled to what it was counted to take; those of which nothing was counted as the others are in the mean.
 */
function fitNear(samples: readonly CalibrationSample[], metered: KernelCosts): KernelCosts {
  // Of those the metered ones do not say how they grow.
  const hasOwn = (kernel: string): boolean =>
    Object.keys(metered[kernel]!).some((name) => !countedBy('msp430', name));
  const meanOf = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
  const logs = new Map(
    kernelsOf(samples)
      .filter((kernel) => !hasOwn(kernel))
      .map((kernel) => {
        const ratios = seenOf(samples, kernel).map((sample) => modelled(sample, metered[kernel]!));
        return [kernel, meanOf(ratios.map(({ units, counted }) => Math.log(counted / units)))];
      }),
  );
  const mean = meanOf([...logs.values()]);
  const piecesOf = (kernel: string): Piece[] => seenOf(samples, kernel).flatMap(({ pieces }) => pieces);
  const isSeen = (kernel: string, name: string): boolean =>
    piecesOf(kernel).some(({ counts }) => (counts[name] ?? 0) > 0);
  const fit = (kernel: string, known: Counts = {}): Counts => {
    const scale = Math.exp(logs.get(kernel) ?? mean);
    const kept = Object.entries(metered[kernel]!).filter(([name]) => countedBy('msp430', name));
    const expected = Object.fromEntries(kept.map(([name, cost]) => [name, cost * scale]));
    return fitKernel(piecesOf(kernel), { ...expected, ...known });
  };
  return Object.fromEntries(
    Object.keys(metered).map((kernel) => {
      const same = SAME_CODE[kernel];
      if (same === undefined) return [kernel, fit(kernel)];
      const others = Object.entries(fit(same)).filter(
        ([name]) => name in metered[kernel]! && isSeen(same, name) && !isSeen(kernel, name),
      );
      return [kernel, fit(kernel, Object.fromEntries(others))];
    }),
  );
}

/** Relative errors of the model, of whole ops of a set. */
export function errorsOf(
  samples: readonly CalibrationSample[],
  set: CalibrationSet,
  costs: KernelCosts,
): { kernel: string; error: number }[] {
  return samples
    .filter((sample) => sample.set === set)
    .map((sample) => {
      const { units, counted } = modelled(sample, costs[sample.kernel] ?? {});
      return { kernel: sample.kernel, error: units / counted - 1 };
    });
}

export const rms = (errors: readonly number[]): number =>
  Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);

/** Samples of a body, and the costs that are fitted to them. */
export function fitted(body: Body): { samples: CalibrationSample[]; costs: KernelCosts } {
  const counted = readCalibration();
  if (body !== 'msp430') {
    const samples = calibrationSamples(counted, body);
    return { samples, costs: fitCosts(samples) };
  }
  const samples = msp430Samples(readCalibrationMsp430());
  return { samples, costs: fitNear(samples, fitCosts(calibrationSamples(counted, 'metered'))) };
}
