// Convolution in 128-bit lanes, by panels: the weights of eight output channels as int16, two inputs of a channel side by side,
// so that a product of lanes adds to sums of four channels. Windows are read where rows of the map lie, widened once.
import { OP_REQUANT_STRIDE } from '../layout';
import { WORK } from '../sram';
import { WORK_BYTES } from '../work-layout';
import { HAS_WIDE } from './mask';
import { biases, EIGHT_BYTES, finishEight, prepareEight, Scaling, scalingOf } from './requantize_lanes';

/** Where a panel begins in the room to work in: behind what scaling takes. */
const PANEL = EIGHT_BYTES;

/** The panel at hand, where a host keeps them; not a parameter, so that builds in which none does stay as they are. */
let kept: usize = 0;

/** Where the panel at hand begins. */
// @ts-ignore: decorator
@inline
function panel(): usize {
  return HAS_WIDE ? kept : WORK + PANEL;
}

/** Bytes of a panel of `rows` runs of `run` inputs: whole fours of each, those that lack with a weight of 0. */
// @ts-ignore: decorator
@inline
function panelBytes(run: i32, rows: i32): i32 {
  return ((run + 3) >> 2) * rows * 64;
}

/**
 * Where `bytes` values are to lie, widened, `count` windows of `rows` runs of `run`; 0 if there is no room. What the last fours
 * reach over behind them is cleared: it counts for nothing, but is read.
 */
export function placeOfWindows(run: i32, rows: i32, bytes: i32, count: i32): usize {
  const panel = panelBytes(run, rows);
  // Behind the values those that fours may reach over, and outputs of channels that are not eight.
  const at = PANEL + panel + bytes * 2 + 32 + count * 8 <= WORK_BYTES ? WORK + PANEL + panel : 0;
  if (at) store<i64>(at + bytes * 2, 0);
  return at;
}

/** `count` int8 at `from` as int16 at `to`. Returns their end. */
export function widen(from: usize, count: i32, to: usize): usize {
  const end = from + count;
  for (const whole = from + (count & ~15); from < whole; from += 16, to += 32) {
    v128.store(to, v128.load8x8_s(from));
    v128.store(to, v128.load8x8_s(from, 8), 16);
  }
  for (; from < end; from++, to += 2) store<i16>(to, load<i8>(from));
  return to;
}

/** Pairs of four rows of weights: of each row two int16 in a vector, by which of its four pairs. */
// @ts-ignore: decorator
@inline
function storeFour(a: v128, b: v128, c: v128, d: v128, to: usize): void {
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const upperAb = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const upperCd = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(to, v128.shuffle<i64>(ab, cd, 1, 3), 32);
  v128.store(to, v128.shuffle<i64>(upperAb, upperCd, 0, 2), 64);
  v128.store(to, v128.shuffle<i64>(upperAb, upperCd, 1, 3), 96);
}

/** The panel of `count` ≤ 8 rows of `patch` weights at `w`, in runs of `run`; the last stands for those that lack. */
export function pack(w: usize, count: i32, patch: i32, run: i32, to: usize): void {
  const w1 = w + min(1, count - 1) * patch;
  const w2 = w + min(2, count - 1) * patch;
  const w3 = w + min(3, count - 1) * patch;
  const w4 = w + min(4, count - 1) * patch;
  const w5 = w + min(5, count - 1) * patch;
  const w6 = w + min(6, count - 1) * patch;
  const w7 = w + min(7, count - 1) * patch;
  for (let first = 0; first < patch; first += run) {
    let i = first;
    for (const whole = first + (run & ~7); i < whole; i += 8) {
      storeFour(
        v128.load8x8_s(w + i),
        v128.load8x8_s(w1 + i),
        v128.load8x8_s(w2 + i),
        v128.load8x8_s(w3 + i),
        to,
      );
      storeFour(
        v128.load8x8_s(w4 + i),
        v128.load8x8_s(w5 + i),
        v128.load8x8_s(w6 + i),
        v128.load8x8_s(w7 + i),
        to + 16,
      );
      to += 128;
    }
    for (const end = first + run, fours = first + ((run + 3) & ~3); i < fours; i += 2, to += 32) {
      for (let r = 0; r < 8; r++) {
        const at = w + min(r, count - 1) * patch + i;
        store<i16>(to + (r << 2), i < end ? <i32>load<i8>(at) : 0);
        store<i16>(to + (r << 2), i + 1 < end ? <i32>load<i8>(at + 1) : 0, 2);
      }
    }
  }
}

