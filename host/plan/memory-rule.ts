// The memory rule (docs/DESIGN.md §2), checked on the finished plan: tile j may run only if what it writes is disjoint
// from LiveIn(c) of every cursor c a recovery could return to.
//
// Between two mandatory commits every tile boundary may hold such a cursor. Take a byte that tile j writes. It is in
// LiveIn(c) for some recoverable c ≤ j exactly if some tile i, c ≤ i ≤ j, reads it before anything in [c, i) writes it;
// c = i is itself recoverable, so that is: if any tile since the last mandatory commit, j included, reads it. (A read
// after j is no danger: j writes first, and a cursor behind j no longer runs j.) So the rule is: in such a segment no
// byte is written once it has been read.
//
// On a memory that a cut spoils line by line, the bytes beside those that a grain writes are spoilt with them. Nobody writes
// them again, so they must not be read from the last mandatory commit on: neither before, as above, nor after.
import { OP_FLAG_COMMIT, OP_FLAG_JOINED, OP_TILES } from '../../assembly/layout.js';
import { BrownoutError, ExitCode } from '../error.js';
import { footprint } from './footprint.js';
import { grainFrom, type PathStep, wholeLines } from './grain.js';
import type { Footprint, Interval } from './interval.js';
import type { OpRecord } from '../model/record.js';

export interface MemoryRuleInput {
  /** The job's ops, in order. */
  ops: readonly OpRecord[];
  /** The way a job takes through them, where it is not that order: ops by index, and where each stands. */
  path?: readonly PathStep[];
  /** Bytes of the image's NVM region. */
  nvmBytes: number;
  /** Where tiles may read and write: all NVM behind the immutable part, cursors and diagnostics. */
  mutable: Interval;
  /** What an unfinished job must leave alone to the end (a retained input). */
  retained: readonly Interval[];
  /** Name of an op, for messages. */
  nameOf: (op: number) => string;
  /** Bytes that a cut amid a write spoils together; default 1. */
  line?: number;
  /** What must be right when the job is done, beside `retained`. */
  final?: readonly Interval[];
}

function violation(found: string): never {
  throw new BrownoutError(
    {
      code: 'E_MEMORY_RULE',
      found,
      expected: 'no tile to write what a recoverable cursor still needs',
      hint: 'This plan would give wrong answers after a power failure: report the model that led to it.',
    },
    ExitCode.WRONG,
  );
}

/** Throws `E_MEMORY_RULE` naming op, tile and byte if the plan breaks the rule. */
export function checkMemoryRule({ ops, path, nvmBytes, mutable, retained, nameOf }: MemoryRuleInput): void {
  /** Segment (1, 2, …) that last read a byte. */
  const readIn = new Uint32Array(nvmBytes);
  let segment = 1;
  const inside = ([start, end]: Interval): boolean =>
    start >= mutable[0] && end <= mutable[1] && start <= end;
  const steps = path ?? ops.map((_, op) => ({ op, place: undefined }));
  steps.forEach(({ op: index, place }) => {
    const op = ops[index]!;
    for (let tile = 0; tile < op.get(OP_TILES); tile++) {
      const { reads, writes } = footprint(op, tile, place);
      const where = `op ${index} (${nameOf(index)}), tile ${tile}`;
      for (const read of reads) {
        if (!inside(read))
          violation(`${where} reading bytes ${read[0]}–${read[1]}, outside the job's memory`);
        readIn.fill(segment, read[0], read[1]);
      }
      for (const write of writes) {
        if (!inside(write))
          violation(`${where} writing bytes ${write[0]}–${write[1]}, outside the job's memory`);
        for (const keep of retained) {
          if (write[0] < keep[1] && keep[0] < write[1])
            violation(`${where} writing the job's input, or what outlives it, at ${write[0]}`);
        }
        const clash = readIn.subarray(write[0], write[1]).indexOf(segment);
        if (clash >= 0)
          violation(`${where} writing byte ${write[0] + clash}, read since the last mandatory commit`);
      }
    }
    if (op.has(OP_FLAG_COMMIT) && !op.has(OP_FLAG_JOINED)) segment++;
  });
}

