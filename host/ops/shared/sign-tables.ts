// Room in SRAM for tables of signs, by which builds made for speed compute weights of 1 and 2 bits: of activations of int8
// (assembly/kernels/sign_tables.ts), or of windows of levels (firmware/brownout_accel_xnor.h). A plan without them computes the
// same, more slowly.
import {
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_WEIGHT_TYPE,
  OpKind,
  WIN_DILATION,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_STRIDE,
} from '../../../assembly/layout.js';
import type { Window } from '../../model/quantized-network.js';
import type { OpRecord } from '../../model/record.js';
import { WEIGHT_TYPES, type WeightType, weightTypeOfCode } from '../../model/weight-types.js';
import { align, arenaFor, type TileLimits, weightBytes } from './lowering.js';

/** Fours of activations that a tile asks room for at least, with which it has as many as there is room for; 0: none. */
export const TABLES = [16, 8, 0] as const;
/** Fours of a chunk are a multiple of this, if they are not all. */
const LEAST = 8;
/** No more of them are used at a time where vectors share words. */
const MOST = 63;

/** Whether weights of a type are made of signs. */
export const areSigns = (type: WeightType | undefined): type is 'int1' | 'int2' =>
  type === 'int1' || type === 'int2';

/** Vectors that go at a time. */
const together = (vectors: number): number => (vectors > 1 ? 4 : 1);

/** Bytes of a table: 16 entries, of four vectors two words, of one a word. */
const bytesOfTable = (vectors: number): number => 16 * (together(vectors) === 4 ? 8 : 4);

/** Bytes of `fours` tables, and of the sums of `rows` rows. */
function tableBytes(rows: number, vectors: number, fours: number): number {
  return align(rows * together(vectors) * 4) + fours * bytesOfTable(vectors);
}

/** A window of levels: `height` runs of `span` bytes, which are `step` bytes on for the next window. */
export interface Runs {
  height: number;
  span: number;
  step: number;
}

/** Rows of weights and vectors they are multiplied with. */
interface Shape {
  type: WeightType | undefined;
  length: number;
  rows: number;
  vectors: number;
  /** Of levels. */
  runs?: Runs | undefined;
}

/** The runs of a convolution of levels: windows where rows are laid out, or one by one. */
export function runsOf({ kernel, stride, dilation }: Window, channels: number): Runs {
  const [height, width] = kernel;
  if (dilation[1] === 1 && stride[1] <= width)
    return { height, span: width * channels, step: stride[1] * channels };
  const patch = height * width * channels;
  return { height: 1, span: patch, step: patch };
}

/** Those of a record. */
export function runsOfRecord(op: OpRecord): Runs {
  const [kernel, stride, dilation] = [WIN_KERNEL, WIN_STRIDE, WIN_DILATION].map((field) =>
    op.getPair(field),
  ) as [[number, number], [number, number], [number, number]];
  return runsOf({ kernel, stride, dilation, padding: [0, 0] }, op.get(WIN_INPUT_CHANNELS));
}

/** Windows of levels that go together; fewer than LEAST_WINDOWS go one by one. */
export const WINDOWS = 16;
export const LEAST_WINDOWS = 8;
/** Fours of values whose tables' entries, of at most 8, a byte holds the sum of. */
const MOST_LEVELS = 31;
/** Longer windows go one by one: their sums are beyond 15 bits. */
const LONGEST = 16_383;
/** Bytes of a table of levels, and of the sums of a row. */
const LEVEL_TABLE = 256;
const LEVEL_SUMS = 32;

/** Bytes of the planes of a block of windows: for every place in a step its levels of all windows. */
export function planeBytes({ height, span, step }: Runs): number {
  const positions = Math.ceil((WINDOWS + Math.ceil(span / step) - 1) / 4) * 4;
  return height * Math.min(step, span) * positions;
}

/** Bytes of two bits of each level of a window. */
export const bitBytes = (length: number): number => 8 * Math.ceil(length / 32);

