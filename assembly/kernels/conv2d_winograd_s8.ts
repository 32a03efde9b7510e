// Convolution 3 × 3 of stride 1, int8 NHWC, by Winograd's F(2 × 2, 3 × 3) over the integers: 16 products for a block of 2 × 2
// outputs instead of 36. With 4·GgGᵀ for the weights all is whole, and four times the sum comes out, which no rounding touches:
// as the planner checks that it fits int32, it does not matter if steps on the way overflow. docs/FORMAT.md has the layouts.
import { winograd, winogradInput, winogradWeights } from '../accel/imports';
import {
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH5,
  OP_WEIGHTS,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_OUTPUT_CHANNELS,
  WINO_COMPUTED,
  WINO_OUTPUT_HEIGHT,
} from '../layout';
import { look, put } from '../nvm';
import { gatherRows } from './gather';
import { ACCELERATED, SIMD } from './mask';
import { groupBias, groupRequant, requantize } from './requantize';
import { behind } from './weights';
import { columnCount, firstColumn, outputAddress, outputRow } from './window';
import { fourOutputs, transformBlocks } from './winograd_lanes';

// Two int16 in a word: a + 2¹⁶·b of signed a and b, so that one addition adds both.
const HALVES: u32 = 0x00ff00ff;

/** Such a word as memory has it: int16 beside int16, nothing borrowed. */
// @ts-ignore: decorator
@inline
function apart(word: u32): u32 {
  return (word + 0x8000) ^ 0x8000;
}

/** Of four int8 at `from` the first and third, or the second and fourth; each 128 more. */
// @ts-ignore: decorator
@inline
function halves(from: usize, odd: u32): u32 {
  return ((load<u32>(from) ^ 0x80808080) >>> odd) & HALVES;
}

/** A row of Bᵀ times a column: the difference of two pixels, or their sum. */
// @ts-ignore: decorator
@inline
function twoRows(from: usize, other: usize, odd: u32, added: bool): u32 {
  const x = halves(from, odd);
  const y = halves(other, odd);
  return added ? x + y : x - y;
}

/** BᵀdB of `pairs` pairs of blocks, `channels` int8 a pixel, from four rows `bytes` apart. */
function transformInput(rows: usize, bytes: i32, pairs: i32, channels: i32, to: usize): void {
  const next = channels << 2;
  for (let i = 0; i < 4; i++, to += next << 2) {
    const from = rows + (i == 0 ? 0 : i == 2 ? 2 : 1) * bytes;
    const less = rows + (i == 3 ? 3 : i == 2 ? 1 : 2) * bytes - from;
    const added = i == 1;
    // The one value to which the 128 of all four pixels add up.
    const surplus: u32 = added ? 0x02000200 : 0;
    for (let channel = 0; channel < channels; channel += 4) {
      for (let odd: u32 = 0; odd <= 8; odd += 8) {
        let at = from + channel;
        // Columns 0 and 1 of a block; the first step has none before.
        let a: u32 = 0;
        let b: u32 = 0;
        let block = to + (channel << 2) + (odd >> 1);
        for (let step = 0; step <= pairs << 1; step++) {
          const c = twoRows(at, at + less, odd, added);
          at += channels;
          const d = twoRows(at, at + less, odd, added);
          at += channels;
          if (step) {
            store<u32>(block, apart(a - c));
            store<u32>(block + next, apart(b + c - surplus));
            store<u32>(block + next * 2, apart(c - b));
            store<u32>(block + next * 3, apart(b - d));
            block += step & 1 ? 8 : (next << 4) - 8;
          }
          a = c;
          b = d;
        }
      }
    }
  }
}

/** Two int8 of a weight's four, signed, in a word. */
// @ts-ignore: decorator
@inline
function weightHalves(from: usize, odd: u32): u32 {
  return halves(from, odd) - 0x00800080;
}

/** 4·GgGᵀ of two rows of weights at `w`, or twice that of the one there is: a pair's products are made of both. */
function transformWeights(w: usize, rows: i32, channels: i32, to: usize): void {
  const next = channels << 2;
  for (let row = 0; row < 2; row++) {
    for (let channel = 0; channel < channels; channel += 4) {
      for (let odd: u32 = 0; odd <= 8; odd += 8) {
        const first = to + (channel << 2) + (row << 3) + (odd >> 1);
        let from = w + channel;
        // 2G times each column, to where rows of the result begin.
        for (let column = 0, u = first; column < 3; column++) {
          const x = weightHalves(from, odd);
          const y = weightHalves(from + channels * 3, odd);
          const z = weightHalves(from + channels * 6, odd);
          store<u32>(u, x << 1);
          store<u32>(u + (next << 2), x + z + y);
          store<u32>(u + (next << 3), x + z - y);
          store<u32>(u + next * 12, z << 1);
          from += channels;
          u += next;
        }
        for (let i = 0, u = first; i < 4; i++) {
          const a = load<u32>(u);
          const b = load<u32>(u + next);
          const c = load<u32>(u + next * 2);
          store<u32>(u, apart(a << 1));
          store<u32>((u += next), apart(a + c + b));
          store<u32>((u += next), apart(a + c - b));
          store<u32>((u += next), apart(c << 1));
          u += next;
        }
      }
    }
    if (rows == 2) w += channels * 9;
  }
}

