// Block-circulant layer by number-theoretic transform: the dense int8 result, bit for bit, in O(n·m/k + n·log k).
// Block (i, j) is the circulant of its first column w: y[r] = Σ_c w[(r − c) mod k]·x[c]. Stored are the spectra
// NTT(w)·2³²/k, [block row][frequency][block]; the input zero point is folded into the bias.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_CENTRE,
  CIRC_CHUNK,
  CIRC_INPUTS,
  CIRC_INVERSE_ROOT,
  CIRC_OUTPUTS,
  CIRC_ROOT,
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
import { look, put } from '../nvm';
import { centre, reduce } from './field';
import { forward, inverse, makeTwiddles } from './ntt';
import { lookBias, lookRequant, requantize } from './requantize';

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
    const source = look(load<usize>(op, OP_INPUT) + block * k, count, op + load<usize>(op, OP_SCRATCH5));
    for (let i = 0; i < k; i++) store<i32>(work + (i << 2), i < count ? <i32>load<i8>(source + i) : 0);
    forward(work, k, table);
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
  for (const whole = x + ((blocks & ~3) << 2); x < whole; x += 16, w += 16) {
    sum +=
      <i64>load<i32>(x) * <i64>load<i32>(w) +
      <i64>load<i32>(x, 4) * <i64>load<i32>(w, 4) +
      <i64>load<i32>(x, 8) * <i64>load<i32>(w, 8) +
      <i64>load<i32>(x, 12) * <i64>load<i32>(w, 12);
  }
  for (; x < end; x += 4, w += 4) sum += <i64>load<i32>(x) * <i64>load<i32>(w);
  return reduce(sum);
}

/** One block row: k outputs. */
export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const chunk = load<i32>(op, CIRC_CHUNK);
  const work = op + load<usize>(op, OP_SCRATCH2);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const bytes = blocks << 2;
  let x = op + load<usize>(op, OP_SCRATCH0);
  let from = load<usize>(op, OP_WEIGHTS) + index * k * bytes;
  for (let frequency = 0; frequency < k;) {
    const count = min(chunk, k - frequency);
    let w = look(from, count * bytes, op + load<usize>(op, OP_SCRATCH1));
    from += count * bytes;
    for (const end = frequency + count; frequency < end; frequency++) {
      store<i32>(work + (frequency << 2), rowSum(x, w, blocks));
      x += bytes;
      w += bytes;
    }
  }
  inverse(work, k, op + load<usize>(op, OP_SCRATCH3));
  const first = index * k;
  const count = min(k, load<i32>(op, CIRC_OUTPUTS) - first);
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  const bias = lookBias(op, first, count, scratch);
  let pair = lookRequant(op, first, count, scratch + (k << 2));
  for (let i = 0; i < count; i++) {
    store<i8>(
      output + i,
      requantize(op, centre(load<i32>(work + (i << 2))) + load<i32>(bias + (i << 2)), pair),
    );
    pair += load<i32>(op, OP_REQUANT_STRIDE);
  }
  put(load<usize>(op, OP_OUTPUT) + first, output, count);
}
