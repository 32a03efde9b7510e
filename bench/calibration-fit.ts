// The fit of costs to what was counted of kernels (calibration.ts): least squares, and how far off it is.
import type { Body } from '../host/ops/shared/cost.js';
import { countedBy } from '../host/ops/shared/gemm-work.js';
import { PACKED } from '../host/ops/shared/packed-work.js';
import type { Counts } from '../host/ops/shared/work.js';

/** `held-out`: shapes that the fit does not see. */
export type CalibrationSet = 'fit' | 'held-out';

/** A count of another kernel's body, `ofKernel`; `kernel` is undefined where it is the op's own. */
function splitName(name: string): { kernel: string | undefined; term: string } {
  const [kernel, term] = name.split('.');
  return term === undefined ? { kernel: undefined, term: name } : { kernel, term };
}

/** Work of one op that was counted by itself. */
export interface Piece {
  counts: Counts;
  counted: number;
  /** Of that, what is not the kernel's: accesses to memory, the engine around it. */
  beside: number;
  /** What other kernels' bodies do of it, priced by their rows; left out: nothing. */
  others?: number;
}

/** One op, with the work that the model sees in its record. */
export interface CalibrationSample {
  set: CalibrationSet;
  kernel: string;
  pieces: readonly Piece[];
}

/** Of an MSP430 its kernels as WASM by the meter, which says of what its part does not hold how it grows. */
export type CountedBody = Exclude<Body, 'msp430' | 'lea'> | 'metered';

/** What of `counts` a body does. */
export const countsFor = (counts: Counts, body: Body | 'metered'): Counts =>
  // A product of LEA's takes of LEA alone.
  Object.fromEntries(
    Object.entries(counts).filter(([name]) => {
      const { term } = splitName(name);
      return term !== 'unitMac' && term !== 'unitFilled' && countedBy(body, term);
    }),
  );

/** By kernel, what each thing costs that it does. */
export type KernelCosts = Readonly<Record<string, Counts>>;

const ROUNDS = 1500;
/** What takes little counts little: a clock of 40 instructions a tick says less of it. */
const LITTLE = 400;
/** Costs below this are none. */
const LEAST_COST = 5e-4;
/** No less than this share of what is expected by reading code: nothing that is done is free. */
const LEAST_SHARE = 0.2;
/** What a cost weighs that is as the one expected, where samples say little of it. */
const EXPECTED_WEIGHT = 1e-3;

/** About what code takes, by reading it, in instructions of a Cortex-M3: where samples say little, costs stay near to it. */
const EXPECTED: Readonly<Record<string, Counts>> = {
  [PACKED]: {
    ...{
      entered: 230,
      copied: 0.8,
      denseTile: 200,
      tile: 350,
      group: 300,
      line: 60,
      window: 50,
      laidOut: 1.2,
    },
    ...{ halvesWidened: 1.8, halvesBlock: 150, halvesBlockMac: 1, halvesFour: 250, halvesFourMac: 1.6 },
    ...{ halvesRest: 20, halvesRestMac: 4.5, halvesAlone: 60, halvesAloneMac: 4.5 },
    ...{
      doubledSummed: 4,
      doubledLeft: 60,
      doubledLeftMac: 1.5,
      bytesBlock: 120,
      bytesBlockMac: 3.2,
      bytesFour: 250,
      bytesFourMac: 4,
      bytesAlone: 60,
      bytesAloneMac: 4.5,
    },
    ...{ signsFourTable: 95, signsFourLook1: 5, signsFourLook2: 10, signsFourRest1: 8, signsFourRest2: 14 },
    ...{ signsFourRow1: 60, signsFourRow2: 80, signsOutput: 20, signsSlowOutput: 30 },
    ...{ signsOneTable: 45, signsOneLook1: 4.3, signsOneLook2: 8.5, signsOneRest1: 8, signsOneRest2: 12 },
    ...{ signsOneRow1: 40, signsOneRow2: 45, signsDot: 60, signsDotMac: 14 },
    ...{ bytesOneTable: 45, bytesOneLook2: 8.5, bytesOneRest2: 12, bytesOneRow2: 45, bytesSlowOutput: 30 },
    ...{ bytesDot: 60, bytesDotMac: 14, halvesCodeWidened: 3, halvesCode: 70, halvesCodeMac: 1.5 },
    ...{ halvesCodeRest: 90 },
  },
  conv2d_xnor: {
    ...{ tile: 300, line: 60, window: 60, level: 2.5, group: 250, plane: 1.2, table: 120, look: 8, row: 50 },
    ...{ output: 20, packed: 3, alone: 110, word: 11, dot: 60, dotMac: 14 },
  },
  // Cycles of an MSP430's core.
  conv2d_rows: {
    ...{
      tile: 2600,
      unitCalled: 600,
      unitLine: 8,
      unitLaid: 12,
      unitColumn: 10,
      unitCall: 85,
      unitMatrix: 150,
      unitRow: 250,
    },
    ...{ unitOutput: 100, unitSplit: 26, unitSplitLine: 8, unitCopied: 6, unitCopy: 12, unitPiece: 14 },
    ...{ unitCoreLine: 60, unitCoreWidened: 11, unitCoreMac: 10.2, unitCoreOutput: 222 },
  },
  conv2d_sparse: { tile: 300, line: 50, copied: 1, set: 60, block: 40, run: 8, word: 5 },
};

