// Block-circulant layer in the time domain: int8 first columns, [block row][block][k]; for small blocks.
import { dotS8 } from '../accel/dot';
import { fillBytes } from '../accel/bytes';
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
  OP_WEIGHTS,
} from '../layout';
import { fetch, look, put } from '../nvm';
import { lookBias, lookRequant, requantize } from './requantize';

/** Keeps the input in SRAM, zeros behind it up to whole blocks. */
export function enter(op: usize): void {
  const inputs = load<i32>(op, CIRC_INPUTS);
  const input = op + load<usize>(op, OP_SCRATCH0);
  fetch(load<usize>(op, OP_INPUT), inputs, input);
  fillBytes(input + inputs, 0, load<i32>(op, CIRC_BLOCKS) * load<i32>(op, CIRC_BLOCK) - inputs);
}

/** One block row: k outputs. */
export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const turned = op + load<usize>(op, OP_SCRATCH2);
  const sums = op + load<usize>(op, OP_SCRATCH3);
  const output = op + load<usize>(op, OP_SCRATCH5);
  let x = op + load<usize>(op, OP_SCRATCH0);
  for (let r = 0; r < k; r++) store<i32>(sums + (r << 2), 0);
  let from = load<usize>(op, OP_WEIGHTS) + index * blocks * k;
  for (let block = 0; block < blocks; block++) {
    // turned[u] = w[−u mod k], twice: row r of the circulant is the k bytes from k − r on.
    const w = look(from, k, op + load<usize>(op, OP_SCRATCH1));
    for (let u = 0; u < k; u++) {
      const value = load<u8>(w + ((k - u) & (k - 1)));
      store<u8>(turned + u, value);
      store<u8>(turned + k + u, value);
    }
    for (let r = 0; r < k; r++) {
      store<i32>(sums + (r << 2), load<i32>(sums + (r << 2)) + dotS8(x, turned + k - r, k));
    }
    x += k;
    from += k;
  }
  const first = index * k;
  const count = min(k, load<i32>(op, CIRC_OUTPUTS) - first);
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  const bias = lookBias(op, first, count, scratch);
  let pair = lookRequant(op, first, count, scratch + (k << 2));
  for (let i = 0; i < count; i++) {
    store<i8>(output + i, requantize(op, load<i32>(sums + (i << 2)) + load<i32>(bias + (i << 2)), pair));
    pair += load<i32>(op, OP_REQUANT_STRIDE);
  }
  put(load<usize>(op, OP_OUTPUT) + first, output, count);
}
