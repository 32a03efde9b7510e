// Depthwise convolution, int8 or int16 NHWC, int8 weights; output channel o sees input channel o / multiplier. Weights are
// in groups of output channels, [group][tap][channel]. Bit-exact with TFLite's reference kernels.
import {
  OpKind,
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
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_STRIDE,
} from '../layout';
import { depthwise } from '../accel/imports';
import { look, put } from '../nvm';
import { WORK } from '../sram';
import { gather, gatherRows } from './gather';
import { eightChannels, eightOfOne, hasRoomForNines, multiplyNines, prepareNines } from './depthwise_lanes';
import { lanesScale } from './requantize_lanes';
import { ACCELERATED, FAST, PANELS, ROWS_APART, SIMD, SPEED, isInt16 } from './mask';
import { panelOfOne, placeOfWindows, widen } from './panel_lanes';
import { groupBias, groupRequant, requantize, requantizeS16, requantizeTwo } from './requantize';
import { behind, isPacked, rowBytes, unpack } from './weights';
import { columnCount, firstColumn, outputAddress, outputRow, pixelBytes } from './window';

/**
 * `sum` and each tap at `x`, `pixel` bytes apart and `skip` more from row to row, times its weight, from `w` to `last` `size`
 * bytes apart and rows `row`.
 */
// @ts-ignore: decorator
@inline
function addTaps<T, S>(
  sum: S,
  x: usize,
  pixel: i32,
  skip: i32,
  w: usize,
  last: usize,
  size: i32,
  row: i32,
): S {
  // Those of int16 never are.
  const apart = ROWS_APART && sizeof<T>() == 1;
  do {
    const end = apart ? w + row : last;
    for (; w < end; w += size) {
      sum += <S>(<i32>load<T>(x) * <i32>load<i8>(w));
      x += pixel;
    }
    if (apart) x += skip;
  } while (apart && w < last);
  return sum;
}

/**
 * Four channels from `x` on, each its own multiplier: sums over `size`-byte rows of weights from `w` to `last`, and over
 * windows from `to` to `end`. Those begin `step` bytes apart, their rows `across`.
 */
function fourChannels(
  op: usize,
  x: usize,
  step: i32,
  across: i32,
  w: usize,
  last: usize,
  size: i32,
  bias: usize,
  pair: usize,
  to: usize,
  end: usize,
): void {
  const pixel = load<i32>(op, WIN_INPUT_CHANNELS);
  const stride = load<usize>(op, OP_REQUANT_STRIDE);
  const width: i32 = load<u16>(op, WIN_KERNEL + 2);
  do {
    let a = load<i32>(bias);
    let b = load<i32>(bias, 4);
    let c = load<i32>(bias, 8);
    let d = load<i32>(bias, 12);
    let at = w;
    let tap = x;
    let row = x;
    do {
      const rowEnd = ROWS_APART ? at + width * size : last;
      if (ROWS_APART) tap = row;
      do {
        a += <i32>load<i8>(tap) * <i32>load<i8>(at);
        b += <i32>load<i8>(tap, 1) * <i32>load<i8>(at, 1);
        c += <i32>load<i8>(tap, 2) * <i32>load<i8>(at, 2);
        d += <i32>load<i8>(tap, 3) * <i32>load<i8>(at, 3);
        tap += pixel;
        at += size;
      } while (at < rowEnd);
      row += across;
    } while (ROWS_APART && at < last);
    requantizeTwo(op, a, b, pair, to);
    requantizeTwo(op, c, d, pair + stride * 2, to + 2);
    // Where the taps of a window lie behind each other, the next window follows.
    x = ROWS_APART ? x + step : tap;
    to += pixel;
  } while (to < end);
}

/** `size` channels of `count` windows, `step` bytes apart and their rows `across`, by the accelerator. */
function accelerate(
  op: usize,
  x: usize,
  step: i32,
  across: i32,
  count: i32,
  weights: usize,
  size: i32,
  bias: usize,
  pair: usize,
  to: usize,
): void {
  const pixel = load<i32>(op, WIN_INPUT_CHANNELS);
  const height: i32 = load<u16>(op, WIN_KERNEL);
  const width: i32 = load<u16>(op, WIN_KERNEL + 2);
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  depthwise(
    x,
    pixel,
    step,
    across,
    count,
    weights,
    size,
    height,
    width,
    size,
    bias,
    pair,
    stride,
    zero,
    low,
    high,
    to,
  );
}