const inOrder = (costs: Counts): Counts =>
  Object.fromEntries(
    Object.entries(costs).flatMap(([name, cost]) =>
      cost >= LEAST_COST ? [[name, Number(cost.toPrecision(4))]] : [],
    ),
  );

/**
 * Costs ≥ 0 of least squared relative error: coordinate descent. `expected`: costs that they are held near to, and of which they
 * are no less than a `share`.
 */
function fitKernel(pieces: readonly Piece[], expected: Counts = {}, share = 0): Counts {
  const names = [
    ...new Set([...pieces.flatMap(({ counts }) => Object.keys(counts)), ...Object.keys(expected)]),
  ].filter((name) => name in expected || pieces.some(({ counts }) => (counts[name] ?? 0) > 0));
  const weights = pieces.map(({ counted, beside }) => 1 / (Math.abs(counted - beside) + LITTLE));
  const table = pieces.map(({ counts }, s) => names.map((name) => (counts[name] ?? 0) * weights[s]!));
  const near = names.map((name) => (expected[name] ? EXPECTED_WEIGHT / expected[name] ** 2 : 0));
  const costs = names.map((name) => expected[name] ?? 0);
  const residuals = pieces.map(
    ({ counted, beside, others = 0 }, s) =>
      (counted - beside - others) * weights[s]! -
      table[s]!.reduce((sum, share, i) => sum + share * costs[i]!, 0),
  );
  for (let round = 0; round < ROUNDS * names.length; round++) {
    const i = round % names.length;
    let top = near[i]! * ((expected[names[i]!] ?? 0) - costs[i]!);
    let bottom = near[i]!;
    table.forEach((row, s) => {
      top += row[i]! * residuals[s]!;
      bottom += row[i]! ** 2;
    });
    const next = Math.max(share * (expected[names[i]!] ?? 0), costs[i]! + top / bottom);
    table.forEach((row, s) => {
      residuals[s]! -= row[i]! * (next - costs[i]!);
    });
    costs[i] = next;
  }
  return inOrder(Object.fromEntries(names.map((name, i) => [name, costs[i]!])));
}

const seenOf = (samples: readonly CalibrationSample[], kernel: string): CalibrationSample[] =>
  samples.filter((sample) => sample.set === 'fit' && sample.kernel === kernel);

export const kernelsOf = (samples: readonly CalibrationSample[]): string[] =>
  [...new Set(samples.filter(({ set }) => set === 'fit').map(({ kernel }) => kernel))].sort();

/** What other kernels' bodies do of `counts`, by their rows. */
function unitsOfOthers(counts: Counts, costs: KernelCosts): number {
  return Object.entries(counts).reduce((sum, [name, n]) => {
    const { kernel, term } = splitName(name);
    return kernel === undefined ? sum : sum + n * (costs[kernel]?.[term] ?? 0);
  }, 0);
}

