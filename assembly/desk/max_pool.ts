// The largest of each window of NHWC maps; outside the map there is nothing, and of equals the first wins.

/** y[image, outY, outX, channel] = the largest x in its window. */
export function maxPool(
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
): void {
  const pixelBytes = channels << 2;
  const rowBytes = width * pixelBytes;
  for (let image = 0; image < count; image++, x += height * rowBytes) {
    for (let outY = 0; outY < outHeight; outY++) {
      const top = outY * strideHeight - padTop;
      const firstY = max(top, 0);
      const rows = min(top + poolHeight, height) - firstY;
      for (let outX = 0; outX < outWidth; outX++, y += pixelBytes) {
        const left = outX * strideWidth - padLeft;
        const firstX = max(left, 0);
        const columns = min(left + poolWidth, width) - firstX;
        const corner = x + firstY * rowBytes + firstX * pixelBytes;
        if (channels < 4) {
          for (let channel = 0; channel < pixelBytes; channel += 4) {
            let best = load<f32>(corner + channel);
            for (let row = 0; row < rows; row++) {
              let from = corner + row * rowBytes + channel;
              for (let column = 0; column < columns; column++, from += pixelBytes) {
                best = max(best, load<f32>(from));
              }
            }
            store<f32>(y + channel, best);
          }
          continue;
        }
        for (let channel = 0; channel < pixelBytes; channel += 16) {
          // The last four may be some of those before them again.
          const at = min(channel, pixelBytes - 16);
          let from = corner + at;
          if (rows == 2 && columns == 2) {
            const upper = f32x4.max(v128.load(from), v128.load(from + pixelBytes));
            from += rowBytes;
            v128.store(y + at, f32x4.max(upper, f32x4.max(v128.load(from), v128.load(from + pixelBytes))));
            continue;
          }
          let best = v128.load(from);
          for (let row = 0; row < rows; row++, from += rowBytes) {
            for (let column = 0; column < columns; column++) {
              best = f32x4.max(best, v128.load(from + column * pixelBytes));
            }
          }
          v128.store(y + at, best);
        }
      }
    }
  }
}

/** dx += dy at the first of each window's largest; y as `maxPool` gave it. */
export function maxPoolGradient(
  x: usize,
  y: usize,
  dy: usize,
  dx: usize,
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
): void {
  const pixelBytes = channels << 2;
  const rowBytes = width * pixelBytes;
  for (let image = 0; image < count; image++, x += height * rowBytes, dx += height * rowBytes) {
    for (let outY = 0; outY < outHeight; outY++) {
      const top = outY * strideHeight - padTop;
      const firstY = max(top, 0);
      const rows = min(top + poolHeight, height) - firstY;
      for (let outX = 0; outX < outWidth; outX++) {
        const left = outX * strideWidth - padLeft;
        const firstX = max(left, 0);
        const columns = min(left + poolWidth, width) - firstX;
        const corner = firstY * rowBytes + firstX * pixelBytes;
        let channel = 0;
        for (; channel + 4 <= channels; channel += 4, y += 16, dy += 16) {
          const at = corner + (channel << 2);
          addToWinners(x + at, dx + at, v128.load(y), v128.load(dy), rows, columns, rowBytes, pixelBytes);
        }
        for (; channel < channels; channel++, y += 4, dy += 4) {
          const gradient = load<f32>(dy);
          const largest = load<f32>(y);
          const to = dx + winnerOf(x, corner + (channel << 2), rows, columns, rowBytes, pixelBytes, largest);
          store<f32>(to, load<f32>(to) + gradient);
        }
      }
    }
  }
}

/** Four channels of a window: dx += their gradients at the first `largest` of each, or at the window's first (NaN). */
// @ts-ignore: decorator
@inline
function addToWinners(
  x: usize,
  dx: usize,
  largest: v128,
  gradients: v128,
  rows: i32,
  columns: i32,
  rowBytes: i32,
  pixelBytes: i32,
): void {
  let open = i32x4.splat(-1);
  for (let row = 0; row < rows; row++) {
    let at: usize = row * rowBytes;
    for (let column = 0; column < columns; column++, at += pixelBytes) {
      const wins = v128.and(f32x4.eq(v128.load(x + at), largest), open);
      v128.store(dx + at, f32x4.add(v128.load(dx + at), v128.and(gradients, wins)));
      open = v128.andnot(open, wins);
    }
  }
  if (v128.any_true(open)) v128.store(dx, f32x4.add(v128.load(dx), v128.and(gradients, open)));
}

/** The offset of the first `largest` in a window; the window's first where there is none (NaN). */
// @ts-ignore: decorator
@inline
function winnerOf(
  x: usize,
  corner: usize,
  rows: i32,
  columns: i32,
  rowBytes: i32,
  pixelBytes: i32,
  largest: f32,
): usize {
  if (rows == 2 && columns == 2) {
    // Without branches: which of four it is is anybody's guess.
    const below = corner + rowBytes;
    let at: usize = corner;
    at = select<usize>(below + pixelBytes, at, load<f32>(x + below + pixelBytes) == largest);
    at = select<usize>(below, at, load<f32>(x + below) == largest);
    at = select<usize>(corner + pixelBytes, at, load<f32>(x + corner + pixelBytes) == largest);
    return select<usize>(corner, at, load<f32>(x + corner) == largest);
  }
  for (let row = 0; row < rows; row++) {
    let at = corner + row * rowBytes;
    for (let column = 0; column < columns; column++, at += pixelBytes) {
      if (load<f32>(x + at) == largest) return at;
    }
  }
  return corner;
}
