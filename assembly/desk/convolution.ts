// Convolutions over NHWC images, weights [out][kh][kw][in], without a matrix of patches: an image that the caller padded is read
// where it lies. Every sum runs in the order and the slices of `gemm`, so a kernel has at most 256 weights; products with a
// factor of zero are left out, which changes no bit of a sum. So one result comes out whatever way a gradient takes.
import { accumulate, loadLanes, storeLanes } from './lanes';
import { addRows } from './sparse_gemm';

const PANEL: i32 = 8;

/** Bytes of workspace that these functions need at most. */
export function convolveWorkspaceSize(depth: i32, outputs: i32): i32 {
  return (((outputs + PANEL - 1) & -PANEL) * (depth + 8) + 2 * outputs + depth + 16) << 2;
}

/** y[count][outHeight][outWidth][outputs] = bias + the convolution of x with weights; no padding. */
export function convolve(
  x: usize,
  weights: usize,
  bias: usize,
  y: usize,
  workspace: usize,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  outHeight: i32,
  outWidth: i32,
  outputs: i32,
): void {
  const run = kernelWidth * channels;
  const depth = kernelHeight * run;
  const rowBytes = (width * channels) << 2;
  const stepBytes = (strideWidth * channels) << 2;
  packPanels(weights, depth, outputs, workspace);
  const panelBytes = (depth * PANEL) << 2;
  const span = run + 3 * strideWidth * channels;
  let left = count * outHeight * outWidth;
  let rowStart = x;
  let image = x;
  let at = x;
  let outX = 0;
  let outY = 0;
  for (; left > 0; left -= 4, y += (4 * outputs) << 2) {
    const a0 = at;
    let a1 = at;
    let a2 = at;
    let a3 = at;
    for (let i = 1; i < 5; i++) {
      if (i < left) {
        at += stepBytes;
        if (++outX == outWidth) {
          outX = 0;
          rowStart += strideHeight * rowBytes;
          if (++outY == outHeight) {
            outY = 0;
            image += height * rowBytes;
            rowStart = image;
          }
          at = rowStart;
        }
      }
      if (i == 1) a1 = at;
      else if (i == 2) a2 = at;
      else if (i == 3) a3 = at;
    }
    const together = span <= 16 && a3 - a0 == 3 * stepBytes;
    for (let j = 0; j < outputs; j += PANEL) {
      tile(
        a0,
        a1,
        a2,
        a3,
        workspace + (j / PANEL) * panelBytes,
        kernelHeight,
        run,
        rowBytes,
        together ? span : 0,
        bias + (j << 2),
        y + (j << 2),
        outputs << 2,
        min(4, left),
        outputs - j,
      );
    }
  }
}

function packPanels(weights: usize, depth: i32, outputs: i32, to: usize): void {
  for (let j = 0; j < outputs; j += PANEL) {
    for (let x = 0; x < PANEL; x++) {
      const from = weights + (((j + x) * depth) << 2);
      for (let p = 0; p < depth; p++) {
        store<f32>(to + ((p * PANEL + x) << 2), j + x < outputs ? load<f32>(from + (p << 2)) : 0);
      }
    }
    to += (depth * PANEL) << 2;
  }
}

/** Whether `floats` from an address on, or a few more, are all zero. */
// @ts-ignore: decorator
@inline
function isZero(from: usize, floats: i32): bool {
  let any = v128.load(from);
  for (let i = 4; i < floats; i += 4) any = v128.or(any, v128.load(from + (i << 2)));
  return !v128.any_true(any);
}

/** Four windows by a panel of eight outputs. `span`: floats of a row from the first window to the last, to skip if zero; or 0. */
function tile(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  panel: usize,
  kernelHeight: i32,
  run: i32,
  rowBytes: i32,
  span: i32,
  bias: usize,
  c: usize,
  cRowBytes: i32,
  rows: i32,
  columns: i32,
): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  const panelBytes = (run * PANEL) << 2;
  const skip = rowBytes - (run << 2);
  for (let row = 0; row < kernelHeight; row++) {
    if (span != 0 && isZero(a0, span)) {
      panel += panelBytes;
      a0 += rowBytes;
      a1 += rowBytes;
      a2 += rowBytes;
      a3 += rowBytes;
      continue;
    }
    const end = panel + panelBytes;
    while (panel < end) {
      const b0 = v128.load(panel);
      const b1 = v128.load(panel, 16);
      let x = v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(x, b0));
      c01 = f32x4.add(c01, f32x4.mul(x, b1));
      x = v128.load32_splat(a1);
      c10 = f32x4.add(c10, f32x4.mul(x, b0));
      c11 = f32x4.add(c11, f32x4.mul(x, b1));
      x = v128.load32_splat(a2);
      c20 = f32x4.add(c20, f32x4.mul(x, b0));
      c21 = f32x4.add(c21, f32x4.mul(x, b1));
      x = v128.load32_splat(a3);
      c30 = f32x4.add(c30, f32x4.mul(x, b0));
      c31 = f32x4.add(c31, f32x4.mul(x, b1));
      a0 += 4;
      a1 += 4;
      a2 += 4;
      a3 += 4;
      panel += PANEL << 2;
    }
    a0 += skip;
    a1 += skip;
    a2 += skip;
    a3 += skip;
  }
  finish(bias, c, columns, c00, c01);
  if (rows > 1) finish(bias, c + cRowBytes, columns, c10, c11);
  if (rows > 2) finish(bias, c + 2 * cRowBytes, columns, c20, c21);
  if (rows > 3) finish(bias, c + 3 * cRowBytes, columns, c30, c31);
}

