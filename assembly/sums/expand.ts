// From weights of projected samples to weights of what the head reads, in one scale over all classes (docs/LEARNING.md §10).
import {
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
  OP_WEIGHTS,
} from '../layout';
import { EXPAND_INPUTS, EXPAND_PART, SUMS_AT, SUMS_COUNTS, WEIGHT_BITS } from '../learning-layout';
import { look, put } from '../nvm';
import { bitLength, classesOf, meansAt, rankOf, shifted } from './place';
import { solutionBytes } from './solve';

// What `enter` leaves: the mean constant, int64, shifts; then how far each weight goes up, a byte each.
const LEFT = 8;
const LAST = 12;
const RAISE = 16;

/** Tiles of a class. */
export function partsOf(op: usize): i32 {
  const part = load<i32>(op, EXPAND_PART);
  return (load<i32>(op, EXPAND_INPUTS) + part - 1) / part;
}

/** Bytes of what a class has: weights of inputs, the largest of each part, a constant, and the largest answer to a class mean. */
export function expandedBytes(op: usize): i32 {
  return ((load<i32>(op, EXPAND_INPUTS) + partsOf(op)) << 2) + 16;
}

/** Whether class `c` has any weight. */
export function isPresent(op: usize, c: i32, scratch: usize): bool {
  return load<i32>(look(load<usize>(op, SUMS_AT) + SUMS_COUNTS + (c << 2), 4, scratch)) > 0;
}

function solutionOf(op: usize, c: i32): usize {
  const bytes = solutionBytes(rankOf(op));
  return look(load<usize>(op, OP_INPUT) + c * bytes, bytes, op + load<usize>(op, OP_SCRATCH2));
}

/** How far weights go up, so that the projection's scales are one: from its requantization pairs, shift 1 − k. */
function findRaises(op: usize, found: usize): void {
  const rank = rankOf(op);
  let last = 0;
  for (let i = 0; i < rank; i++) {
    const pair = look(load<usize>(op, OP_REQUANT) + (i << 3), 8, op + load<usize>(op, OP_SCRATCH4));
    const shift = 1 - load<i32>(pair, 4);
    store<u8>(found + i, shift, RAISE);
    last = max(last, shift);
  }
  for (let i = 0; i < rank; i++) store<u8>(found + i, last - load<u8>(found + i, RAISE), RAISE);
  store<i32>(found, last, LAST);
}

/** Weight `i` of a solution without the mean over classes, in one scale. */
// @ts-ignore: decorator
@inline
function raised(solution: usize, middle: usize, found: usize, i: i32): i64 {
  const weight = <i64>load<i32>(solution + (i << 2)) - load<i64>(middle + (i << 3));
  return weight << load<u8>(found + i, RAISE);
}

export function enter(op: usize): void {
  const rank = rankOf(op);
  const found = op + load<usize>(op, OP_SCRATCH0);
  const middle = op + load<usize>(op, OP_SCRATCH1);
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  memory.fill(middle, 0, rank << 3);
  findRaises(op, found);
  let count: i64 = 0;
  let constant: i64 = 0;
  for (let c = 0; c < classesOf(op); c++) {
    if (!isPresent(op, c, scratch)) continue;
    const solution = solutionOf(op, c);
    count++;
    constant += load<i64>(solution + (rank << 2), 0, 4);
    for (let i = 0; i < rank; i++) {
      const at = middle + (i << 3);
      store<i64>(at, load<i64>(at) + <i64>load<i32>(solution + (i << 2)));
    }
  }
  count = max<i64>(count, 1);
  for (let i = 0; i < rank; i++) store<i64>(middle + (i << 3), load<i64>(middle + (i << 3)) / count);
  let most: i64 = 0;
  for (let c = 0; c < classesOf(op); c++) {
    if (!isPresent(op, c, scratch)) continue;
    const solution = solutionOf(op, c);
    for (let i = 0; i < rank; i++) {
      const weight = raised(solution, middle, found, i);
      most = max<i64>(most, weight < 0 ? -weight : weight);
    }
  }
  store<i64>(found, constant / count);
  store<i32>(found, WEIGHT_BITS - bitLength(most), LEFT);
}

