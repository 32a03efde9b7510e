// Sums of inputs that are levels (levels.ts) by weights of a bit, where an accelerator has them: of windows that overlap in rows
// as `gatherRows` lays them out, or of windows one by one.
import { xnor } from '../accel/imports';
import {
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  WIN_KERNEL,
  WIN_STRIDE,
} from '../layout';
import { areTouching, spanBytes } from './gather';
import { pixelBytes } from './window';

/** `rows` rows of weights on `count` windows of `patch` inputs at `x`. As `multiply` of sign_tables.ts. */
export function multiplyLevels(
  op: usize,
  x: usize,
  count: i32,
  weights: usize,
  rows: i32,
  patch: i32,
  bias: usize,
  pair: usize,
  to: usize,
  pixel: i32,
  work: usize,
  end: usize,
): void {
  const inRows = areTouching(op);
  const height: i32 = inRows ? load<u16>(op, WIN_KERNEL) : 1;
  const across = inRows ? spanBytes(op, count) : patch;
  const step = inRows ? <i32>load<u16>(op, WIN_STRIDE + 2) * pixelBytes(op) : patch;
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  const room = max(<i32>(end - work), 0);
  const span = patch / height;
  xnor(
    x,
    count,
    step,
    height,
    across,
    span,
    weights,
    rows,
    bias,
    pair,
    stride,
    zero,
    low,
    high,
    to,
    pixel,
    work,
    room,
  );
}
