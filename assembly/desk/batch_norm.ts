// Batch normalisation (Ioffe and Szegedy, 2015) over matrices [rows][channels].

/** Σ of double precision, so that the order of rows matters little. means[c], variances[c] of the batch. */
export function batchStatistics(x: usize, means: usize, variances: usize, rows: i32, channels: i32): void {
  for (let c = 0; c < channels; c++) {
    let sum: f64 = 0;
    let squares: f64 = 0;
    for (let row = 0; row < rows; row++) {
      const value = <f64>load<f32>(x + ((row * channels + c) << 2));
      sum += value;
      squares += value * value;
    }
    const mean = sum / <f64>rows;
    store<f32>(means + (c << 2), <f32>mean);
    store<f32>(variances + (c << 2), <f32>max<f64>(0, squares / <f64>rows - mean * mean));
  }
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
  for (let c = 0; c < channels; c++) {
    const at = c << 2;
    const factor = load<f32>(gamma + at) / sqrt<f32>(load<f32>(variances + at) + epsilon);
    const offset = load<f32>(beta + at) - load<f32>(means + at) * factor;
    for (let row = 0; row < rows; row++) {
      const i = (row * channels + c) << 2;
      store<f32>(y + i, load<f32>(x + i) * factor + offset);
    }
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
  epsilon: f32,
): void {
  for (let c = 0; c < channels; c++) {
    const at = c << 2;
    const mean = load<f32>(means + at);
    const inverse: f32 = <f32>1 / sqrt<f32>(load<f32>(variances + at) + epsilon);
    let sum: f64 = 0;
    let correlation: f64 = 0;
    for (let row = 0; row < rows; row++) {
      const i = (row * channels + c) << 2;
      const gradient = load<f32>(dy + i);
      sum += <f64>gradient;
      correlation += <f64>gradient * <f64>((load<f32>(x + i) - mean) * inverse);
    }
    store<f32>(dGamma + at, load<f32>(dGamma + at) + <f32>correlation);
    store<f32>(dBeta + at, load<f32>(dBeta + at) + <f32>sum);
    if (!dx) continue;
    const factor = load<f32>(gamma + at) * inverse;
    const meanGradient = <f32>(sum / <f64>rows);
    const meanCorrelation = <f32>(correlation / <f64>rows);
    for (let row = 0; row < rows; row++) {
      const i = (row * channels + c) << 2;
      const normal = (load<f32>(x + i) - mean) * inverse;
      const back = factor * (load<f32>(dy + i) - meanGradient - normal * meanCorrelation);
      store<f32>(dx + i, load<f32>(dx + i) + back);
    }
  }
}