/** Whether windows are read from rows that overlap, by lanes or an accelerator. */
// @ts-ignore: decorator
@inline
function hasLanes(wide: bool, multiplier: i32, outputs: i32, group: i32): bool {
  if (!SIMD || wide || group < 8) return false;
  if (multiplier == 1) return outputs % group == 0 || outputs % group >= 8;
  return SPEED && !((multiplier | group) & 7);
}

/**
 * Prepares windows of 3 × 3 in lanes, for one row of outputs or more. Returns false where they do not go that way, or lack
 * room.
 */
export function prepareWindows(op: usize): bool {
  if (!PANELS || isInt16(op, OpKind.DEPTHWISE_CONV2D) || load<u32>(op, WIN_KERNEL) != 0x30003) return false;
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const group = load<i32>(op, WIN_GROUP);
  if (outputs != load<i32>(op, WIN_INPUT_CHANNELS) || isPacked(op)) return false;
  if (!hasLanes(false, 1, outputs, group) || !hasRoomForNines(outputs, group)) return false;
  let at = WORK;
  for (let first = 0; first < outputs; first += group) {
    const size = min(group, outputs - first);
    const pair = groupRequant(op, first, size);
    if (!lanesScale(op, pair, size)) return false;
    const address = load<usize>(op, OP_WEIGHTS) + first * 9;
    const weights = look(address, size * 9, op + load<usize>(op, OP_SCRATCH2));
    at = prepareNines(op, weights, size, groupBias(op, first, size), pair, at);
  }
  return true;
}

/** `multiplyWindows` of what `prepareWindows` has prepared. */
function multiplyPrepared(op: usize, columns: usize, step: i32, across: i32, count: i32, output: usize): i32 {
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const group = load<i32>(op, WIN_GROUP);
  const bytes = count * outputs;
  let at = WORK;
  for (let first = 0; first < outputs; first += group) {
    const size = min(group, outputs - first);
    const to = output + first;
    at = multiplyNines(op, at, size, columns + first, step, across, to, to + bytes);
  }
  return bytes;
}

/** Channels `first` to `first` + `size` of `multiplyWindows`, by eights, in lanes. */
function multiplyEights(
  op: usize,
  columns: usize,
  step: i32,
  across: i32,
  count: i32,
  first: i32,
  size: i32,
  weights: usize,
  bias: usize,
  pair: usize,
  output: usize,
): void {
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const inputs = load<i32>(op, WIN_INPUT_CHANNELS);
  const multiplier = outputs / inputs;
  const height: i32 = load<u16>(op, WIN_KERNEL);
  const run: i32 = load<u16>(op, WIN_KERNEL + 2);
  // Many outputs of one input go as those of a convolution do.
  const seen = (count - 1) * step + (height - 1) * across + run;
  const one = PANELS && inputs == 1 && multiplier > 1 && lanesScale(op, pair, size);
  const widened = one ? placeOfWindows(run, height, seen, count) : 0;
  if (PANELS && widened) widen(columns, seen, widened);
  for (let i = 0; i < size; i += 8) {
    // The last eight begin earlier, and some are computed twice.
    const at = min(i, size - 8);
    const to = output + first + at;
    const w = weights + at;
    const pairs = pair + at * load<i32>(op, OP_REQUANT_STRIDE);
    const biases = bias + (at << 2);
    if (PANELS && widened) {
      panelOfOne(op, widened, step, across, height, run, count, w, size, biases, pairs, to, outputs);
      continue;
    }
    const x = columns + (first + at) / (SPEED ? multiplier : 1);
    const end = to + count * outputs;
    if (!SPEED || multiplier == 1) eightChannels(op, x, step, across, w, size, biases, pairs, to, end);
    else eightOfOne(op, x, step, across, w, size, biases, pairs, to, end);
  }
}

