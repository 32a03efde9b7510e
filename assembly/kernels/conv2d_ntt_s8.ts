// Convolution of circulant blocks over channels, int8 NHWC, by number-theoretic transform: each block of a pixel is transformed
// once for all windows of the tile that see it; then a window is to a block row what a layer's inputs are (circulant_ntt_s8.ts).
// Of each four frequencies the pixels' lie column by column, so that those of a window are side by side.
import { nttInverse, nttSums } from '../accel/imports';
import { CONV_NTT_CHUNK, CONV_NTT_ROOT } from '../conv-ntt-layout';
import {
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH5,
  OP_WEIGHTS,
  WIN_BLOCK,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../layout';
import { look, put } from '../nvm';
import { firstFast, firstInOrder, spectrum } from './circulant_ntt_s8';
import { gatherRows } from './gather';
import { ACCELERATED, FAST } from './mask';
import { makeTwiddles, nextReversed, transform } from './ntt';
import { finishInverse } from './ntt_fast';
import { groupBias, groupRequant, requantizeAll } from './requantize';
import { behind } from './weights';
import { columnCount, firstColumn, outputAddress, outputRow } from './window';

/** Twiddles, behind the output. */
function tableOf(op: usize): usize {
  const bytes = load<i32>(op, WIN_TILE_COLUMNS) * load<i32>(op, WIN_OUTPUT_CHANNELS);
  return behind(op + load<usize>(op, OP_SCRATCH5), bytes);
}

export function enter(op: usize): void {
  if (!ACCELERATED) makeTwiddles(tableOf(op), load<i32>(op, WIN_BLOCK), load<i32>(op, CONV_NTT_ROOT));
}

/** Of one window the sums of `count` frequencies over `units` blocks, from the group of four with this `index` on. */
function sumsOf(
  x: usize,
  across: usize,
  w: usize,
  units: i32,
  count: i32,
  index: i32,
  k: i32,
  to: usize,
  table: usize,
): void {
  let reversed = 0;
  if (!FAST) for (let i = 0; i < index; i++) reversed = nextReversed(reversed, i, k);
  for (const end = index + (count >> 2); index < end; x += across, w += units << 4) {
    if (ACCELERATED) nttSums(x, w, units, 4, to + (index << 4));
    else if (FAST) firstFast(x, w, units, to + (index << 4), index, k, table);
    else firstInOrder(x, 16, w, units, to, reversed, k);
    reversed = nextReversed(reversed, index++, k);
  }
}

/** Sums at `sums` back from frequencies, `count` of them as int8 to `to`. */
function finish(op: usize, sums: usize, k: i32, bias: usize, pair: usize, to: usize, count: i32): void {
  if (ACCELERATED) {
    const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
    const low: i32 = load<i16>(op, OP_CLAMP_MIN);
    const high: i32 = load<i16>(op, OP_CLAMP_MAX);
    nttInverse(sums, k, bias, pair, load<i32>(op, OP_REQUANT_STRIDE), zero, low, high, to, count);
    return;
  }
  if (FAST) finishInverse(sums, k, tableOf(op));
  else transform(sums, k, tableOf(op), false);
  requantizeAll(op, sums, k, true, bias, pair, to, count);
}

export function tile(op: usize, index: i32): void {
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const k = load<i32>(op, WIN_BLOCK);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const height: i32 = load<u16>(op, WIN_KERNEL);
  const chunk: i32 = load<u16>(op, CONV_NTT_CHUNK);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const table = tableOf(op);
  const x = op + load<usize>(op, OP_SCRATCH1);
  const work = op + load<usize>(op, OP_SCRATCH2);
  // Sums come where the rows were.
  const sums = behind(table, k << 1);
  const bytes = gatherRows(op, row, column, count, sums);
  // Blocks of a column, and bytes from one group of four frequencies to the next.
  const down = height * (channels / k);
  const across = ((bytes / channels) * down) << 4;
  let to = x;
  for (let pixel = 0; pixel < bytes; pixel += channels) {
    for (let ky = 0, at = sums + pixel; ky < height; ky++, at += bytes) {
      for (let c = 0; c < channels; c += k, to += 16) spectrum(at + c, work, to, across, k, table);
    }
  }
  const units = down * <i32>load<u16>(op, WIN_KERNEL + 2);
  const step = (down * <i32>load<u16>(op, WIN_STRIDE + 2)) << 4;
  const length = (chunk * units) << 2;
  let weights = load<usize>(op, OP_WEIGHTS);
  for (let first = 0; first < outputs; first += k) {
    for (let from = 0, group = x; from < k; from += chunk, group += (chunk >> 2) * across) {
      const w = look(weights, length, work);
      weights += length;
      for (let i = 0; i < count; i++)
        sumsOf(group + i * step, across, w, units, chunk, from >> 2, k, sums + i * (k << 2), table);
    }
    const size = min(k, outputs - first);
    const bias = groupBias(op, first, size);
    const pair = groupRequant(op, first, size);
    for (let i = 0; i < count; i++)
      finish(op, sums + i * (k << 2), k, bias, pair, output + i * outputs + first, size);
  }
  put(outputAddress(op, row, column), output, count * outputs);
}
