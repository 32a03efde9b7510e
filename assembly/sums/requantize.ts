// The head as the forward kernel reads it: int8 weights, folded biases, one scale (docs/LEARNING.md §10).
import {
  OP_BIAS,
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
} from '../layout';
import { MOST_SUM, REQUANTIZE_INPUTS, REQUANTIZE_REACH, SUMS_AT } from '../learning-layout';
import { look, put } from '../nvm';
import { bitLength, clamp, classesOf, isPresent, meansAt, rankOf, shifted, solutionBytes } from './place';

// What `enter` leaves: the largest weight; 127 · 2³¹ over it, int64; multiplier and shift.
const FACTOR = 8;
const MULTIPLIER = 16;
const SHIFT = 20;
const BITS = 31;

/** Weights and constant of class `c`. */
function solutionOf(op: usize, c: i32): usize {
  const bytes = solutionBytes(op);
  return look(load<usize>(op, OP_INPUT) + c * bytes, bytes, op + load<usize>(op, OP_SCRATCH2));
}

/** Sums over the classes there, then divided by their number: the mean of each weight, and of the constant. */
function findMiddle(op: usize, middle: usize): void {
  let count: i64 = 0;
  const end = middle + solutionBytes(op);
  memory.fill(middle, 0, solutionBytes(op));
  for (let c = 0; c < classesOf(op); c++) {
    // Of classes without samples all is 0.
    count += i64(isPresent(op, c, op + load<usize>(op, OP_SCRATCH3)));
    let value = solutionOf(op, c);
    for (let at = middle; at < end; at += 8, value += 8)
      store<i64>(at, load<i64>(at) + load<i64>(value, 0, 4));
  }
  count = max<i64>(count, 1);
  for (; middle < end; middle += 8) store<i64>(middle, load<i64>(middle) / count);
}

/** Value `i` of a solution without the mean over classes. */
// @ts-ignore: decorator
@inline
function centred(solution: usize, middle: usize, i: i32): i64 {
  return load<i64>(solution + (i << 3), 0, 4) - load<i64>(middle + (i << 3));
}

export function enter(op: usize): void {
  const rank = rankOf(op);
  const found = op + load<usize>(op, OP_SCRATCH0);
  const middle = op + load<usize>(op, OP_SCRATCH1);
  findMiddle(op, middle);
  let most: i64 = 1;
  let reached: i64 = 1;
  for (let c = 0; c < classesOf(op); c++) {
    const scratch = op + load<usize>(op, OP_SCRATCH3);
    if (!isPresent(op, c, scratch)) continue;
    const solution = solutionOf(op, c);
    const means = look(load<usize>(op, SUMS_AT) + meansAt(op, c), rank << 1, scratch);
    let sum: i64 = 0;
    for (let i = 0; i < rank; i++) {
      const weight = centred(solution, middle, i);
      most = max<i64>(most, abs<i64>(weight));
      sum += weight * <i64>load<i16>(means + (i << 1));
    }
    reached = max<i64>(reached, (sum >> 8) + centred(solution, middle, rank));
  }
  store<i64>(found, most);
  store<i64>(found, ((<i64>127) << BITS) / most, FACTOR);
  const numerator = <i64>load<i32>(op, REQUANTIZE_REACH) * most;
  const denominator = reached * 127;
  const up = 61 - bitLength(numerator);
  const down = 30 - bitLength(denominator);
  let quotient = (numerator << up) / shifted(denominator, down);
  let shift = BITS - up + down;
  for (; quotient >= (<i64>1) << 31; quotient >>= 1) shift++;
  store<i32>(found, <i32>quotient, MULTIPLIER);
  store<i32>(found, max(min(shift, 0), -BITS), SHIFT);
}

export function tile(op: usize, c: i32): void {
  const found = op + load<usize>(op, OP_SCRATCH0);
  if (c == classesOf(op)) {
    put(load<usize>(op, OP_REQUANT), found + MULTIPLIER, 8);
    return;
  }
  const rank = rankOf(op);
  const inputs = load<i32>(op, REQUANTIZE_INPUTS);
  const row = op + load<usize>(op, OP_SCRATCH3);
  const here = isPresent(op, c, row);
  const middle = op + load<usize>(op, OP_SCRATCH1);
  const factor = load<i64>(found, FACTOR);
  const solution = solutionOf(op, c);
  // The factory's logits, behind the projected sample, count no more.
  memory.fill(row, 0, inputs);
  let bias = -MOST_SUM;
  if (here) {
    for (let i = 0; i < rank; i++)
      store<i8>(row + i, <i32>((centred(solution, middle, i) * factor + (1 << 30)) >> BITS));
    bias = clamp((centred(solution, middle, rank) * 127) / load<i64>(found));
  }
  put(load<usize>(op, OP_OUTPUT) + c * inputs, row, inputs);
  store<i32>(row, bias);
  put(load<usize>(op, OP_BIAS) + (c << 2), row, 4);
}