/**
 * All channels of `count` windows at `columns`, `step` bytes apart and their rows `across`, to `output`. Without an accelerator,
 * lanes or rows apart, a window is one vector. `prepared`: by `prepareWindows`. Returns the bytes of the output.
 */
export function multiplyWindows(
  op: usize,
  wide: bool,
  columns: usize,
  step: i32,
  across: i32,
  count: i32,
  output: usize,
  prepared: bool,
): i32 {
  if (PANELS && prepared) return multiplyPrepared(op, columns, step, across, count, output);
  const width = i32(wide);
  const kernel = load<u32>(op, WIN_KERNEL);
  const taps: i32 = (kernel & 0xffff) * (kernel >> 16);
  const inputs = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const multiplier = outputs / inputs;
  const group = load<i32>(op, WIN_GROUP);
  const pixel = inputs << width;
  const bytes = rowBytes(op, group * taps);
  const lanes = hasLanes(wide, multiplier, outputs, group);
  const outputBytes = outputs << width;
  for (let first = 0; first < outputs; first += group) {
    const size = min(group, outputs - first);
    let bias = groupBias(op, first, size);
    let pair = groupRequant(op, first, size);
    const scratch = op + load<usize>(op, OP_SCRATCH2);
    const address = load<usize>(op, OP_WEIGHTS) + (first / group) * bytes;
    const packed = look(address, rowBytes(op, size * taps), scratch);
    const weights = unpack(op, packed, size * taps, behind(scratch, bytes));
    if (SIMD && lanes) {
      multiplyEights(op, columns, step, across, count, first, size, weights, bias, pair, output);
      continue;
    }
    if (ACCELERATED && !wide && multiplier == 1) {
      accelerate(op, columns + first, step, across, count, weights, size, bias, pair, output + first);
      continue;
    }
    for (let i = 0; i < size; i++) {
      let vector = columns + (((first + i) / multiplier) << width);
      const w = weights + i;
      const last = w + taps * size;
      const row = <i32>(kernel >> 16) * size;
      const skip = across - <i32>(kernel >> 16) * pixel;
      let to = output + ((first + i) << width);
      const end = to + count * outputBytes;
      if (FAST && !wide && multiplier == 1 && i + 3 < size) {
        fourChannels(op, vector, step, across, w, last, size, bias, pair, to, end);
        i += 3;
        bias += 16;
        pair += load<i32>(op, OP_REQUANT_STRIDE) << 2;
        continue;
      }
      for (; to < end; to += outputBytes) {
        if (wide) {
          const start = load<i64>(bias);
          const sum = addTaps<i16, i64>(start, vector, pixel, skip, w, last, size, row);
          store<i16>(to, requantizeS16(op, sum, pair));
        } else {
          const start = load<i32>(bias);
          const sum = addTaps<i8, i32>(start, vector, pixel, skip, w, last, size, row);
          store<i8>(to, requantize(op, sum, pair));
        }
        vector += step;
      }
      bias += 4 << width;
      pair += load<i32>(op, OP_REQUANT_STRIDE);
    }
  }
  return count * outputBytes;
}

export function tile(op: usize, index: i32): void {
  const wide = isInt16(op, OpKind.DEPTHWISE_CONV2D);
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const columns = op + load<usize>(op, OP_SCRATCH1);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const kernel = load<u32>(op, WIN_KERNEL);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const pixel = pixelBytes(op);
  const multiplier = outputs / load<i32>(op, WIN_INPUT_CHANNELS);
  const lanes = hasLanes(wide, multiplier, outputs, load<i32>(op, WIN_GROUP));
  const overlap = (ACCELERATED && !wide && multiplier == 1) || lanes;
  // Lanes and accelerators read windows that overlap.
  let across = overlap ? gatherRows(op, row, column, count, columns) : 0;
  let step = <i32>load<u16>(op, WIN_STRIDE + 2) * pixel;
  if (!across) {
    across = <i32>(kernel >> 16) * pixel;
    step = <i32>(kernel & 0xffff) * across;
    gather(op, row, column, count, columns, step);
  }
  const prepared = PANELS && prepareWindows(op);
  const bytes = multiplyWindows(op, wide, columns, step, across, count, output, prepared);
  put(outputAddress(op, row, column), output, bytes);
}
