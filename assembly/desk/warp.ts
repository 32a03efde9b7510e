import { mix } from './augment';

/**
 * to[height][width][channels] = `from` rotated by `angle` (radians), sheared, scaled about its centre and shifted by
 * (shiftX, shiftY) pixels; bilinear, zero outside. `workspace`: `warpWorkspaceSize` bytes. `field`, unless 0, moves
 * every point that is looked up: [x, y][height][width], as `elasticField` makes it.
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
  workspace: usize,
  field: usize,
): void {
  // The map from output to input: (1/scale) · shear · rotation.
  const cos = Mathf.cos(angle) / scale;
  const sin = Mathf.sin(angle) / scale;
  const xx = cos - shear * sin;
  const xy = sin + shear * cos;
  const centreX = <f32>(width - 1) * 0.5;
  const centreY = <f32>(height - 1) * 0.5;
  if (channels == 1 && width >= 4) {
    warpGrey(from, to, workspace, height, width, xx, xy, cos, sin, shiftX, shiftY, field);
    return;
  }
  for (let outY = 0; outY < height; outY++) {
    const dy = <f32>outY - centreY - shiftY;
    for (let outX = 0; outX < width; outX++) {
      const dx = <f32>outX - centreX - shiftX;
      let x = xx * dx + xy * dy + centreX;
      let y = cos * dy - sin * dx + centreY;
      if (field) {
        const at = field + ((outY * width + outX) << 2);
        x += load<f32>(at);
        y += load<f32>(at + ((height * width) << 2));
      }
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

/** Pixels of zero on every side: those that a point just outside lies between. */
const RIM: i32 = 2;

/** Bytes of workspace that `warp` needs. */
export function warpWorkspaceSize(height: i32, width: i32): i32 {
  return (height + 2 * RIM) * (width + 2 * RIM) * 4;
}

/** The same for one channel: four pixels at a time, the same operations on every lane, from an image with a rim of zeros. */
function warpGrey(
  from: usize,
  to: usize,
  padded: usize,
  height: i32,
  width: i32,
  xx: f32,
  xy: f32,
  cos: f32,
  sin: f32,
  shiftX: f32,
  shiftY: f32,
  field: usize,
): void {
  const pitch = width + 2 * RIM;
  const pitchBytes = pitch << 2;
  memory.fill(padded, 0, (height + 2 * RIM) * pitchBytes);
  const origin = padded + RIM * pitchBytes + (RIM << 2);
  for (let y = 0; y < height; y++)
    memory.copy(origin + y * pitchBytes, from + ((y * width) << 2), width << 2);
  const centreX = <f32>(width - 1) * 0.5;
  const centreY = <f32>(height - 1) * 0.5;
  const one = f32x4.splat(1);
  const pitches = i32x4.splat(pitch);
  for (let outY = 0; outY < height; outY++, to += width << 2) {
    const dy = <f32>outY - centreY - shiftY;
    const xRow = f32x4.splat(xy * dy);
    const yRow = f32x4.splat(cos * dy);
    for (let first = 0; first < width; first += 4) {
      // The last four may be some of those before them again.
      const outX = min(first, width - 4);
      const columns = f32x4.convert_i32x4_s(i32x4.add(i32x4.splat(outX), i32x4(0, 1, 2, 3)));
      const dx = f32x4.sub(f32x4.sub(columns, f32x4.splat(centreX)), f32x4.splat(shiftX));
      let x = f32x4.add(f32x4.add(f32x4.mul(f32x4.splat(xx), dx), xRow), f32x4.splat(centreX));
      let y = f32x4.add(f32x4.sub(yRow, f32x4.mul(f32x4.splat(sin), dx)), f32x4.splat(centreY));
      if (field) {
        const moved = field + ((outY * width + outX) << 2);
        x = f32x4.add(x, v128.load(moved));
        y = f32x4.add(y, v128.load(moved + ((height * width) << 2)));
      }
      const lefts = f32x4.floor(x);
      const tops = f32x4.floor(y);
      const right = f32x4.sub(x, lefts);
      const below = f32x4.sub(y, tops);
      const column = within(i32x4.trunc_sat_f32x4_s(lefts), width);
      const row = within(i32x4.trunc_sat_f32x4_s(tops), height);
      const at = i32x4.shl(i32x4.add(i32x4.mul(row, pitches), column), 2);
      const a0 = origin + i32x4.extract_lane(at, 0);
      const a1 = origin + i32x4.extract_lane(at, 1);
      const a2 = origin + i32x4.extract_lane(at, 2);
      const a3 = origin + i32x4.extract_lane(at, 3);
      const upper = blend(a0, a1, a2, a3, right, one);
      const lower = blend(a0 + pitchBytes, a1 + pitchBytes, a2 + pitchBytes, a3 + pitchBytes, right, one);
      const value = f32x4.add(f32x4.mul(upper, f32x4.sub(one, below)), f32x4.mul(lower, below));
      v128.store(to + (outX << 2), value);
    }
  }
}

/** −2 … size: outside, all is zero. */
// @ts-ignore: decorator
@inline
function within(at: v128, size: i32): v128 {
  return i32x4.max_s(i32x4.splat(-RIM), i32x4.min_s(i32x4.splat(size), at));
}

/** Each of four pixels and the one to its right, blended. */
// @ts-ignore: decorator
@inline
function blend(a0: usize, a1: usize, a2: usize, a3: usize, right: v128, one: v128): v128 {
  const low = v128.load64_lane(a1, v128.load64_zero(a0), 1);
  const high = v128.load64_lane(a3, v128.load64_zero(a2), 1);
  const own = v128.shuffle<f32>(low, high, 0, 2, 4, 6);
  const next = v128.shuffle<f32>(low, high, 1, 3, 5, 7);
  return f32x4.add(f32x4.mul(own, f32x4.sub(one, right)), f32x4.mul(next, right));
}

// @ts-ignore: decorator
@inline
function pixel(image: usize, height: i32, width: i32, channels: i32, y: i32, x: i32, channel: i32): f32 {
  if (<u32>y >= <u32>height || <u32>x >= <u32>width) return 0;
  return load<f32>(image + (((y * width + x) * channels + channel) << 2));
}

/**
 * A smooth random field [x, y][height][width] of moves: drawn in ± `most`, by a hash of the seed, at the points of a grid
 * that are `spacing` pixels apart, and blended between them with the weights 3t² − 2t³.
 */
export function elasticField(to: usize, height: i32, width: i32, spacing: i32, most: f32, seed: u32): void {
  const across = width / spacing + 2;
  for (let axis: u32 = 0; axis < 2; axis++) {
    for (let y = 0; y < height; y++) {
      const row = y / spacing;
      const down = smooth(<f32>(y - row * spacing) / <f32>spacing);
      for (let x = 0; x < width; x++, to += 4) {
        const column = x / spacing;
        const right = smooth(<f32>(x - column * spacing) / <f32>spacing);
        const at = row * across + column;
        const upper = draw(seed, axis, at) * (1 - right) + draw(seed, axis, at + 1) * right;
        const lower = draw(seed, axis, at + across) * (1 - right) + draw(seed, axis, at + across + 1) * right;
        store<f32>(to, (upper * (1 - down) + lower * down) * most);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function smooth(t: f32): f32 {
  return t * t * (3 - 2 * t);
}

/** In −1 … 1. */
// @ts-ignore: decorator
@inline
function draw(seed: u32, axis: u32, at: i32): f32 {
  return <f32>(<f64>mix(seed ^ mix(((<u32>at) << 1) | axis)) / 2147483648 - 1);
}
