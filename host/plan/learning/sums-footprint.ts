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
  EXPAND_INPUTS,
  EXPAND_PART,
  REQUANTIZE_STRIDE,
  SETTLE_CLASSES,
  SETTLE_LEARN,
  SETTLE_LOGITS,
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

function factorFootprint(op: OpRecord, tile: number): Footprint {
  const parts = new Parts(op);
  const output = op.get(OP_OUTPUT);
  return {
    reads: [...from(op.get(SUMS_AT), [parts.sums, parts.allMeans]), bytes(output, triangle(tile))],
    writes: [bytes(output + triangle(tile), 4 * (tile + 1))],
  };
}

function solveFootprint(op: OpRecord, tile: number): Footprint {
  const parts = new Parts(op);
  const { classes, rank } = parts;
  const size = 4 * rank + 8;
  const c = tile % classes;
  const halfway = tile < classes ? [] : [bytes(op.get(OP_OUTPUT) + c * size, 4 * rank)];
  return {
    reads: [
      ...from(op.get(SUMS_AT), [parts.count(c), parts.means(c)]),
      bytes(op.get(OP_INPUT), triangle(rank)),
      ...halfway,
    ],
    writes: [bytes(op.get(OP_OUTPUT) + tile * size, size)],
  };
}

const partsOf = (op: OpRecord): number => Math.ceil(op.get(EXPAND_INPUTS) / op.get(EXPAND_PART));
/** Bytes of what `expand` makes of a class. */
const expandedBytes = (op: OpRecord): number => 4 * (op.get(EXPAND_INPUTS) + partsOf(op)) + 16;

function expandFootprint(op: OpRecord, tile: number): Footprint {
  const parts = new Parts(op);
  const { classes, rank } = parts;
  const [inputs, part] = [op.get(EXPAND_INPUTS), op.get(EXPAND_PART)];
  const perClass = partsOf(op);
  const first = (tile % perClass) * part;
  const start = op.get(OP_OUTPUT) + Math.floor(tile / perClass) * expandedBytes(op);
  const written = [
    bytes(start + 4 * first, 4 * Math.min(part, inputs - first)),
    bytes(start + 4 * (inputs + (tile % perClass)), 4),
  ];
  return {
    reads: [...from(op.get(SUMS_AT), [parts.counts]), bytes(op.get(OP_INPUT), classes * (4 * rank + 8))],
    writes: first === 0 ? [...written, bytes(start + 4 * (inputs + perClass), 16)] : written,
  };
}

function requantizeFootprint(op: OpRecord, tile: number): Footprint {
  const parts = new Parts(op);
  const { classes } = parts;
  const inputs = op.get(EXPAND_INPUTS);
  const stride = op.get(REQUANTIZE_STRIDE);
  const scales = bytes(op.get(OP_REQUANT), stride === 0 ? 8 : 8 * classes);
  const ofClass = [bytes(op.get(OP_OUTPUT) + tile * inputs, inputs), bytes(op.get(OP_BIAS) + 4 * tile, 4)];
  return {
    reads: [...from(op.get(SUMS_AT), [parts.counts]), bytes(op.get(OP_INPUT), classes * expandedBytes(op))],
    writes: tile === classes ? [scales] : ofClass,
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
  [OpKind.FACTOR]: factorFootprint,
  [OpKind.SOLVE]: solveFootprint,
  [OpKind.EXPAND]: expandFootprint,
  [OpKind.REQUANTIZE]: requantizeFootprint,
  [OpKind.SETTLE]: settleFootprint,
} as const satisfies Record<SumsKind, (op: OpRecord, tile: number, place: Place) => Footprint>;
