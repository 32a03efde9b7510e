// Vectors of which the first few lanes are somebody's, and those behind are another's: they are neither read nor written.

/** The first `lanes` of four floats, zeros behind them. */
// @ts-ignore: decorator
@inline
export function loadLanes(from: usize, lanes: i32): v128 {
  return lanes > 3 ? v128.load(from) : loadFew(from, lanes);
}

function loadFew(from: usize, lanes: i32): v128 {
  if (lanes <= 0) return f32x4.splat(0);
  if (lanes == 1) return v128.load32_zero(from);
  const pair = v128.load64_zero(from);
  return lanes == 2 ? pair : v128.load32_lane(from, pair, 2, 8);
}

/** Stores the first `lanes` of four values. */
// @ts-ignore: decorator
@inline
export function storeLanes(to: usize, lanes: i32, values: v128): void {
  if (lanes > 3) v128.store(to, values);
  else storeFew(to, lanes, values);
}

function storeFew(to: usize, lanes: i32, values: v128): void {
  if (lanes <= 0) return;
  if (lanes == 1) {
    v128.store32_lane(to, values, 0);
    return;
  }
  v128.store64_lane(to, values, 0);
  if (lanes == 3) v128.store32_lane(to, values, 2, 8);
}

/** c += the first `lanes` of four sums. */
// @ts-ignore: decorator
@inline
export function accumulate(c: usize, lanes: i32, sum: v128): void {
  if (lanes > 3) v128.store(c, f32x4.add(v128.load(c), sum));
  else storeFew(c, lanes, f32x4.add(loadFew(c, lanes), sum));
}
