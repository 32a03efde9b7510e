// Inner loops of `factor` and `solve`: a row of values with one column, or with four side by side: each value is loaded once.
import { FOUR } from '../learning-layout';

/** Σ over `count` int32 of a · b; those of `a` are so many bytes apart. */
export function product(a: usize, apart: i32, b: usize, count: i32): i64 {
  let sum: i64 = 0;
  for (const end = b + (count << 2); b < end; b += 4, a += apart)
    sum += <i64>load<i32>(a) * <i64>load<i32>(b);
  return sum;
}

/** Σ of `count` values, int32, with each of `group` columns, int32, [value][column]. To int64 sums. */
export function products(columns: usize, group: i32, row: usize, count: i32, sums: usize): void {
  if (group != FOUR) {
    store<i64>(sums, product(columns, 4, row, count));
    return;
  }
  let a: i64 = 0;
  let b: i64 = 0;
  let c: i64 = 0;
  let d: i64 = 0;
  for (const end = row + (count << 2); row < end; row += 4, columns += 16) {
    const value: i64 = load<i32>(row);
    a += <i64>load<i32>(columns) * value;
    b += <i64>load<i32>(columns, 4) * value;
    c += <i64>load<i32>(columns, 8) * value;
    d += <i64>load<i32>(columns, 12) * value;
  }
  store<i64>(sums, a);
  store<i64>(sums, b, 8);
  store<i64>(sums, c, 16);
  store<i64>(sums, d, 24);
}

/** Adds `count` values, int32, times the `group` factors, int32, at `factors`, to sums of columns, int64, [value][column]. */
export function addProducts(sums: usize, group: i32, row: usize, count: i32, factors: usize): void {
  const end = row + (count << 2);
  const a: i64 = load<i32>(factors);
  if (group != FOUR) {
    for (; row < end; row += 4, sums += 8) store<i64>(sums, load<i64>(sums) + a * <i64>load<i32>(row));
    return;
  }
  const b: i64 = load<i32>(factors, 4);
  const c: i64 = load<i32>(factors, 8);
  const d: i64 = load<i32>(factors, 12);
  for (; row < end; row += 4, sums += 32) {
    const value: i64 = load<i32>(row);
    store<i64>(sums, load<i64>(sums) + a * value);
    store<i64>(sums, load<i64>(sums, 8) + b * value, 8);
    store<i64>(sums, load<i64>(sums, 16) + c * value, 16);
    store<i64>(sums, load<i64>(sums, 24) + d * value, 24);
  }
}
