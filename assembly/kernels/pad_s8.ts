// Constant padding of an int8 NHWC map in height and width.
import { fillBytes } from '../accel/bytes';
import {
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_SCRATCH0,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_WIDTH,
  WIN_PADDING,
} from '../layout';
import { fetch, put } from '../nvm';
import { columnCount, firstColumn, isInside, outputAddress, outputRow } from './window';

export function tile(op: usize, index: i32): void {
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const output = op + load<usize>(op, OP_SCRATCH0);
  const y = row - load<u16>(op, WIN_PADDING);
  const left = column - load<u16>(op, WIN_PADDING + 2);
  const from = max(left, 0);
  const to = min(left + count, width);
  fillBytes(output, load<i32>(op, OP_INPUT_ZERO_POINT), count * channels);
  if (isInside(op, y) && from < to) {
    const address = load<usize>(op, OP_INPUT) + (y * width + from) * channels;
    fetch(address, (to - from) * channels, output + (from - left) * channels);
  }
  put(outputAddress(op, row, column), output, count * channels);
}
