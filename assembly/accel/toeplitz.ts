// Products of 4×4 Toeplitz matrices of int16 and vectors, summed over blocks: what circulant layers by Karatsuba's trick are
// made of. Sums wrap at int32; what is made of them fits.
import { SIMD, SPEED } from '../kernels/mask';

/**
 * `leaves` × `rows` (1 or 2) sums over `blocks` blocks, four int32 each, to `sums` and `apart` bytes behind it. `x`: vectors of
 * four int16, the leaves' one behind the other, blocks `stride` bytes apart. `w`: [leaf][block][row] of six pairs
 * (t[i], t[i − 1]), i = −2 … 3, of a matrix t[r − c].
 */
export function toeplitz(
  x: usize,
  stride: i32,
  w: usize,
  blocks: i32,
  leaves: i32,
  rows: i32,
  sums: usize,
  apart: i32,
): void {
  if (SIMD && SPEED && rows == 2 && blocks == 2) {
    twoByTwo(x, stride, w, leaves, sums, apart);
    return;
  }
  for (const end = x + (leaves << 3); x < end; x += 8, sums += 16) {
    if (SIMD) w = rows == 2 ? twoRows(x, stride, w, blocks, sums, apart) : oneRow(x, stride, w, blocks, sums);
    else {
      scalarRow(x, stride, w, rows * 24, blocks, sums);
      if (rows == 2) scalarRow(x, stride, w + 24, 48, blocks, sums + apart);
      w += rows * blocks * 24;
    }
  }
}

/** `sum` and the product of the matrix at `w` and the vector at `x`. */
// @ts-ignore: decorator
@inline
function add(sum: v128, p: v128, q: v128, w: usize): v128 {
  return i32x4.add(i32x4.add(sum, i32x4.dot_i16x8_s(p, v128.load(w, 8))), i32x4.dot_i16x8_s(q, v128.load(w)));
}

// @ts-ignore: decorator
@inline
function oneRow(x: usize, stride: i32, w: usize, blocks: i32, sums: usize): usize {
  let a = i32x4.splat(0);
  do {
    a = add(a, v128.load32_splat(x), v128.load32_splat(x, 4), w);
    x += stride;
    w += 24;
  } while (--blocks);
  v128.store(sums, a);
  return w;
}

// @ts-ignore: decorator
@inline
function twoRows(x: usize, stride: i32, w: usize, blocks: i32, sums: usize, apart: i32): usize {
  let a = i32x4.splat(0);
  let b = a;
  if (blocks & 1) {
    const p = v128.load32_splat(x);
    const q = v128.load32_splat(x, 4);
    a = add(a, p, q, w);
    b = add(b, p, q, w + 24);
    x += stride;
    w += 48;
  }
  for (let n = blocks >> 1; n; n--) {
    const p = v128.load32_splat(x);
    const q = v128.load32_splat(x, 4);
    a = add(a, p, q, w);
    b = add(b, p, q, w + 24);
    const next = x + stride;
    const r = v128.load32_splat(next);
    const s = v128.load32_splat(next, 4);
    a = add(a, r, s, w + 48);
    b = add(b, r, s, w + 72);
    x = next + stride;
    w += 96;
  }
  v128.store(sums, a);
  v128.store(sums + apart, b);
  return w;
}

/** `twoRows` of two blocks, for all leaves. */
function twoByTwo(x: usize, stride: i32, w: usize, leaves: i32, sums: usize, apart: i32): void {
  for (const end = x + (leaves << 3); x < end; x += 8, w += 96, sums += 16) {
    const p = v128.load32_splat(x);
    const q = v128.load32_splat(x, 4);
    const r = v128.load32_splat(x + stride);
    const s = v128.load32_splat(x + stride, 4);
    const a = i32x4.add(i32x4.dot_i16x8_s(p, v128.load(w, 8)), i32x4.dot_i16x8_s(q, v128.load(w)));
    const b = i32x4.add(i32x4.dot_i16x8_s(p, v128.load(w, 32)), i32x4.dot_i16x8_s(q, v128.load(w, 24)));
    v128.store(sums, add(a, r, s, w + 48));
    v128.store(sums + apart, add(b, r, s, w + 72));
  }
}

/** Four rows at a time, two of weights at `w` and two at `v`, as `toeplitz` has two; sums of rows lie `apart`. */
export function toeplitzFour(
  x: usize,
  stride: i32,
  w: usize,
  v: usize,
  blocks: i32,
  leaves: i32,
  sums: usize,
  apart: i32,
): void {
  for (const end = x + (leaves << 3); x < end; x += 8, sums += 16) {
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let at = x;
    for (const last = w + blocks * 48; w < last; w += 48, v += 48) {
      const p = v128.load32_splat(at);
      const q = v128.load32_splat(at, 4);
      a = add(a, p, q, w);
      b = add(b, p, q, w + 24);
      c = add(c, p, q, v);
      d = add(d, p, q, v + 24);
      at += stride;
    }
    v128.store(sums, a);
    v128.store(sums + apart, b);
    v128.store(sums + apart * 2, c);
    v128.store(sums + apart * 3, d);
  }
}

/** One row in scalars; its matrices lie `step` bytes apart. */
function scalarRow(x: usize, stride: i32, w: usize, step: i32, blocks: i32, sums: usize): void {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  do {
    let v: i32 = load<i16>(x);
    a += v * <i32>load<i16>(w, 8);
    b += v * <i32>load<i16>(w, 12);
    c += v * <i32>load<i16>(w, 16);
    d += v * <i32>load<i16>(w, 20);
    v = load<i16>(x, 2);
    a += v * <i32>load<i16>(w, 4);
    b += v * <i32>load<i16>(w, 8);
    c += v * <i32>load<i16>(w, 12);
    d += v * <i32>load<i16>(w, 16);
    v = load<i16>(x, 4);
    a += v * <i32>load<i16>(w);
    b += v * <i32>load<i16>(w, 4);
    c += v * <i32>load<i16>(w, 8);
    d += v * <i32>load<i16>(w, 12);
    v = load<i16>(x, 6);
    a += v * <i32>load<i16>(w, 2);
    b += v * <i32>load<i16>(w);
    c += v * <i32>load<i16>(w, 4);
    d += v * <i32>load<i16>(w, 8);
    x += stride;
    w += step;
  } while (--blocks);
  store<i32>(sums, a);
  store<i32>(sums, b, 4);
  store<i32>(sums, c, 8);
  store<i32>(sums, d, 12);
}
