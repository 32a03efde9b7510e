// Room in SRAM for tables of signs (assembly/kernels/sign_tables.ts), by which builds made for speed compute weights of 1 and 2
// bits. A plan without them computes the same, more slowly.
import { OP_SCRATCH1, OP_SCRATCH2, OP_SCRATCH3, OP_WEIGHT_TYPE, OpKind } from '../../../assembly/layout.js';
import type { OpRecord } from '../../model/record.js';
import { WEIGHT_TYPES, type WeightType, weightTypeOfCode } from '../../model/weight-types.js';
import { align, arenaFor, type TileLimits, weightBytes } from './lowering.js';

/** Fours of activations that a tile asks room for, best first; 0: none. */
const CHOICES = [16, 8, 0];
/** Fours of a chunk are a multiple of this, if they are not all. */
const LEAST = 8;
/** No more of them are used at a time where vectors share words. */
const MOST = 63;

/** Whether weights of a type are made of signs. */
const areSigns = (type: WeightType | undefined): type is 'int1' | 'int2' =>
  type === 'int1' || type === 'int2';

/** Vectors that go at a time. */
const together = (vectors: number): number => (vectors > 1 ? 4 : 1);

/** Bytes of a table: 16 entries, of four vectors two words, of one a word. */
const bytesOfTable = (vectors: number): number => 16 * (together(vectors) === 4 ? 8 : 4);

/** Bytes of `fours` tables, and of the sums of `rows` rows. */
function tableBytes(rows: number, vectors: number, fours: number): number {
  return align(rows * together(vectors) * 4) + fours * bytesOfTable(vectors);
}

/** Rows of weights and vectors they are multiplied with. */
interface Shape {
  type: WeightType | undefined;
  length: number;
  rows: number;
  vectors: number;
}

/** Bytes of SRAM for rows of weights, as `weightBytes`, with room for tables of `fours` activations of each vector. */
export function weightRoom({ type, length, rows, vectors }: Shape, fours: number): number {
  const { row, sram } = weightBytes(type, length, rows);
  if (fours === 0 || !areSigns(type)) return sram;
  const most = Math.min(Math.ceil(length / 4), fours);
  return align(row * rows) + Math.max(length, tableBytes(rows, vectors, most));
}

/** What `lower` finds for the first of `CHOICES` with which it finds anything; `lower(0)` where weights need no tables. */
export function withTables<Found>(
  type: WeightType | undefined,
  lower: (fours: number) => Found | undefined,
): Found | undefined {
  if (!areSigns(type)) return lower(0);
  for (const fours of CHOICES) {
    const found = lower(fours);
    if (found) return found;
  }
  return undefined;
}

/** Makes area `index` as large as tables of all activations take, or as many of them as SRAM has room for. */
export function growTables(areas: number[], index: number, shape: Shape, limits: TileLimits): void {
  if (!areSigns(shape.type)) return;
  const all = Math.ceil(shape.length / 4);
  for (let fours = together(shape.vectors) === 4 ? Math.min(all, MOST) : all; fours > 0; fours--) {
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
  // Sums take a multiple of 8 bytes.
  const sums = Math.ceil((rows * together(vectors)) / 2) * 8;
  const left = roomOfTables(op, type, length, rows) - sums;
  const all = Math.ceil(length / 4);
  const most = together(vectors) === 4 ? MOST : all;
  const chunk = Math.min(Math.floor(left / bytesOfTable(vectors)), most);
  if (chunk >= all) return all;
  return Math.max(chunk - (chunk % LEAST), 0);
}

/** Whether a record has room for tables: `vectors` of `length`, a `group` of rows at a time. */
export function hasTables(op: OpRecord, length: number, group: number, vectors: number): boolean {
  const type = weightTypeOfCode(op.get(OP_WEIGHT_TYPE));
  return tablesAtATime(op, { type, length, rows: group, vectors }) > 0;
}
