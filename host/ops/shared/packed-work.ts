// What rows of weights of 4, 2 and 1 bits times vectors of int8 take, as bodies have them packed
// (firmware/brownout_accel_nibbles.h and brownout_accel_signs.h).
import { OP_WEIGHT_TYPE, WeightType } from '../../../assembly/layout.js';
import type { OpRecord } from '../../model/record.js';
import { isInt8Weights } from './record-bytes.js';
import { roomOfTables, tablesAtATime } from './sign-tables.js';
import { type Counts, part, total } from './work.js';

/** The row of the table of costs of such ops: dense layers and convolutions run the same code. */
export const PACKED = 'packed';

/** `rows` rows of weights on each of `vectors`. */
interface Shape {
  vectors: number;
  rows: number;
  length: number;
  /** Whether there is room to widen vectors in. */
  room: boolean;
}

/** By the halves of words that a DSP extension multiplies: eight weights at a time, and what is left of a row one by one. */
function halvesCounts({ vectors, rows, length, room }: Shape): Counts {
  const pairs = room ? vectors - (vectors % 2) : 0;
  const eights = length - (length % 8);
  const blocks = (pairs / 2) * Math.floor(rows / 2);
  const fours = (vectors - pairs) * Math.floor(rows / 4);
  const sums = 4 * (blocks + fours);
  return {
    halvesWidened: pairs * eights,
    halvesBlock: blocks,
    halvesBlockMac: blocks * 4 * eights,
    halvesFour: fours,
    halvesFourMac: fours * 4 * eights,
    halvesRest: length > eights ? sums : 0,
    halvesRestMac: sums * (length - eights),
    halvesAlone: vectors * rows - sums,
    halvesAloneMac: (vectors * rows - sums) * length,
  };
}

/** The same without that extension: sixteens of two rows at a time, what is left one by one, sums of vectors before. */
function bytesCounts({ vectors, rows, length }: Shape): Counts {
  const blocks = Math.floor(vectors / 2) * Math.floor(rows / 2);
  const fours = (vectors % 2) * Math.floor(rows / 4);
  const alone = vectors * rows - 4 * (blocks + fours);
  const left = length % 16;
  return {
    doubledSummed: vectors * length,
    doubledLeft: left > 0 ? blocks + fours : 0,
    doubledLeftMac: (blocks + fours) * 4 * left,
    bytesBlock: blocks,
    bytesBlockMac: blocks * 4 * length,
    bytesFour: fours,
    bytesFourMac: fours * 4 * length,
    bytesAlone: alone,
    bytesAloneMac: alone * length,
  };
}

/** By tables of all patterns of signs of four values, `chunk` fours at a time: `times` for four vectors, or for one. */
function tableCounts(
  name: string,
  times: number,
  bits: 1 | 2,
  { rows, length }: Shape,
  chunk: number,
): Counts {
  const fours = Math.ceil(length / 4);
  // Loops take a word of weights, and the rest of a row by bytes.
  const rest = fours % (8 / bits);
  return {
    [`${name}Table`]: times * fours,
    [`${name}Look${bits}`]: times * rows * (fours - rest),
    [`${name}Rest${bits}`]: times * rows * rest,
    [`${name}Row${bits}`]: times * rows * Math.ceil(fours / chunk),
  };
}

/** Rows on one vector, `by` tables of `chunk` fours, or without any. */
function singleCounts(by: string, bits: 1 | 2, shape: Shape, chunk: number): Counts {
  const { rows, length } = shape;
  return chunk > 0
    ? { ...tableCounts(`${by}One`, 1, bits, shape, chunk), [`${by}SlowOutput`]: rows }
    : { [`${by}Dot`]: rows, [`${by}DotMac`]: rows * length };
}

/** Rows of 2 bits on one vector, by the halves of words. */
function codeCounts({ rows, length }: Shape): Counts {
  const words = Math.floor(length / 16);
  return {
    halvesCodeWidened: length,
    halvesCode: rows,
    halvesCodeMac: rows * words * 16,
    halvesCodeRest: length > words * 16 ? rows : 0,
  };
}

function signCounts(bits: 1 | 2, shape: Shape, { bytes, chunk }: { bytes: number; chunk: number }): Counts {
  const { vectors, rows, length } = shape;
  const single = vectors % 4 === 1;
  const together = vectors - (single ? 1 : 0);
  const full = Math.floor(vectors / 4) * 4;
  const four: Counts =
    chunk > 0
      ? {
          ...tableCounts('signsFour', Math.ceil(together / 4), bits, shape, chunk),
          signsOutput: full * rows,
          signsSlowOutput: (together - full) * rows,
        }
      : { signsDot: together * rows, signsDotMac: together * rows * length };
  if (!single) return four;
  const codes = bits === 2 && takesCodes(bytes, length);
  const one = singleCounts(codes ? 'bytes' : 'signs', bits, shape, chunk);
  return total([
    [1, part(four)],
    [1, part(codes ? { ...one, ...codeCounts(shape) } : one)],
  ]).counts;
}

/** Whether `bytes` of room are enough to widen a vector in, for the halves of words. */
const takesCodes = (bytes: number, length: number): boolean => bytes >= 2 * Math.ceil(length / 16) * 16;

/** Whether rows of 2 bits on one vector go by the halves of words, where there is a DSP extension. */
export const isByCodes = (op: OpRecord, length: number, rows: number): boolean =>
  op.get(OP_WEIGHT_TYPE) === WeightType.INT2 && takesCodes(roomOfTables(op, 'int2', length, rows), length);

/** Whether weights of an int8 op have few bits, which bodies take as they are packed. */
export const isFewBits = (op: OpRecord): boolean => op.isInt8 && !isInt8Weights(op);

/** What the sums of `rows` rows of such an op, times `vectors`, take. */
export function packedCounts(op: OpRecord, shape: Shape): Counts {
  const { vectors, rows, length } = shape;
  const type = op.get(OP_WEIGHT_TYPE);
  if (type === WeightType.INT4) return { ...halvesCounts(shape), ...bytesCounts(shape) };
  const bits = type === WeightType.INT1 ? 1 : 2;
  const chunk = tablesAtATime(op, { type: `int${bits}`, length, rows, vectors });
  return signCounts(bits, shape, { bytes: roomOfTables(op, `int${bits}`, length, rows), chunk });
}
