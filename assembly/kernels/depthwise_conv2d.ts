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
  OP_SCRATCH3,
  OP_SCRATCH4,
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
import { gather, gatherRows } from './gather';
import { eightChannels } from './depthwise_lanes';
import { ACCELERATED, FAST, SIMD, isInt16 } from './mask';
import { lookBias, lookRequant, requantize, requantizeS16, requantizeTwo } from './requantize';
import { behind, rowBytes, unpack } from './weights';
import { columnCount, firstColumn, outputAddress, outputRow } from './window';

/** `sum` and each tap at `x`, `pixel` bytes apart, times its weight, from `w` to `last` `size` bytes apart. */
// @ts-ignore: decorator
@inline
function addTaps<T, S>(sum: S, x: usize, pixel: i32, w: usize, last: usize, size: i32): S {
  for (; w < last; w += size) {
    sum += <S>(<i32>load<T>(x) * <i32>load<i8>(w));
    x += pixel;
  }
  return sum;
}

/**
 * Four channels from `x` on, each its own multiplier: sums over `size`-byte rows of weights from `w` to `last`, and over
 * windows from `to` to `end`.
 */
function fourChannels(
  op: usize,
  x: usize,
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
  do {
    let a = load<i32>(bias);
    let b = load<i32>(bias, 4);
    let c = load<i32>(bias, 8);
    let d = load<i32>(bias, 12);
    let at = w;
    // The taps of a window lie behind each other: the next window follows.
    do {
      a += <i32>load<i8>(x) * <i32>load<i8>(at);
      b += <i32>load<i8>(x, 1) * <i32>load<i8>(at, 1);
      c += <i32>load<i8>(x, 2) * <i32>load<i8>(at, 2);
      d += <i32>load<i8>(x, 3) * <i32>load<i8>(at, 3);
      x += pixel;
      at += size;
    } while (at < last);
    requantizeTwo(op, a, b, pair, to);
    requantizeTwo(op, c, d, pair + stride * 2, to + 2);
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

export function tile(op: usize, index: i32): void {
  const wide = isInt16(op, OpKind.DEPTHWISE_CONV2D);
  const width = i32(wide);
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const columns = op + load<usize>(op, OP_SCRATCH1);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const kernel = load<u32>(op, WIN_KERNEL);
  const taps: i32 = (kernel & 0xffff) * (kernel >> 16);
  const inputs = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const multiplier = outputs / inputs;
  const group = load<i32>(op, WIN_GROUP);
  const pixel = inputs << width;
  const patch = taps * pixel;
  const bytes = rowBytes(op, group * taps);
  const single = !wide && multiplier == 1;
  const lanes = SIMD && single && group >= 8 && (outputs % group == 0 || outputs % group >= 8);
  // Lanes and accelerators read windows that overlap.
  let across = lanes || (ACCELERATED && single) ? gatherRows(op, row, column, count, columns) : 0;
  const span = across ? <i32>load<u16>(op, WIN_STRIDE + 2) * pixel : patch;
  if (!across) {
    across = <i32>(kernel >> 16) * pixel;
    gather(op, row, column, count, columns, patch);
  }
  for (let first = 0; first < outputs; first += group) {
    const size = min(group, outputs - first);
    let bias = lookBias(op, first, size, op + load<usize>(op, OP_SCRATCH3));
    let pair = lookRequant(op, first, size, op + load<usize>(op, OP_SCRATCH4));
    const scratch = op + load<usize>(op, OP_SCRATCH2);
    const address = load<usize>(op, OP_WEIGHTS) + (first / group) * bytes;
    const packed = look(address, rowBytes(op, size * taps), scratch);
    const weights = unpack(op, packed, size * taps, behind(scratch, bytes));
    const step = outputs << width;
    if (lanes) {
      for (let i = 0; i < size; i += 8) {
        // The last eight begin earlier, and some are computed twice.
        const at = min(i, size - 8);
        const to = output + first + at;
        const w = weights + at;
        const x = columns + first + at;
        const pairs = pair + at * load<i32>(op, OP_REQUANT_STRIDE);
        eightChannels(op, x, span, across, w, size, bias + (at << 2), pairs, to, to + count * step);
      }
      continue;
    }
    if (ACCELERATED && single) {
      accelerate(op, columns + first, span, across, count, weights, size, bias, pair, output + first);
      continue;
    }
    for (let i = 0; i < size; i++) {
      let vector = columns + (((first + i) / multiplier) << width);
      const w = weights + i;
      const last = w + taps * size;
      let to = output + ((first + i) << width);
      const end = to + count * step;
      if (FAST && !wide && multiplier == 1 && i + 3 < size) {
        fourChannels(op, vector, w, last, size, bias, pair, to, end);
        i += 3;
        bias += 16;
        pair += load<i32>(op, OP_REQUANT_STRIDE) << 2;
        continue;
      }
      for (; to < end; to += step) {
        if (wide) {
          const sum = addTaps<i16, i64>(load<i64>(bias), vector, pixel, w, last, size);
          store<i16>(to, requantizeS16(op, sum, pair));
        } else {
          const sum = addTaps<i8, i32>(load<i32>(bias), vector, pixel, w, last, size);
          store<i8>(to, requantize(op, sum, pair));
        }
        vector += patch;
      }
      bias += 4 << width;
      pair += load<i32>(op, OP_REQUANT_STRIDE);
    }
  }
  put(outputAddress(op, row, column), output, (count * outputs) << width);
}
