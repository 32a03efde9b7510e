// A class as the factory had it: what was learnt of it is taken off the sums, into the free bank (docs/LEARNING.md §10).
import {
  C_TURN,
  GROUP_MASK,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_TILES,
  T_FACTORY,
} from '../layout';
import {
  FORGET_FACTOR,
  SUMS_AT,
  SUMS_COUNTS,
  SUMS_FORGOTTEN,
  SUMS_HALVINGS,
  TURN_FORGETS,
} from '../learning-layout';
import { givenLabel } from '../grad/state';
import { jump } from '../grad/turn';
import { fetch, look, put } from '../nvm';
import { CURSOR, LEARN } from '../sram';
import { clamp, classesOf, meansAt, productsAt, rankOf, totalsAt } from './place';

/** The class to forget. */
function forgotten(op: usize): i32 {
  return givenLabel(op + load<usize>(op, OP_SCRATCH0));
}

/** Where the factory's sums lie, which were never halved. */
function factoryAt(op: usize): usize {
  return load<usize>(LEARN, T_FACTORY) + (load<usize>(op, SUMS_AT) & GROUP_MASK);
}

/** Times that all sums were halved. */
function halvings(op: usize): i32 {
  return load<i32>(look(load<usize>(op, SUMS_AT) + SUMS_HALVINGS, 4, op + load<usize>(op, OP_SCRATCH0)));
}

/** Copies `count` int32 of sums, `from` on, to `to`, halved so often. */
function fetchHalved(from: usize, count: i32, halved: i32, to: usize): void {
  fetch(from, count << 2, to);
  for (const end = to + (count << 2); to < end; to += 4) store<i32>(to, load<i32>(to) >> halved);
}

/** Samples of the class, whose scatter about their mean stays. */
function writeHeader(op: usize, c: i32, halved: i32): void {
  const header = op + load<usize>(op, OP_SCRATCH0);
  const one = op + load<usize>(op, OP_SCRATCH1);
  const at = SUMS_COUNTS + (c << 2);
  fetchHalved(factoryAt(op) + at, 1, halved, one);
  const before = load<i32>(one);
  fetch(load<usize>(op, SUMS_AT) + at, 4, one);
  const learnt = max(load<i32>(one) - before, 0) >> 4;
  fetch(load<usize>(op, SUMS_AT), SUMS_COUNTS, header);
  store<i32>(header, load<i32>(header, SUMS_FORGOTTEN) + learnt, SUMS_FORGOTTEN);
  put(load<usize>(op, OP_OUTPUT), header, SUMS_COUNTS);
}

/** Count, totals and means of class `c`: as they are, or the factory's, halved so often. */
function classTile(op: usize, c: i32, from: usize, halved: i32): void {
  const rank = rankOf(op);
  const to = load<usize>(op, OP_OUTPUT);
  const values = op + load<usize>(op, OP_SCRATCH1);
  fetchHalved(from + SUMS_COUNTS + (c << 2), 1, halved, values);
  put(to + SUMS_COUNTS + (c << 2), values, 4);
  fetchHalved(from + totalsAt(op, c), rank, halved, values);
  put(to + totalsAt(op, c), values, rank << 2);
  put(to + meansAt(op, c), look(from + meansAt(op, c), rank << 1, values), rank << 1);
}

/**
 * Adds to sums of products, those of row `row`, what they would be if all samples of class `c` were at its mean, `sign` times.
 */
function addShare(op: usize, c: i32, row: i32, from: usize, halved: i32, sign: i64, sums: usize): void {
  let totals = op + load<usize>(op, OP_SCRATCH2);
  fetchHalved(from + SUMS_COUNTS + (c << 2), 1, halved, totals);
  const count: i64 = load<i32>(totals);
  if (count <= 0) return;
  fetchHalved(from + totalsAt(op, c), row + 1, halved, totals);
  const factor = sign * <i64>load<i32>(totals + (row << 2));
  for (const end = totals + (row << 2); totals <= end; totals += 4, sums += 4)
    store<i32>(sums, clamp(<i64>load<i32>(sums) + (factor * <i64>load<i32>(totals)) / count));
}

/** Row `row` of the products. */
function rowTile(op: usize, row: i32, c: i32, halved: i32): void {
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const from = load<usize>(op, SUMS_AT);
  fetch(from + productsAt(op, row), (row + 1) << 2, sums);
  addShare(op, c, row, from, 0, -1, sums);
  addShare(op, c, row, factoryAt(op), halved, 1, sums);
  put(load<usize>(op, OP_OUTPUT) + productsAt(op, row), sums, (row + 1) << 2);
}

export function tile(op: usize, index: i32): void {
  const c = forgotten(op);
  const halved = halvings(op);
  const row = index - classesOf(op);
  if (index == 0) writeHeader(op, c, halved);
  if (row >= 0) rowTile(op, row, c, halved);
  else if (index == c) classTile(op, index, factoryAt(op), halved);
  else classTile(op, index, load<usize>(op, SUMS_AT), 0);
  if (index + 1 < load<i32>(op, OP_TILES)) return;
  store<u8>(CURSOR, TURN_FORGETS, C_TURN);
  jump(load<i32>(op, FORGET_FACTOR));
}
