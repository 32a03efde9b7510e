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
  OP_WEIGHTS,
} from '../layout';
import {
  EXPAND_INPUTS,
  EXPAND_PART,
  MOST_SUM,
  REQUANTIZE_REACH,
  REQUANTIZE_STRIDE,
} from '../learning-layout';
import { look, put } from '../nvm';
import { expandedBytes, isPresent, partsOf } from './expand';
import { bitLength, clamp, classesOf, shifted } from './place';

// What `enter` leaves: the largest weight; 127 · 2³¹ over it, int64; multiplier and shift.
const FACTOR = 8;
const MULTIPLIER = 16;
const SHIFT = 20;
const BITS = 31;

function expanded(op: usize, c: i32, offset: i32, bytes: i32, scratch: usize): usize {
  return look(load<usize>(op, OP_INPUT) + c * expandedBytes(op) + offset, bytes, scratch);
}

/** The constant of class `c`, and the largest answer to a class mean. */
function constantOf(op: usize, c: i32, scratch: usize): usize {
  return expanded(op, c, (load<i32>(op, EXPAND_INPUTS) + partsOf(op)) << 2, 16, scratch);
}

/** The largest magnitude of a weight, at least 1. */
function largestWeight(op: usize, scratch: usize): i32 {
  const parts = partsOf(op);
  let most = 1;
  for (let c = 0; c < classesOf(op); c++) {
    for (let part = 0; part < parts; part++) {
      const at = (load<i32>(op, EXPAND_INPUTS) + part) << 2;
      most = max(most, load<i32>(expanded(op, c, at, 4, scratch)));
    }
  }
  return most;
}

export function enter(op: usize): void {
  const found = op + load<usize>(op, OP_SCRATCH0);
  const scratch = op + load<usize>(op, OP_SCRATCH1);
  const most = largestWeight(op, scratch);
  let score: i64 = 1;
  for (let c = 0; c < classesOf(op); c++)
    score = max<i64>(score, load<i64>(constantOf(op, c, scratch), 8, 4));
  store<i32>(found, most);
  store<i64>(found, ((<i64>127) << BITS) / <i64>most, FACTOR);
  const numerator = <i64>load<i32>(op, REQUANTIZE_REACH) * <i64>most;
  const denominator = score * 127;
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
  const output = op + load<usize>(op, OP_SCRATCH2);
  let middle = 0;
  for (let from = 0; from < inputs; from += part) {
    const count = min(part, inputs - from);
    const row = expanded(op, c, from << 2, count << 2, op + load<usize>(op, OP_SCRATCH1));
    const centre = look(load<usize>(op, OP_WEIGHTS) + from, count, op + load<usize>(op, OP_SCRATCH3));
    for (let j = 0; j < count; j++) {
      const weight = <i32>((<i64>load<i32>(row + (j << 2)) * factor + (1 << 30)) >> BITS);
      middle += weight * <i32>load<i8>(centre + j);
      store<i8>(output + j, weight);
    }
    put(load<usize>(op, OP_OUTPUT) + c * inputs + from, output, count);
  }
  const scratch = op + load<usize>(op, OP_SCRATCH3);
  let bias = -MOST_SUM;
  if (isPresent(op, c, scratch)) {
    const constant = load<i64>(constantOf(op, c, scratch), 0, 4);
    bias = clamp((constant * 127) / <i64>load<i32>(found)) - middle;
  }
  store<i32>(output, bias);
  put(load<usize>(op, OP_BIAS) + (c << 2), output, 4);
}
