// Sums of int8 by weights of 1 and 2 bits, for builds made for speed. A weight of 1 bit is a sign; one of 2 bits is a sign, and
// twice another. So for every four activations the sums of all 16 patterns of their signs are made once, for all rows, and a row
// only adds up what its bits name: four products an addition, or eight where two vectors share a word.
//
// T says how many vectors go at a time: u32 one, u64 four, two in each word of a table. A word is the sum of both as an integer,
// high · 2¹⁶ + low, so plain additions keep it right; at the end the low half is known by its sign, and the rest is the high one.
import { OP_CLAMP_MAX, OP_CLAMP_MIN, OP_OUTPUT_ZERO_POINT, OP_REQUANT_STRIDE, WeightType } from '../layout';
import { signs } from '../accel/imports';
import { ACCELERATED, isOfWeights } from './mask';
import { requantize, requantizeTwo } from './requantize';
import { rowBytes } from './weights';

/** Four activations of at most 128 each, 63 times, are below 2¹⁵. */
const MOST_FOURS = 63;
/** Fewer than this at a time cost more in going over the rows again than tables save. */
const LEAST_FOURS = 8;

/** Whether weights of `op` are made of signs. */
// @ts-ignore: decorator
@inline
export function isOfSigns(op: usize): bool {
  return isOfWeights(op, WeightType.INT1) || isOfWeights(op, WeightType.INT2);
}

/** Activation `i` of two vectors, or of one. */
// @ts-ignore: decorator
@inline
function together<T>(a: usize, b: usize): i32 {
  if (sizeof<T>() == 4) return load<i8>(a);
  return <i32>load<i8>(a) + ((<i32>load<i8>(b)) << 16);
}

/** One word of each of 16 entries: ±p ± q ± r ± s, each plus where the entry's bit is 1. */
function fill<T>(p: i32, q: i32, r: i32, s: i32, to: usize): void {
  const t0 = -(p + q + r + s);
  const t1 = t0 + (p << 1);
  const t2 = t0 + (q << 1);
  const t3 = t1 + (q << 1);
  const t4 = t0 + (r << 1);
  const t5 = t1 + (r << 1);
  const t6 = t2 + (r << 1);
  const t7 = t3 + (r << 1);
  store<i32>(to, t0);
  store<i32>(to, t1, 1 * sizeof<T>());
  store<i32>(to, t2, 2 * sizeof<T>());
  store<i32>(to, t3, 3 * sizeof<T>());
  store<i32>(to, t4, 4 * sizeof<T>());
  store<i32>(to, t5, 5 * sizeof<T>());
  store<i32>(to, t6, 6 * sizeof<T>());
  store<i32>(to, t7, 7 * sizeof<T>());
  to += 8 * sizeof<T>();
  store<i32>(to, t0 + (s << 1));
  store<i32>(to, t1 + (s << 1), 1 * sizeof<T>());
  store<i32>(to, t2 + (s << 1), 2 * sizeof<T>());
  store<i32>(to, t3 + (s << 1), 3 * sizeof<T>());
  store<i32>(to, t4 + (s << 1), 4 * sizeof<T>());
  store<i32>(to, t5 + (s << 1), 5 * sizeof<T>());
  store<i32>(to, t6 + (s << 1), 6 * sizeof<T>());
  store<i32>(to, t7 + (s << 1), 7 * sizeof<T>());
}

/** Four activations of vectors a and b, of which there are `left`; none are zeros. */
function fillLast<T>(a: usize, b: usize, left: i32, to: usize): void {
  const q = left > 1 ? together<T>(a + 1, b + 1) : 0;
  const r = left > 2 ? together<T>(a + 2, b + 2) : 0;
  fill<T>(together<T>(a, b), q, r, 0, to);
}

function fillFour<T>(a: usize, b: usize, to: usize): void {
  fill<T>(
    together<T>(a, b),
    together<T>(a + 1, b + 1),
    together<T>(a + 2, b + 2),
    together<T>(a + 3, b + 3),
    to,
  );
}

/** Tables of `length` activations of the vectors. */
function build<T>(a: usize, b: usize, c: usize, d: usize, length: i32, to: usize): void {
  for (let left = length; left > 0; left -= 4) {
    if (left >= 4) {
      fillFour<T>(a, b, to);
      if (sizeof<T>() == 8) fillFour<T>(c, d, to + 4);
    } else {
      fillLast<T>(a, b, left, to);
      if (sizeof<T>() == 8) fillLast<T>(c, d, left, to + 4);
    }
    a += 4;
    b += 4;
    c += 4;
    d += 4;
    to += 16 * sizeof<T>();
  }
}

