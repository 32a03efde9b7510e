/** velocity = momentum · velocity + gradient + decay · w; w -= rate · velocity. */
export function momentumUpdate(
  weights: usize,
  gradients: usize,
  velocities: usize,
  count: i32,
  rate: f32,
  momentum: f32,
  decay: f32,
): void {
  for (let at: usize = 0, end = (<usize>count) << 2; at < end; at += 4) {
    const weight = load<f32>(weights + at);
    const velocity = momentum * load<f32>(velocities + at) + load<f32>(gradients + at) + decay * weight;
    store<f32>(velocities + at, velocity);
    store<f32>(weights + at, weight - rate * velocity);
  }
}

/**
 * Adam (Kingma and Ba, 2015, algorithm 1) with weight decay apart from the moments (Loshchilov and Hutter, 2019).
 * `correction1` and `correction2` are 1 - β1ᵗ and 1 - β2ᵗ.
 */
export function adamUpdate(
  weights: usize,
  gradients: usize,
  means: usize,
  squares: usize,
  count: i32,
  rate: f32,
  beta1: f32,
  beta2: f32,
  correction1: f32,
  correction2: f32,
  decay: f32,
): void {
  let at: usize = 0;
  const end = (<usize>count) << 2;
  // Four at a time: the same operations on every lane.
  for (; at + 16 <= end; at += 16) {
    const gradient = v128.load(gradients + at);
    const mean = f32x4.add(
      f32x4.mul(f32x4.splat(beta1), v128.load(means + at)),
      f32x4.mul(f32x4.splat(1 - beta1), gradient),
    );
    const square = f32x4.add(
      f32x4.mul(f32x4.splat(beta2), v128.load(squares + at)),
      f32x4.mul(f32x4.mul(f32x4.splat(1 - beta2), gradient), gradient),
    );
    v128.store(means + at, mean);
    v128.store(squares + at, square);
    const root = f32x4.sqrt(f32x4.div(square, f32x4.splat(correction2)));
    const step = f32x4.div(f32x4.div(mean, f32x4.splat(correction1)), f32x4.add(root, f32x4.splat(1e-8)));
    const weight = v128.load(weights + at);
    const change = f32x4.add(step, f32x4.mul(f32x4.splat(decay), weight));
    v128.store(weights + at, f32x4.sub(weight, f32x4.mul(f32x4.splat(rate), change)));
  }
  for (; at < end; at += 4) {
    const gradient = load<f32>(gradients + at);
    const mean = beta1 * load<f32>(means + at) + (1 - beta1) * gradient;
    const square = beta2 * load<f32>(squares + at) + (1 - beta2) * gradient * gradient;
    store<f32>(means + at, mean);
    store<f32>(squares + at, square);
    const step = mean / correction1 / (sqrt<f32>(square / correction2) + 1e-8);
    const weight = load<f32>(weights + at);
    store<f32>(weights + at, weight - rate * (step + decay * weight));
  }
}
