// Constant padding of an int8 or int16 NHWC map in height and width.
import { fillBytes } from '../accel/bytes';
import { OP_INPUT, OP_INPUT_ZERO_POINT, OP_SCRATCH0, WIN_INPUT_WIDTH, WIN_PADDING } from '../layout';
import { fetch, put } from '../nvm';
import { columnCount, firstColumn, isInside, outputAddress, outputRow, pixelBytes } from './window';

export function tile(op: usize, index: i32): void {
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const pixel = pixelBytes(op);
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const output = op + load<usize>(op, OP_SCRATCH0);
  const y = row - load<u16>(op, WIN_PADDING);
  const left = column - load<u16>(op, WIN_PADDING + 2);
  const from = max(left, 0);
  const to = min(left + count, width);
  // The zero point of int16 is 0.
  fillBytes(output, <i32>load<i16>(op, OP_INPUT_ZERO_POINT), count * pixel);
  if (isInside(op, y) && from < to) {
    const address = load<usize>(op, OP_INPUT) + (y * width + from) * pixel;
    fetch(address, (to - from) * pixel, output + (from - left) * pixel);
  }
  put(outputAddress(op, row, column), output, count * pixel);
}
