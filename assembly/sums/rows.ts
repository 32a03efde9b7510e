// Inner loops of `factor` and `solve`: a row of values with one column, or with four side by side: in builds for
// speed each value is loaded once for all four.
import { HAS_SINGLES, SPEED } from '../kernels/mask';
import { FOUR } from '../learning-layout';

/** Columns that tiles of `op` have side by side, by its field `field`: four, or one. */
// @ts-ignore: decorator
@inline
export function groupOf(op: usize, field: usize): i32 {
  return HAS_SINGLES ? load<i32>(op + field) : FOUR;
}

/** Σ of `count` values, int32, with each of `group` columns, int32, [value][column]. To int64 sums. */
export function products(columns: usize, group: i32, row: usize, count: i32, sums: usize): void {
  const end = row + (count << 2);
  if (!SPEED || (HAS_SINGLES && group != FOUR)) {
    for (let t = 0; t < group; t++) {
      let sum: i64 = 0;
      let column = columns + (t << 2);
      for (let at = row; at < end; at += 4, column += group << 2)
        sum += <i64>load<i32>(column) * <i64>load<i32>(at);
      store<i64>(sums + (t << 3), sum);
    }
    return;
  }
  let a: i64 = 0;
  let b: i64 = 0;
  let c: i64 = 0;
  let d: i64 = 0;
  for (; row < end; row += 4, columns += 16) {
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
  if (!SPEED || (HAS_SINGLES && group != FOUR)) {
    for (; row < end; row += 4) {
      for (let t = 0; t < group; t++, sums += 8)
        store<i64>(sums, load<i64>(sums) + <i64>load<i32>(factors + (t << 2)) * <i64>load<i32>(row));
    }
    return;
  }
  const a: i64 = load<i32>(factors);
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
