/**
 * Patches of NHWC images as matrix rows: columns[image, outY, outX][kernelY, kernelX, channel], zero outside the image.
 */
export function im2col(
  images: usize,
  columns: usize,
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
): void {
  const rowBytes = (width * channels) << 2;
  const run = kernelWidth * channels;
  for (let image = 0; image < count; image++) {
    for (let outY = 0; outY < outHeight; outY++) {
      const top = outY * strideHeight - padTop;
      const whole = top >= 0 && top + kernelHeight <= height;
      for (let outX = 0; outX < outWidth; outX++) {
        const left = outX * strideWidth - padLeft;
        const first = max(0, -left);
        const last = min(kernelWidth, width - left);
        if (whole && first == 0 && last == kernelWidth) {
          let from = images + top * rowBytes + ((left * channels) << 2);
          for (let kernelY = 0; kernelY < kernelHeight; kernelY++, from += rowBytes) {
            copy(columns, from, run);
            columns += run << 2;
          }
          continue;
        }
        for (let kernelY = 0; kernelY < kernelHeight; kernelY++) {
          const y = top + kernelY;
          const inside = y >= 0 && y < height && first < last;
          const before = inside ? first : kernelWidth;
          zero(columns, before * channels);
          if (inside) {
            const from = images + y * rowBytes + (((left + first) * channels) << 2);
            copy(columns + ((first * channels) << 2), from, (last - first) * channels);
            zero(columns + ((last * channels) << 2), (kernelWidth - last) * channels);
          }
          columns += run << 2;
        }
      }
    }
    images += height * rowBytes;
  }
}

/** The transpose of `im2col`: images += every patch, put back where it was taken. */
export function col2im(
  columns: usize,
  images: usize,
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
): void {
  const rowBytes = (width * channels) << 2;
  for (let image = 0; image < count; image++) {
    for (let outY = 0; outY < outHeight; outY++) {
      for (let outX = 0; outX < outWidth; outX++) {
        const left = outX * strideWidth - padLeft;
        const first = max(0, -left);
        const last = min(kernelWidth, width - left);
        for (let kernelY = 0; kernelY < kernelHeight; kernelY++) {
          const y = outY * strideHeight - padTop + kernelY;
          if (y >= 0 && y < height && first < last) {
            const to = images + y * rowBytes + (((left + first) * channels) << 2);
            add(to, columns + ((first * channels) << 2), (last - first) * channels);
          }
          columns += (kernelWidth * channels) << 2;
        }
      }
    }
    images += height * rowBytes;
  }
}

/** to[count][toHeight][toWidth][channels] = from[count][height][width][channels] at (top, left), zero around it. */
export function padImages(
  from: usize,
  to: usize,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  top: i32,
  left: i32,
  toHeight: i32,
  toWidth: i32,
): void {
  const rowBytes = (width * channels) << 2;
  const toRowBytes = (toWidth * channels) << 2;
  memory.fill(to, 0, count * toHeight * toRowBytes);
  for (let image = 0; image < count; image++) {
    let row = to + (image * toHeight + top) * toRowBytes + ((left * channels) << 2);
    for (let y = 0; y < height; y++, from += rowBytes, row += toRowBytes) memory.copy(row, from, rowBytes);
  }
}

/** to += the part of padded images at (top, left): the transpose of `padImages`. */
export function addUnpadded(
  from: usize,
  to: usize,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  top: i32,
  left: i32,
  fromHeight: i32,
  fromWidth: i32,
): void {
  const floats = width * channels;
  for (let image = 0; image < count; image++) {
    for (let y = 0; y < height; y++) {
      let row = from + ((((image * fromHeight + top + y) * fromWidth + left) * channels) << 2);
      for (const end = to + (floats << 2); to < end; to += 4, row += 4) {
        store<f32>(to, load<f32>(to) + load<f32>(row));
      }
    }
  }
}

// Runs are short (a kernel row): a loop beats a call to memory.copy.
// @ts-ignore: decorator
@inline
function copy(to: usize, from: usize, count: i32): void {
  const end = from + (count << 2);
  for (; from + 16 <= end; from += 16, to += 16) v128.store(to, v128.load(from));
  for (; from < end; from += 4, to += 4) store<f32>(to, load<f32>(from));
}

// @ts-ignore: decorator
@inline
function add(to: usize, from: usize, count: i32): void {
  const end = from + (count << 2);
  for (; from + 16 <= end; from += 16, to += 16) v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
  for (; from < end; from += 4, to += 4) store<f32>(to, load<f32>(to) + load<f32>(from));
}

// @ts-ignore: decorator
@inline
function zero(to: usize, count: i32): void {
  for (const end = to + (count << 2); to < end; to += 4) store<f32>(to, 0);
}
