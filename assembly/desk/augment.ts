// Randomness here is a hash of (seed, index), never a stream: a value does not depend on how many were drawn before it.

export function mix(x: u32): u32 {
  x = (x ^ (x >> 16)) * 0x7feb352d;
  x = (x ^ (x >> 15)) * 0x846ca68b;
  return x ^ (x >> 16);
}

/** x += sigma · z, z of mean 0 and variance 1: the sum of four uniform numbers, near enough to a normal one. */
export function addNoise(x: usize, count: i32, sigma: f32, seed: u32): void {
  // The sum of four has the variance 4 / 12.
  const factor: f64 = <f64>sigma * sqrt<f64>(3);
  for (let i = 0; i < count; i++) {
    let sum: f64 = -2;
    for (let j: u32 = 0; j < 4; j++) sum += <f64>mix(seed ^ mix(((<u32>i) << 2) + j)) / 4294967296;
    const at = x + (i << 2);
    store<f32>(at, load<f32>(at) + <f32>(sum * factor));
  }
}

/** to[rows][columns] = from, its rows moved down by `by`; rows that move in repeat the first or the last. */
export function shiftRows(from: usize, to: usize, rows: i32, columns: i32, by: i32): void {
  for (let row = 0; row < rows; row++) {
    const source = max(0, min(rows - 1, row - by));
    memory.copy(to + ((row * columns) << 2), from + ((source * columns) << 2), columns << 2);
  }
}

/** y = x / (1 − rate), or 0 with probability `rate`; with `add`, y += … (the gradient). */
export function dropout(x: usize, y: usize, count: i32, rate: f32, seed: u32, add: bool): void {
  const limit = <u32>(<f64>rate * 4294967296);
  const factor: f32 = <f32>1 / (<f32>1 - rate);
  for (let i = 0; i < count; i++) {
    const kept = mix(seed ^ mix(i)) >= limit;
    const value = kept ? load<f32>(x + (i << 2)) * factor : 0;
    store<f32>(y + (i << 2), add ? load<f32>(y + (i << 2)) + value : value);
  }
}