/** Where, in the first table, the entry is that four bits of `bits` name. */
// @ts-ignore: decorator
@inline
function entry<T>(table: usize, bits: u32, from: i32): usize {
  const bytes: u32 = sizeof<T>();
  return table + ((bits >>> from) & 15) * bytes;
}

/** Adds what words of two vectors each hold, shifted by `up`, to four int32. */
// @ts-ignore: decorator
@inline
function addSums<T>(a: i32, b: i32, up: i32, sums: usize): void {
  if (sizeof<T>() == 4) {
    store<i32>(sums, load<i32>(sums) + (a << up));
    return;
  }
  const a0: i32 = <i16>a;
  const b0: i32 = <i16>b;
  store<i32>(sums, load<i32>(sums) + (a0 << up));
  store<i32>(sums, load<i32>(sums, 4) + (((a - a0) >> 16) << up), 4);
  store<i32>(sums, load<i32>(sums, 8) + (b0 << up), 8);
  store<i32>(sums, load<i32>(sums, 12) + (((b - b0) >> 16) << up), 12);
}

/** A row of `fours` times four weights of 1 bit. */
function addInt1<T>(w: usize, fours: i32, table: usize, sums: usize): void {
  let a = 0;
  let b = 0;
  let at: usize;
  for (; fours >= 8; fours -= 8) {
    const bits = load<u32>(w, 0, 1);
    at = entry<T>(table, bits, 0);
    a += load<i32>(at, 0);
    if (sizeof<T>() == 8) b += load<i32>(at, 4);
    at = entry<T>(table, bits, 4);
    a += load<i32>(at, 16 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 16 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 8);
    a += load<i32>(at, 32 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 32 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 12);
    a += load<i32>(at, 48 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 48 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 16);
    a += load<i32>(at, 64 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 64 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 20);
    a += load<i32>(at, 80 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 80 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 24);
    a += load<i32>(at, 96 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 96 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 28);
    a += load<i32>(at, 112 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 112 * sizeof<T>() + 4);
    table += 128 * sizeof<T>();
    w += 4;
  }
  for (let i = 0; i < fours; i++) {
    at = entry<T>(table, load<u8>(w + (i >> 1)), (i & 1) << 2);
    a += load<i32>(at);
    if (sizeof<T>() == 8) b += load<i32>(at, 4);
    table += 16 * sizeof<T>();
  }
  addSums<T>(a, b, 0, sums);
}

/** A row of `fours` times four weights of 2 bits: sums of lower bits, and twice those of upper bits. */
function addInt2<T>(w: usize, fours: i32, table: usize, sums: usize): void {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let at: usize;
  for (; fours >= 4; fours -= 4) {
    const bits = load<u32>(w, 0, 1);
    at = entry<T>(table, bits, 0);
    a += load<i32>(at, 0);
    if (sizeof<T>() == 8) b += load<i32>(at, 4);
    at = entry<T>(table, bits, 4);
    c += load<i32>(at, 0);
    if (sizeof<T>() == 8) d += load<i32>(at, 4);
    at = entry<T>(table, bits, 8);
    a += load<i32>(at, 16 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 16 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 12);
    c += load<i32>(at, 16 * sizeof<T>());
    if (sizeof<T>() == 8) d += load<i32>(at, 16 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 16);
    a += load<i32>(at, 32 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 32 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 20);
    c += load<i32>(at, 32 * sizeof<T>());
    if (sizeof<T>() == 8) d += load<i32>(at, 32 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 24);
    a += load<i32>(at, 48 * sizeof<T>());
    if (sizeof<T>() == 8) b += load<i32>(at, 48 * sizeof<T>() + 4);
    at = entry<T>(table, bits, 28);
    c += load<i32>(at, 48 * sizeof<T>());
    if (sizeof<T>() == 8) d += load<i32>(at, 48 * sizeof<T>() + 4);
    table += 64 * sizeof<T>();
    w += 4;
  }
  for (; fours; fours--) {
    const bits: u32 = load<u8>(w++);
    at = entry<T>(table, bits, 0);
    a += load<i32>(at, 0);
    if (sizeof<T>() == 8) b += load<i32>(at, 4);
    at = entry<T>(table, bits, 4);
    c += load<i32>(at, 0);
    if (sizeof<T>() == 8) d += load<i32>(at, 4);
    table += 16 * sizeof<T>();
  }
  addSums<T>(a, b, 0, sums);
  addSums<T>(c, d, 1, sums);
}

