// Max pooling, int8 NHWC; padding never wins.
import { fillBytes } from '../accel/bytes';
import {
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_SCRATCH0,
  OP_SCRATCH1,
  WIN_DILATION,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_STRIDE,
} from '../layout';
import { put } from '../nvm';
import { HAS_SPECIAL } from './mask';
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

export function tile(op: usize, index: i32): void {
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const width = load<u32>(op, WIN_INPUT_WIDTH);
  const stride: i32 = load<u16>(op, WIN_STRIDE + 2);
  const dilation: i32 = load<u16>(op, WIN_DILATION + 2);
  const left = inputColumn(op, column);
  const output = op + load<usize>(op, OP_SCRATCH1);
  const kernel = load<u32>(op, WIN_KERNEL);
  fillBytes(output, -128, count * channels);
  for (let ky = 0; ky < <i32>(kernel & 0xffff); ky++) {
    const y = inputRow(op, row, ky);
    if (!isInside(op, y)) continue;
    const source = lookRow(op, y, column, count, op + load<usize>(op, OP_SCRATCH0));
    for (let i = 0; i < count; i++) {
      for (let kx = 0, at = i * stride; kx < <i32>(kernel >> 16); kx++, at += dilation) {
        if (HAS_SPECIAL && <u32>(left + at) >= width) continue;
        let from = source + at * channels;
        for (let to = output + i * channels, end = to + channels; to < end; to++, from++) {
          store<i8>(to, max(load<i8>(to), load<i8>(from)));
        }
      }
    }
  }
  const low = load<i32>(op, OP_CLAMP_MIN);
  const high = load<i32>(op, OP_CLAMP_MAX);
  for (let at = output, end = output + count * channels; at < end; at++) {
    store<i8>(at, max(min(<i32>load<i8>(at), high), low));
  }
  put(outputAddress(op, row, column), output, count * channels);
}
