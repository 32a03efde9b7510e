// The scatter within classes, with a ridge, as L D Lᵀ: rows of L, a pivot each, four a tile or one (docs/LEARNING.md §10).
import { OP_OUTPUT, OP_SCRATCH0, OP_SCRATCH1, OP_SCRATCH2, OP_SCRATCH3, OP_SCRATCH4 } from '../layout';
import { FACTOR_RIDGE, FACTOR_ROWS, FOUR, SCATTER_BITS, SUMS_AT } from '../learning-layout';
import { look, put } from '../nvm';
import {
  bitLength,
  clamp,
  classesOf,
  meansAt,
  over,
  pivotOf,
  productsAt,
  rankOf,
  totalsAt,
  triangle,
} from './place';
import { addProducts, product, products } from './rows';

/** What `enter` leaves: the ridge, int64, and how far entries are shifted down. */
const SHIFT = 8;

/** The sum over classes of means times totals, of `count` rows from `first` on and `width` columns: [column][row], int64. */
function between(op: usize, first: i32, count: i32, column: i32, width: i32): usize {
  const rows = load<i32>(op, FACTOR_ROWS);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const factors = op + load<usize>(op, OP_SCRATCH4);
  const scratch = op + load<usize>(op, OP_SCRATCH3);
  const from = load<usize>(op, SUMS_AT);
  memory.fill(sums, 0, (width * rows) << 3);
  memory.fill(factors, 0, FOUR << 3);
  for (let c = 0; c < classesOf(op); c++) {
    const means = look(from + meansAt(op, c) + (first << 1), count << 1, factors + (FOUR << 2));
    for (let t = 0; t < count; t++) store<i32>(factors + (t << 2), load<i16>(means + (t << 1)));
    const totals = look(from + totalsAt(op, c) + (column << 2), width << 2, scratch);
    addProducts(sums, rows, totals, width, factors);
  }
  return sums;
}

/** The ridge, and how far entries are shifted down, by the diagonal. */
export function enter(op: usize): void {
  const rank = rankOf(op);
  const rows = load<i32>(op, FACTOR_ROWS);
  let trace: i64 = 0;
  let most: i64 = 0;
  for (let first = 0; first < rank; first += rows) {
    const count = min(rows, rank - first);
    const sums = between(op, first, count, first, count);
    for (let t = 0; t < count; t++) {
      const at = load<usize>(op, SUMS_AT) + productsAt(op, first + t) + ((first + t) << 2);
      const square: i64 = load<i32>(look(at, 4, op + load<usize>(op, OP_SCRATCH3)));
      const entry = square - (load<i64>(sums + ((t * rows + t) << 3)) >> 8);
      trace += max<i64>(entry, 0);
      most = max<i64>(most, entry);
    }
  }
  const ridge = (trace * <i64>load<i32>(op, FACTOR_RIDGE)) / ((<i64>rank) << 12) + 1;
  const found = op + load<usize>(op, OP_SCRATCH0);
  store<i64>(found, ridge);
  store<i32>(found, max(0, bitLength(most + ridge) - SCATTER_BITS), SHIFT);
}

/** Entries of the tile's rows, up to the diagonal, scaled: [column][row], int32. */
function findEntries(op: usize, first: i32, count: i32): void {
  const rank = rankOf(op);
  const rows = load<i32>(op, FACTOR_ROWS);
  const found = op + load<usize>(op, OP_SCRATCH0);
  const shift: i64 = load<i32>(found, SHIFT);
  const entries = op + load<usize>(op, OP_SCRATCH2);
  memory.fill(entries, 0, (rank * rows) << 2);
  const most = (rank + 1) >> 1;
  for (let column = 0; column < first + count; column += most) {
    const width = min(most, first + count - column);
    const sums = between(op, first, count, column, width);
    for (let t = 0; t < count; t++) {
      const here = min(width, first + t + 1 - column);
      if (here <= 0) continue;
      const at = load<usize>(op, SUMS_AT) + productsAt(op, first + t) + (column << 2);
      const products = look(at, here << 2, op + load<usize>(op, OP_SCRATCH3));
      for (let j = 0; j < here; j++) {
        const slot = j * rows + t;
        let entry = <i64>load<i32>(products + (j << 2)) - (load<i64>(sums + (slot << 3)) >> 8);
        if (column + j == first + t) entry += load<i64>(found);
        store<i32>(entries + ((column * rows + slot) << 2), clamp(entry >> shift));
      }
    }
  }
}

/** What is left of an entry without `sum`; over the diagonal of its column it is one of L. */
function settle(entry: usize, sum: i64, pivot: i32, to: usize): void {
  const rest = clamp(<i64>load<i32>(entry) - (sum >> 16));
  store<i32>(entry, rest);
  store<i32>(to, over(rest, pivot, 16));
}

export function tile(op: usize, index: i32): void {
  const rank = rankOf(op);
  const rows = load<i32>(op, FACTOR_ROWS);
  const first = index * rows;
  const count = min(rows, rank - first);
  const entries = op + load<usize>(op, OP_SCRATCH2);
  const apart = rows << 2;
  const stride = rank << 2;
  const to = load<usize>(op, OP_OUTPUT);
  findEntries(op, first, count);
  // Sums over classes are taken off: what they lay in is free for rows of L.
  const output = op + load<usize>(op, OP_SCRATCH1);
  const sums = op + load<usize>(op, OP_SCRATCH4);
  for (let j = 0; j < first; j++) {
    const row = look(to + triangle(j), (j + 1) << 2, op + load<usize>(op, OP_SCRATCH3));
    products(entries, rows, row, j, sums);
    for (let t = 0; t < rows; t++) {
      const at = entries + j * apart + (t << 2);
      settle(at, load<i64>(sums + (t << 3)), load<i32>(row + (j << 2)), output + t * stride + (j << 2));
    }
  }
  for (let t = 0; t < count; t++) {
    const i = first + t;
    const own = entries + (t << 2);
    const mine = output + t * stride;
    for (let s = 0; s < t; s++) {
      const j = first + s;
      const row = output + s * stride;
      settle(own + j * apart, product(own, apart, row, j), load<i32>(row + (j << 2)), mine + (j << 2));
    }
    const diagonal = <i64>load<i32>(own + i * apart) - (product(own, apart, mine, i) >> 16);
    store<i32>(mine + (i << 2), pivotOf(max(clamp(diagonal), 1)));
    put(to + triangle(i), mine, (i + 1) << 2);
  }
}
