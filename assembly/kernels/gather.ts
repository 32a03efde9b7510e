// im2col of a row segment: what convolutions multiply.
import { copyBytes, fillBytes } from '../accel/bytes';
import {
  OP_INPUT_ZERO_POINT,
  OP_SCRATCH0,
  WIN_DILATION,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_STRIDE,
} from '../layout';
import { levels } from './levels';
import { HAS_SPECIAL, isXnor } from './mask';
import { inputColumn, inputRow, isInside, lookRow, pixelBytes } from './window';

/** Inputs as they are multiplied. */
// @ts-ignore: decorator
@inline
function copyInputs(op: usize, to: usize, from: usize, bytes: i32): void {
  if (isXnor(op)) levels(op, to, from, bytes);
  else copyBytes(to, from, bytes);
}

/** Bytes of a row under `count` outputs, laid out so that windows overlap. */
export function spanBytes(op: usize, count: i32): i32 {
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  const stride: i32 = load<u16>(op, WIN_STRIDE + 2);
  return ((count - 1) * stride + kernelWidth) * pixelBytes(op);
}

/** Whether windows touch or overlap along a row, taps side by side. */
export function areTouching(op: usize): bool {
  return (
    load<u16>(op, WIN_DILATION + 2) == 1 && load<u16>(op, WIN_STRIDE + 2) <= load<u16>(op, WIN_KERNEL + 2)
  );
}

/**
 * Lays out the input rows under the tile's outputs, and `below` more, padding filled in, so that windows overlap; without those
 * `above`, which lie there. Returns the bytes of a row; 0 and nothing done where that would take more room than windows one by
 * one.
 */
export function gatherRows(
  op: usize,
  row: i32,
  column: i32,
  count: i32,
  to: usize,
  below: i32 = 0,
  above: i32 = 0,
): i32 {
  if (!areTouching(op)) return 0;
  const pixel = pixelBytes(op);
  const zero: i32 = load<i16>(op, OP_INPUT_ZERO_POINT);
  const left = inputColumn(op, column);
  const bytes = spanBytes(op, count);
  const before = min(max(-left, 0) * pixel, bytes);
  const until = max(min((load<i32>(op, WIN_INPUT_WIDTH) - left) * pixel, bytes), before);
  const height: i32 = load<u16>(op, WIN_KERNEL) + below;
  to += above * bytes;
  for (let ky = above; ky < height; ky++, to += bytes) {
    const y = inputRow(op, row, ky);
    // What is inside the map, from `before` to `until`, and padding around it.
    let done = 0;
    if (isInside(op, y) && until > before) {
      const source = lookRow(op, y, column, count, op + load<usize>(op, OP_SCRATCH0));
      fillBytes(to, zero, before);
      copyInputs(op, to + before, source + before, until - before);
      done = until;
    }
    fillBytes(to + done, zero, bytes - done);
  }
  return bytes;
}

/** Lays out the window of each of the tile's outputs as one contiguous vector of `patch` bytes, padding filled in. */
export function gather(op: usize, row: i32, column: i32, count: i32, columns: usize, patch: i32): void {
  const scratch = op + load<usize>(op, OP_SCRATCH0);
  const zero: i32 = load<i16>(op, OP_INPUT_ZERO_POINT);
  const pixel = pixelBytes(op);
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  const dilation: i32 = load<u16>(op, WIN_DILATION + 2);
  const stride: i32 = load<u16>(op, WIN_STRIDE + 2);
  const left = inputColumn(op, column);
  const span = kernelWidth * pixel;
  for (let ky = 0, kernelHeight: i32 = load<u16>(op, WIN_KERNEL); ky < kernelHeight; ky++) {
    const y = inputRow(op, row, ky);
    const inside = isInside(op, y);
    let source: usize = inside ? lookRow(op, y, column, count, scratch) : 0;
    // One pointer for all that is laid out: a store through it bounds it, for who proves widths (host/firmware/widths).
    let to = columns + ky * span;
    for (let x = left, end = left + count * stride; x < end; x += stride) {
      if (!inside) {
        fillBytes(to, zero, span);
        to += patch;
      } else if (!HAS_SPECIAL || (dilation == 1 && x >= 0 && x + kernelWidth <= width)) {
        copyInputs(op, to, source, span);
        to += patch;
      } else {
        for (let kx = 0; kx < kernelWidth; kx++, to += pixel) {
          const at = kx * dilation;
          if (<u32>(x + at) < <u32>width) copyInputs(op, to, source + at * pixel, pixel);
          else fillBytes(to, zero, pixel);
        }
        to += patch - span;
      }
      source += stride * pixel;
    }
  }
}
