// What an MSP430's vector unit, and the core beside it, do of windows of a map (firmware/brownout_accel_lea_windows.h).
import type { Counts } from './work.js';

/** A call of accel.windows_s8. */
export interface Windows {
  pixel: number;
  /** Columns from a window to the next. */
  skip: number;
  height: number;
  width: number;
  count: number;
  rows: number;
}

/** int16 of LEA's RAM; of how many values windows go an output a command, shorter ones all of one, so many at least. */
export const LEA_WORDS = 1792;
const LEAST_LONG = 48;
const LEAST_PAYING = 2;
const LEAST_WINDOWS = 6;
const PIECE = 30;

const even = (n: number): number => n + (n % 2);

/** Runs of `count` by `most`, the last with what is left. */
function runs(count: number, most: number): number[] {
  return Array.from({ length: Math.ceil(count / most) }, (_, i) => Math.min(most, count - i * most));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** An output a command. */
function byRows({ skip, height, width, count, rows }: Windows, unit: number, words: number): Counts {
  const length = width * unit;
  const held = runs(count, Math.floor((words - 2 * length) / (skip * unit)) + 1);
  const columns = sum(held.map((n) => (n - 1) * skip + width)) + held.length * rows * width;
  return {
    unitLine: columns * height,
    unitLaid: columns * unit,
    unitColumn: columns,
    unitCall: count * rows,
    unitMac: count * rows * length,
    unitRow: held.length * rows,
    unitOutput: count * rows,
  };
}

interface Cut {
  columns: number;
  pieces: number;
  rows: number;
  held: number;
}

/** Columns of a piece, pieces, rows and windows at a time; of none where LEA's RAM does not hold two windows. */
function cutOf({ skip, width, count, rows }: Windows, unit: number, words: number): Cut {
  const wanted = Math.min(even(count), 8);
  const columns = Math.min(Math.floor(PIECE / unit), width);
  const pieces = Math.ceil(width / columns);
  const piece = columns * unit;
  for (let each = rows; ; each = Math.ceil(each / 2)) {
    const fixed = (width - skip) * unit + piece * each * 2;
    const window = skip * unit + piece + pieces * each * 2;
    const held = fixed < words ? Math.floor((words - fixed) / window / 2) * 2 : 0;
    if (held >= wanted || each === 1) return { columns, pieces, rows: each, held };
  }
}

/** All outputs of a window a command: the parts of weights, the windows of a piece, the sums of pieces. */
function byMatrix(work: Windows, unit: number, { columns, pieces, rows, held }: Cut): Counts {
  const { skip, height, width } = work;
  const lengths = runs(width, columns).map((n) => n * unit);
  const counts = { unitLine: 0, unitLaid: 0, unitColumn: 0, unitCall: 0, unitMac: 0, unitMatrix: 0 };
  const more = {
    unitSplit: 0,
    unitSplitLine: 0,
    unitCopied: 0,
    unitCopy: 0,
    unitPiece: 0,
    unitRow: 0,
    unitFilled: 0,
  };
  for (const count of runs(work.count, held)) {
    const laid = (count - 1) * skip + width;
    counts.unitColumn += laid;
    counts.unitLine += laid * height;
    counts.unitLaid += laid * unit;
    for (const group of runs(work.rows, rows)) {
      // A command a window and piece.
      counts.unitCall += pieces * even(count);
      counts.unitMatrix += pieces;
      counts.unitMac += sum(lengths) * even(count) * group * 2;
      more.unitSplit += group * width * unit;
      more.unitSplitLine += group * width * height;
      more.unitCopied += even(count) * sum(lengths);
      more.unitCopy += even(count) * pieces;
      more.unitPiece += pieces * count * group;
      // Sums that it leaves: of interest where it is stood in for (bench/mspdebug.ts).
      more.unitFilled += pieces * even(count) * group * 2;
      more.unitRow += group * pieces;
    }
  }
  return { ...counts, ...more, unitOutput: work.count * work.rows };
}

/** What is done of a call; `words`: of LEA's RAM. */
export function windowsCounts(work: Windows, words = LEA_WORDS): Counts {
  const { pixel, height, width, count, rows } = work;
  const unit = even(height * pixel);
  const length = width * unit;
  if (length >= LEAST_LONG && length * 2 <= words && count >= LEAST_PAYING) return byRows(work, unit, words);
  const cut = unit <= PIECE && count >= LEAST_WINDOWS ? cutOf(work, unit, words) : undefined;
  if (cut && cut.held >= 2) return byMatrix(work, unit, cut);
  const values = height * width * pixel;
  return {
    unitCoreLine: count * height,
    unitCoreWidened: count * values,
    unitCoreMac: count * rows * values,
    unitCoreOutput: count * rows,
  };
}