/** Constant, and weights of the projected sample, of class `c`: where `weights` begins; zeros if it has no weight. */
function weigh(op: usize, c: i32): usize {
  const rank = rankOf(op);
  const found = op + load<usize>(op, OP_SCRATCH0);
  const row = op + load<usize>(op, OP_SCRATCH3);
  const left = load<i32>(found, LEFT);
  memory.fill(row, 0, 8 + (((rank + 3) & ~3) << 2));
  if (!isPresent(op, c, op + load<usize>(op, OP_SCRATCH4))) return row;
  const solution = solutionOf(op, c);
  const middle = op + load<usize>(op, OP_SCRATCH1);
  const constant = load<i64>(solution + (rank << 2), 0, 4) - load<i64>(found);
  store<i64>(row, shifted(constant << load<i32>(found, LAST), left));
  for (let i = 0; i < rank; i++)
    store<i32>(row + (i << 2), <i32>shifted(raised(solution, middle, found, i), left), 8);
  return row;
}

/** The largest magnitude of an answer to the mean of a class that is there; `row`: constant, then weights. */
function largestScore(op: usize, row: usize): i64 {
  const rank = rankOf(op);
  const found = op + load<usize>(op, OP_SCRATCH0);
  const last = load<i32>(found, LAST);
  let most: i64 = 0;
  for (let other = 0; other < classesOf(op); other++) {
    if (!isPresent(op, other, op + load<usize>(op, OP_SCRATCH4))) continue;
    const at = load<usize>(op, SUMS_AT) + meansAt(op, other);
    const means = look(at, rank << 1, op + load<usize>(op, OP_SCRATCH2));
    let sum: i64 = 0;
    for (let i = 0; i < rank; i++) {
      const product = <i64>load<i32>(row + (i << 2), 8) * <i64>load<i16>(means + (i << 1));
      sum += product << (last - load<u8>(found + i, RAISE));
    }
    const score = (sum >> 8) + load<i64>(row);
    most = max<i64>(most, score < 0 ? -score : score);
  }
  return most;
}

/** Adds four directions, each times its weight, to `count` sums. */
function addFour(weights: usize, sums: usize, count: i32, a: usize, b: usize, c: usize, d: usize): void {
  const wa = load<i32>(weights);
  const wb = load<i32>(weights, 4);
  const wc = load<i32>(weights, 8);
  const wd = load<i32>(weights, 12);
  for (const end = sums + (count << 2); sums < end; sums += 4, a++, b++, c++, d++) {
    const more =
      wa * <i32>load<i8>(a) + wb * <i32>load<i8>(b) + wc * <i32>load<i8>(c) + wd * <i32>load<i8>(d);
    store<i32>(sums, load<i32>(sums) + more);
  }
}

export function tile(op: usize, index: i32): void {
  const inputs = load<i32>(op, EXPAND_INPUTS);
  const part = load<i32>(op, EXPAND_PART);
  const parts = partsOf(op);
  const c = index / parts;
  const from = (index % parts) * part;
  const count = min(part, inputs - from);
  const rank = rankOf(op);
  const row = weigh(op, c);
  const sums = op + load<usize>(op, OP_SCRATCH5);
  memory.fill(sums, 0, count << 2);
  const directions = op + load<usize>(op, OP_SCRATCH4);
  const length = (part + 3) & ~3;
  for (let i = 0; i < rank; i += 4) {
    const at = load<usize>(op, OP_WEIGHTS) + i * inputs + from;
    // Beyond the last direction weights are 0, and what is multiplied by them is any.
    const last = rank - i - 1;
    const a = look(at, count, directions);
    const b = look(at + min(1, last) * inputs, count, directions + length);
    const third = look(at + min(2, last) * inputs, count, directions + 2 * length);
    const d = look(at + min(3, last) * inputs, count, directions + 3 * length);
    addFour(row + 8 + (i << 2), sums, count, a, b, third, d);
  }
  const to = load<usize>(op, OP_OUTPUT) + c * expandedBytes(op);
  put(to + (from << 2), sums, count << 2);
  let most = 0;
  for (let j = 0; j < count; j++) most = max(most, abs(load<i32>(sums + (j << 2))));
  store<i32>(sums, most);
  put(to + ((inputs + (index % parts)) << 2), sums, 4);
  if (from) return;
  const present = isPresent(op, c, op + load<usize>(op, OP_SCRATCH4));
  store<i64>(row, present ? largestScore(op, row) : 0, 8);
  put(to + ((inputs + parts) << 2), row, 16);
}
