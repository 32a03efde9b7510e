// Depthwise convolution in 128-bit lanes: eight channels at a time.
import { OP_REQUANT_STRIDE, WIN_INPUT_CHANNELS, WIN_KERNEL, WIN_OUTPUT_CHANNELS } from '../layout';
import { factors, limits, multipliers, narrow, scaleFour } from './requantize_lanes';

/** `sum` and the four products of two taps, a channel's side by side: the lower four channels, or the upper. */
// @ts-ignore: decorator
@inline
function addPair(sum: v128, x: v128, nextX: v128, w: v128, nextW: v128, upper: bool): v128 {
  return i32x4.add(
    sum,
    upper
      ? i32x4.dot_i16x8_s(
          v128.shuffle<i16>(x, nextX, 4, 12, 5, 13, 6, 14, 7, 15),
          v128.shuffle<i16>(w, nextW, 4, 12, 5, 13, 6, 14, 7, 15),
        )
      : i32x4.dot_i16x8_s(
          v128.shuffle<i16>(x, nextX, 0, 8, 1, 9, 2, 10, 3, 11),
          v128.shuffle<i16>(w, nextW, 0, 8, 1, 9, 2, 10, 3, 11),
        ),
  );
}

/** What eight output channels see of a tap: a value each, or one for all. */
// @ts-ignore: decorator
@inline
function loadEight(tap: usize, shared: bool): v128 {
  return shared ? i16x8.splat(load<i8>(tap)) : v128.load8x8_s(tap);
}

/**
 * Eight output channels, which see eight input channels from `x` on, or share the one at `x`: sums over `size`-byte rows of
 * weights from `w` on, and over windows from `to` to `end`. Those begin `step` bytes apart, and their rows `rowBytes`.
 */
// @ts-ignore: decorator
@inline
function eight(
  shared: bool,
  op: usize,
  x: usize,
  step: i32,
  rowBytes: i32,
  w: usize,
  size: i32,
  bias: usize,
  pair: usize,
  to: usize,
  end: usize,
): void {
  const pixel = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const width: i32 = load<u16>(op, WIN_KERNEL + 2);
  const pairs = (width >> 1) * pixel * 2;
  const last = w + <i32>load<u16>(op, WIN_KERNEL) * width * size;
  const behind = pair + load<usize>(op, OP_REQUANT_STRIDE) * 4;
  const m = multipliers(op, pair);
  const n = multipliers(op, behind);
  const f = factors(op, pair);
  const g = factors(op, behind);
  const most = limits(op, pair);
  const mostBehind = limits(op, behind);
  do {
    let a = v128.load(bias);
    let b = v128.load(bias, 16);
    let row = x;
    let at = w;
    do {
      let tap = row;
      // Two taps at a time.
      for (const end = row + pairs; tap < end; tap += pixel * 2) {
        const here = loadEight(tap, shared);
        const next = loadEight(tap + pixel, shared);
        const weights = v128.load8x8_s(at);
        const nextWeights = v128.load8x8_s(at + size);
        a = addPair(a, here, next, weights, nextWeights, false);
        b = addPair(b, here, next, weights, nextWeights, true);
        at += size * 2;
      }
      if (width & 1) {
        const products = i16x8.mul(loadEight(tap, shared), v128.load8x8_s(at));
        a = i32x4.add(a, i32x4.extend_low_i16x8_s(products));
        b = i32x4.add(b, i32x4.extend_high_i16x8_s(products));
        at += size;
      }
      row += rowBytes;
    } while (at < last);
    a = scaleFour(op, a, pair, m, f, most);
    b = scaleFour(op, b, behind, n, g, mostBehind);
    v128.store64_lane(to, narrow(op, a, b), 0);
    x += step;
    to += outputs;
  } while (to < end);
}

/** `eight` of an input channel each. */
export function eightChannels(
  op: usize,
  x: usize,
  step: i32,
  rowBytes: i32,
  w: usize,
  size: i32,
  bias: usize,
  pair: usize,
  to: usize,
  end: usize,
): void {
  eight(false, op, x, step, rowBytes, w, size, bias, pair, to, end);
}

/** `eight` of one input channel. */
export function eightOfOne(
  op: usize,
  x: usize,
  step: i32,
  rowBytes: i32,
  w: usize,
  size: i32,
  bias: usize,
  pair: usize,
  to: usize,
  end: usize,
): void {
  eight(true, op, x, step, rowBytes, w, size, bias, pair, to, end);
}
