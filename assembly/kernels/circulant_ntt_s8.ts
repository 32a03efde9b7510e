// Block-circulant layer by number-theoretic transform: the dense int8 result, bit for bit, in O(n·m/k + n·log k).
// Block (i, j) is the circulant of its first column w: y[r] = Σ_c w[(r − c) mod k]·x[c]. Stored are the spectra
// NTT(w)·2³²/k, [block row][frequency][block]; the input zero point is folded into the bias.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_CENTRE,
  CIRC_CHUNK,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_INVERSE_ROOT,
  CIRC_OUTPUTS,
  CIRC_ROOT,
  OP_INPUT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
  OP_WEIGHTS,
} from '../layout';
import { copyBytes, fillBytes } from '../accel/bytes';
import { look, put } from '../nvm';
import { centre, reduce } from './field';
import { forward, inverse, makeTwiddles } from './ntt';
import { lookBias, lookRequant, requantizeAll } from './requantize';

/** Twiddles, and the input's spectra as [frequency][block]. */
export function enter(op: usize): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const inputs = load<i32>(op, CIRC_INPUTS);
  const work = op + load<usize>(op, OP_SCRATCH2);
  const table = op + load<usize>(op, OP_SCRATCH3);
  const centred = load<i32>(op, CIRC_CENTRE);
  makeTwiddles(table, k, load<i32>(op, CIRC_ROOT), load<i32>(op, CIRC_INVERSE_ROOT));
  for (let block = 0; block < blocks; block++) {
    const count = min(k, inputs - block * k);
    const scratch = op + load<usize>(op, OP_SCRATCH5);
    let source = look(load<usize>(op, OP_INPUT) + block * k, count, scratch);
    if (count < k) {
      // Zeros behind the last inputs; what was looked up may not be written to.
      copyBytes(scratch, source, count);
      fillBytes(scratch + count, 0, k - count);
      source = scratch;
    }
    forward(source, work, k, table);
    let to = op + load<usize>(op, OP_SCRATCH0) + (block << 2);
    for (let at = work, end = work + (k << 2); at < end; at += 4) {
      const value = load<i32>(at);
      store<i32>(to, centred ? centre(value) : value);
      to += blocks << 2;
    }
  }
}

/** Σ_j x[j]·w[j] over one frequency's blocks, back in the field's 32 bits. */
// @ts-ignore: decorator
@inline
function rowSum(x: usize, w: usize, blocks: i32): i32 {
  let sum: i64 = 0;
  const end = x + (blocks << 2);
  for (const whole = x + ((blocks & ~7) << 2); x < whole; x += 32, w += 32) {
    sum +=
      <i64>load<i32>(x) * <i64>load<i32>(w) +
      <i64>load<i32>(x, 4) * <i64>load<i32>(w, 4) +
      <i64>load<i32>(x, 8) * <i64>load<i32>(w, 8) +
      <i64>load<i32>(x, 12) * <i64>load<i32>(w, 12) +
      <i64>load<i32>(x, 16) * <i64>load<i32>(w, 16) +
      <i64>load<i32>(x, 20) * <i64>load<i32>(w, 20) +
      <i64>load<i32>(x, 24) * <i64>load<i32>(w, 24) +
      <i64>load<i32>(x, 28) * <i64>load<i32>(w, 28);
  }
  for (const whole = x + ((end - x) & ~7); x < whole; x += 8, w += 8) {
    sum += <i64>load<i32>(x) * <i64>load<i32>(w) + <i64>load<i32>(x, 4) * <i64>load<i32>(w, 4);
  }
  if (x < end) sum += <i64>load<i32>(x) * <i64>load<i32>(w);
  return reduce(sum);
}

/** Sums of block row `row`, still in the frequency domain, to `work`. */
function multiplyRow(op: usize, row: i32, k: i32, work: usize): void {
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const chunk = load<i32>(op, CIRC_CHUNK);
  const bytes = blocks << 2;
  let x = op + load<usize>(op, OP_SCRATCH0);
  let from = load<usize>(op, OP_WEIGHTS) + row * k * bytes;
  for (const end = work + (k << 2); work < end;) {
    const count = min(chunk, (<i32>(end - work)) >> 2);
    let w = look(from, count * bytes, op + load<usize>(op, OP_SCRATCH1));
    from += count * bytes;
    for (const last = work + (count << 2); work < last; work += 4) {
      store<i32>(work, rowSum(x, w, blocks));
      x += bytes;
      w += bytes;
    }
  }
}

/** `group` block rows of k outputs each. */
export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const outputs = load<i32>(op, CIRC_OUTPUTS);
  const group = load<i32>(op, CIRC_GROUP);
  const work = op + load<usize>(op, OP_SCRATCH2);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  const begin = index * group * k;
  const end = min(begin + group * k, outputs);
  for (let first = begin, row = index * group; first < end; first += k, row++) {
    const count = min(k, end - first);
    multiplyRow(op, row, k, work);
    inverse(work, k, op + load<usize>(op, OP_SCRATCH3));
    const bias = lookBias(op, first, count, scratch);
    const pair = lookRequant(op, first, count, scratch + (k << 2));
    requantizeAll(op, work, true, bias, pair, output + first - begin, count);
  }
  put(load<usize>(op, OP_OUTPUT) + begin, output, end - begin);
}
