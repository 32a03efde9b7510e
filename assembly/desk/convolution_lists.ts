// The gradient of a convolution's weights from lists of those gradients of outputs that are not zero, with the sums of `gemm`:
// in the order of the windows, in slices of DEPTH windows. One output's sums stay in registers.
import { accumulate } from './sparse_gemm';

const DEPTH: i32 = 256;

/** Bytes of an entry of a list: a gradient, the address of the window that it comes from, and that window's number. */
const ENTRY: i32 = 12;

/** Bytes of the lists of `rows` windows' gradients: one for each output, in the order of the windows, where each ends first. */
export function listsSize(rows: i32, outputs: i32): i32 {
  return outputs * (4 + (rows + 1) * ENTRY);
}

// @ts-ignore: decorator
@inline
function listAt(lists: usize, output: i32, rows: i32, outputs: i32): usize {
  return lists + (outputs << 2) + output * (rows + 1) * ENTRY;
}

/** Those gradients dy[count][outHeight][outWidth][outputs] that are not zero, of some outputs, as lists. */
export function listGradients(
  firstOutput: i32,
  endOutput: i32,
  x: usize,
  dy: usize,
  lists: usize,
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
  const rowBytes = (width * channels) << 2;
  const rows = count * outHeight * outWidth;
  for (let o = firstOutput; o < endOutput; o++) {
    let list = listAt(lists, o, rows, outputs);
    let from = dy + (o << 2);
    let row = 0;
    for (let image = 0; image < count; image++) {
      for (let outY = 0; outY < outHeight; outY++) {
        let at = x + (image * height + outY * strideHeight) * rowBytes;
        for (let outX = 0; outX < outWidth; outX++, row++) {
          const gradient = load<f32>(from);
          store<f32>(list, gradient);
          store<u32>(list, at, 4);
          store<u32>(list, row, 8);
          list += gradient != 0 ? <usize>ENTRY : 0;
          at += (strideWidth * channels) << 2;
          from += outputs << 2;
        }
      }
    }
    store<u32>(lists + (o << 2), list);
  }
}

/**
 * The same, and dy += them unless it is 0, from the gradients `dPooled` of the largest of each 2×2 outputs of y, `pooled`:
 * of equals the first has it. Of outputs `firstOutput` … `endOutput` − 1.
 */
export function listPooledGradients(
  firstOutput: i32,
  endOutput: i32,
  x: usize,
  y: usize,
  pooled: usize,
  dPooled: usize,
  dy: usize,
  lists: usize,
  spare: usize,
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
  const rowBytes = (width * channels) << 2;
  const step = (strideWidth * channels) << 2;
  const down = strideHeight * rowBytes;
  const tall = outHeight >> 1;
  const wide = outWidth >> 1;
  const rows = count * tall * wide;
  const pixel = outputs << 2;
  const line = outWidth * pixel;
  for (let o = firstOutput; o < endOutput; o++) store<u32>(lists + (o << 2), listAt(lists, o, rows, outputs));
  for (let image = 0; image < count; image++) {
    for (let outY = 0; outY < tall; outY++) {
      const first = (image * outHeight + 2 * outY) * outWidth;
      const source = pooled + (image * tall + outY) * wide * pixel;
      const gradients = dPooled + (image * tall + outY) * wide * pixel;
      const start = x + image * height * rowBytes + 2 * outY * down;
      for (let o = firstOutput; o < endOutput; o++) {
        // Winners of the upper row, then those of the lower one.
        let list: usize = load<u32>(lists + (o << 2));
        let lower = spare;
        let corner = first * pixel + (o << 2);
        let at = start;
        let row = first;
        for (let outX = o << 2; outX < wide * pixel; outX += pixel) {
          const gradient = load<f32>(gradients + outX);
          const largest = load<f32>(source + outX);
          const from = y + corner;
          const is0 = load<f32>(from) == largest;
          const is1 = load<f32>(from + pixel) == largest;
          const is2 = load<f32>(from + line) == largest;
          const isUpper = is0 | is1;
          const right = i32(select<bool>(!is0, !is2, isUpper));
          const to = select<usize>(list, lower, isUpper);
          const below = i32(!isUpper);
          store<f32>(to, gradient);
          store<u32>(to, at + right * step + below * down, 4);
          store<u32>(to, row + right + below * outWidth, 8);
          const grown = to + (gradient != 0 ? <usize>ENTRY : 0);
          list = select<usize>(grown, list, isUpper);
          lower = select<usize>(lower, grown, isUpper);
          if (dy) {
            const place = dy + corner + right * pixel + below * line;
            store<f32>(place, load<f32>(place) + gradient);
          }
          corner += 2 * pixel;
          at += 2 * step;
          row += 2;
        }
        // A few entries: a loop beats a call to memory.copy.
        for (let from = spare; from < lower; from += ENTRY, list += ENTRY) {
          store<u64>(list, load<u64>(from));
          store<u32>(list, load<u32>(from, 8), 8);
        }
        store<u32>(lists + (o << 2), list);
      }
    }
  }
}

