// The transforms of ntt.ts for `FAST` builds: the same values in the same order, in passes that differ only in what
// they read and write. Forward: from int8, out as the row sum reads it. Inverse: from bit-reversed order to natural,
// its first pass on sums in registers; with the same table, as −ω^(k/2 − e) is the inverse of ω^e.
import { NTT_ONE } from '../layout';
import { multiply } from './field';

/**
 * Forward butterfly of block 0, whose twiddles are 1 but for a square root of −1: a value from each quarter
 * of the block at `from` to `to`. T: what is read.
 */
// @ts-ignore: decorator
@inline
function plainButterfly<T>(from: usize, step: usize, to: usize, quarter: usize, table: usize): void {
  const a = <i32>load<T>(from);
  const b = <i32>load<T>(from + step);
  const c = <i32>load<T>(from + step * 2);
  const d = <i32>load<T>(from + step * 3);
  const turned = multiply(b - d, load<i32>(table, 4));
  store<i32>(to, a + c + (b + d));
  store<i32>(to + quarter, a + c - (b + d));
  store<i32>(to + quarter * 2, a - c + turned);
  store<i32>(to + quarter * 3, a - c - turned);
}

/** Of any other block; in place where `to` is `from`. */
// @ts-ignore: decorator
@inline
function butterfly(from: usize, to: usize, quarter: usize, first: i32, second: i32, third: i32): void {
  const a = load<i32>(from);
  const b = load<i32>(from + quarter);
  const c = multiply(load<i32>(from + quarter * 2), first);
  const d = multiply(load<i32>(from + quarter * 3), first);
  const sum = multiply(b + d, second);
  const difference = multiply(b - d, third);
  store<i32>(to, a + c + sum);
  store<i32>(to + quarter, a + c - sum);
  store<i32>(to + quarter * 2, a - c + difference);
  store<i32>(to + quarter * 3, a - c - difference);
}

/** A forward pass in place, over blocks of four times `quarter` bytes. */
// @ts-ignore: decorator
@inline
function pass(at: usize, k: i32, quarter: usize, table: usize): void {
  const end = at + (k << 2);
  let last = at + quarter;
  do {
    plainButterfly<i32>(at, quarter, at, quarter, table);
    at += 4;
  } while (at < last);
  at += quarter * 3;
  let twiddle = table + 4;
  let pair = table + 8;
  do {
    const first = load<i32>(twiddle);
    const second = load<i32>(pair);
    const third = load<i32>(pair, 4);
    last = at + quarter;
    do {
      butterfly(at, at, quarter, first, second, third);
      at += 4;
    } while (at < last);
    at += quarter * 3;
    twiddle += 4;
    pair += 8;
  } while (at < end);
}

/**
 * Transforms k int8 at `source` by way of k words at `work` to `to`, groups of four frequencies `stride` bytes apart.
 */
export function transformBytes(
  source: usize,
  work: usize,
  to: usize,
  stride: usize,
  k: i32,
  table: usize,
): void {
  let quarter: usize = k;
  if (k == 4) {
    plainButterfly<i8>(source, 1, to, 4, table);
    return;
  }
  if (ctz(k) & 1) {
    const half = quarter << 1;
    const last = source + (half >>> 2);
    let at = work;
    do {
      const a: i32 = load<i8>(source);
      const b: i32 = load<i8>(source + (half >>> 2));
      store<i32>(at, a + b);
      store<i32>(at + half, a - b);
      at += 4;
    } while (++source < last);
    quarter >>>= 1;
  } else {
    const last = source + (quarter >>> 2);
    let at = work;
    do {
      plainButterfly<i8>(source, quarter >>> 2, at, quarter, table);
      at += 4;
    } while (++source < last);
    quarter >>>= 2;
  }
  for (; quarter > 16; quarter >>>= 2) pass(work, k, quarter, table);
  // The distance of the last pass but one is known: that leaves more registers.
  if (quarter == 16) pass(work, k, 16, table);
  const end = work + (k << 2);
  plainButterfly<i32>(work, 4, to, 4, table);
  for (let twiddle = table + 4, pair = table + 8; (work += 16) < end; twiddle += 4) {
    to += stride;
    butterfly(work, to, 4, load<i32>(twiddle), load<i32>(pair), load<i32>(pair, 4));
    pair += 8;
  }
}