/** Bytes of what comes before tables of levels: planes, sums of rows and of the levels themselves. */
const beforeTables = (runs: Runs, rows: number): number => planeBytes(runs) + (rows + 1) * LEVEL_SUMS;

/** Bytes for `fours` tables of levels, or for windows one by one. */
function levelBytes(runs: Runs, { length, rows, vectors }: Shape, fours: number): number {
  const tables = vectors >= LEAST_WINDOWS ? beforeTables(runs, rows) + fours * LEVEL_TABLE : 0;
  return Math.max(bitBytes(length), tables);
}

/** Bytes of SRAM for rows of weights, as `weightBytes`, with room for tables of `fours` activations of each vector. */
export function weightRoom(shape: Shape, fours: number): number {
  const { type, length, rows, vectors } = shape;
  const { row, sram } = weightBytes(type, length, rows);
  if (fours === 0 || !areSigns(type)) return sram;
  const most = Math.min(Math.ceil(length / 4), fours);
  const { runs } = shape;
  const tables = runs ? levelBytes(runs, shape, most) : tableBytes(rows, vectors, most);
  return align(row * rows) + Math.max(length, tables);
}

/** Makes area `index` as large as tables of all activations take, or as many of them as SRAM has room for. */
export function growTables(areas: number[], index: number, shape: Shape, limits: TileLimits): void {
  const all = Math.ceil(shape.length / 4);
  const most = shape.runs ? MOST_LEVELS : together(shape.vectors) === 4 ? MOST : all;
  for (let fours = Math.min(all, most); fours > 0; fours--) {
    const bytes = weightRoom(shape, fours);
    if (bytes <= areas[index]!) return;
    if (arenaFor(areas.with(index, bytes)) > limits.arenaBytes) continue;
    areas[index] = bytes;
    return;
  }
}

/** Bytes of SRAM that a record of a convolution or a dense layer has for sums and tables, behind `rows` packed rows. */
export function roomOfTables(op: OpRecord, type: WeightType, length: number, rows: number): number {
  const [from, to] = op.kind === OpKind.DENSE ? [OP_SCRATCH1, OP_SCRATCH2] : [OP_SCRATCH2, OP_SCRATCH3];
  return Math.max(0, op.get(to) - op.get(from) - align(WEIGHT_TYPES[type].rowBytes(length) * rows));
}

/** Fours of values that have tables at a time, where `rows` of 1 or 2 bits are multiplied with `vectors`; 0: there are none. */
export function tablesAtATime(op: OpRecord, { type, length, rows, vectors }: Shape): number {
  if (!areSigns(type)) return 0;
  if (op.kind === OpKind.CONV2D_XNOR) return levelsAtATime(op, { type, length, rows, vectors });
  // Sums take a multiple of 8 bytes.
  const sums = Math.ceil((rows * together(vectors)) / 2) * 8;
  const left = roomOfTables(op, type, length, rows) - sums;
  const all = Math.ceil(length / 4);
  const most = together(vectors) === 4 ? MOST : all;
  const chunk = Math.min(Math.floor(left / bytesOfTable(vectors)), most);
  if (chunk >= all) return all;
  return Math.max(chunk - (chunk % LEAST), 0);
}

/** The same of levels. */
function levelsAtATime(op: OpRecord, { length, rows, vectors }: Shape): number {
  const left = roomOfTables(op, 'int1', length, rows) - beforeTables(runsOfRecord(op), rows);
  if (vectors < LEAST_WINDOWS || left < 0 || length > LONGEST) return 0;
  const all = Math.ceil(length / 4);
  const chunk = Math.min(Math.floor(left / LEVEL_TABLE), MOST_LEVELS);
  return chunk >= all ? all : chunk - (chunk % LEAST);
}

/** Whether a record has room for tables: `vectors` of `length`, a `group` of rows at a time. */
export function hasTables(op: OpRecord, length: number, group: number, vectors: number): boolean {
  const type = weightTypeOfCode(op.get(OP_WEIGHT_TYPE));
  return tablesAtATime(op, { type, length, rows: group, vectors }) > 0;
}
