// Depthwise convolution in 128-bit lanes: eight channels at a time.
import { OP_REQUANT_STRIDE, WIN_INPUT_CHANNELS, WIN_KERNEL, WIN_OUTPUT_CHANNELS } from '../layout';
import { WORK_BYTES } from '../work-layout';
import {
  biases,
  EIGHT_BYTES,
  factors,
  finishEight,
  limits,
  multipliers,
  narrow,
  prepareEight,
  scaleFour,
  Scaling,
  scalingOf,
} from './requantize_lanes';

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

/** Where weights of nine taps begin in what eight channels take: behind what scaling does. */
const NINE = EIGHT_BYTES;
/** Bytes that eight channels take. */
const NINE_BYTES = NINE + 224;

/** Of eight channels the values of two taps, a channel's side by side: the lower four channels, or the upper. */
// @ts-ignore: decorator
@inline
function beside(x: v128, y: v128, upper: bool): v128 {
  return upper
    ? v128.shuffle<i16>(x, y, 4, 12, 5, 13, 6, 14, 7, 15)
    : v128.shuffle<i16>(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** Both halves of `beside` to `to`. */
// @ts-ignore: decorator
@inline
function storeBeside(x: v128, y: v128, to: usize): void {
  v128.store(to, beside(x, y, false));
  v128.store(to, beside(x, y, true), 16);
}

/**
 * Weights of eight channels, nine taps `size` bytes apart at `w`, in pairs: of each column the upper two; of the last row, for a
 * window that begins with a pair of columns, the first two, then the third; for one that begins a column later the first, then
 * the other two.
 */
function packNine(w: usize, size: i32, to: usize): void {
  const zero = i16x8.splat(0);
  for (let column = 0; column < 3; column++, to += 32) {
    const at = w + column * size;
    storeBeside(v128.load8x8_s(at), v128.load8x8_s(at + size * 3), to);
  }
  const first = v128.load8x8_s(w + size * 6);
  const second = v128.load8x8_s(w + size * 7);
  const third = v128.load8x8_s(w + size * 8);
  storeBeside(first, second, to);
  storeBeside(third, zero, to + 32);
  storeBeside(zero, first, to + 64);
  storeBeside(second, third, to + 96);
}

/** `sum` and a pair of taps times their weights. */
// @ts-ignore: decorator
@inline
function add(sum: v128, pair: v128, weights: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(pair, weights));
}

/** Eight channels prepared at `at`, of twos of windows of 3 × 3 side by side, `pixel` bytes apart, from `to` to `end`. */
// @ts-ignore: decorator
@inline
function twoNines(
  scaling: Scaling,
  at: usize,
  x: usize,
  pixel: i32,
  across: i32,
  to: usize,
  end: usize,
  outputs: i32,
): void {
  for (; to < end; to += outputs << 1) {
    let a = biases(at);
    let b = biases(at + 16);
    let c = a;
    let d = b;
    let tap = x;
    const p = v128.load8x8_s(tap + (across << 1));
    let u = v128.load8x8_s(tap);
    let v = v128.load8x8_s(tap + across);
    a = add(a, beside(u, v, false), v128.load(at, NINE + 0));
    b = add(b, beside(u, v, true), v128.load(at, NINE + 16));
    tap += pixel;
    const q = v128.load8x8_s(tap + (across << 1));
    u = v128.load8x8_s(tap);
    v = v128.load8x8_s(tap + across);
    let low = beside(u, v, false);
    let high = beside(u, v, true);
    a = add(a, low, v128.load(at, NINE + 32));
    b = add(b, high, v128.load(at, NINE + 48));
    c = add(c, low, v128.load(at, NINE + 0));
    d = add(d, high, v128.load(at, NINE + 16));
    low = beside(p, q, false);
    high = beside(p, q, true);
    a = add(a, low, v128.load(at, NINE + 96));
    b = add(b, high, v128.load(at, NINE + 112));
    c = add(c, low, v128.load(at, NINE + 160));
    d = add(d, high, v128.load(at, NINE + 176));
    tap += pixel;
    const r = v128.load8x8_s(tap + (across << 1));
    u = v128.load8x8_s(tap);
    v = v128.load8x8_s(tap + across);
    low = beside(u, v, false);
    high = beside(u, v, true);
    a = add(a, low, v128.load(at, NINE + 64));
    b = add(b, high, v128.load(at, NINE + 80));
    c = add(c, low, v128.load(at, NINE + 32));
    d = add(d, high, v128.load(at, NINE + 48));
    tap += pixel;
    const s = v128.load8x8_s(tap + (across << 1));
    u = v128.load8x8_s(tap);
    v = v128.load8x8_s(tap + across);
    c = add(c, beside(u, v, false), v128.load(at, NINE + 64));
    d = add(d, beside(u, v, true), v128.load(at, NINE + 80));
    low = beside(r, s, false);
    high = beside(r, s, true);
    a = add(a, low, v128.load(at, NINE + 128));
    b = add(b, high, v128.load(at, NINE + 144));
    c = add(c, low, v128.load(at, NINE + 192));
    d = add(d, high, v128.load(at, NINE + 208));
    finishEight(scaling, a, b, at, to);
    finishEight(scaling, c, d, at, to + outputs);
    x += pixel << 1;
  }
}

/** Eight channels prepared at `at`, of windows of 3 × 3 that begin `step` bytes apart, from `to` to `end`. */
// @ts-ignore: decorator
@inline
function oneNine(
  scaling: Scaling,
  at: usize,
  x: usize,
  step: i32,
  pixel: i32,
  across: i32,
  to: usize,
  end: usize,
  outputs: i32,
): void {
  for (; to < end; to += outputs) {
    let a = biases(at);
    let b = biases(at + 16);
    let tap = x;
    const p = v128.load8x8_s(tap + (across << 1));
    let u = v128.load8x8_s(tap);
    let v = v128.load8x8_s(tap + across);
    a = add(a, beside(u, v, false), v128.load(at, NINE + 0));
    b = add(b, beside(u, v, true), v128.load(at, NINE + 16));
    tap += pixel;
    const q = v128.load8x8_s(tap + (across << 1));
    u = v128.load8x8_s(tap);
    v = v128.load8x8_s(tap + across);
    a = add(a, beside(u, v, false), v128.load(at, NINE + 32));
    b = add(b, beside(u, v, true), v128.load(at, NINE + 48));
    a = add(a, beside(p, q, false), v128.load(at, NINE + 96));
    b = add(b, beside(p, q, true), v128.load(at, NINE + 112));
    tap += pixel;
    const r = v128.load8x8_s(tap + (across << 1));
    u = v128.load8x8_s(tap);
    v = v128.load8x8_s(tap + across);
    a = add(a, beside(u, v, false), v128.load(at, NINE + 64));
    b = add(b, beside(u, v, true), v128.load(at, NINE + 80));
    a = add(a, beside(r, r, false), v128.load(at, NINE + 128));
    b = add(b, beside(r, r, true), v128.load(at, NINE + 144));
    finishEight(scaling, a, b, at, to);
    x += step;
  }
}

/** Eight channels prepared at `at`, of windows from `to` to `end`: two at a time where they lie side by side. */
// @ts-ignore: decorator
@inline
function nine(
  op: usize,
  scaling: Scaling,
  at: usize,
  x: usize,
  step: i32,
  across: i32,
  to: usize,
  end: usize,
): void {
  const pixel = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  if (step == pixel) {
    const count = <i32>(end - to) / outputs;
    const twos = end - (count & 1) * outputs;
    twoNines(scaling, at, x, pixel, across, to, twos, outputs);
    x += (count & ~1) * pixel;
    to = twos;
  }
  oneNine(scaling, at, x, step, pixel, across, to, end, outputs);
}

/** `nine` by `Scaling.LANES`. */
function nineInLanes(op: usize, at: usize, x: usize, step: i32, across: i32, to: usize, end: usize): void {
  nine(op, Scaling.LANES, at, x, step, across, to, end);
}

/** `nine` by `Scaling.SHORT`. */
function nineInShort(op: usize, at: usize, x: usize, step: i32, across: i32, to: usize, end: usize): void {
  nine(op, Scaling.SHORT, at, x, step, across, to, end);
}

/** Prepares `size` ≥ 8 channels of windows of 3 × 3 at `to`, eight at a time, the last beginning earlier. Returns the end. */
export function prepareNines(op: usize, w: usize, size: i32, bias: usize, pair: usize, to: usize): usize {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  for (let i = 0; i < size; i += 8, to += NINE_BYTES) {
    const at = min(i, size - 8);
    prepareEight(op, bias + (at << 2), pair + at * stride, 8, 9 << 14, to);
    packNine(w + at, size, to + NINE);
  }
  return to;
}

/** `size` channels prepared at `at`, of windows as `eightChannels` has them, from `to` to `end`. Returns the end of those. */
export function multiplyNines(
  op: usize,
  at: usize,
  size: i32,
  x: usize,
  step: i32,
  across: i32,
  to: usize,
  end: usize,
): usize {
  for (let i = 0; i < size; i += 8, at += NINE_BYTES) {
    const first = min(i, size - 8);
    if (scalingOf(at) == Scaling.SHORT) nineInShort(op, at, x + first, step, across, to + first, end + first);
    else nineInLanes(op, at, x + first, step, across, to + first, end + first);
  }
  return at;
}

/** Whether there is room to prepare `channels` in groups of `group`. */
export function hasRoomForNines(channels: i32, group: i32): bool {
  const groups = (channels + group - 1) / group;
  return groups * ((group + 7) >> 3) * NINE_BYTES <= WORK_BYTES;
}
