/**
 * y[image, outY, outX, channel] = the largest x in its window (outside the image there is nothing); winners[…], one u32
 * each, holds its index in x. Of equals the first wins.
 */
export function maxPool(
  x: usize,
  y: usize,
  winners: usize,
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
  for (let image = 0; image < count; image++) {
    for (let outY = 0; outY < outHeight; outY++) {
      const top = outY * strideHeight - padTop;
      const firstY = max(top, 0);
      const lastY = min(top + poolHeight, height);
      for (let outX = 0; outX < outWidth; outX++) {
        const left = outX * strideWidth - padLeft;
        const firstX = max(left, 0);
        const lastX = min(left + poolWidth, width);
        const corner = ((image * height + firstY) * width + firstX) * channels;
        let channel = 0;
        for (; channel + 4 <= channels; channel += 4, y += 16, winners += 16) {
          // Four channels at a time, by the same comparisons.
          let index = i32x4.add(i32x4.splat(corner + channel), i32x4(0, 1, 2, 3));
          let winner = index;
          let best = v128.load(x + ((corner + channel) << 2));
          for (let row = firstY; row < lastY; row++) {
            const start = corner + channel + (row - firstY) * width * channels;
            let from = x + (start << 2);
            index = i32x4.add(i32x4.splat(start), i32x4(0, 1, 2, 3));
            for (let column = firstX; column < lastX; column++, from += channels << 2) {
              const value = v128.load(from);
              const larger = f32x4.gt(value, best);
              best = v128.bitselect(value, best, larger);
              winner = v128.bitselect(index, winner, larger);
              index = i32x4.add(index, i32x4.splat(channels));
            }
          }
          v128.store(y, best);
          v128.store(winners, winner);
        }
        for (; channel < channels; channel++) {
          let winner = corner + channel;
          let best = load<f32>(x + (winner << 2));
          for (let row = firstY; row < lastY; row++) {
            let index = corner + channel + (row - firstY) * width * channels;
            for (let column = firstX; column < lastX; column++, index += channels) {
              const value = load<f32>(x + (index << 2));
              const larger = value > best;
              best = select(value, best, larger);
              winner = select(index, winner, larger);
            }
          }
          store<f32>(y, best);
          store<u32>(winners, winner);
          y += 4;
          winners += 4;
        }
      }
    }
  }
}

/** dx[winner] += dy, for `count` outputs. */
export function maxPoolGradient(dy: usize, winners: usize, dx: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const to = dx + (load<u32>(winners + (i << 2)) << 2);
    store<f32>(to, load<f32>(to) + load<f32>(dy + (i << 2)));
  }
}
