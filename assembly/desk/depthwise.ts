// Depthwise convolution, NHWC: output channel o sees input channel o / (outputs / channels) alone; weights are
// [kernelY][kernelX][outputs]. With as many outputs as inputs, channels are taken four at a time.

/** What a window sees of one axis: positions in [first, last) lie inside. */
// @ts-ignore: decorator
@inline
function firstInside(start: i32): i32 {
  return max(0, -start);
}

// @ts-ignore: decorator
@inline
function lastInside(start: i32, kernel: i32, size: i32): i32 {
  return min(kernel, size - start);
}

/** y (filled with biases) += the convolution. */
export function depthwise(
  x: usize,
  weights: usize,
  y: usize,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  outHeight: i32,
  outWidth: i32,
  outputs: i32,
): void {
  const multiplier = outputs / channels;
  const wide = multiplier == 1 ? outputs & -4 : 0;
  for (let image = 0; image < count; image++, x += (height * width * channels) << 2) {
    for (let outY = 0; outY < outHeight; outY++) {
      const top = outY * strideHeight - padTop;
      for (let outX = 0; outX < outWidth; outX++, y += outputs << 2) {
        const left = outX * strideWidth - padLeft;
        for (let ky = firstInside(top), kyEnd = lastInside(top, kernelHeight, height); ky < kyEnd; ky++) {
          for (let kx = firstInside(left), kxEnd = lastInside(left, kernelWidth, width); kx < kxEnd; kx++) {
            const from = x + ((((top + ky) * width + left + kx) * channels) << 2);
            const tap = weights + (((ky * kernelWidth + kx) * outputs) << 2);
            let o = 0;
            for (; o < wide; o += 4) {
              const at = o << 2;
              const product = f32x4.mul(v128.load(from + at), v128.load(tap + at));
              v128.store(y + at, f32x4.add(v128.load(y + at), product));
            }
            for (; o < outputs; o++) {
              const product = load<f32>(from + ((o / multiplier) << 2)) * load<f32>(tap + (o << 2));
              store<f32>(y + (o << 2), load<f32>(y + (o << 2)) + product);
            }
          }
        }
      }
    }
  }
}

/** dWeights += …, and dx += … unless it is 0. */
export function depthwiseGradient(
  x: usize,
  weights: usize,
  dy: usize,
  dx: usize,
  dWeights: usize,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  outHeight: i32,
  outWidth: i32,
  outputs: i32,
): void {
  const multiplier = outputs / channels;
  const wide = multiplier == 1 ? outputs & -4 : 0;
  for (let image = 0; image < count; image++) {
    const offset = image * height * width * channels;
    for (let outY = 0; outY < outHeight; outY++) {
      const top = outY * strideHeight - padTop;
      for (let outX = 0; outX < outWidth; outX++, dy += outputs << 2) {
        const left = outX * strideWidth - padLeft;
        for (let ky = firstInside(top), kyEnd = lastInside(top, kernelHeight, height); ky < kyEnd; ky++) {
          for (let kx = firstInside(left), kxEnd = lastInside(left, kernelWidth, width); kx < kxEnd; kx++) {
            const pixel = (offset + ((top + ky) * width + left + kx) * channels) << 2;
            const tap = ((ky * kernelWidth + kx) * outputs) << 2;
            let o = 0;
            for (; o < wide; o += 4) {
              const at = o << 2;
              const gradient = v128.load(dy + at);
              const dw = f32x4.mul(v128.load(x + pixel + at), gradient);
              v128.store(dWeights + tap + at, f32x4.add(v128.load(dWeights + tap + at), dw));
              if (!dx) continue;
              const back = f32x4.mul(v128.load(weights + tap + at), gradient);
              v128.store(dx + pixel + at, f32x4.add(v128.load(dx + pixel + at), back));
            }
            for (; o < outputs; o++) {
              const at = tap + (o << 2);
              const from = pixel + ((o / multiplier) << 2);
              const gradient = load<f32>(dy + (o << 2));
              store<f32>(dWeights + at, load<f32>(dWeights + at) + load<f32>(x + from) * gradient);
              if (dx) store<f32>(dx + from, load<f32>(dx + from) + load<f32>(weights + at) * gradient);
            }
          }
        }
      }
    }
  }
}
