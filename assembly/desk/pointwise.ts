/** x[count] = 0. */
export function clear(x: usize, count: i32): void {
  memory.fill(x, 0, count << 2);
}

/** matrix[rows][columns] = the same row (a bias), over and over. */
export function fillRows(row: usize, matrix: usize, rows: i32, columns: i32): void {
  for (let i = 0; i < rows; i++) {
    let j = 0;
    for (; j + 4 <= columns; j += 4, matrix += 16) v128.store(matrix, v128.load(row + (j << 2)));
    for (; j < columns; j++, matrix += 4) store<f32>(matrix, load<f32>(row + (j << 2)));
  }
}

/** sums[columns] += the sum of a matrix's rows (a bias gradient). */
export function sumRows(matrix: usize, sums: usize, rows: i32, columns: i32): void {
  const rowBytes = columns << 2;
  const end = matrix + rows * rowBytes;
  let j = 0;
  for (; j + 4 <= columns; j += 4) {
    let sum = v128.load(sums + (j << 2));
    for (let from = matrix + (j << 2); from < end; from += rowBytes) sum = f32x4.add(sum, v128.load(from));
    v128.store(sums + (j << 2), sum);
  }
  for (; j < columns; j++) {
    let sum = load<f32>(sums + (j << 2));
    for (let from = matrix + (j << 2); from < end; from += rowBytes) sum += load<f32>(from);
    store<f32>(sums + (j << 2), sum);
  }
}

/** y = max(x, 0). */
export function relu(x: usize, y: usize, count: i32): void {
  const zero = f32x4.splat(0);
  const end = x + (count << 2);
  for (; x + 16 <= end; x += 16, y += 16) v128.store(y, f32x4.max(v128.load(x), zero));
  for (; x < end; x += 4, y += 4) store<f32>(y, max<f32>(load<f32>(x), 0));
}

/** dx += dy where y > 0. */
export function reluGradient(y: usize, dy: usize, dx: usize, count: i32): void {
  const zero = f32x4.splat(0);
  const end = y + (count << 2);
  for (; y + 16 <= end; y += 16, dy += 16, dx += 16) {
    const passed = v128.and(v128.load(dy), f32x4.gt(v128.load(y), zero));
    v128.store(dx, f32x4.add(v128.load(dx), passed));
  }
  for (; y < end; y += 4, dy += 4, dx += 4) {
    if (load<f32>(y) > 0) store<f32>(dx, load<f32>(dx) + load<f32>(dy));
  }
}

/** to[columns][rows] += from[rows][columns], transposed. */
export function addTransposed(from: usize, to: usize, rows: i32, columns: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, from += 4) {
      const at = to + ((j * rows + i) << 2);
      store<f32>(at, load<f32>(at) + load<f32>(from));
    }
  }
}

/** y = x within [low, high]. */
export function clampValues(x: usize, y: usize, count: i32, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const end = x + (count << 2);
  for (; x + 16 <= end; x += 16, y += 16) {
    v128.store(y, f32x4.max(lows, f32x4.min(highs, v128.load(x))));
  }
  for (; x < end; x += 4, y += 4) store<f32>(y, max<f32>(low, min<f32>(high, load<f32>(x))));
}

/** dx += dy where low < y < high. */
export function clampGradient(y: usize, dy: usize, dx: usize, count: i32, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const end = y + (count << 2);
  for (; y + 16 <= end; y += 16, dy += 16, dx += 16) {
    const values = v128.load(y);
    const inside = v128.and(f32x4.gt(values, lows), f32x4.lt(values, highs));
    v128.store(dx, f32x4.add(v128.load(dx), v128.and(v128.load(dy), inside)));
  }
  for (; y < end; y += 4, dy += 4, dx += 4) {
    const value = load<f32>(y);
    if (value > low && value < high) store<f32>(dx, load<f32>(dx) + load<f32>(dy));
  }
}

/** to += factor · from. */
export function addScaled(from: usize, to: usize, count: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  const end = from + (count << 2);
  for (; from + 16 <= end; from += 16, to += 16) {
    v128.store(to, f32x4.add(v128.load(to), f32x4.mul(v128.load(from), factors)));
  }
  for (; from < end; from += 4, to += 4) store<f32>(to, load<f32>(to) + load<f32>(from) * factor);
}
