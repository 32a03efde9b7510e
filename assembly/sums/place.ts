// Where the parts of a bank of sums lie, and what all kernels of sums compute with.
import { MOST_SUM, SUMS_COUNTS, SUMS_SHAPE } from '../learning-layout';

export function classesOf(op: usize): i32 {
  return load<u16>(op, SUMS_SHAPE);
}

export function rankOf(op: usize): i32 {
  return load<u16>(op, SUMS_SHAPE + 2);
}

/** Offset of row `row` of a lower triangle of int32. */
// @ts-ignore: decorator
@inline
export function triangle(row: i32): usize {
  return <usize>((row * (row + 1)) << 1);
}

/** Offset of the totals of class `c` behind the sums' start. */
export function totalsAt(op: usize, c: i32): usize {
  return SUMS_COUNTS + ((classesOf(op) + c * rankOf(op)) << 2);
}

/** Offset of row `row` of the products. */
export function productsAt(op: usize, row: i32): usize {
  return totalsAt(op, classesOf(op)) + triangle(row);
}

/** Offset of the means of class `c`. */
export function meansAt(op: usize, c: i32): usize {
  return productsAt(op, rankOf(op)) + ((c * rankOf(op)) << 1);
}

/** `x` within ±2³⁰. */
// @ts-ignore: decorator
@inline
export function clamp(x: i64): i32 {
  return <i32>max<i64>(min<i64>(x, MOST_SUM), -MOST_SUM);
}

/** Bits of a natural number, 0 of 0. */
// @ts-ignore: decorator
@inline
export function bitLength(x: i64): i32 {
  return 64 - <i32>clz<i64>(x);
}

/** x · 2^left, rounded down. */
// @ts-ignore: decorator
@inline
export function shifted(x: i64, left: i32): i64 {
  return left >= 0 ? x << left : x >> -left;
}

/** Σ over `count` int32 of a · b; two at a time. */
export function product(a: usize, b: usize, count: i32): i64 {
  let sum: i64 = 0;
  const end = a + (count << 2);
  for (const whole = a + ((count & ~1) << 2); a < whole; a += 8, b += 8) {
    sum += <i64>load<i32>(a) * <i64>load<i32>(b);
    sum += <i64>load<i32>(a, 4) * <i64>load<i32>(b, 4);
  }
  if (a < end) sum += <i64>load<i32>(a) * <i64>load<i32>(b);
  return sum;
}
