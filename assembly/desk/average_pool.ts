// Average pooling, NHWC: the mean over the inputs inside the image.

/** y = the means; with `backwards`, x += y spread evenly over each window (the transpose). */
export function averagePool(
  x: usize,
  y: usize,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  poolHeight: i32,
  poolWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  outHeight: i32,
  outWidth: i32,
  backwards: bool,
): void {
  for (let image = 0; image < count; image++, x += (height * width * channels) << 2) {
    for (let outY = 0; outY < outHeight; outY++) {
      const top = outY * strideHeight - padTop;
      for (let outX = 0; outX < outWidth; outX++, y += channels << 2) {
        const left = outX * strideWidth - padLeft;
        const firstY = max(top, 0);
        const lastY = min(top + poolHeight, height);
        const firstX = max(left, 0);
        const lastX = min(left + poolWidth, width);
        const area = <f32>max((lastY - firstY) * (lastX - firstX), 1);
        for (let channel = 0; channel < channels; channel++) {
          let sum: f32 = 0;
          const share = load<f32>(y + (channel << 2)) / area;
          for (let inY = firstY; inY < lastY; inY++) {
            for (let inX = firstX; inX < lastX; inX++) {
              const at = x + (((inY * width + inX) * channels + channel) << 2);
              if (backwards) store<f32>(at, load<f32>(at) + share);
              else sum += load<f32>(at);
            }
          }
          if (!backwards) store<f32>(y + (channel << 2), sum / area);
        }
      }
    }
  }
}
