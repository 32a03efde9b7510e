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
import type { Counts, Part } from '../host/ops/shared/work.js';
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

export interface Calibration {
  command: string;
  bodies: Body[];
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

const file = new URL('../../bench/calibration.json', import.meta.url);

export const readCalibration = (): Calibration => JSON.parse(readFileSync(file, 'utf8')) as Calibration;

/** One op, with the work that the model sees in its record. */
export interface CalibrationSample {
  set: CalibrationSet;
  kernel: string;
  enter: Part;
  all: Part;
  counted: Record<Body, readonly [enter: number, tiles: number]>;
}

export function calibrationSamples({ bodies, ops }: Calibration): CalibrationSample[] {
  return ops.map(({ set, record, counts }) => {
    const op = unpackRecord(record);
    const { kernel, enter, all } = recordOp(op).work(op);
    const entries = bodies.map((body, i) => [body, [counts[i * 2]!, counts[i * 2 + 1]!]] as const);
    return { set, kernel, enter, all, counted: Object.fromEntries(entries) as CalibrationSample['counted'] };
  });
}

/** What accesses take of the core where NVM is mapped, in instructions: these are the memories' in the model. */
const VIEW = 8;
const WRITE = 20;
const WRITTEN_BYTE = 0.25;

/** Accesses of an MSP430's metered kernels are not counted. */
function accessUnits({ access }: Part, body: Body): number {
  if (body === 'msp430') return 0;
  const { constantViews, stateViews, writes, writtenBytes } = access;
  return (constantViews + stateViews) * VIEW + writes * WRITE + writtenBytes * WRITTEN_BYTE;
}

/** By kernel, what each thing costs that it does. */
export type KernelCosts = Readonly<Record<string, Counts>>;

const ROUNDS = 1500;
/** What takes little counts little: a clock of 40 instructions a tick says less of it. */
const LITTLE = 400;
/** Costs below this are none. */
const LEAST_COST = 5e-4;

/** Costs ≥ 0 of least squared relative error: coordinate descent. */
function fitKernel(rows: readonly { counts: Counts; counted: number }[], body: Body): Counts {
  const names = [...new Set(rows.flatMap(({ counts }) => Object.keys(counts)))].filter(
    (name) => countedBy(body, name) && rows.some(({ counts }) => (counts[name] ?? 0) > 0),
  );
  const weights = rows.map(({ counted }) => 1 / (Math.abs(counted) + LITTLE));
  const table = rows.map(({ counts }, s) => names.map((name) => (counts[name] ?? 0) * weights[s]!));
  const costs = names.map(() => 0);
  const residuals = rows.map(({ counted }, s) => counted * weights[s]!);
  for (let round = 0; round < ROUNDS * names.length; round++) {
    const i = round % names.length;
    let [top, bottom] = [0, 0];
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
  return Object.fromEntries(
    names.flatMap((name, i) => (costs[i]! >= LEAST_COST ? [[name, Number(costs[i]!.toPrecision(4))]] : [])),
  );
}

/** Costs of every kernel on a body, fitted to the samples of the fit. */
export function fitCosts(samples: readonly CalibrationSample[], body: Body): KernelCosts {
  const seen = samples.filter(({ set }) => set === 'fit');
  const kernels = [...new Set(seen.map(({ kernel }) => kernel))].sort();
  return Object.fromEntries(
    kernels.map((kernel) => {
      const rows = seen
        .filter((sample) => sample.kernel === kernel)
        .flatMap(({ enter, all, counted }) =>
          [enter, all].map((part, i) => ({
            counts: part.counts,
            counted: counted[body][i]! - accessUnits(part, body),
          })),
        );
      return [kernel, fitKernel(rows, body)];
    }),
  );
}

/** Relative errors of the model, of whole ops of a set. */
export function errorsOf(
  samples: readonly CalibrationSample[],
  set: CalibrationSet,
  body: Body,
  costs: KernelCosts,
): { kernel: string; error: number }[] {
  return samples
    .filter((sample) => sample.set === set)
    .map(({ kernel, enter, all, counted }) => {
      const [entered, tiles] = counted[body];
      const row = costs[kernel] ?? {};
      const units = [enter, all].reduce((sum, part) => {
        for (const [name, n] of Object.entries(part.counts)) sum += n * (row[name] ?? 0);
        return sum + accessUnits(part, body);
      }, 0);
      return { kernel, error: units / (entered + tiles) - 1 };
    });
}

export const rms = (errors: readonly number[]): number =>
  Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
