// Depthwise convolution in 128-bit lanes: eight channels at a time.
import { OP_REQUANT_STRIDE, WIN_INPUT_CHANNELS } from '../layout';
import { factors, limits, multipliers, narrow, scaleFour } from './requantize_lanes';

/**
 * Eight channels from `x` on, each its own multiplier: sums over `size`-byte rows of weights from `w` to `last`, and over
 * windows from `to` to `end`.
 */
export function eightChannels(
  op: usize,
  x: usize,
  w: usize,
  last: usize,
  size: i32,
  bias: usize,
  pair: usize,
  to: usize,
  end: usize,
): void {
  const pixel = load<i32>(op, WIN_INPUT_CHANNELS);
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
    let at = w;
    // The taps of a window lie behind each other: the next window follows.
    do {
      const products = i16x8.mul(v128.load8x8_s(x), v128.load8x8_s(at));
      a = i32x4.add(a, i32x4.extend_low_i16x8_s(products));
      b = i32x4.add(b, i32x4.extend_high_i16x8_s(products));
      x += pixel;
      at += size;
    } while (at < last);
    a = scaleFour(op, a, pair, m, f, most);
    b = scaleFour(op, b, behind, n, g, mostBehind);
    v128.store64_lane(to, narrow(op, a, b), 0);
    to += pixel;
  } while (to < end);
}
