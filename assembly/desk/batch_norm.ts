// Batch normalisation (Ioffe and Szegedy, 2015) over matrices [rows][channels], rows `pitch` floats apart. Sums of double
// precision, so that the order of rows matters little; four channels at a time, each with the operations it has alone.

/** means[c], variances[c] of the batch. */
export function batchStatistics(
  x: usize,
  means: usize,
  variances: usize,
  rows: i32,
  channels: i32,
  pitch: i32,
): void {
  const stride = pitch << 2;
  const end = x + rows * stride;
  const count = f64x2.splat(<f64>rows);
  let c = 0;
  for (; c + 4 <= channels; c += 4) {
    let low = f64x2.splat(0);
    let high = low;
    let lowSquares = low;
    let highSquares = low;
    for (let at = x + (c << 2); at < end; at += stride) {
      const values = v128.load(at);
      const first = f64x2.promote_low_f32x4(values);
      const second = f64x2.promote_low_f32x4(upper(values));
      low = f64x2.add(low, first);
      high = f64x2.add(high, second);
      lowSquares = f64x2.add(lowSquares, f64x2.mul(first, first));
      highSquares = f64x2.add(highSquares, f64x2.mul(second, second));
    }
    storeStatistics(
      means + (c << 2),
      variances + (c << 2),
      f64x2.div(low, count),
      f64x2.div(lowSquares, count),
    );
    const at = (c + 2) << 2;
    storeStatistics(means + at, variances + at, f64x2.div(high, count), f64x2.div(highSquares, count));
  }
  for (; c < channels; c++) {
    let sum: f64 = 0;
    let squares: f64 = 0;
    for (let at = x + (c << 2); at < end; at += stride) {
      const value = <f64>load<f32>(at);
      sum += value;
      squares += value * value;
    }
    const mean = sum / <f64>rows;
    store<f32>(means + (c << 2), <f32>mean);
    store<f32>(variances + (c << 2), <f32>max<f64>(0, squares / <f64>rows - mean * mean));
  }
}

/** The upper two of four floats, as the lower two. */
// @ts-ignore: decorator
@inline
function upper(values: v128): v128 {
  return v128.shuffle<f32>(values, values, 2, 3, 2, 3);
}

// @ts-ignore: decorator
@inline
function storeStatistics(means: usize, variances: usize, mean: v128, square: v128): void {
  const variance = f64x2.max(f64x2.splat(0), f64x2.sub(square, f64x2.mul(mean, mean)));
  v128.store64_lane(means, f32x4.demote_f64x2_zero(mean), 0);
  v128.store64_lane(variances, f32x4.demote_f64x2_zero(variance), 0);
}

/** y = gamma · (x − mean) / √(variance + epsilon) + beta. */
export function normalise(
  x: usize,
  y: usize,
  means: usize,
  variances: usize,
  gamma: usize,
  beta: usize,
  rows: i32,
  channels: i32,
  epsilon: f32,
): void {
  const stride = channels << 2;
  const end = rows * stride;
  let c = 0;
  for (; c + 4 <= channels; c += 4) {
    const at = c << 2;
    const root = f32x4.sqrt(f32x4.add(v128.load(variances + at), f32x4.splat(epsilon)));
    const factor = f32x4.div(v128.load(gamma + at), root);
    const offset = f32x4.sub(v128.load(beta + at), f32x4.mul(v128.load(means + at), factor));
    for (let i = at; i < end; i += stride)
      v128.store(y + i, f32x4.add(f32x4.mul(v128.load(x + i), factor), offset));
  }
  for (; c < channels; c++) {
    const at = c << 2;
    const factor = load<f32>(gamma + at) / sqrt<f32>(load<f32>(variances + at) + epsilon);
    const offset = load<f32>(beta + at) - load<f32>(means + at) * factor;
    for (let i = at; i < end; i += stride) store<f32>(y + i, load<f32>(x + i) * factor + offset);
  }
}