/** `pieces` without what other kernels' bodies do, which is priced by their rows. */
const ownPieces = (pieces: readonly Piece[], costs: KernelCosts): Piece[] =>
  pieces.map(({ counts, counted, beside }) => ({
    counts: Object.fromEntries(
      Object.entries(counts).filter(([name]) => splitName(name).kernel === undefined),
    ),
    ...{ counted, beside, others: unitsOfOthers(counts, costs) },
  }));

/** Kernels, those behind of which other kernels' bodies do a part. */
function inOrderOfFit(samples: readonly CalibrationSample[]): string[] {
  const hasOthers = (kernel: string): boolean =>
    seenOf(samples, kernel).some(({ pieces }) =>
      pieces.some(({ counts }) => Object.keys(counts).some((name) => splitName(name).kernel !== undefined)),
    );
  const kernels = kernelsOf(samples);
  return [...kernels.filter((kernel) => !hasOthers(kernel)), ...kernels.filter(hasOthers)];
}

const sorted = (costs: Record<string, Counts>): KernelCosts =>
  Object.fromEntries(Object.entries(costs).sort(([a], [b]) => (a < b ? -1 : 1)));

/** What `costs` make of a sample, and what was counted. */
function modelled(
  { kernel, pieces }: CalibrationSample,
  costs: KernelCosts,
): { units: number; counted: number } {
  let [units, counted] = [0, 0];
  for (const piece of pieces) {
    for (const [name, n] of Object.entries(piece.counts)) units += n * (costs[kernel]?.[name] ?? 0);
    units += unitsOfOthers(piece.counts, costs) + piece.beside;
    counted += piece.counted;
  }
  return { units, counted };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** How many times as much as by `costs` a kernel was counted to take: the mean of logarithms. */
const logRatio = (samples: readonly CalibrationSample[], kernel: string, costs: KernelCosts): number =>
  meanOf(
    seenOf(samples, kernel)
      .map((sample) => modelled(sample, costs))
      .map(({ units, counted }) => Math.log(counted / units)),
  );

const scaled = (row: Counts, by: number): Counts =>
  Object.fromEntries(Object.entries(row).map(([name, cost]) => [name, cost * by]));

/**
 * Costs of every kernel on a body, fitted to the samples of the fit; those of `EXPECTED` near to what is there, as far as the body
 * does it, scaled to what was counted.
 */
export function fitCosts(samples: readonly CalibrationSample[], body: CountedBody): KernelCosts {
  const costs: Record<string, Counts> = {};
  for (const kernel of inOrderOfFit(samples)) {
    const row = countsFor(EXPECTED[kernel] ?? {}, body);
    const scale = Math.exp(EXPECTED[kernel] ? logRatio(samples, kernel, { ...costs, [kernel]: row }) : 0);
    const pieces = seenOf(samples, kernel).flatMap((sample) => sample.pieces);
    costs[kernel] = fitKernel(ownPieces(pieces, costs), scaled(row, scale), LEAST_SHARE);
  }
  return sorted(costs);
}

/** A kernel, and one that runs the same code for what both have: transforms of the input. */
const SAME_CODE: Readonly<Record<string, string>> = { circulant_ntt: 'circulant_spectra' };

/**
 * The same where samples are few, and none of what is too large for the part: near to costs that were `metered` of all kernels,
 * each kernel's scaled to what it was counted to take; those of which nothing was counted as the others are in the mean.
 */
export function fitNear(samples: readonly CalibrationSample[], metered: KernelCosts): KernelCosts {
  // Of those the metered ones do not say how they grow.
  const hasOwn = (kernel: string): boolean =>
    Object.keys(metered[kernel]!).some((name) => !countedBy('msp430', name));
  const logs = new Map(
    kernelsOf(samples)
      .filter((kernel) => !hasOwn(kernel))
      .map((kernel) => [kernel, logRatio(samples, kernel, metered)]),
  );
  const mean = meanOf([...logs.values()]);
  const costs: Record<string, Counts> = {};
  const piecesOf = (kernel: string): Piece[] =>
    ownPieces(
      seenOf(samples, kernel).flatMap(({ pieces }) => pieces),
      costs,
    );
  const isSeen = (kernel: string, name: string): boolean =>
    piecesOf(kernel).some(({ counts }) => (counts[name] ?? 0) > 0);
  const fit = (kernel: string, known: Counts = {}): Counts => {
    const scale = Math.exp(logs.get(kernel) ?? mean);
    const kept = Object.entries(metered[kernel]!).filter(([name]) => countedBy('msp430', name));
    const expected = { ...scaled(Object.fromEntries(kept), scale), ...known };
    return fitKernel(piecesOf(kernel), expected, kernel in EXPECTED ? LEAST_SHARE : 0);
  };
  const withOthers = inOrderOfFit(samples);
  const order = [...Object.keys(metered).filter((kernel) => !withOthers.includes(kernel)), ...withOthers];
  for (const kernel of order) {
    const same = SAME_CODE[kernel];
    const others = same === undefined ? [] : Object.entries(fit(same));
    const known = others.filter(
      ([name]) => name in metered[kernel]! && isSeen(same!, name) && !isSeen(kernel, name),
    );
    costs[kernel] = fit(kernel, Object.fromEntries(known));
  }
  return sorted(costs);
}

/** What LEA's body has of its own: the others' costs are those of the core alone, whose code they are. */
const ofUnit = (name: string): string => name.replace(/^word(?=[A-Z])/, 'unitCore');

/** Ops of which a first fit is further off are left out of the second: few, and what makes them so is not LEA's. */
const MOST_OFF = 0.3;

function offOf({ counts, counted, beside }: Piece, row: Counts): number {
  const units = Object.entries(counts).reduce((sum, [name, n]) => sum + n * (row[name] ?? 0), beside);
  return Math.abs(units / counted - 1);
}

const renamed = (counts: Counts): Counts =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [ofUnit(name), count]));

