// Block-circulant layer in the time domain: first columns, int8 or packed, [block row][block][k]; for small blocks and vector
// units.
import { dotS8 } from '../accel/dot';
import { fillBytes } from '../accel/bytes';
import { circulant } from '../accel/imports';
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_CHUNK,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  CIRC_PART,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_INPUT,
  OP_OUTPUT,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
  OP_WEIGHTS,
} from '../layout';
import { fetch, put } from '../nvm';
import { ACCELERATED } from './mask';
import { lookRowBias, lookRowRequant, requantizeAll } from './requantize';
import { lookColumns, rowBytes } from './weights';

/** Keeps the input in SRAM, zeros behind it up to whole blocks. */
export function enter(op: usize): void {
  const inputs = load<i32>(op, CIRC_INPUTS);
  const input = op + load<usize>(op, OP_SCRATCH0);
  fetch(load<usize>(op, OP_INPUT), inputs, input);
  fillBytes(input + inputs, 0, load<i32>(op, CIRC_BLOCKS) * load<i32>(op, CIRC_BLOCK) - inputs);
}

/** `count` sums, of outputs from `first` on of a block row, to `sums`. */
function multiplyRow(op: usize, first: i32, count: i32, k: i32, sums: usize): void {
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const turned = op + load<usize>(op, OP_SCRATCH2);
  let x = op + load<usize>(op, OP_SCRATCH0);
  for (let r = 0; r < count; r++) store<i32>(sums + (r << 2), 0);
  const row = first & -k;
  const bytes = rowBytes(op, k);
  let from = load<usize>(op, OP_WEIGHTS) + rowBytes(op, row * blocks);
  for (const end = from + blocks * bytes; from < end; from += bytes) {
    // turned[u] = w[−u mod k], twice: row r of the circulant is the k bytes from k − r on.
    const w = lookColumns(op, from, k, op + load<usize>(op, OP_SCRATCH1));
    for (let u = 0; u < k; u++) {
      const value = load<u8>(w + ((k - u) & (k - 1)));
      store<u8>(turned + u, value);
      store<u8>(turned + k + u, value);
    }
    const last = turned + k - (first - row);
    for (let r = 0; r < count; r++) {
      store<i32>(sums + (r << 2), load<i32>(sums + (r << 2)) + dotS8(x, last - r, k));
    }
    x += k;
  }
}

/** `count` outputs from `first` on of a block row by the accelerator, the row's columns looked up together. */
function accelerateRow(op: usize, first: i32, count: i32, k: i32, bias: usize, pair: usize, to: usize): void {
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const row = first & -k;
  const from = load<usize>(op, OP_WEIGHTS) + rowBytes(op, row * blocks);
  circulant(
    op + load<usize>(op, OP_SCRATCH0),
    lookColumns(op, from, blocks * k, op + load<usize>(op, OP_SCRATCH1)),
    k,
    blocks,
    first - row,
    count,
    bias,
    pair,
    load<i32>(op, OP_REQUANT_STRIDE),
    load<i16>(op, OP_OUTPUT_ZERO_POINT),
    load<i16>(op, OP_CLAMP_MIN),
    load<i16>(op, OP_CLAMP_MAX),
    to,
    op + load<usize>(op, OP_SCRATCH3),
  );
}

/** `group` block rows of k outputs each, or a part of one. */
export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const part = load<i32>(op, CIRC_PART);
  const whole = part ? part : load<i32>(op, CIRC_GROUP) * k;
  const sums = op + load<usize>(op, OP_SCRATCH3);
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const begin = index * whole;
  const end = min(begin + whole, load<i32>(op, CIRC_OUTPUTS));
  for (let first = begin; first < end; first += k) {
    const count = min(k, end - first);
    const together = ACCELERATED && load<i32>(op, CIRC_CHUNK);
    if (!together) multiplyRow(op, first, count, k, sums);
    const bias = lookRowBias(op, k, first, count, scratch);
    const pair = lookRowRequant(op, k, first, count, scratch + ((part ? part : k) << 2));
    const to = output + first - begin;
    if (together) accelerateRow(op, first, count, k, bias, pair, to);
    else requantizeAll(op, sums, k, false, bias, pair, to, count);
  }
  put(load<usize>(op, OP_OUTPUT) + begin, output, end - begin);
}