/** The sums of `rows` rows begin with their biases. */
function begin<T>(bias: usize, rows: i32, sums: usize): void {
  for (; rows; rows--) {
    const b = load<i32>(bias);
    store<i32>(sums, b);
    if (sizeof<T>() == 8) {
      store<i32>(sums, b, 4);
      store<i32>(sums, b, 8);
      store<i32>(sums, b, 12);
    }
    bias += 4;
    sums += sizeof<T>() == 8 ? 16 : 4;
  }
}

/** Sums of one vector, `step` bytes apart, to int8 side by side. */
function finish(op: usize, sums: usize, step: i32, rows: i32, pair: usize, to: usize): void {
  const stride = load<usize>(op, OP_REQUANT_STRIDE);
  for (; rows > 1; rows -= 2) {
    requantizeTwo(op, load<i32>(sums), load<i32>(sums + step), pair, to);
    sums += step << 1;
    pair += stride << 1;
    to += 2;
  }
  if (rows) store<i8>(to, requantize(op, load<i32>(sums), pair));
}

/**
 * `rows` rows of `length` weights, packed at `weights`, times `count` vectors of int8 at `x`, behind each other; as int8 to `to`,
 * vectors `pixel` apart. Works from `work` to `end`; false, and nothing done, where that is too little.
 */
export function multiply(
  op: usize,
  x: usize,
  count: i32,
  weights: usize,
  rows: i32,
  length: i32,
  bias: usize,
  pair: usize,
  to: usize,
  pixel: i32,
  work: usize,
  end: usize,
): bool {
  if (ACCELERATED) {
    const bits = isOfWeights(op, WeightType.INT1) ? 1 : 2;
    const stride = load<i32>(op, OP_REQUANT_STRIDE);
    const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
    const low: i32 = load<i16>(op, OP_CLAMP_MIN);
    const high: i32 = load<i16>(op, OP_CLAMP_MAX);
    const room = max(<i32>(end - work), 0);
    signs(x, count, weights, bits, rows, length, bias, pair, stride, zero, low, high, to, pixel, work, room);
    return true;
  }
  if (count > 1)
    return multiplyBy<u64>(op, x, count, weights, rows, length, bias, pair, to, pixel, work, end);
  return multiplyBy<u32>(op, x, count, weights, rows, length, bias, pair, to, pixel, work, end);
}

/** `T` vectors at a time. */
function multiplyBy<T>(
  op: usize,
  x: usize,
  count: i32,
  weights: usize,
  rows: i32,
  length: i32,
  bias: usize,
  pair: usize,
  to: usize,
  pixel: i32,
  work: usize,
  end: usize,
): bool {
  const together: i32 = sizeof<T>() == 8 ? 4 : 1;
  const step = together << 2;
  const tables = work + ((rows * step + 7) & ~7);
  const fours = (length + 3) >> 2;
  let chunk = <i32>(end - tables) / <i32>(16 * sizeof<T>());
  if (sizeof<T>() == 8) chunk = min(chunk, MOST_FOURS);
  if (chunk < fours) chunk &= ~7;
  if (chunk < min(fours, LEAST_FOURS)) return false;
  const bytes = rowBytes(op, length);
  for (; count > 0; count -= together) {
    const b = count > 1 ? x + length : x;
    const c = count > 2 ? b + length : x;
    const d = count > 3 ? c + length : x;
    begin<T>(bias, rows, work);
    for (let first = 0; first < fours; first += chunk) {
      const from = first << 2;
      const size = min(chunk, fours - first);
      build<T>(x + from, b + from, c + from, d + from, min(size << 2, length - from), tables);
      let row = weights + rowBytes(op, from);
      let sums = work;
      for (let i = 0; i < rows; i++) {
        if (isOfWeights(op, WeightType.INT1)) addInt1<T>(row, size, tables, sums);
        else addInt2<T>(row, size, tables, sums);
        row += bytes;
        sums += step;
      }
    }
    for (let i = 0, vectors = min(count, together); i < vectors; i++) {
      finish(op, work + (i << 2), step, rows, pair, to);
      to += pixel;
    }
    x += length * together;
  }
  return true;
}