/**
 * Costs beside LEA: near to those of the core `alone`, which `core` has, and fitted to its samples, too, where both do what is not LEA's
 * alike.
 */
export function fitBeside(
  samples: readonly CalibrationSample[],
  alone: readonly CalibrationSample[],
  core: KernelCosts,
): KernelCosts {
  const counted = new Set(kernelsOf(samples));
  // Kernels that only LEA's device has: of what other bodies would do for them it does nothing.
  const own = [...counted].filter((kernel) => !(kernel in core));
  const ofOwn = (kernel: string): [string, Counts] => {
    const pieces = seenOf(samples, kernel).flatMap((sample) => sample.pieces);
    const isDone = ([name]: [string, number]): boolean => name === 'tile' || name.startsWith('unit');
    const done = pieces.map((piece) => {
      return { ...piece, counts: Object.fromEntries(Object.entries(piece.counts).filter(isDone)) };
    });
    return [kernel, fitKernel(done, EXPECTED[kernel])];
  };
  return Object.fromEntries([
    ...own.map(ofOwn),
    ...Object.entries(core).map(([kernel, row]) => {
      const kept = Object.entries(row).filter(([name]) => countedBy('lea', ofUnit(name)));
      const expected = renamed(Object.fromEntries(kept));
      if (!counted.has(kernel)) return [kernel, expected] as [string, Counts];
      const alike = kept.length === Object.keys(row).length ? seenOf(alone, kernel) : [];
      const others = alike.map(({ pieces }) =>
        pieces.map((piece) => ({ ...piece, counts: renamed(piece.counts) })),
      );
      const own = seenOf(samples, kernel).map(({ pieces }) => pieces);
      const all = [...own, ...others].flat();
      const first = fitKernel(all, expected);
      return [
        kernel,
        fitKernel(
          all.filter((piece) => offOf(piece, first) < MOST_OFF),
          expected,
        ),
      ] as [string, Counts];
    }),
  ]);
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
      const { units, counted } = modelled(sample, costs);
      return { kernel: sample.kernel, error: units / counted - 1 };
    });
}

export const rms = (errors: readonly number[]): number =>
  Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
