// Convolution, int8 NHWC, weights [out][height][width][in]: im2col of a row segment, then dot products.
// Bit-exact with TFLite's reference kernel; the input zero point is folded into the bias (padding holds it).
import { copyBytes, fillBytes } from '../accel/bytes';
import { dotS8 } from '../accel/dot';
import {
  OP_INPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
  OP_WEIGHTS,
  WIN_DILATION,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_STRIDE,
} from '../layout';
import { look, put } from '../nvm';
import { lookBias, lookRequant, requantize } from './requantize';
import {
  columnCount,
  firstColumn,
  inputColumn,
  inputRow,
  isInside,
  lookRow,
  outputAddress,
  outputRow,
} from './window';

/** Lays out the window of each of the tile's outputs as one contiguous vector, padding filled in. */
function gather(op: usize, row: i32, column: i32, count: i32, columns: usize, patch: i32): void {
  const scratch = op + load<usize>(op, OP_SCRATCH0);
  const zero = load<i32>(op, OP_INPUT_ZERO_POINT);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  const dilation: i32 = load<u16>(op, WIN_DILATION + 2);
  const stride: i32 = load<u16>(op, WIN_STRIDE + 2);
  const left = inputColumn(op, column);
  const span = kernelWidth * channels;
  for (let ky = 0, kernelHeight: i32 = load<u16>(op, WIN_KERNEL); ky < kernelHeight; ky++) {
    const y = inputRow(op, row, ky);
    const inside = isInside(op, y);
    let source: usize = inside ? lookRow(op, y, column, count, scratch) : 0;
    let target = columns + ky * span;
    for (let x = left, end = left + count * stride; x < end; x += stride) {
      if (!inside) {
        fillBytes(target, zero, span);
      } else if (dilation == 1 && x >= 0 && x + kernelWidth <= width) {
        copyBytes(target, source, span);
      } else {
        for (let kx = 0; kx < kernelWidth; kx++) {
          const at = kx * dilation;
          if (<u32>(x + at) < <u32>width) copyBytes(target + kx * channels, source + at * channels, channels);
          else fillBytes(target + kx * channels, zero, channels);
        }
      }
      source += stride * channels;
      target += patch;
    }
  }
}

export function tile(op: usize, index: i32): void {
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const columns = op + load<usize>(op, OP_SCRATCH1);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const kernel = load<u32>(op, WIN_KERNEL);
  const patch: i32 = (kernel & 0xffff) * (kernel >> 16) * load<i32>(op, WIN_INPUT_CHANNELS);
  const channels = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const group = load<i32>(op, WIN_GROUP);
  const requantStride = load<i32>(op, OP_REQUANT_STRIDE);
  gather(op, row, column, count, columns, patch);
  for (let first = 0; first < channels; first += group) {
    const size = min(group, channels - first);
    let bias = lookBias(op, first, size, op + load<usize>(op, OP_SCRATCH3));
    let pair = lookRequant(op, first, size, op + load<usize>(op, OP_SCRATCH4));
    let weights = look(
      load<usize>(op, OP_WEIGHTS) + first * patch,
      size * patch,
      op + load<usize>(op, OP_SCRATCH2),
    );
    for (let channel = first; channel < first + size; channel++) {
      let vector = columns;
      for (let to = output + channel, end = to + count * channels; to < end; to += channels) {
        store<i8>(to, requantize(op, dotS8(vector, weights, patch) + load<i32>(bias), pair));
        vector += patch;
      }
      weights += patch;
      bias += 4;
      pair += requantStride;
    }
  }
  put(outputAddress(op, row, column), output, count * channels);
}
