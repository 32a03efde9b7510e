// What rows of weights of 4, 2 and 1 bits times vectors of int8 take, as bodies have them packed
// (firmware/brownout_accel_nibbles.h and brownout_accel_signs.h).
import { OP_WEIGHT_TYPE, WeightType } from '../../../assembly/layout.js';
import type { OpRecord } from '../../model/record.js';
import { weightTypeOfCode } from '../../model/weight-types.js';
import { isInt8Weights } from './record-bytes.js';
import { tablesAtATime } from './sign-tables.js';
import type { Counts } from './work.js';

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

/** The same by bytes of two weights. */
function bytesCounts({ vectors, rows, length }: Shape): Counts {
  const blocks = Math.floor(vectors / 2) * Math.floor(rows / 2);
  const fours = (vectors % 2) * Math.floor(rows / 4);
  const alone = vectors * rows - 4 * (blocks + fours);
  return {
    bytesBlock: blocks,
    bytesBlockMac: blocks * 4 * length,
    bytesFour: fours,
    bytesFourMac: fours * 4 * length,
    bytesAlone: alone,
    bytesAloneMac: alone * length,
  };
}

/** By tables of all patterns of signs of four values, `chunk` fours at a time, four vectors side by side or one. */
function signCounts(bits: 1 | 2, { vectors, rows, length }: Shape, chunk: number): Counts {
  const fours = Math.ceil(length / 4);
  const chunks = Math.ceil(fours / chunk);
  // Loops take a word of weights, and the rest of a row by bytes.
  const rest = fours % (8 / bits);
  const single = vectors % 4 === 1 ? 1 : 0;
  const groups = Math.ceil((vectors - single) / 4);
  const full = Math.floor(vectors / 4) * 4;
  const by = (name: string, count: number): Counts => ({
    [`${name}Table`]: count * fours,
    [`${name}Look${bits}`]: count * rows * (fours - rest),
    [`${name}Rest${bits}`]: count * rows * rest,
    [`${name}Row${bits}`]: count * rows * chunks,
  });
  return {
    ...by('signsFour', groups),
    ...by('signsOne', single),
    signsOutput: full * rows,
    signsSlowOutput: (vectors - full) * rows,
  };
}

/** Whether weights of an int8 op have few bits, which bodies take as they are packed. */
export const isFewBits = (op: OpRecord): boolean => op.isInt8 && !isInt8Weights(op);

/** What the sums of `rows` rows of such an op, times `vectors`, take. */
export function packedCounts(op: OpRecord, shape: Shape): Counts {
  const { vectors, rows, length } = shape;
  const type = op.get(OP_WEIGHT_TYPE);
  if (type === WeightType.INT4) return { ...halvesCounts(shape), ...bytesCounts(shape) };
  const chunk = tablesAtATime(op, { type: weightTypeOfCode(type), length, rows, vectors });
  if (chunk > 0) return signCounts(type === WeightType.INT1 ? 1 : 2, shape, chunk);
  return { signsDot: vectors * rows, signsDotMac: vectors * rows * length };
}
