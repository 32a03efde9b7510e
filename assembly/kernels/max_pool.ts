// Max pooling, int8 or int16 NHWC; padding never wins.
import { fillBytes } from '../accel/bytes';
import {
  OpKind,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_SCRATCH0,
  OP_SCRATCH1,
  WIN_DILATION,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_STRIDE,
} from '../layout';
import { put } from '../nvm';
import { HAS_SPECIAL, isInt16 } from './mask';
import { fill, lower, raise } from './values';
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

export function tile(op: usize, index: i32): void {
  const wide = isInt16(op, OpKind.MAX_POOL);
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const pixel = pixelBytes(op);
  const width = load<u32>(op, WIN_INPUT_WIDTH);
  const stride: i32 = load<u16>(op, WIN_STRIDE + 2);
  const dilation: i32 = load<u16>(op, WIN_DILATION + 2);
  const left = inputColumn(op, column);
  const output = op + load<usize>(op, OP_SCRATCH1);
  const end = output + count * pixel;
  const kernel = load<u32>(op, WIN_KERNEL);
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  if (wide) fill<i16>(output, end, low);
  else fillBytes(output, low, count * pixel);
  for (let ky = 0; ky < <i32>(kernel & 0xffff); ky++) {
    const y = inputRow(op, row, ky);
    if (!isInside(op, y)) continue;
    const source = lookRow(op, y, column, count, op + load<usize>(op, OP_SCRATCH0));
    for (let i = 0; i < count; i++) {
      for (let kx = 0, at = i * stride; kx < <i32>(kernel >> 16); kx++, at += dilation) {
        if (HAS_SPECIAL && <u32>(left + at) >= width) continue;
        const to = output + i * pixel;
        if (wide) raise<i16>(to, to + pixel, source + at * pixel);
        else raise<i8>(to, to + pixel, source + at * pixel);
      }
    }
  }
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  if (wide) lower<i16>(output, end, high);
  else lower<i8>(output, end, high);
  put(outputAddress(op, row, column), output, count * pixel);
}
