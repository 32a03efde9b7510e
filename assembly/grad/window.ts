// The input gradients of windowed ops: runs of input pixels, and the outputs that saw them (docs/LEARNING.md §6).
import {
  ERROR_BYTES,
  OP_BIAS,
  OP_INPUT,
  OP_KIND,
  OP_OUTPUT,
  OP_REQUANT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_WEIGHTS,
  OpKind,
  WIN_DILATION,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PADDING,
  WIN_PART,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../layout';
import { GRAD_OUTPUT_HEIGHT } from '../learning-layout';
import { learns } from '../kernels/mask';
import { look, put } from '../nvm';

/** Output row or column whose tap `tap` saw input `at`; −1: none did. `axis`: 0 rows, 2 columns. */
function outputAt(op: usize, at: i32, tap: i32, axis: usize, count: i32): i32 {
  const stride: i32 = load<u16>(op + axis, WIN_STRIDE);
  const shifted = at + load<u16>(op + axis, WIN_PADDING) - tap * load<u16>(op + axis, WIN_DILATION);
  if (shifted < 0 || shifted % stride) return -1;
  return shifted / stride < count ? shifted / stride : -1;
}

/** Channels of a tile. */
function partOf(op: usize): i32 {
  return load<i32>(op, WIN_PART) || load<i32>(op, WIN_INPUT_CHANNELS);
}

/** The errors of output pixel `pixel`, `count` from channel `from` on. */
function lookErrors(op: usize, pixel: i32, from: i32, count: i32): usize {
  const value = pixel * load<i32>(op, WIN_OUTPUT_CHANNELS) + from;
  const address = load<usize>(op, OP_INPUT) + ERROR_BYTES + (value << 1);
  return look(address, count << 1, op + load<usize>(op, OP_SCRATCH1));
}

/** An error, scaled by its channel's ratio; `ratio`: 0, or where that lies. */
// @ts-ignore: decorator
@inline
export function scaled(error: i32, ratio: usize): i32 {
  return ratio ? (error * load<i32>(ratio) + (1 << 14)) >> 15 : error;
}

/** Ratios of `count` channels from `from` on; 0: all are 1. */
export function lookRatios(op: usize, from: i32, count: i32, scratch: usize): usize {
  const ratios = load<usize>(op, OP_BIAS);
  return ratios ? look(ratios + (from << 2), count << 2, scratch) : 0;
}

function convTap(op: usize, sums: usize, output: i32, tap: i32, from: i32, count: i32): void {
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const taps = load<u16>(op, WIN_KERNEL) * load<u16>(op, WIN_KERNEL + 2);
  const errors = lookErrors(op, output, 0, outputs);
  const ratios = lookRatios(op, 0, outputs, op + load<usize>(op, OP_SCRATCH3));
  for (let o = 0; o < outputs; o++) {
    const error = scaled(load<i16>(errors + (o << 1)), ratios ? ratios + (o << 2) : 0);
    if (!error) continue;
    const address = load<usize>(op, OP_WEIGHTS) + (o * taps + tap) * channels + from;
    let w = look(address, count, op + load<usize>(op, OP_SCRATCH2));
    for (let sum = sums, end = sums + (count << 2); sum < end; sum += 4, w++) {
      store<i32>(sum, load<i32>(sum) + error * load<i8>(w));
    }
  }
}

function depthwiseTap(op: usize, sums: usize, output: i32, tap: i32, from: i32, count: i32): void {
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const times = outputs / load<i32>(op, WIN_INPUT_CHANNELS);
  const group = load<i32>(op, WIN_GROUP);
  const taps = load<u16>(op, WIN_KERNEL) * load<u16>(op, WIN_KERNEL + 2);
  for (let first = from * times, end = first + count * times; first < end;) {
    const inGroup = first % group;
    const start = first - inGroup;
    const size = min(group, outputs - start);
    const part = min(size - inGroup, end - first);
    const errors = lookErrors(op, output, first, part);
    const ratios = lookRatios(op, first, part, op + load<usize>(op, OP_SCRATCH3));
    const address = load<usize>(op, OP_WEIGHTS) + start * taps + tap * size + inGroup;
    const w = look(address, part, op + load<usize>(op, OP_SCRATCH2));
    for (let i = 0; i < part; i++) {
      const error = scaled(load<i16>(errors + (i << 1)), ratios ? ratios + (i << 2) : 0);
      const sum = sums + (((first + i) / times - from) << 2);
      store<i32>(sum, load<i32>(sum) + error * load<i8>(w + i));
    }
    first += part;
  }
}

function averageTap(op: usize, sums: usize, output: i32, tap: i32, from: i32, count: i32): void {
  let error = lookErrors(op, output, from, count);
  for (let sum = sums, end = sums + (count << 2); sum < end; sum += 4, error += 2) {
    store<i32>(sum, load<i32>(sum) + load<i16>(error));
  }
}

/** Whether tap (`tapY`, `tapX`) of the window at output (`row`, `column`) holds its first largest value of `channel`. */
function isFirstLargest(op: usize, row: i32, column: i32, tap: i32, channel: i32): bool {
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  const taps = load<u16>(op, WIN_KERNEL) * kernelWidth;
  let found = -1;
  let largest = i32.MIN_VALUE;
  for (let i = 0; i < taps; i++) {
    const y =
      row * load<u16>(op, WIN_STRIDE) +
      (i / kernelWidth) * load<u16>(op, WIN_DILATION) -
      load<u16>(op, WIN_PADDING);
    const x =
      column * load<u16>(op, WIN_STRIDE + 2) +
      (i % kernelWidth) * load<u16>(op, WIN_DILATION + 2) -
      load<u16>(op, WIN_PADDING + 2);
    if (<u32>y >= load<u32>(op, WIN_INPUT_HEIGHT) || <u32>x >= <u32>width) continue;
    const at = load<usize>(op, OP_REQUANT) + (y * width + x) * load<i32>(op, WIN_INPUT_CHANNELS) + channel;
    const value: i32 = load<i8>(look(at, 1, op + load<usize>(op, OP_SCRATCH2)));
    if (value > largest) {
      largest = value;
      found = i;
    }
  }
  return found == tap;
}

function maxTap(op: usize, sums: usize, output: i32, tap: i32, from: i32, count: i32): void {
  const errors = lookErrors(op, output, from, count);
  const outputWidth = load<i32>(op, WIN_OUTPUT_WIDTH);
  for (let i = 0; i < count; i++) {
    const error: i32 = load<i16>(errors + (i << 1));
    if (!error || !isFirstLargest(op, output / outputWidth, output % outputWidth, tap, from + i)) continue;
    const sum = sums + (i << 2);
    store<i32>(sum, load<i32>(sum) + error);
  }
}

/** Adds what output pixel `output` saw through tap `tap` to the sums of channels `from` … of one input pixel. */
function addTap(op: usize, sums: usize, output: i32, tap: i32, from: i32, count: i32): void {
  switch (<i32>load<u8>(op, OP_KIND)) {
    case OpKind.CONV2D_GRAD:
      if (learns(OpKind.CONV2D_GRAD)) convTap(op, sums, output, tap, from, count);
      break;
    case OpKind.DEPTHWISE_GRAD:
      if (learns(OpKind.DEPTHWISE_GRAD)) depthwiseTap(op, sums, output, tap, from, count);
      break;
    case OpKind.MAX_POOL_GRAD:
      if (learns(OpKind.MAX_POOL_GRAD)) maxTap(op, sums, output, tap, from, count);
      break;
    case OpKind.AVG_POOL_GRAD:
      if (learns(OpKind.AVG_POOL_GRAD)) averageTap(op, sums, output, tap, from, count);
      break;
  }
}

/** A tile: the sums of a run of input pixels, or of a part of their channels. */
export function tile(op: usize, index: i32): void {
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const part = partOf(op);
  const parts = (channels + part - 1) / part;
  const columns = load<i32>(op, WIN_TILE_COLUMNS);
  const perRow = (width + columns - 1) / columns;
  const from = (index % parts) * part;
  const count = min(part, channels - from);
  const run = index / parts;
  const y = run / perRow;
  const first = (run % perRow) * columns;
  const end = min(first + columns, width);
  const sums = op + load<usize>(op, OP_SCRATCH0);
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  const outputWidth = load<i32>(op, WIN_OUTPUT_WIDTH);
  memory.fill(sums, 0, ((end - first) * count) << 2);
  for (let x = first; x < end; x++) {
    for (let ky = 0; ky < <i32>load<u16>(op, WIN_KERNEL); ky++) {
      const row = outputAt(op, y, ky, 0, load<i32>(op, GRAD_OUTPUT_HEIGHT));
      if (row < 0) continue;
      for (let kx = 0; kx < kernelWidth; kx++) {
        const column = outputAt(op, x, kx, 2, outputWidth);
        if (column < 0) continue;
        const to = sums + (((x - first) * count) << 2);
        addTap(op, to, row * outputWidth + column, ky * kernelWidth + kx, from, count);
      }
    }
  }
  const at = ((y * width + first) * channels + from) << 2;
  put(load<usize>(op, OP_OUTPUT) + at, sums, ((end - first) * count) << 2);
}
