// Average pooling, int8 or int16 NHWC: the mean over the inputs inside the map, rounded half away from zero.
import { fillBytes } from '../accel/bytes';
import {
  OpKind,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_STRIDE,
} from '../layout';
import { put } from '../nvm';
import { isInt16 } from './mask';
import { clamp } from './requantize';
import { addTo } from './values';
import {
  columnCount,
  firstColumn,
  inputColumn,
  inputRow,
  isInside,
  lookRow,
  outputAddress,
  outputRow,
  pixelBytes,
} from './window';

/** How many of `size` positions from `from` on are in [0, limit). */
function inside(from: i32, size: i32, limit: i32): i32 {
  return min(from + size, limit) - max(from, 0);
}

export function tile(op: usize, index: i32): void {
  const wide = isInt16(op, OpKind.AVG_POOL);
  const pixel = pixelBytes(op);
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const stride: i32 = load<u16>(op, WIN_STRIDE + 2);
  const left = inputColumn(op, column);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const output = op + load<usize>(op, OP_SCRATCH2);
  const kernelHeight: i32 = load<u16>(op, WIN_KERNEL);
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  fillBytes(sums, 0, (count * channels) << 2);
  for (let ky = 0; ky < kernelHeight; ky++) {
    const y = inputRow(op, row, ky);
    if (!isInside(op, y)) continue;
    const source = lookRow(op, y, column, count, op + load<usize>(op, OP_SCRATCH0));
    for (let i = 0; i < count; i++) {
      for (let kx = i * stride, end = kx + kernelWidth; kx < end; kx++) {
        if (<u32>(left + kx) >= <u32>width) continue;
        const to = sums + ((i * channels) << 2);
        if (wide) addTo<i16>(to, to + (channels << 2), source + kx * pixel);
        else addTo<i8>(to, to + (channels << 2), source + kx * pixel);
      }
    }
  }
  const rows = inside(inputRow(op, row, 0), kernelHeight, load<i32>(op, WIN_INPUT_HEIGHT));
  let from = sums;
  let to = output;
  for (let i = 0; i < count; i++) {
    const area = max(rows * inside(left + i * stride, kernelWidth, width), 1);
    for (const last = to + pixel; to < last; to += 1 << i32(wide), from += 4) {
      const sum = load<i32>(from);
      const mean = clamp(op, (sum > 0 ? sum + area / 2 : sum - area / 2) / area);
      if (wide) store<i16>(to, mean);
      else store<i8>(to, mean);
    }
  }
  put(outputAddress(op, row, column), output, count * pixel);
}