/** Tiles between two places where a commit may be, and what they spoil: bytes beside those written. */
interface Grain extends Footprint {
  op: number;
  tile: number;
  spoilt: Interval[];
  /** A commit is mandatory behind it. */
  commits: boolean;
}

function grainsOf({ ops, path, line = 1 }: MemoryRuleInput): Grain[] {
  const steps = path ?? ops.map((_, op) => ({ op, place: undefined }));
  const grains: Grain[] = [];
  let skip = 0;
  steps.forEach(({ op, place }) => {
    for (let tile = 0; tile < ops[op]!.get(OP_TILES); tile++) {
      if (skip-- > 0) continue;
      const tiles = grainFrom(ops, { op, tile });
      skip = tiles.length - 1;
      const parts = tiles.map((one) => footprint(ops[one.op]!, one.tile, place));
      const writes = parts.flatMap((part) => part.writes);
      const last = ops[tiles.at(-1)!.op]!;
      grains.push({
        op,
        tile,
        reads: parts.flatMap((part) => part.reads),
        writes,
        spoilt: beside(writes, line),
        commits: last.has(OP_FLAG_COMMIT) && tiles.at(-1)!.tile + 1 === last.get(OP_TILES),
      });
    }
  });
  return grains;
}

/** The bytes of whole lines that are not in `writes`. */
function beside(writes: readonly Interval[], line: number): Interval[] {
  const sorted = writes.toSorted((a, b) => a[0] - b[0]);
  const spoilt: Interval[] = [];
  let covered = -Infinity;
  const gap = (from: number, to: number): void => {
    if (from < to) spoilt.push([from, to]);
  };
  sorted.forEach((write, i) => {
    const [from, to] = wholeLines(write, line);
    gap(Math.max(from, covered), write[0]);
    covered = Math.max(covered, write[1]);
    // Up to the next write, or to the end of the line.
    const next = sorted[i + 1]?.[0] ?? Infinity;
    gap(covered, Math.min(to, next));
    if (next >= to) covered = Math.max(covered, to);
  });
  return spoilt;
}

/** The first byte of `intervals` for which `map` is `value`, or −1. */
function find(map: Uint8Array | Uint32Array, intervals: readonly Interval[], value: number): number {
  for (const [from, to] of intervals) {
    const at = map.subarray(from, to).indexOf(value);
    if (at >= 0) return from + at;
  }
  return -1;
}

/** Throws `E_PLAN` naming op, tile and byte if a cut amid a line spoils what a recoverable cursor needs. */
export function checkLines(input: MemoryRuleInput): void {
  const { nvmBytes, retained, final = [], line = 1, nameOf } = input;
  if (line === 1) return;
  const grains = grainsOf(input);
  const refuse = ({ op, tile }: Grain, byte: number): never => {
    throw new BrownoutError({
      code: 'E_PLAN',
      found: `op ${op} (${nameOf(op)}), tile ${tile}, whose lines of ${line} bytes hold byte ${byte}, which is needed`,
      expected: 'lines that a cut may spoil without harm',
      hint: 'Compile for a smaller line, or for a memory that writes bytes alone.',
    });
  };
  // After it: walking back, what later grains read before they write it.
  const live = new Uint8Array(nvmBytes);
  for (const [from, to] of [...retained, ...final]) live.fill(1, from, to);
  for (const grain of grains.toReversed()) {
    const needed = find(live, grain.spoilt, 1);
    if (needed >= 0) refuse(grain, needed);
    for (const [from, to] of grain.writes) live.fill(0, from, to);
    for (const [from, to] of grain.reads) live.fill(1, from, to);
  }
  // Before it: what has been read since the last mandatory commit.
  const readIn = new Uint32Array(nvmBytes);
  let segment = 1;
  for (const grain of grains) {
    for (const [from, to] of grain.reads) readIn.fill(segment, from, to);
    const needed = find(readIn, grain.spoilt, segment);
    if (needed >= 0) refuse(grain, needed);
    if (grain.commits) segment++;
  }
}
