// Winograd's convolution in 128-bit lanes: two blocks side by side, four rows of weights at a time.
import { OP_REQUANT_STRIDE, WIN_INPUT_CHANNELS, WIN_OUTPUT_CHANNELS } from '../layout';
import { factors, limits, multipliers, narrow, scaleFour } from './requantize_lanes';

/** Four int8 at `at` and four at `next`, widened, each four in the order first, third, second, fourth. */
// @ts-ignore: decorator
@inline
function sideBySide(at: usize, next: usize): v128 {
  const bytes = v128.load32_lane(next, v128.load32_zero(at), 1);
  return i16x8.extend_low_i8x16_s(
    v128.shuffle<i8>(bytes, bytes, 0, 2, 1, 3, 4, 6, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15),
  );
}

/** BᵀdB of `pairs` pairs of blocks, `channels` int8 a pixel, from four rows `bytes` apart. */
export function transformBlocks(rows: usize, bytes: i32, pairs: i32, channels: i32, to: usize): void {
  const next = channels << 2;
  const pixels = channels << 1;
  for (let pair = 0; pair < pairs; pair++) {
    for (let channel = 0; channel < channels; channel += 4) {
      for (let i = 0; i < 4; i++) {
        // Row i of Bᵀ is the difference of two rows of the window, or their sum.
        let at = rows + channel + (i == 0 ? 0 : i == 2 ? 2 : 1) * bytes;
        let other = rows + channel + (i == 3 ? 3 : i == 2 ? 1 : 2) * bytes;
        const sign = i16x8.splat(i == 1 ? 0 : -1);
        const a = signed(sideBySide(at, at + pixels), sideBySide(other, other + pixels), sign);
        at += channels;
        other += channels;
        const b = signed(sideBySide(at, at + pixels), sideBySide(other, other + pixels), sign);
        at += channels;
        other += channels;
        const c = signed(sideBySide(at, at + pixels), sideBySide(other, other + pixels), sign);
        at += channels;
        other += channels;
        const d = signed(sideBySide(at, at + pixels), sideBySide(other, other + pixels), sign);
        let v = to + (channel << 2) + i * (next << 2);
        v128.store(v, i16x8.sub(a, c));
        v128.store((v += next), i16x8.add(b, c));
        v128.store((v += next), i16x8.sub(c, b));
        v128.store((v += next), i16x8.sub(b, d));
      }
    }
    rows += channels << 2;
    to += next << 4;
  }
}

/** x + y where `sign` is 0, x − y where it is −1. */
// @ts-ignore: decorator
@inline
function signed(x: v128, y: v128, sign: v128): v128 {
  return i16x8.add(x, i16x8.sub(v128.xor(y, sign), sign));
}

/** The 16 products of four rows of weights, two pairs, and two blocks: [block][position][row] int32 to `to`. */
// @ts-ignore: decorator
@inline
function multiply(v: usize, u: usize, channels: i32, to: usize): void {
  let w = u + (channels << 6);
  for (const end = to + 256; to < end; to += 16) {
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    const last = v + (channels << 2);
    do {
      const first = v128.load64_splat(v);
      const second = v128.load64_splat(v, 8);
      let weights = v128.load(u);
      a = i32x4.add(a, i32x4.dot_i16x8_s(weights, first));
      b = i32x4.add(b, i32x4.dot_i16x8_s(weights, second));
      weights = v128.load(w);
      c = i32x4.add(c, i32x4.dot_i16x8_s(weights, first));
      d = i32x4.add(d, i32x4.dot_i16x8_s(weights, second));
      v += 16;
      u += 16;
      w += 16;
    } while (v < last);
    v128.store(to, i32x4.add(v128.shuffle<i32>(a, c, 0, 2, 4, 6), v128.shuffle<i32>(a, c, 1, 3, 5, 7)));
    v128.store(to, i32x4.add(v128.shuffle<i32>(b, d, 0, 2, 4, 6), v128.shuffle<i32>(b, d, 1, 3, 5, 7)), 256);
  }
}

/** Four rows of weights from `w` on times `blocks` blocks, as int8 to `to`. */
export function fourOutputs(
  op: usize,
  v: usize,
  blocks: i32,
  w: usize,
  bias: usize,
  pair: usize,
  to: usize,
  across: i32,
  room: usize,
): void {
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const pixel = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const m = multipliers(op, pair);
  const factor = factors(op, pair);
  const limit = limits(op, pair);
  const start = v128.load(bias);
  for (let block = 0; block < blocks; block++) {
    const products = room + ((block & 1) << 8);
    if (!(block & 1)) {
      multiply(v, w, channels, room);
      v += channels << 6;
    }
    for (let lower = 0; lower < 2; lower++) {
      // Of each column of products three rows: 0, 1 and 2, or 1 less 2 less 3.
      let x = products + (lower << 6);
      const sign = i32x4.splat(-lower);
      const p = column(x, sign);
      const q = column((x += 16), sign);
      const r = column((x += 16), sign);
      const s = column(x + 16, sign);
      const first = i32x4.add(i32x4.shr_s(i32x4.add(i32x4.add(p, q), r), 2), start);
      const second = i32x4.add(i32x4.shr_s(i32x4.sub(i32x4.sub(q, r), s), 2), start);
      const left = scaleFour(op, first, pair, m, factor, limit);
      const right = scaleFour(op, second, pair, m, factor, limit);
      const bytes = narrow(op, left, right);
      const y = to + lower * across;
      v128.store32_lane(y, bytes, 0);
      v128.store32_lane(y + pixel, bytes, 1);
    }
    to += pixel << 1;
  }
}

/** Three products of a column, added, or the second and third taken off. */
// @ts-ignore: decorator
@inline
function column(x: usize, sign: v128): v128 {
  const rest = i32x4.add(v128.load(x, 64), v128.load(x, 128));
  return i32x4.add(v128.load(x), i32x4.sub(v128.xor(rest, sign), sign));
}