/** The twiddles of block `index` inverted and negated are those of this block, second and third exchanged. */
// @ts-ignore: decorator
@inline
export function mirror(index: i32): i32 {
  return index ^ ((<i32>0x7fffffff) >>> clz(index));
}

/** Inverse butterfly of block 0. `last`: nothing will be added to what it stores, which need not be small then. */
// @ts-ignore: decorator
@inline
export function plainInverse(
  at: usize,
  quarter: usize,
  a: i32,
  b: i32,
  c: i32,
  d: i32,
  table: usize,
  last: bool,
): void {
  const difference = multiply(d - c, load<i32>(table, 4));
  const sum = c + d;
  c = a + b;
  d = a - b;
  store<i32>(at, last ? c + sum : multiply(c + sum, NTT_ONE));
  store<i32>(at + quarter, last ? d + difference : multiply(d + difference, NTT_ONE));
  store<i32>(at + quarter * 2, last ? c - sum : multiply(c - sum, NTT_ONE));
  store<i32>(at + quarter * 3, last ? d - difference : multiply(d - difference, NTT_ONE));
}

/** Of another block: its twiddles inverted and negated. */
// @ts-ignore: decorator
@inline
export function inverse(
  at: usize,
  quarter: usize,
  a: i32,
  b: i32,
  c: i32,
  d: i32,
  first: i32,
  second: i32,
  third: i32,
): void {
  const sum = c + d;
  const difference = multiply(d - c, third);
  c = a + b;
  d = multiply(b - a, second);
  store<i32>(at, multiply(c + sum, NTT_ONE));
  store<i32>(at + quarter, d + difference);
  store<i32>(at + quarter * 2, multiply(sum - c, first));
  store<i32>(at + quarter * 3, multiply(difference - d, first));
}

/** An inverse pass in place, over blocks of four times `quarter` bytes. */
// @ts-ignore: decorator
@inline
function inversePass(at: usize, k: i32, quarter: usize, table: usize): void {
  const end = at + (k << 2);
  let last = at + quarter;
  do {
    const c = load<i32>(at + quarter * 2);
    const d = load<i32>(at + quarter * 3);
    plainInverse(at, quarter, load<i32>(at), load<i32>(at + quarter), c, d, table, false);
    at += 4;
  } while (at < last);
  at += quarter * 3;
  let block = 0;
  do {
    block++;
    const pair = table + (mirror(block) << 3);
    const first = load<i32>(table + (mirror(block) << 2));
    const second = load<i32>(pair, 4);
    const third = load<i32>(pair);
    last = at + quarter;
    do {
      const c = load<i32>(at + quarter * 2);
      const d = load<i32>(at + quarter * 3);
      inverse(at, quarter, load<i32>(at), load<i32>(at + quarter), c, d, first, second, third);
      at += 4;
    } while (at < last);
    at += quarter * 3;
  } while (at < end);
}

/** The inverse of the k words at `x` in bit-reversed order, behind its first pass. */
export function finishInverse(x: usize, k: i32, table: usize): void {
  let quarter: usize = 16;
  if (k > 16) {
    inversePass(x, k, 16, table);
    for (quarter = 64; quarter < <usize>k; quarter <<= 2) inversePass(x, k, quarter, table);
  }
  if (quarter == <usize>k) {
    const last = x + quarter;
    do {
      const c = load<i32>(x + quarter * 2);
      const d = load<i32>(x + quarter * 3);
      plainInverse(x, quarter, load<i32>(x), load<i32>(x + quarter), c, d, table, true);
      x += 4;
    } while (x < last);
  } else if (k > 4) {
    const half: usize = k << 1;
    const last = x + half;
    do {
      const a = load<i32>(x);
      const b = load<i32>(x + half);
      store<i32>(x, a + b);
      store<i32>(x + half, a - b);
      x += 4;
    } while (x < last);
  }
}
