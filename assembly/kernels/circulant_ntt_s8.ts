// Block-circulant layer by number-theoretic transform: the dense int8 result, bit for bit, in O(n·m/k + n·log k).
// Block (i, j) is the circulant of its first column w: y[r] = Σ_c w[(r − c) mod k]·x[c]. Stored are the spectra
// NTT(w)·2³²/k, [block row][frequency / 4][block][frequency mod 4]; the input zero point is folded into the bias.
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
  OP_REQUANT_STRIDE,
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

/** Twiddles, and the input's spectra as [block][frequency]. */
export function enter(op: usize): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const inputs = load<i32>(op, CIRC_INPUTS);
  const table = op + load<usize>(op, OP_SCRATCH3);
  const scratch = op + load<usize>(op, OP_SCRATCH5);
  makeTwiddles(table, k, load<i32>(op, CIRC_ROOT), load<i32>(op, CIRC_INVERSE_ROOT));
  let x = op + load<usize>(op, OP_SCRATCH0);
  for (let first = 0; first < inputs; first += k) {
    const count = min(k, inputs - first);
    let source = look(load<usize>(op, OP_INPUT) + first, count, scratch);
    if (count < k) {
      // Zeros behind the last inputs; what was looked up may not be written to.
      copyBytes(scratch, source, count);
      fillBytes(scratch + count, 0, k - count);
      source = scratch;
    }
    forward(source, x, k, table);
    x += k << 2;
  }
  if (!load<i32>(op, CIRC_CENTRE)) return;
  for (let at = op + load<usize>(op, OP_SCRATCH0); at < x; at += 4) store<i32>(at, centre(load<i32>(at)));
}

/** Σ over `blocks` of input spectra times weight spectra, four frequencies at a time, `count` frequencies to `sums`. */
function multiplyChunk(x: usize, w: usize, sums: usize, count: i32, blocks: i32, stride: usize): void {
  for (const end = sums + (count << 2); sums < end; sums += 16, x += 16) {
    let a: i64 = 0;
    let b: i64 = 0;
    let c: i64 = 0;
    let d: i64 = 0;
    let at = x;
    for (const last = w + (blocks << 4); w < last; w += 16, at += stride) {
      a += <i64>load<i32>(at) * <i64>load<i32>(w);
      b += <i64>load<i32>(at, 4) * <i64>load<i32>(w, 4);
      c += <i64>load<i32>(at, 8) * <i64>load<i32>(w, 8);
      d += <i64>load<i32>(at, 12) * <i64>load<i32>(w, 12);
    }
    store<i32>(sums, reduce(a));
    store<i32>(sums, reduce(b), 4);
    store<i32>(sums, reduce(c), 8);
    store<i32>(sums, reduce(d), 12);
  }
}

/** Sums of block row `row`, still in the frequency domain, to `work`. */
function multiplyRow(op: usize, row: i32, k: i32, work: usize): void {
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const chunk = load<i32>(op, CIRC_CHUNK);
  let from = load<usize>(op, OP_WEIGHTS) + ((row * k * blocks) << 2);
  let x = op + load<usize>(op, OP_SCRATCH0);
  for (const end = work + (k << 2); work < end;) {
    const count = min(chunk, (<i32>(end - work)) >> 2);
    const bytes = (count * blocks) << 2;
    const w = look(from, bytes, op + load<usize>(op, OP_SCRATCH1));
    multiplyChunk(x, w, work, count, blocks, (<usize>k) << 2);
    from += bytes;
    x += count << 2;
    work += count << 2;
  }
}

/** `group` block rows of k outputs each. */
export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const outputs = load<i32>(op, CIRC_OUTPUTS);
  const group = load<i32>(op, CIRC_GROUP);
  const work = op + load<usize>(op, OP_SCRATCH2);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const pairs = op + load<usize>(op, OP_SCRATCH4);
  const begin = index * group * k;
  const end = min(begin + group * k, outputs);
  // One pair for all outputs has a place of its own; pairs of channels lie where the spectra were.
  const shared = !load<i32>(op, OP_REQUANT_STRIDE);
  let pair: usize = shared ? lookRequant(op, 0, 1, pairs) : 0;
  for (let first = begin, row = index * group; first < end; first += k, row++) {
    const count = min(k, end - first);
    multiplyRow(op, row, k, work);
    inverse(work, k, op + load<usize>(op, OP_SCRATCH3));
    const bias = lookBias(op, first, count, op + load<usize>(op, OP_SCRATCH1));
    if (!shared) pair = lookRequant(op, first, count, pairs);
    requantizeAll(op, work, true, bias, pair, output + first - begin, count);
  }
  put(load<usize>(op, OP_OUTPUT) + begin, output, end - begin);
}