/** c = from + the sums, of at most eight columns. */
// @ts-ignore: decorator
@inline
function finish(from: usize, c: usize, columns: i32, low: v128, high: v128): void {
  storeLanes(c, columns, f32x4.add(loadLanes(from, columns), low));
  storeLanes(c + 16, columns - 4, f32x4.add(loadLanes(from + 16, columns - 4), high));
}

/** How many of `count` floats are not zero. */
export function countNonZero(x: usize, count: i32): i32 {
  const zero = f32x4.splat(0);
  let counts = i32x4.splat(0);
  const end = x + (count << 2);
  for (; x + 16 <= end; x += 16) counts = i32x4.sub(counts, f32x4.ne(v128.load(x), zero));
  let sum =
    i32x4.extract_lane(counts, 0) +
    i32x4.extract_lane(counts, 1) +
    i32x4.extract_lane(counts, 2) +
    i32x4.extract_lane(counts, 3);
  for (; x < end; x += 4) sum += i32(load<f32>(x) != 0);
  return sum;
}

/** Whether a row of `outputs` floats is all zero. */
// @ts-ignore: decorator
@inline
function isZeroRow(dy: usize, outputs: i32): bool {
  if (outputs < 4) {
    for (let o = 0; o < outputs; o++) if (load<f32>(dy + (o << 2)) != 0) return false;
    return true;
  }
  let any = v128.load(dy + ((outputs - 4) << 2));
  for (let o = 0; o + 4 < outputs; o += 4) any = v128.or(any, v128.load(dy + (o << 2)));
  return !v128.any_true(f32x4.ne(any, f32x4.splat(0)));
}

/** dx += the gradient of `convolve`, for a dy most of which is zero, of at most 256 outputs. */
export function convolveInputGradient(
  dy: usize,
  weights: usize,
  dx: usize,
  workspace: usize,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  outHeight: i32,
  outWidth: i32,
  outputs: i32,
): void {
  const run = kernelWidth * channels;
  const depth = kernelHeight * run;
  const rowBytes = (width * channels) << 2;
  for (let image = 0; image < count; image++, dx += height * rowBytes) {
    for (let outY = 0; outY < outHeight; outY++) {
      let at = dx + outY * strideHeight * rowBytes;
      for (let outX = 0; outX < outWidth; outX++, at += (strideWidth * channels) << 2, dy += outputs << 2) {
        if (isZeroRow(dy, outputs)) continue;
        let list = workspace;
        for (let o = 0; o < outputs; o++) {
          const gradient = load<f32>(dy + (o << 2));
          store<f32>(list, gradient);
          store<u32>(list, (o * depth) << 2, 4);
          list += gradient != 0 ? 8 : 0;
        }
        addProducts(workspace, list, weights, at, kernelHeight, run, rowBytes);
      }
    }
  }
}

/** Rows of a window += Σ over a list of (factor, offset) of factor · (from + offset), the `run` floats of each row. */
function addProducts(
  list: usize,
  listEnd: usize,
  from: usize,
  to: usize,
  rows: i32,
  run: i32,
  rowBytes: i32,
): void {
  const toEnd = to + rows * rowBytes;
  for (; to < toEnd; to += rowBytes, from += run << 2) {
    // Few outputs of a window have a gradient: for two of them a loop over lists takes longer than the products.
    if (listEnd - list == 8) addOne(list, from, to, run);
    else if (listEnd - list == 16) addTwo(list, from, to, run);
    else {
      for (let column = 0; column < run; column += 16) {
        addRows(list, listEnd, from + (column << 2), to + (column << 2), run - column);
      }
    }
  }
}

/** to[count] += factor · (from + offset)[count], of a list of one. */
// @ts-ignore: decorator
@inline
function addOne(list: usize, from: usize, to: usize, count: i32): void {
  const factor = v128.load32_splat(list);
  const row = from + load<u32>(list, 4);
  let at: usize = 0;
  for (const end: usize = (count << 2) & -16; at < end; at += 16) {
    v128.store(to + at, f32x4.add(v128.load(to + at), f32x4.mul(factor, v128.load(row + at))));
  }
  if (count & 3) accumulate(to + at, count & 3, f32x4.mul(factor, v128.load(row + at)));
}

/** The same of a list of two. */
// @ts-ignore: decorator
@inline
function addTwo(list: usize, from: usize, to: usize, count: i32): void {
  const f0 = v128.load32_splat(list);
  const f1 = v128.load32_splat(list, 8);
  const r0 = from + load<u32>(list, 4);
  const r1 = from + load<u32>(list, 12);
  let at: usize = 0;
  for (const end: usize = (count << 2) & -16; at < end; at += 16) {
    const sum = f32x4.add(f32x4.mul(f0, v128.load(r0 + at)), f32x4.mul(f1, v128.load(r1 + at)));
    v128.store(to + at, f32x4.add(v128.load(to + at), sum));
  }
  if (count & 3) {
    const sum = f32x4.add(f32x4.mul(f0, v128.load(r0 + at)), f32x4.mul(f1, v128.load(r1 + at)));
    accumulate(to + at, count & 3, sum);
  }
}
