/**
 * to[height][width][channels] = `from` rotated by `angle` (radians), sheared, scaled about its centre and shifted by
 * (shiftX, shiftY) pixels; bilinear, zero outside.
 */
export function warp(
  from: usize,
  to: usize,
  height: i32,
  width: i32,
  channels: i32,
  angle: f32,
  shear: f32,
  scale: f32,
  shiftX: f32,
  shiftY: f32,
): void {
  // The map from output to input: (1/scale) · shear · rotation.
  const cos = Mathf.cos(angle) / scale;
  const sin = Mathf.sin(angle) / scale;
  const xx = cos - shear * sin;
  const xy = sin + shear * cos;
  const centreX = <f32>(width - 1) * 0.5;
  const centreY = <f32>(height - 1) * 0.5;
  for (let outY = 0; outY < height; outY++) {
    const dy = <f32>outY - centreY - shiftY;
    for (let outX = 0; outX < width; outX++) {
      const dx = <f32>outX - centreX - shiftX;
      const x = xx * dx + xy * dy + centreX;
      const y = cos * dy - sin * dx + centreY;
      const left = <i32>floor(x);
      const top = <i32>floor(y);
      const right = x - <f32>left;
      const below = y - <f32>top;
      for (let channel = 0; channel < channels; channel++, to += 4) {
        const upper =
          pixel(from, height, width, channels, top, left, channel) * (1 - right) +
          pixel(from, height, width, channels, top, left + 1, channel) * right;
        const lower =
          pixel(from, height, width, channels, top + 1, left, channel) * (1 - right) +
          pixel(from, height, width, channels, top + 1, left + 1, channel) * right;
        store<f32>(to, upper * (1 - below) + lower * below);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function pixel(image: usize, height: i32, width: i32, channels: i32, y: i32, x: i32, channel: i32): f32 {
  if (<u32>y >= <u32>height || <u32>x >= <u32>width) return 0;
  return load<f32>(image + (((y * width + x) * channels + channel) << 2));
}
