// Convolution in 128-bit lanes: the windows that im2col laid out times rows of weights.
import { addAcross, fourRows, lastLanes, more } from '../accel/rows';
import { factors, limits, multipliers, narrow, scaleFour } from './requantize_lanes';

/**
 * Four output channels of `count` windows of `patch` ≥ 8 bytes, two windows at a time. `channels`: those of the tile.
 */
export function fourChannels(
  op: usize,
  vector: usize,
  count: i32,
  patch: i32,
  weights: usize,
  bias: usize,
  pair: usize,
  to: usize,
  channels: i32,
): void {
  const m = multipliers(op, pair);
  const factor = factors(op, pair);
  const limit = limits(op, pair);
  const start = v128.load(bias);
  for (let n = count >> 1; n > 0; n--) {
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let e = a;
    let f = a;
    let g = a;
    let h = a;
    let x = vector;
    let w = weights;
    let y = x + patch;
    let w1 = w + patch;
    let w2 = w1 + patch;
    let w3 = w2 + patch;
    const end = x + (patch & ~7);
    for (; x < end; x += 8) {
      const p = v128.load8x8_s(x);
      const q = v128.load8x8_s(y);
      let row = v128.load8x8_s(w);
      a = i32x4.add(a, i32x4.dot_i16x8_s(p, row));
      e = i32x4.add(e, i32x4.dot_i16x8_s(q, row));
      row = v128.load8x8_s(w1);
      b = i32x4.add(b, i32x4.dot_i16x8_s(p, row));
      f = i32x4.add(f, i32x4.dot_i16x8_s(q, row));
      row = v128.load8x8_s(w2);
      c = i32x4.add(c, i32x4.dot_i16x8_s(p, row));
      g = i32x4.add(g, i32x4.dot_i16x8_s(q, row));
      row = v128.load8x8_s(w3);
      d = i32x4.add(d, i32x4.dot_i16x8_s(p, row));
      h = i32x4.add(h, i32x4.dot_i16x8_s(q, row));
      y += 8;
      w += 8;
      w1 += 8;
      w2 += 8;
      w3 += 8;
    }
    if (patch & 7) {
      const back = (patch & 7) - 8;
      const mask = lastLanes(patch & 7);
      const p = v128.and(v128.load8x8_s(x + back), mask);
      const q = v128.and(v128.load8x8_s(y + back), mask);
      a = more(a, p, w + back);
      b = more(b, p, w1 + back);
      c = more(c, p, w2 + back);
      d = more(d, p, w3 + back);
      e = more(e, q, w + back);
      f = more(f, q, w1 + back);
      g = more(g, q, w2 + back);
      h = more(h, q, w3 + back);
    }
    const first = scaleFour(op, i32x4.add(addAcross(a, b, c, d), start), pair, m, factor, limit);
    const second = scaleFour(op, i32x4.add(addAcross(e, f, g, h), start), pair, m, factor, limit);
    const bytes = narrow(op, first, second);
    v128.store32_lane(to, bytes, 0);
    v128.store32_lane(to + channels, bytes, 1);
    to += channels * 2;
    vector += patch * 2;
  }
  if (count & 1) {
    const sum = i32x4.add(fourRows(vector, weights, patch, patch), start);
    const y = scaleFour(op, sum, pair, m, factor, limit);
    v128.store32_lane(to, narrow(op, y, y), 0);
  }
}
