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
  OP_SCRATCH4,
  OP_WEIGHTS,
} from '../layout';
import {
  EXPAND_INPUTS,
  EXPAND_PART,
  MOST_SUM,
  REQUANTIZE_REACH,
  REQUANTIZE_SHIFTS,
  REQUANTIZE_STRIDE,
  SUMS_AT,
} from '../learning-layout';
import { look, put } from '../nvm';
import { expandedBytes, isPresent } from './expand';
import { bitLength, clamp, classesOf, meansAt, rankOf, shifted } from './place';

// What `enter` leaves: the largest weight; 127 · 2³¹ over it, int64; multiplier and shift.
const FACTOR = 8;
const MULTIPLIER = 16;
const SHIFT = 20;
const BITS = 31;

function expanded(op: usize, c: i32, offset: i32, bytes: i32, scratch: usize): usize {
  return look(load<usize>(op, OP_INPUT) + c * expandedBytes(op) + offset, bytes, scratch);
}

/** The largest magnitude of a weight, at least 1. */
function largestWeight(op: usize): i32 {
  const inputs = load<i32>(op, EXPAND_INPUTS);
  const part = load<i32>(op, EXPAND_PART);
  let most = 1;
  for (let c = 0; c < classesOf(op); c++) {
    for (let from = 0; from < inputs; from += part) {
      const count = min(part, inputs - from);
      const row = expanded(op, c, from << 2, count << 2, op + load<usize>(op, OP_SCRATCH1));
      for (let at = row, end = row + (count << 2); at < end; at += 4) most = max(most, abs(load<i32>(at)));
    }
  }
  return most;
}

/** The answer of class `c`, whose constant and weights are at `row`, to the mean of class `at`. */
function scoreAt(op: usize, row: usize, at: i32): i64 {
  const rank = rankOf(op);
  const means = look(
    load<usize>(op, SUMS_AT) + meansAt(op, at),
    rank << 1,
    op + load<usize>(op, OP_SCRATCH3),
  );
  const shifts = look(load<usize>(op, REQUANTIZE_SHIFTS), rank, op + load<usize>(op, OP_SCRATCH4));
  let sum: i64 = 0;
  for (let i = 0; i < rank; i++) {
    const product = <i64>load<i32>(row + (i << 2), 8) * <i64>load<i16>(means + (i << 1));
    sum += product << load<u8>(shifts + i);
  }
  return (sum >> 8) + load<i64>(row, 0, 4);
}

/** The largest magnitude of an answer to a class mean, at least 1. */
function largestScore(op: usize): i64 {
  const classes = classesOf(op);
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  const bytes = 8 + (rankOf(op) << 2);
  let most: i64 = 1;
  for (let c = 0; c < classes; c++) {
    if (!isPresent(op, c, scratch)) continue;
    const behind = load<i32>(op, EXPAND_INPUTS) << 2;
    const row = expanded(op, c, behind, bytes, op + load<usize>(op, OP_SCRATCH2));
    for (let other = 0; other < classes; other++) {
      if (!isPresent(op, other, scratch)) continue;
      const score = scoreAt(op, row, other);
      most = max<i64>(most, score < 0 ? -score : score);
    }
  }
  return most;
}

export function enter(op: usize): void {
  const found = op + load<usize>(op, OP_SCRATCH0);
  const most = largestWeight(op);
  store<i32>(found, most);
  store<i64>(found, ((<i64>127) << BITS) / <i64>most, FACTOR);
  const numerator = <i64>load<i32>(op, REQUANTIZE_REACH) * <i64>most;
  const denominator = largestScore(op) * 127;
  const up = 61 - bitLength(numerator);
  const down = 30 - bitLength(denominator);
  let quotient = shifted(numerator, up) / shifted(denominator, down);
  let shift = BITS - up + down;
  for (; quotient >= (<i64>1) << 31; quotient >>= 1) shift++;
  store<i32>(found, <i32>quotient, MULTIPLIER);
  store<i32>(found, max(min(shift, 0), -BITS), SHIFT);
}

/** Multiplier and shift, for all outputs or each. */
function writeScales(op: usize, found: usize): void {
  const stride = load<i32>(op, REQUANTIZE_STRIDE);
  const count = stride ? classesOf(op) : 1;
  for (let c = 0; c < count; c++) put(load<usize>(op, OP_REQUANT) + c * stride, found + MULTIPLIER, 8);
}

export function tile(op: usize, c: i32): void {
  const found = op + load<usize>(op, OP_SCRATCH0);
  if (c == classesOf(op)) {
    writeScales(op, found);
    return;
  }
  const inputs = load<i32>(op, EXPAND_INPUTS);
  const part = load<i32>(op, EXPAND_PART);
  const factor = load<i64>(found, FACTOR);
  const output = op + load<usize>(op, OP_SCRATCH3);
  let middle = 0;
  for (let from = 0; from < inputs; from += part) {
    const count = min(part, inputs - from);
    const row = expanded(op, c, from << 2, count << 2, op + load<usize>(op, OP_SCRATCH1));
    const centre = look(load<usize>(op, OP_WEIGHTS) + from, count, op + load<usize>(op, OP_SCRATCH4));
    for (let j = 0; j < count; j++) {
      const weight = <i32>((<i64>load<i32>(row + (j << 2)) * factor + (1 << 30)) >> BITS);
      middle += weight * <i32>load<i8>(centre + j);
      store<i8>(output + j, weight);
    }
    put(load<usize>(op, OP_OUTPUT) + c * inputs + from, output, count);
  }
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  let bias = -MOST_SUM;
  if (isPresent(op, c, scratch)) {
    const constant = load<i64>(expanded(op, c, inputs << 2, 8, scratch), 0, 4);
    bias = clamp((constant * 127) / <i64>load<i32>(found)) - middle;
  }
  store<i32>(output, bias);
  put(load<usize>(op, OP_BIAS) + (c << 2), output, 4);
}
