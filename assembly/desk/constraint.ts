// ADMM's part of a step (Boyd et al. 2011, §3.1.1, scaled form): w is pulled towards its projection z, u is the dual.

/** w -= share · (w − z + u). */
export function pullTowards(w: usize, z: usize, u: usize, count: i32, share: f32): void {
  for (let at: usize = 0, end = (<usize>count) << 2; at < end; at += 4) {
    const weight = load<f32>(w + at);
    store<f32>(w + at, weight - share * (weight - load<f32>(z + at) + load<f32>(u + at)));
  }
}

/** sums[0] += Σ (a − b)², sums[1] += Σ a², in double precision. */
export function squaredDistance(a: usize, b: usize, count: i32, sums: usize): void {
  let distance: f64 = 0;
  let size: f64 = 0;
  for (let at: usize = 0, end = (<usize>count) << 2; at < end; at += 4) {
    const value = <f64>load<f32>(a + at);
    const difference = value - <f64>load<f32>(b + at);
    distance += difference * difference;
    size += value * value;
  }
  store<f64>(sums, load<f64>(sums) + distance);
  store<f64>(sums, load<f64>(sums, 8) + size, 8);
}
