// Quantization as training sees it: values rounded to what integers can hold, gradients passed straight through inside
// the range (Bengio et al. 2013; Jacob et al. 2018, §3).

/** Nearest whole number, halves away from zero. */
// @ts-ignore: decorator
@inline
function round(x: f32): f32 {
  return x < 0 ? -floor<f32>(0.5 - x) : floor<f32>(x + 0.5);
}

/** y = scale · clamp(round(x / scale), low, high), low and high whole numbers. */
export function fakeQuantize(x: usize, y: usize, count: i32, scale: f32, low: f32, high: f32): void {
  const inverse: f32 = <f32>1 / scale;
  const end = x + (count << 2);
  const inverses = f32x4.splat(inverse);
  const scales = f32x4.splat(scale);
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const signs = i32x4.splat(0x80000000);
  const halves = f32x4.splat(0.5);
  for (; x + 16 <= end; x += 16, y += 16) {
    const value = f32x4.mul(v128.load(x), inverses);
    const sign = v128.and(value, signs);
    const magnitude = f32x4.floor(f32x4.add(v128.andnot(value, signs), halves));
    const rounded = v128.or(magnitude, sign);
    v128.store(y, f32x4.mul(f32x4.max(lows, f32x4.min(highs, rounded)), scales));
  }
  for (; x < end; x += 4, y += 4) {
    store<f32>(y, max<f32>(low, min<f32>(high, round(load<f32>(x) * inverse))) * scale);
  }
}

/**
 * dx += dy where low ≤ x / scale ≤ high, unless dx is 0. To ends, two floats, is added what the range's ends get: the
 * sum of dy where x is below it, and where above (PACT, Choi et al. 2018).
 */
export function fakeQuantizeGradient(
  x: usize,
  dy: usize,
  dx: usize,
  ends: usize,
  count: i32,
  least: f32,
  most: f32,
): void {
  let below: f32 = 0;
  let above: f32 = 0;
  let at: usize = 0;
  const end = (<usize>count) << 2;
  const leasts = f32x4.splat(least);
  const mosts = f32x4.splat(most);
  for (; at + 16 <= end; at += 16) {
    const values = v128.load(x + at);
    const outside = v128.or(f32x4.lt(values, leasts), f32x4.gt(values, mosts));
    const gradients = v128.load(dy + at);
    if (dx) v128.store(dx + at, f32x4.add(v128.load(dx + at), v128.andnot(gradients, outside)));
    if (!v128.any_true(outside)) continue;
    // Few are, and their sums are in order.
    for (let one = at; one < at + 16; one += 4) {
      const value = load<f32>(x + one);
      if (value < least) below += load<f32>(dy + one);
      else if (value > most) above += load<f32>(dy + one);
    }
  }
  for (; at < end; at += 4) {
    const value = load<f32>(x + at);
    const gradient = load<f32>(dy + at);
    if (value < least) below += gradient;
    else if (value > most) above += gradient;
    else if (dx) store<f32>(dx + at, load<f32>(dx + at) + gradient);
  }
  if (!ends) return;
  store<f32>(ends, load<f32>(ends) + below);
  store<f32>(ends, load<f32>(ends, 4) + above, 4);
}

/** The whole number of a weight, of those that are `odd` or of all. */
// @ts-ignore: decorator
@inline
function codeOf(x: f32, most: f32, odd: bool): f32 {
  const whole: f32 = odd ? 2 * floor<f32>(x * 0.5) + 1 : round(x);
  return max<f32>(-most, min<f32>(most, whole));
}

/**
 * y = weights rounded to whole multiples, odd ones where `odd` is set, up to `most`, of their group's scale: `groups` runs,
 * `length` long, have one each; with `interleaved`, every groups-th weight is of one.
 */