/** Of `normalise` by the statistics of x itself: dGamma, dBeta += …; dx += … unless it is 0. */
export function normaliseGradient(
  x: usize,
  dy: usize,
  dx: usize,
  means: usize,
  variances: usize,
  gamma: usize,
  dGamma: usize,
  dBeta: usize,
  rows: i32,
  channels: i32,
  pitch: i32,
  epsilon: f32,
): void {
  const stride = pitch << 2;
  const end = rows * stride;
  let c = 0;
  for (; c + 4 <= channels; c += 4) {
    const at = c << 2;
    const mean = v128.load(means + at);
    const root = f32x4.sqrt(f32x4.add(v128.load(variances + at), f32x4.splat(epsilon)));
    const inverse = f32x4.div(f32x4.splat(1), root);
    let low = f64x2.splat(0);
    let high = low;
    let lowProducts = low;
    let highProducts = low;
    for (let i = at; i < end; i += stride) {
      const gradient = v128.load(dy + i);
      const normal = f32x4.mul(f32x4.sub(v128.load(x + i), mean), inverse);
      const first = f64x2.promote_low_f32x4(gradient);
      const second = f64x2.promote_low_f32x4(upper(gradient));
      low = f64x2.add(low, first);
      high = f64x2.add(high, second);
      lowProducts = f64x2.add(lowProducts, f64x2.mul(first, f64x2.promote_low_f32x4(normal)));
      highProducts = f64x2.add(highProducts, f64x2.mul(second, f64x2.promote_low_f32x4(upper(normal))));
    }
    addTo(dGamma + at, lowProducts, highProducts);
    addTo(dBeta + at, low, high);
    if (!dx) continue;
    const count = f64x2.splat(<f64>rows);
    const factor = f32x4.mul(v128.load(gamma + at), inverse);
    const meanGradient = together(f64x2.div(low, count), f64x2.div(high, count));
    const meanProduct = together(f64x2.div(lowProducts, count), f64x2.div(highProducts, count));
    for (let i = at; i < end; i += stride) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + i), mean), inverse);
      const centred = f32x4.sub(v128.load(dy + i), meanGradient);
      const back = f32x4.mul(factor, f32x4.sub(centred, f32x4.mul(normal, meanProduct)));
      v128.store(dx + i, f32x4.add(v128.load(dx + i), back));
    }
  }
  for (; c < channels; c++) {
    const at = c << 2;
    const mean = load<f32>(means + at);
    const inverse: f32 = <f32>1 / sqrt<f32>(load<f32>(variances + at) + epsilon);
    let sum: f64 = 0;
    let products: f64 = 0;
    for (let i = at; i < end; i += stride) {
      const gradient = load<f32>(dy + i);
      sum += <f64>gradient;
      products += <f64>gradient * <f64>((load<f32>(x + i) - mean) * inverse);
    }
    store<f32>(dGamma + at, load<f32>(dGamma + at) + <f32>products);
    store<f32>(dBeta + at, load<f32>(dBeta + at) + <f32>sum);
    if (!dx) continue;
    const factor = load<f32>(gamma + at) * inverse;
    const meanGradient = <f32>(sum / <f64>rows);
    const meanProduct = <f32>(products / <f64>rows);
    for (let i = at; i < end; i += stride) {
      const normal = (load<f32>(x + i) - mean) * inverse;
      const back = factor * (load<f32>(dy + i) - meanGradient - normal * meanProduct);
      store<f32>(dx + i, load<f32>(dx + i) + back);
    }
  }
}

/** Four doubles as floats. */
// @ts-ignore: decorator
@inline
function together(low: v128, high: v128): v128 {
  return v128.shuffle<f64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

// @ts-ignore: decorator
@inline
function addTo(to: usize, low: v128, high: v128): void {
  v128.store(to, f32x4.add(v128.load(to), together(low, high)));
}
