// The scatter within classes, with a ridge, as L D Lᵀ: row after row of L (docs/LEARNING.md §10).
import {
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
} from '../layout';
import { FACTOR_RIDGE, SCATTER_BITS, SUMS_AT } from '../learning-layout';
import { look, put } from '../nvm';
import {
  bitLength,
  clamp,
  classesOf,
  meansAt,
  product,
  productsAt,
  rankOf,
  totalsAt,
  triangle,
} from './place';

/** What `enter` leaves: the ridge, int64, and how far entries are shifted down. */
const SHIFT = 8;

/** Adds, over classes, means times totals: of row `row`, columns 0 … row; below 0, of the diagonal. To int64 sums. */
function addBetween(op: usize, row: i32): usize {
  const rank = rankOf(op);
  const count = row < 0 ? rank : row + 1;
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const from = load<usize>(op, SUMS_AT);
  memory.fill(sums, 0, count << 3);
  for (let c = 0; c < classesOf(op); c++) {
    const totals = look(from + totalsAt(op, c), count << 2, op + load<usize>(op, OP_SCRATCH4));
    const means = look(from + meansAt(op, c), rank << 1, op + load<usize>(op, OP_SCRATCH5));
    const step: usize = row < 0 ? 2 : 0;
    let mean = row < 0 ? means : means + (row << 1);
    let total = totals;
    for (let sum = sums, end = sums + (count << 3); sum < end; sum += 8, total += 4, mean += step)
      store<i64>(sum, load<i64>(sum) + <i64>load<i16>(mean) * <i64>load<i32>(total));
  }
  return sums;
}

export function enter(op: usize): void {
  const rank = rankOf(op);
  const sums = addBetween(op, -1);
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

export function tile(op: usize, row: i32): void {
  const found = op + load<usize>(op, OP_SCRATCH0);
  const shift = load<i32>(found, SHIFT);
  const between = addBetween(op, row);
  const scaled = op + load<usize>(op, OP_SCRATCH2);
  const output = op + load<usize>(op, OP_SCRATCH3);
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  // Of the entries so far only their int64 sums are left: products are taken off before rows of L come to the same scratch.
  const products = look(load<usize>(op, SUMS_AT) + productsAt(op, row), (row + 1) << 2, scratch);
  for (let j = 0; j <= row; j++) {
    const at = between + (j << 3);
    const entry = <i64>load<i32>(products + (j << 2)) - (load<i64>(at) >> 8);
    store<i64>(at, (j == row ? entry + load<i64>(found) : entry) >> shift);
  }
  const to = load<usize>(op, OP_OUTPUT);
  for (let j = 0; j < row; j++) {
    const other = look(to + triangle(j), (j + 1) << 2, scratch);
    const rest = clamp(load<i64>(between + (j << 3)) - (product(scaled, other, j) >> 16));
    store<i32>(scaled + (j << 2), rest);
    store<i32>(output + (j << 2), clamp(((<i64>rest) << 16) / <i64>load<i32>(other + (j << 2))));
  }
  const own = load<i64>(between + (row << 3)) - (product(scaled, output, row) >> 16);
  store<i32>(output + (row << 2), max(clamp(own), 1));
  put(to + triangle(row), output, (row + 1) << 2);
}