/** The 16 products of two rows of weights and two blocks, [position][row][block] int32 to `to`. */
function multiply(v: usize, u: usize, channels: i32, to: usize): void {
  for (const end = to + 256; to < end; to += 16) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    const last = v + (channels << 2);
    do {
      const x: i32 = load<i16>(v);
      const y: i32 = load<i16>(v, 8);
      const s: i32 = load<i16>(u);
      const t: i32 = load<i16>(u, 8);
      a += x * s;
      b += y * s;
      c += x * t;
      d += y * t;
      const z: i32 = load<i16>(v, 2);
      const w: i32 = load<i16>(v, 10);
      const p: i32 = load<i16>(u, 2);
      const q: i32 = load<i16>(u, 10);
      a += z * p;
      b += w * p;
      c += z * q;
      d += w * q;
      // Four values of a block, then those of the other.
      const step = v & 4 ? 12 : 4;
      v += step;
      u += step;
    } while (v < last);
    store<i32>(to, a);
    store<i32>(to, b, 4);
    store<i32>(to, c, 8);
    store<i32>(to, d, 12);
  }
}

/** AᵀMA of the block whose products lie at `m`, 16 bytes apart: four outputs of a row of weights to `to`. */
function finish(op: usize, m: usize, bias: usize, pair: usize, to: usize, pixel: i32, across: i32): void {
  const from = load<i32>(bias);
  // First the sums of rows of products that make the upper outputs, then those that make the lower.
  for (let lower = 0; lower < 2; lower++) {
    let first = 0;
    let second = 0;
    let x = m;
    for (let column = 0; column < 4; column++) {
      const p = load<i32>(x, 64);
      const q = load<i32>(x, 128);
      const sum = lower ? p - q - load<i32>(x, 192) : load<i32>(x) + p + q;
      if (column < 3) first += sum;
      if (column) second += column == 1 ? sum : -sum;
      x += 16;
    }
    store<i8>(to, requantize(op, (first >> 2) + from, pair));
    store<i8>(to + pixel, requantize(op, (second >> 2) + from, pair));
    to += across;
  }
}

/** `rows` rows of transformed weights at `w` times `blocks` blocks. */
function multiplyAll(
  op: usize,
  v: usize,
  blocks: i32,
  w: usize,
  rows: i32,
  bias: usize,
  pair: usize,
  to: usize,
  across: i32,
  room: usize,
): void {
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const pixel = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  if (ACCELERATED) {
    const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
    const low: i32 = load<i16>(op, OP_CLAMP_MIN);
    const high: i32 = load<i16>(op, OP_CLAMP_MAX);
    winograd(v, blocks, w, rows, channels, bias, pair, stride, zero, low, high, to, pixel, across, room);
    return;
  }
  const bytes = channels << 6;
  let row = 0;
  if (SIMD) {
    for (; row + 3 < rows; row += 4) {
      fourOutputs(op, v, blocks, w, bias, pair, to + row, across, room);
      w += bytes << 1;
      bias += 16;
      pair += stride << 2;
    }
  }
  for (; row < rows; row += 2) {
    let x = v;
    let y = to + row;
    for (let block = 0; block < blocks; block += 2) {
      multiply(x, w, channels, room);
      for (let r = 0; r < 2; r++) {
        for (let b = 0; b < 2; b++) {
          if (row + r >= rows || block + b >= blocks) continue;
          const m = room + (r << 3) + (b << 2);
          finish(op, m, bias + (r << 2), pair + r * stride, y + r + b * (pixel << 1), pixel, across);
        }
      }
      x += bytes;
      y += pixel << 2;
    }
    w += bytes;
    bias += 8;
    pair += stride << 1;
  }
}

export function tile(op: usize, index: i32): void {
  const row = outputRow(op, index) << 1;
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  // Whole pairs of blocks.
  const columns = (count + 3) & ~3;
  const blocks = (count + 1) >> 1;
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const v = op + load<usize>(op, OP_SCRATCH1);
  // Input rows, whose place products take after them.
  const room = v + ((columns * channels) << 4);
  const bytes = gatherRows(op, row, column, columns, room, 1);
  if (SIMD) transformBlocks(room, bytes, columns >> 2, channels, v);
  else if (ACCELERATED) winogradInput(room, bytes, columns >> 2, channels, v);
  else transformInput(room, bytes, columns >> 2, channels, v);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const across = columns * outputs;
  const group = load<i32>(op, WIN_GROUP);
  const weights = load<usize>(op, OP_WEIGHTS);
  const scratch = op + load<usize>(op, OP_SCRATCH2);
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  for (let first = 0; first < outputs; first += group) {
    const size = min(group, outputs - first);
    let bias = groupBias(op, first, size);
    let pair = groupRequant(op, first, size);
    const to = output + first;
    if (!load<i32>(op, WINO_COMPUTED)) {
      const stored = look(weights + first * (channels << 5), ((size + 1) >> 1) * (channels << 6), scratch);
      multiplyAll(op, v, blocks, stored, size, bias, pair, to, across, room);
      continue;
    }
    let w = look(weights + first * channels * 9, size * channels * 9, scratch);
    const transformed = behind(scratch, group * channels * 9);
    // In lanes four rows at a time.
    const step = SIMD ? 4 : 2;
    for (let i = 0; i < size; i += step) {
      const rows = min(step, size - i);
      for (let r = 0; r < rows; r += 2) {
        const from = w + r * channels * 9;
        const pair = transformed + r * (channels << 5);
        if (ACCELERATED) winogradWeights(from, min(2, rows - r), channels, pair);
        else transformWeights(from, min(2, rows - r), channels, pair);
      }
      multiplyAll(op, v, blocks, transformed, rows, bias, pair, to + i, across, room);
      w += rows * channels * 9;
      bias += rows << 2;
      pair += rows * stride;
    }
  }
  const address = outputAddress(op, row, column);
  put(address, output, count * outputs);
  if (row + 1 < load<i32>(op, WINO_OUTPUT_HEIGHT))
    put(outputAddress(op, row + 1, column), output + across, count * outputs);
}
