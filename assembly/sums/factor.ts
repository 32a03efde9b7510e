// The scatter within classes, with a ridge, as L D Lᵀ: rows of L, a pivot each; below them, by the same steps, the means of
// classes on their way down. Four rows a tile or one (docs/LEARNING.md §10).
import { OP_OUTPUT, OP_SCRATCH0, OP_SCRATCH1, OP_SCRATCH2, OP_SCRATCH3 } from '../layout';
import { FACTOR_RIDGE, FACTOR_ROWS, FOUR, SCATTER_BITS, SUMS_AT } from '../learning-layout';
import { look, put } from '../nvm';
import {
  bitLength,
  clamp,
  classesOf,
  loweredAt,
  meansAt,
  over,
  pivotOf,
  productsAt,
  rankOf,
  totalsAt,
} from './place';
import { addProducts, groupOf, products } from './rows';

/** What `enter` leaves: the ridge, int64, and how far entries in 1/256 are shifted down. */
const SHIFT = 8;

/** Entries of `count` rows of the scatter from `first` on, and columns from `column` on: [column][row], in 1/256, int64. */
function scatter(op: usize, first: i32, count: i32, column: i32): usize {
  const rows = groupOf(op, FACTOR_ROWS);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const factors = op + load<usize>(op, OP_SCRATCH2);
  const scratch = op + load<usize>(op, OP_SCRATCH3);
  const from = load<usize>(op, SUMS_AT);
  const width = first + count - column;
  memory.fill(sums, 0, (rankOf(op) * rows) << 3);
  memory.fill(factors, 0, FOUR << 2);
  for (let t = 0; t < count; t++) {
    const here = first + t + 1 - column;
    let product = look(from + productsAt(op, first + t) + (column << 2), here << 2, scratch);
    // All ones behind the point: what is then taken off and rounded down is as if it had been rounded down by itself.
    for (let j = 0; j < here; j++, product += 4)
      store<i64>(sums + ((j * rows + t) << 3), ((<i64>load<i32>(product)) << 8) | 255);
  }
  for (let c = 0; c < classesOf(op); c++) {
    const means = look(from + meansAt(op, c) + (first << 1), count << 1, scratch);
    for (let t = 0; t < count; t++) store<i32>(factors + (t << 2), -(<i32>load<i16>(means + (t << 1))));
    addProducts(
      sums,
      rows,
      look(from + totalsAt(op, c) + (column << 2), width << 2, scratch),
      width,
      factors,
    );
  }
  return sums;
}

/** The ridge, and how far entries are shifted down, by the diagonal. */
export function enter(op: usize): void {
  const rank = rankOf(op);
  const rows = groupOf(op, FACTOR_ROWS);
  let trace: i64 = 0;
  let most: i64 = 0;
  for (let first = 0; first < rank; first += rows) {
    const count = min(rows, rank - first);
    const sums = scatter(op, first, count, first);
    for (let t = 0; t < count; t++) {
      const entry = max<i64>(load<i64>(sums + ((t * (rows + 1)) << 3)) >> 8, 0);
      trace += entry;
      most = max<i64>(most, entry);
    }
  }
  const ridge = (trace * <i64>load<i32>(op, FACTOR_RIDGE)) / ((<i64>rank) << 12) + 1;
  const found = op + load<usize>(op, OP_SCRATCH0);
  store<i64>(found, ridge << 8);
  store<i32>(found, 8 + max(0, bitLength(most + ridge) - SCATTER_BITS), SHIFT);
}

/** Entries of rows of the scatter, scaled: [column][row], int32, in place. */
function findEntries(op: usize, first: i32, count: i32): void {
  const rows = groupOf(op, FACTOR_ROWS);
  const found = op + load<usize>(op, OP_SCRATCH0);
  const shift: i64 = load<i32>(found, SHIFT);
  const sums = scatter(op, first, count, 0);
  for (let t = 0; t < count; t++) {
    const at = sums + (((first + t) * rows + t) << 3);
    store<i64>(at, load<i64>(at) + load<i64>(found));
  }
  for (let i = 0; i < (first + count) * rows; i++)
    store<i32>(sums + (i << 2), clamp(load<i64>(sums + (i << 3)) >> shift));
}

/** Means of `count` classes, in 1/65536: [direction][class], int32. */
function findMeans(op: usize, first: i32, count: i32): void {
  const rows = groupOf(op, FACTOR_ROWS);
  memory.fill(op + load<usize>(op, OP_SCRATCH1), 0, (rankOf(op) * rows) << 2);
  for (let t = 0; t < count; t++) {
    let to = op + load<usize>(op, OP_SCRATCH1) + (t << 2);
    const from = load<usize>(op, SUMS_AT) + meansAt(op, first + t);
    let mean = look(from, rankOf(op) << 1, op + load<usize>(op, OP_SCRATCH3));
    for (let i = 0; i < rankOf(op); i++, to += rows << 2, mean += 2)
      store<i32>(to, (<i32>load<i16>(mean)) << 8);
  }
}

export function tile(op: usize, index: i32): void {
  const rank = rankOf(op);
  const rows = groupOf(op, FACTOR_ROWS);
  const tiles = (rank + rows - 1) / rows;
  const ofClasses = index >= tiles;
  // Rows of classes are numbered behind those of L.
  const first = ofClasses ? rank + (index - tiles) * rows : index * rows;
  const count = min(rows, (ofClasses ? rank + classesOf(op) : rank) - first);
  if (ofClasses) findMeans(op, first - rank, count);
  else findEntries(op, first, count);
  const up = ofClasses ? 20 : 16;
  const entries = op + load<usize>(op, OP_SCRATCH1);
  const sums = op + load<usize>(op, OP_SCRATCH2);
  const stride = rank << 2;
  // Entries take half of what sums took.
  const output = entries + rows * stride;
  for (let j = 0; j < min(first + count, rank); j++) {
    // Column j: that of a row done before, or of one of the tile's own.
    const own = j - first;
    const row =
      own < 0
        ? look(load<usize>(op, OP_OUTPUT) + loweredAt(op, j), (j + 1) << 2, op + load<usize>(op, OP_SCRATCH3))
        : output + own * stride;
    products(entries, rows, row, j, sums);
    let pivot = load<i32>(row + (j << 2));
    for (let t = max(own, 0); t < rows; t++) {
      const at = entries + ((j * rows + t) << 2);
      const rest = clamp(<i64>load<i32>(at) - (load<i64>(sums + (t << 3)) >> 16));
      store<i32>(at, rest);
      if (t == own) pivot = pivotOf(max(rest, 1));
      store<i32>(output + t * stride + (j << 2), t == own ? pivot : over(rest, pivot, up));
    }
  }
  for (let t = 0; t < count; t++) {
    const bytes = min(first + t + 1, rank) << 2;
    put(load<usize>(op, OP_OUTPUT) + loweredAt(op, first + t), output + t * stride, bytes);
  }
}
