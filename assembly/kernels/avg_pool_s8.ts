// Average pooling, int8 NHWC: the mean over the inputs inside the map, rounded half away from zero.
import { fillBytes } from '../accel/bytes';
import {
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
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

/** How many of `size` positions from `from` on are in [0, limit). */
function inside(from: i32, size: i32, limit: i32): i32 {
  return min(from + size, limit) - max(from, 0);
}

export function tile(op: usize, index: i32): void {
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
        let from = source + kx * channels;
        for (let to = sums + ((i * channels) << 2), last = to + (channels << 2); to < last; to += 4, from++) {
          store<i32>(to, load<i32>(to) + <i32>load<i8>(from));
        }
      }
    }
  }
  const low = load<i32>(op, OP_CLAMP_MIN);
  const high = load<i32>(op, OP_CLAMP_MAX);
  const rows = inside(inputRow(op, row, 0), kernelHeight, load<i32>(op, WIN_INPUT_HEIGHT));
  let from = sums;
  let to = output;
  for (let i = 0; i < count; i++) {
    const area = max(rows * inside(left + i * stride, kernelWidth, width), 1);
    for (const last = to + channels; to < last; to++, from += 4) {
      const sum = load<i32>(from);
      store<i8>(to, max(min((sum > 0 ? sum + area / 2 : sum - area / 2) / area, high), low));
    }
  }
  put(outputAddress(op, row, column), output, count * channels);
}