/** dWeights and dBias += the gradient of `convolve`, from lists of room for `rows` windows: of some outputs. */
export function convolveWeightGradient(
  firstOutput: i32,
  endOutput: i32,
  lists: usize,
  rows: i32,
  dWeights: usize,
  dBias: usize,
  width: i32,
  channels: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  outputs: i32,
): void {
  const run = kernelWidth * channels;
  const rowBytes = (width * channels) << 2;
  // Vectors of a row of the kernel; the last one may hold more than is of it.
  const across = (run + 3) >> 2;
  for (let o = firstOutput; o < endOutput; o++) {
    const list = listAt(lists, o, rows, outputs);
    const end: usize = load<u32>(lists + (o << 2));
    let sum = load<f32>(dBias + (o << 2));
    for (let entry = list; entry < end; entry += ENTRY) sum += load<f32>(entry);
    store<f32>(dBias + (o << 2), sum);
    const to = dWeights + ((o * kernelHeight * run) << 2);
    for (let first = 0; first < kernelHeight * across; first += GROUP) {
      addGroup(list, end, to, first, kernelHeight * across, across, run, rowBytes);
    }
  }
}

/** Vectors of a kernel whose sums are in registers. */
const GROUP: i32 = 10;

/** Where vector `index` of a window is. */
// @ts-ignore: decorator
@inline
function offsetOf(index: i32, count: i32, across: i32, rowBytes: i32): i32 {
  const at = min(index, count - 1);
  return (at / across) * rowBytes + ((at % across) << 4);
}

/** The gradients of vectors `first` … `first` + 9 of a kernel. */
function addGroup(
  list: usize,
  end: usize,
  to: usize,
  first: i32,
  count: i32,
  across: i32,
  run: i32,
  rowBytes: i32,
): void {
  const o0 = offsetOf(first, count, across, rowBytes);
  const o1 = offsetOf(first + 1, count, across, rowBytes);
  const o2 = offsetOf(first + 2, count, across, rowBytes);
  const o3 = offsetOf(first + 3, count, across, rowBytes);
  const o4 = offsetOf(first + 4, count, across, rowBytes);
  const o5 = offsetOf(first + 5, count, across, rowBytes);
  const o6 = offsetOf(first + 6, count, across, rowBytes);
  const o7 = offsetOf(first + 7, count, across, rowBytes);
  const o8 = offsetOf(first + 8, count, across, rowBytes);
  const o9 = offsetOf(first + 9, count, across, rowBytes);
  while (list < end) {
    const sliceEnd = (load<u32>(list, 8) & -DEPTH) + DEPTH;
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let s4 = s0;
    let s5 = s0;
    let s6 = s0;
    let s7 = s0;
    let s8 = s0;
    let s9 = s0;
    do {
      const factor = v128.load32_splat(list);
      const at: usize = load<u32>(list, 4);
      s0 = f32x4.add(s0, f32x4.mul(factor, v128.load(at + o0)));
      s1 = f32x4.add(s1, f32x4.mul(factor, v128.load(at + o1)));
      s2 = f32x4.add(s2, f32x4.mul(factor, v128.load(at + o2)));
      s3 = f32x4.add(s3, f32x4.mul(factor, v128.load(at + o3)));
      s4 = f32x4.add(s4, f32x4.mul(factor, v128.load(at + o4)));
      s5 = f32x4.add(s5, f32x4.mul(factor, v128.load(at + o5)));
      s6 = f32x4.add(s6, f32x4.mul(factor, v128.load(at + o6)));
      s7 = f32x4.add(s7, f32x4.mul(factor, v128.load(at + o7)));
      s8 = f32x4.add(s8, f32x4.mul(factor, v128.load(at + o8)));
      s9 = f32x4.add(s9, f32x4.mul(factor, v128.load(at + o9)));
      list += ENTRY;
    } while (list < end && load<u32>(list, 8) < <u32>sliceEnd);
    addVector(to, first, count, across, run, s0);
    addVector(to, first + 1, count, across, run, s1);
    addVector(to, first + 2, count, across, run, s2);
    addVector(to, first + 3, count, across, run, s3);
    addVector(to, first + 4, count, across, run, s4);
    addVector(to, first + 5, count, across, run, s5);
    addVector(to, first + 6, count, across, run, s6);
    addVector(to, first + 7, count, across, run, s7);
    addVector(to, first + 8, count, across, run, s8);
    addVector(to, first + 9, count, across, run, s9);
  }
}

/** Adds vector `index` to the weights of one output. */
function addVector(to: usize, index: i32, count: i32, across: i32, run: i32, sum: v128): void {
  if (index >= count) return;
  const column = (index % across) << 2;
  accumulate(to + (((index / across) * run + column) << 2), run - column, sum);
}