export function fakeQuantizeWeights(
  weights: usize,
  y: usize,
  scales: usize,
  groups: i32,
  length: i32,
  interleaved: bool,
  most: f32,
  odd: bool,
): void {
  if (!interleaved) {
    for (let group = 0; group < groups; group++, weights += length << 2, y += length << 2) {
      const scale = load<f32>(scales + (group << 2));
      if (odd) roundOdd(weights, y, length, scale, most);
      else fakeQuantize(weights, y, length, scale, -most, most);
    }
    return;
  }
  for (let i = 0; i < length; i++) {
    for (let group = 0; group < groups; group++, weights += 4, y += 4) {
      const scale = load<f32>(scales + (group << 2));
      store<f32>(y, codeOf(load<f32>(weights) / scale, most, odd) * scale);
    }
  }
}

/** y = x rounded to odd multiples of a scale, at most `most` of them: its sign, of 0 that is 1, where both are 1. */
export function roundOdd(x: usize, y: usize, count: i32, scale: f32, most: f32): void {
  const halves = f32x4.splat(<f32>0.5 / scale);
  const ones = f32x4.splat(1);
  const lows = f32x4.splat(-most);
  const highs = f32x4.splat(most);
  const scales = f32x4.splat(scale);
  const end = x + (count << 2);
  for (; x + 16 <= end; x += 16, y += 16) {
    const whole = f32x4.floor(f32x4.mul(v128.load(x), halves));
    const odd = f32x4.add(f32x4.add(whole, whole), ones);
    v128.store(y, f32x4.mul(f32x4.max(lows, f32x4.min(highs, odd)), scales));
  }
  for (; x < end; x += 4, y += 4) {
    const odd: f32 = 2 * floor<f32>(load<f32>(x) * (<f32>0.5 / scale)) + 1;
    store<f32>(y, max<f32>(-most, min<f32>(most, odd)) * scale);
  }
}

/**
 * Gradients of the logarithms of scales: dLogs += scale · Σ dy · (code − weight / scale), clipped weights with their code
 * alone, over √(length · most) (Esser et al., "Learned Step Size Quantization", ICLR 2020, §2).
 */
export function stepGradient(
  weights: usize,
  dy: usize,
  scales: usize,
  dLogs: usize,
  groups: i32,
  length: i32,
  interleaved: bool,
  most: f32,
  odd: bool,
): void {
  const factor: f32 = <f32>1 / sqrt<f32>(<f32>length * most);
  for (let group = 0; group < groups; group++) {
    const scale = load<f32>(scales + (group << 2));
    const inverse: f32 = <f32>1 / scale;
    const first = (interleaved ? group : group * length) << 2;
    const stride = (interleaved ? groups : 1) << 2;
    let sum: f32 = 0;
    for (let i = 0, at = first; i < length; i++, at += stride) {
      const x = load<f32>(weights + at) * inverse;
      const inside = abs<f32>(x) < most;
      const code = codeOf(x, most, odd);
      sum += load<f32>(dy + at) * select<f32>(code - x, code, inside);
    }
    store<f32>(dLogs + (group << 2), load<f32>(dLogs + (group << 2)) + sum * scale * factor);
  }
}

/** y = exp(x). */
export function exponentials(x: usize, y: usize, count: i32): void {
  for (let at = 0; at < count << 2; at += 4) store<f32>(y + at, Mathf.exp(load<f32>(x + at)));
}

/** y = log(x). */
export function logarithms(x: usize, y: usize, count: i32): void {
  for (let at = 0; at < count << 2; at += 4) store<f32>(y + at, Mathf.log(load<f32>(x + at)));
}

/** Squared error of rounding the `length` weights at `stride` (in floats) to multiples of `scale` up to `most` of them. */
export function roundingError(
  weights: usize,
  length: i32,
  stride: i32,
  scale: f32,
  most: f32,
  odd: bool,
): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < length; i++, weights += stride << 2) {
    const weight = load<f32>(weights);
    const error = weight - codeOf(weight / scale, most, odd) * scale;
    sum += <f64>error * <f64>error;
  }
  return sum;
}
