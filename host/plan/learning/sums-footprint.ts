// What tiles of a head by sums may read and write, from their records alone (docs/LEARNING.md §10).
import {
  ENTRY_BYTES,
  GROUP_SHIFT,
  Group,
  JobKind,
  OP_BIAS,
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT,
  OpKind,
  S_ENTRIES,
} from '../../../assembly/layout.js';
import {
  FACTOR_ROWS,
  REQUANTIZE_INPUTS,
  SETTLE_CLASSES,
  SETTLE_LEARN,
  SETTLE_LOGITS,
  SOLVE_CLASSES,
  SUMS_AT,
  SUMS_COUNTS,
  SUMS_SHAPE,
} from '../../../assembly/learning-layout.js';
import type { SumsKind, OpRecord } from '../../model/record.js';
import type { Footprint, Interval } from '../interval.js';
import type { Place } from './place.js';

const bytes = (start: number, count: number): Interval => [start, start + count];
const triangle = (row: number): number => 2 * row * (row + 1);

/** Parts of a bank of sums, from their start on. */
class Parts {
  readonly classes: number;
  readonly rank: number;

  constructor(op: OpRecord) {
    [this.classes, this.rank] = op.getPair(SUMS_SHAPE);
  }

  count = (c: number): Interval => bytes(SUMS_COUNTS + 4 * c, 4);
  get counts(): Interval {
    return bytes(SUMS_COUNTS, 4 * this.classes);
  }
  totals = (c: number): Interval => bytes(SUMS_COUNTS + 4 * (this.classes + c * this.rank), 4 * this.rank);
  row = (i: number): Interval => bytes(this.#products + triangle(i), 4 * (i + 1));
  means = (c: number): Interval => bytes(this.#end + 2 * c * this.rank, 2 * this.rank);

  get #products(): number {
    return SUMS_COUNTS + 4 * this.classes * (1 + this.rank);
  }
  /** Where the products end. */
  get #end(): number {
    return this.#products + triangle(this.rank);
  }
  /** All but the header and the means. */
  get sums(): Interval {
    return [SUMS_COUNTS, this.#end];
  }
  get allMeans(): Interval {
    return bytes(this.#end, 2 * this.classes * this.rank);
  }
}

const from = (address: number, intervals: readonly Interval[]): Interval[] =>
  intervals.map(([start, end]) => [address + start, address + end]);

const stateOf = ({ header }: Place, group: Group): Interval =>
  bytes(group << GROUP_SHIFT, S_ENTRIES + header.entries * ENTRY_BYTES);
const labelOf = ({ header }: Place): Interval => bytes(header.label, 4);
/** The same bytes of every ring entry. */
const ofEntries = ({ header }: Place, offset: number, count: number): Interval[] =>
  Array.from({ length: header.entries }, (_, entry) =>
    bytes(header.ring + entry * header.entryBytes + offset, count),
  );

function foldFootprint(op: OpRecord, tile: number, place: Place): Footprint {
  const parts = new Parts(op);
  const { classes, rank } = parts;
  const [source, target] = [op.get(SUMS_AT), op.get(OP_OUTPUT)];
  const ofClass = [parts.count(tile), parts.totals(tile), parts.means(tile)];
  const header: Interval[] = tile === 0 ? [bytes(0, SUMS_COUNTS)] : [];
  const written = tile < classes ? [...header, ...ofClass] : [parts.row(tile - classes)];
  return {
    reads: [
      stateOf(place, Group.STATE),
      labelOf(place),
      ...ofEntries(place, 0, rank),
      ...from(source, [...header, parts.sums]),
    ],
    writes: from(target, written),
  };
}

function forgetFootprint(op: OpRecord, tile: number, place: Place): Footprint {
  const parts = new Parts(op);
  const { classes } = parts;
  const ofClass = [parts.count(tile), parts.totals(tile), parts.means(tile)];
  const header: Interval[] = tile === 0 ? [bytes(0, SUMS_COUNTS)] : [];
  const read = tile < classes ? ofClass : [parts.row(tile - classes)];
  const written = tile < classes ? [...header, ...ofClass] : read;
  // Of the class to forget, whichever that is: its count and its totals.
  const any: Interval = [0, parts.totals(classes - 1)[1]];
  return {
    reads: [labelOf(place), ...from(op.get(SUMS_AT), [any, ...read])],
    writes: from(op.get(OP_OUTPUT), written),
  };
}

/** Where row `row` of what `factor` makes begins: of L; behind the last, of a class. */
const lowered = ({ rank }: Parts, row: number): number =>
  row < rank ? triangle(row) : triangle(rank) + 4 * rank * (row - rank);

function factorFootprint(op: OpRecord, tile: number): Footprint {
  const parts = new Parts(op);
  const { classes, rank } = parts;
  const [output, rows] = [op.get(OP_OUTPUT), op.get(FACTOR_ROWS)];
  const before = Math.ceil(rank / rows);
  const ofClasses = tile >= before;
  const first = ofClasses ? rank + (tile - before) * rows : tile * rows;
  const end = Math.min(first + rows, ofClasses ? rank + classes : rank);
  return {
    reads: [
      ...from(op.get(SUMS_AT), [parts.sums, parts.allMeans]),
      bytes(output, triangle(Math.min(first, rank))),
    ],
    writes: [[output + lowered(parts, first), output + lowered(parts, end)]],
  };
}

const solutionBytes = ({ rank }: Parts): number => 8 * (rank + 1);

function solveFootprint(op: OpRecord, tile: number): Footprint {
  const parts = new Parts(op);
  const { classes, rank } = parts;
  const [size, group, output] = [solutionBytes(parts), op.get(SOLVE_CLASSES), op.get(OP_OUTPUT)];
  const first = tile * group;
  const count = Math.min(group, classes - first);
  const own = Array.from({ length: count }, (_, i) => parts.means(first + i));
  return {
    reads: [...from(op.get(SUMS_AT), own), bytes(op.get(OP_INPUT), lowered(parts, rank + classes))],
    writes: [bytes(output + first * size, count * size)],
  };
}

function requantizeFootprint(op: OpRecord, tile: number): Footprint {
  const parts = new Parts(op);
  const { classes } = parts;
  const inputs = op.get(REQUANTIZE_INPUTS);
  const ofClass = [bytes(op.get(OP_OUTPUT) + tile * inputs, inputs), bytes(op.get(OP_BIAS) + 4 * tile, 4)];
  return {
    reads: [
      ...from(op.get(SUMS_AT), [parts.counts, parts.allMeans]),
      bytes(op.get(OP_INPUT), classes * solutionBytes(parts)),
    ],
    writes: tile === classes ? [bytes(op.get(OP_REQUANT), 8)] : ofClass,
  };
}

function settleFootprint(op: OpRecord, _: number, place: Place): Footprint {
  const learns = op.get(SETTLE_LEARN) !== 0;
  // After the inference of a learn job there is nothing to settle yet.
  if (!learns && place.cursor.kind === JobKind.LEARN) return { reads: [], writes: [] };
  const judged = learns
    ? [labelOf(place), ...ofEntries(place, op.get(SETTLE_LOGITS), op.get(SETTLE_CLASSES))]
    : [];
  return { reads: [stateOf(place, Group.STATE), ...judged], writes: [stateOf(place, Group.STATE_NEXT)] };
}

export const SUMS_FOOTPRINTS = {
  [OpKind.DUE]: (_, __, place) => ({ reads: [stateOf(place, Group.STATE)], writes: [] }),
  [OpKind.FOLD]: foldFootprint,
  [OpKind.FORGET]: forgetFootprint,
  [OpKind.FACTOR]: factorFootprint,
  [OpKind.SOLVE]: solveFootprint,
  [OpKind.REQUANTIZE]: requantizeFootprint,
  [OpKind.SETTLE]: settleFootprint,
} as const satisfies Record<SumsKind, (op: OpRecord, tile: number, place: Place) => Footprint>;
