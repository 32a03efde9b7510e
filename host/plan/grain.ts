// Grains: tiles between which nothing may commit, on memories that a cut spoils line by line (docs/DESIGN.md §2).
//
// Where the bytes of two tiles share a line, a cut amid the second spoils what the first wrote. That does no harm if every
// cursor to come back to is before both. So commits are kept to the places where no line has bytes on both sides.
import { OP_FLAG_JOINED, OP_GRAIN, OP_TILES } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import type { OpRecord } from '../model/record.js';
import { footprint } from './footprint.js';
import type { Interval } from './interval.js';
import type { Place } from './learning/place.js';

/** An op of a job, and where its record stands if the image learns. */
export interface PathStep {
  op: number;
  place: Place | undefined;
}

/** What the field holds. */
const MOST_GRAIN = 0x7fff;

/** Lines that bytes [start, end) fall in. */
const linesOf = ([start, end]: Interval, line: number): Interval => [
  Math.floor(start / line),
  Math.ceil(end / line),
];

/** The lines that bytes fall in, whole. */
export function wholeLines(interval: Interval, line: number): Interval {
  const [from, to] = linesOf(interval, line);
  return [from * line, to * line];
}

export interface Tile {
  op: number;
  tile: number;
}

/** Tiles from a cursor to where a commit may follow. */
export function grainFrom(ops: readonly OpRecord[], { op, tile }: Tile): Tile[] {
  const tiles: Tile[] = [];
  for (let at = op, next = tile; ;) {
    const record = ops[at]!;
    tiles.push({ op: at, tile: next++ });
    const grain = record.get(OP_GRAIN);
    if (next < record.get(OP_TILES)) {
      if (grain === 0 || next % grain === 0) return tiles;
    } else {
      if (!record.has(OP_FLAG_JOINED) || at + 1 === ops.length) return tiles;
      [at, next] = [at + 1, 0];
    }
  }
}

/** Lines that each tile of a record writes into. */
const tilesOf = (of: { record: OpRecord; line: number; place?: Place | undefined }): Interval[][] =>
  Array.from({ length: of.record.get(OP_TILES) }, (_, tile) =>
    footprint(of.record, tile, of.place).writes.map((write) => linesOf(write, of.line)),
  );

/** Steps that write into lines of the same buffer, behind each other, as runs. */
function* runsOf(
  ops: readonly OpRecord[],
  path: readonly PathStep[],
  line: number,
): Generator<{ steps: PathStep[]; tiles: Interval[][] }> {
  let run: { steps: PathStep[]; tiles: Interval[][]; lines: Set<number> } | undefined;
  for (const step of path) {
    const record = ops[step.op]!;
    const tiles = tilesOf({ record, line, place: step.place });
    const lines = new Set<number>();
    for (const [from, to] of tiles.flat()) for (let at = from; at < to; at++) lines.add(at);
    const goesOn = run !== undefined && [...lines].some((at) => run!.lines.has(at));
    if (run && !goesOn) yield run;
    if (!run || !goesOn) run = { steps: [], tiles: [], lines: new Set() };
    run.steps.push(step);
    run.tiles.push(...tiles);
    for (const at of lines) run.lines.add(at);
  }
  if (run) yield run;
}

/** For each place behind a tile, whether no line has bytes on both sides of it. */
function cleanAfter(tiles: readonly (readonly Interval[])[]): boolean[] {
  const firsts = new Map<number, number>();
  const lasts = new Map<number, number>();
  tiles.forEach((writes, index) => {
    for (const [from, to] of writes)
      for (let at = from; at < to; at++) {
        if (!firsts.has(at)) firsts.set(at, index);
        lasts.set(at, index);
      }
  });
  const change = new Int32Array(tiles.length + 1);
  for (const [at, first] of firsts) {
    change[first]! += 1;
    change[lasts.get(at)!]! -= 1;
  }
  let shared = 0;
  return tiles.map((_, index) => {
    shared += change[index]!;
    return shared === 0;
  });
}

/** The fewest tiles of which every multiple is a clean place; all of them if there is none. */
function leastGrain(clean: readonly boolean[]): number {
  const tiles = clean.length;
  for (let grain = 1; grain < tiles; grain++) {
    let isClean = true;
    for (let at = grain; at < tiles && isClean; at += grain) isClean = clean[at - 1]!;
    if (isClean) return grain;
  }
  return tiles;
}

/** Tiles of a record in a grain, if what it writes begins with a line of `line` bytes. */
export const grainOf = (record: OpRecord, line: number): number =>
  line === 1 || record.isLearning ? 1 : leastGrain(cleanAfter(tilesOf({ record, line })));

/** Gives the records of `path` their grains for lines of `line` bytes. Throws `E_PLAN` where an op has too many tiles. */
export function placeGrains(ops: readonly OpRecord[], path: readonly PathStep[], line: number): void {
  for (const { steps, tiles } of runsOf(ops, path, line)) {
    const clean = cleanAfter(tiles);
    let from = 0;
    steps.forEach(({ op }, index) => {
      const record = ops[op]!;
      const to = from + record.get(OP_TILES);
      const grain = leastGrain(clean.slice(from, to));
      if (grain > MOST_GRAIN) refuse(op, grain, line);
      // An op that comes again at another place keeps what suits both.
      const known = record.get(OP_GRAIN);
      if (known === 0 || known === grain) record.set(OP_GRAIN, grain === 1 ? 0 : grain);
      else record.set(OP_GRAIN, to - from);
      if (!clean[to - 1] && steps[index + 1]?.op === op + 1) record.mark(OP_FLAG_JOINED);
      from = to;
    });
  }
}

function refuse(op: number, tiles: number, line: number): never {
  throw new BrownoutError({
    code: 'E_PLAN',
    found: `op ${op}, of ${tiles} tiles that share lines of ${line} bytes`,
    expected: `at most ${MOST_GRAIN}`,
    hint: 'Compile for a smaller line, or with more SRAM, which makes tiles larger.',
  });
}
