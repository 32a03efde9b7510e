// Where the parts of a bank of sums lie, and what all kernels of sums compute with.
import { MOST_SUM, SUMS_AT, SUMS_COUNTS, SUMS_SHAPE } from '../learning-layout';
import { look } from '../nvm';

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

/** Whether class `c` has any sample. */
export function isPresent(op: usize, c: i32, scratch: usize): bool {
  return load<i32>(look(load<usize>(op, SUMS_AT) + SUMS_COUNTS + (c << 2), 4, scratch)) > 0;
}

/** Offset of row `row` of what `factor` makes: of L, with its pivot; behind the last, of class `row` − rank. */
export function loweredAt(op: usize, row: i32): usize {
  const rank = rankOf(op);
  return triangle(min(row, rank)) + ((max(row - rank, 0) * rank) << 2);
}

/** Bytes of what `solve` makes of a class: weights, then a constant, int64. */
export function solutionBytes(op: usize): i32 {
  return (rankOf(op) + 1) << 3;
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

const PIVOT_BITS = 24;

/** What divides by `d`, a natural number: ⌊2^(24 + s) / d⌋ and, in the low five bits, s, its bits. */
export function pivotOf(d: i32): i32 {
  const bits = 32 - clz(d);
  return ((<i32>(((<i64>1) << (PIVOT_BITS + bits)) / <i64>d)) << 5) | bits;
}

/** x · 2^up over what `pivot` divides by, up at most 24. */
// @ts-ignore: decorator
@inline
export function over(x: i32, pivot: i32, up: i32): i32 {
  return clamp((<i64>x * <i64>(pivot >> 5)) >> (PIVOT_BITS - up + (pivot & 31)));
}