/** Weights at `w`, or zeros. */
// @ts-ignore: decorator
@inline
function tapOr0(w: usize, is: bool): v128 {
  return is ? v128.load8x8_s(w) : i16x8.splat(0);
}

/** The panel of eight channels of one input: weights of a tap side by side, `size` bytes from tap to tap. */
function packTaps(w: usize, size: i32, rows: i32, run: i32, to: usize): void {
  for (let row = 0; row < rows; row++, w += run * size) {
    for (let i = 0; i < ((run + 3) >> 2) << 2; i += 2, to += 32) {
      const at = w + i * size;
      const a = tapOr0(at, i < run);
      const b = tapOr0(at + size, i + 1 < run);
      v128.store(to, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
      v128.store(to, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    }
  }
}

/** `sum` and a pair of inputs times the weights of four channels. */
// @ts-ignore: decorator
@inline
function add(sum: v128, pair: v128, weights: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(pair, weights));
}

/**
 * Eight channels, by what is prepared and packed, of fours of windows from `to` to `end`, `pixel` bytes apart there.
 * Windows begin `step` bytes apart; each is `rows` runs of int16, `across` bytes apart, whose weights take `size` bytes.
 */
// @ts-ignore: decorator
@inline
function fourWindows(
  scaling: Scaling,
  x: usize,
  step: i32,
  across: i32,
  rows: i32,
  size: i32,
  to: usize,
  end: usize,
  pixel: i32,
): void {
  const last = panel() + rows * size;
  for (; to < end; to += pixel << 2) {
    let a = biases(WORK);
    let b = biases(WORK + 16);
    let c = a;
    let d = b;
    let e = a;
    let f = b;
    let g = a;
    let h = b;
    let row = x;
    let w = panel();
    do {
      let p = row;
      let q = p + step;
      let r = q + step;
      let s = r + step;
      const rowEnd = w + size;
      do {
        let low = v128.load(w);
        let high = v128.load(w, 16);
        let pair = v128.load32_splat(p);
        a = add(a, pair, low);
        b = add(b, pair, high);
        pair = v128.load32_splat(q);
        c = add(c, pair, low);
        d = add(d, pair, high);
        pair = v128.load32_splat(r);
        e = add(e, pair, low);
        f = add(f, pair, high);
        pair = v128.load32_splat(s);
        g = add(g, pair, low);
        h = add(h, pair, high);
        low = v128.load(w, 32);
        high = v128.load(w, 48);
        pair = v128.load32_splat(p, 4);
        a = add(a, pair, low);
        b = add(b, pair, high);
        pair = v128.load32_splat(q, 4);
        c = add(c, pair, low);
        d = add(d, pair, high);
        pair = v128.load32_splat(r, 4);
        e = add(e, pair, low);
        f = add(f, pair, high);
        pair = v128.load32_splat(s, 4);
        g = add(g, pair, low);
        h = add(h, pair, high);
        p += 8;
        q += 8;
        r += 8;
        s += 8;
        w += 64;
      } while (w < rowEnd);
      row += across;
    } while (w < last);
    finishEight(scaling, a, b, WORK, to);
    finishEight(scaling, c, d, WORK, to + pixel);
    finishEight(scaling, e, f, WORK, to + pixel * 2);
    finishEight(scaling, g, h, WORK, to + pixel * 3);
    x += step << 2;
  }
}

/** `fourWindows` by `Scaling.LANES`. */
function foursInLanes(
  x: usize,
  step: i32,
  across: i32,
  rows: i32,
  size: i32,
  to: usize,
  end: usize,
  pixel: i32,
): void {
  fourWindows(Scaling.LANES, x, step, across, rows, size, to, end, pixel);
}

/** `fourWindows` by `Scaling.SHORT`. */
function foursInShort(
  x: usize,
  step: i32,
  across: i32,
  rows: i32,
  size: i32,
  to: usize,
  end: usize,
  pixel: i32,
): void {
  fourWindows(Scaling.SHORT, x, step, across, rows, size, to, end, pixel);
}

/** Eight channels of one window at `x`, as `fourWindows` has them. */
function oneWindow(x: usize, across: i32, rows: i32, size: i32, to: usize): void {
  let a = biases(WORK);
  let b = biases(WORK + 16);
  let w = panel();
  const last = w + rows * size;
  do {
    let p = x;
    const rowEnd = w + size;
    do {
      let pair = v128.load32_splat(p);
      a = add(a, pair, v128.load(w));
      b = add(b, pair, v128.load(w, 16));
      pair = v128.load32_splat(p, 4);
      a = add(a, pair, v128.load(w, 32));
      b = add(b, pair, v128.load(w, 48));
      p += 8;
      w += 64;
    } while (w < rowEnd);
    x += across;
  } while (w < last);
  finishEight(Scaling.LANES, a, b, WORK, to);
}

/** Eight channels, by what is prepared and packed, of `count` windows as `panelChannels` has them. */
function multiplyPanel(
  x: usize,
  step: i32,
  across: i32,
  rows: i32,
  run: i32,
  count: i32,
  to: usize,
  pixel: i32,
): void {
  const size = panelBytes(run, 1);
  step <<= 1;
  across <<= 1;
  const fours = count & ~3;
  const end = to + fours * pixel;
  if (scalingOf(WORK) == Scaling.SHORT) foursInShort(x, step, across, rows, size, to, end, pixel);
  else foursInLanes(x, step, across, rows, size, to, end, pixel);
  to = end;
  for (let i = fours; i < count; i++, to += pixel) oneWindow(x + i * step, across, rows, size, to);
}

/**
 * `size` channels of `count` windows to `to`, `pixel` bytes from window to window. Windows begin at `x`, `step` int16 apart, each
 * `rows` runs of `run` int16 that are `across` apart, and lie where `placeOfWindows` says; weights of a channel at `w` are
 * `rows` · `run` int8. `wide`: their panels, where a host keeps them; else 0.
 */
export function panelChannels(
  op: usize,
  x: usize,
  step: i32,
  across: i32,
  rows: i32,
  run: i32,
  count: i32,
  w: usize,
  size: i32,
  bias: usize,
  pair: usize,
  to: usize,
  pixel: i32,
  wide: usize = 0,
): void {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  const patch = rows * run;
  for (let i = 0; i < size; i += 8) {
    const channels = min(8, size - i);
    prepareEight(op, bias + (i << 2), pair + i * stride, channels, patch << 14, WORK);
    if (HAS_WIDE) kept = wide ? wide + i * patch * 2 : WORK + PANEL;
    if (!HAS_WIDE || !wide) pack(w + i * patch, channels, patch, run, WORK + PANEL);
    if (channels == 8) {
      multiplyPanel(x, step, across, rows, run, count, to + i, pixel);
      continue;
    }
    // Fewer than eight go where nothing else is written, and from there to their place.
    let from = WORK + WORK_BYTES - (count << 3);
    multiplyPanel(x, step, across, rows, run, count, from, 8);
    for (let at = to + i; from < WORK + WORK_BYTES; from += 8, at += pixel) {
      for (let j = 0; j < channels; j++) store<u8>(at + j, load<u8>(from + j));
    }
  }
}

/** `panelChannels` of eight channels that see one input, `size` bytes from the weights of a tap to those of the next. */
export function panelOfOne(
  op: usize,
  x: usize,
  step: i32,
  across: i32,
  rows: i32,
  run: i32,
  count: i32,
  w: usize,
  size: i32,
  bias: usize,
  pair: usize,
  to: usize,
  pixel: i32,
): void {
  prepareEight(op, bias, pair, 8, (rows * run) << 14, WORK);
  if (HAS_WIDE) kept = WORK + PANEL;
  packTaps(w, size, rows, run, WORK + PANEL);
  multiplyPanel(x, step, across, rows, run, count, to, pixel);
}
