// The scatter within classes, with a ridge, as L D Lᵀ: rows of L, a pivot each, four a tile or one (docs/LEARNING.md §10).
import {
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
} from '../layout';
import { FACTOR_RIDGE, FACTOR_ROWS, FOUR, SCATTER_BITS, SUMS_AT } from '../learning-layout';
import { fetch, look, put } from '../nvm';
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

/** What `enter` leaves: the ridge, int64, and how far entries are shifted down. */
const SHIFT = 8;

/** The sum over classes of means times totals, of the diagonal. To int64 sums. */
function diagonalBetween(op: usize): usize {
  const rank = rankOf(op);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const from = load<usize>(op, SUMS_AT);
  memory.fill(sums, 0, rank << 3);
  for (let c = 0; c < classesOf(op); c++) {
    let total = look(from + totalsAt(op, c), rank << 2, op + load<usize>(op, OP_SCRATCH4));
    let mean = look(from + meansAt(op, c), rank << 1, op + load<usize>(op, OP_SCRATCH3));
    for (let sum = sums, end = sums + (rank << 3); sum < end; sum += 8, total += 4, mean += 2)
      store<i64>(sum, load<i64>(sum) + <i64>load<i16>(mean) * <i64>load<i32>(total));
  }
  return sums;
}

export function enter(op: usize): void {
  const rank = rankOf(op);
  const sums = diagonalBetween(op);
  let trace: i64 = 0;
  let most: i64 = 0;
  for (let i = 0; i < rank; i++) {
    const at = load<usize>(op, SUMS_AT) + productsAt(op, i) + (i << 2);
    const square: i64 = load<i32>(look(at, 4, op + load<usize>(op, OP_SCRATCH4)));
    const entry = square - (load<i64>(sums + (i << 3)) >> 8);
    trace += max<i64>(entry, 0);
    most = max<i64>(most, entry);
  }
  const ridge = (trace * <i64>load<i32>(op, FACTOR_RIDGE)) / ((<i64>rank) << 12) + 1;
  const found = op + load<usize>(op, OP_SCRATCH0);
  store<i64>(found, ridge);
  store<i32>(found, max(0, bitLength(most + ridge) - SCATTER_BITS), SHIFT);
}

/** Adds `count` totals of two classes, each times the means of four rows, to [column][row] sums. */
function addFour(sums: usize, totals: usize, others: usize, means: usize, count: i32): void {
  const a: i64 = load<i16>(means);
  const b: i64 = load<i16>(means, 2);
  const c: i64 = load<i16>(means, 4);
  const d: i64 = load<i16>(means, 6);
  const e: i64 = load<i16>(means, 8);
  const f: i64 = load<i16>(means, 10);
  const g: i64 = load<i16>(means, 12);
  const h: i64 = load<i16>(means, 14);
  for (const end = totals + (count << 2); totals < end; totals += 4, others += 4, sums += 32) {
    const total: i64 = load<i32>(totals);
    const other: i64 = load<i32>(others);
    store<i64>(sums, load<i64>(sums) + a * total + e * other);
    store<i64>(sums, load<i64>(sums, 8) + b * total + f * other, 8);
    store<i64>(sums, load<i64>(sums, 16) + c * total + g * other, 16);
    store<i64>(sums, load<i64>(sums, 24) + d * total + h * other, 24);
  }
}

/** The sum over classes of means times totals, of `count` rows from `first` on and `width` columns: [column][row], int64. */
function between(op: usize, first: i32, count: i32, column: i32, width: i32): usize {
  const rows = load<i32>(op, FACTOR_ROWS);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const means = op + load<usize>(op, OP_SCRATCH5);
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  const from = load<usize>(op, SUMS_AT);
  const classes = classesOf(op);
  const step = rows == FOUR ? 2 : 1;
  memory.fill(sums, 0, (width * rows) << 3);
  for (let c = 0; c < classes; c += step) {
    memory.fill(means, 0, FOUR << 2);
    fetch(from + meansAt(op, c) + (first << 1), count << 1, means);
    let total = look(from + totalsAt(op, c) + (column << 2), width << 2, scratch);
    if (step > 1) {
      let other = total;
      if (c + 1 < classes) {
        other = look(from + totalsAt(op, c + 1) + (column << 2), width << 2, scratch + (width << 2));
        fetch(from + meansAt(op, c + 1) + (first << 1), count << 1, means + (FOUR << 1));
      }
      addFour(sums, total, other, means, width);
      continue;
    }
    const mean: i64 = load<i16>(means);
    for (let sum = sums, end = sums + (width << 3); sum < end; sum += 8, total += 4)
      store<i64>(sum, load<i64>(sum) + mean * <i64>load<i32>(total));
  }
  return sums;
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
      const products = look(at, here << 2, op + load<usize>(op, OP_SCRATCH4));
      for (let j = 0; j < here; j++) {
        const slot = j * rows + t;
        let entry = <i64>load<i32>(products + (j << 2)) - (load<i64>(sums + (slot << 3)) >> 8);
        if (column + j == first + t) entry += load<i64>(found);
        store<i32>(entries + ((column * rows + slot) << 2), clamp(entry >> shift));
      }
    }
  }
}

/** Σ over `count` int32 of a · b, those of `a` so many bytes apart. */
function product(a: usize, stride: i32, b: usize, count: i32): i64 {
  let sum: i64 = 0;
  for (const end = b + (count << 2); b < end; b += 4, a += stride)
    sum += <i64>load<i32>(a) * <i64>load<i32>(b);
  return sum;
}

/** What is left of an entry without `sum`; over the diagonal of its column it is one of L. */
function settle(entry: usize, sum: i64, pivot: i32, to: usize): void {
  const rest = clamp(<i64>load<i32>(entry) - (sum >> 16));
  store<i32>(entry, rest);
  store<i32>(to, over(rest, pivot, 16));
}

/** Column `j` of four rows, by row `j` of L: each of its values is loaded once. */
function columnOfFour(entries: usize, row: usize, j: i32, to: usize, stride: i32): void {
  let a: i64 = 0;
  let b: i64 = 0;
  let c: i64 = 0;
  let d: i64 = 0;
  let at = entries;
  const end = row + (j << 2);
  for (; row < end; row += 4, at += 16) {
    const value: i64 = load<i32>(row);
    a += <i64>load<i32>(at) * value;
    b += <i64>load<i32>(at, 4) * value;
    c += <i64>load<i32>(at, 8) * value;
    d += <i64>load<i32>(at, 12) * value;
  }
  const pivot = load<i32>(end);
  settle(at, a, pivot, to);
  settle(at + 4, b, pivot, to + stride);
  settle(at + 8, c, pivot, to + 2 * stride);
  settle(at + 12, d, pivot, to + 3 * stride);
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
  for (let j = 0; j < first; j++) {
    const row = look(to + triangle(j), (j + 1) << 2, op + load<usize>(op, OP_SCRATCH4));
    const at = output + (j << 2);
    if (rows == FOUR) columnOfFour(entries, row, j, at, stride);
    else settle(entries + (j << 2), product(entries, apart, row, j), load<i32>(row + (j << 2)), at);
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
