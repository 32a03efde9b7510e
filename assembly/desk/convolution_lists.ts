// The gradient of a convolution's weights from lists of those gradients of outputs that are not zero, with the sums of `gemm`:
// in the order of the windows, in slices of DEPTH windows. One output's sums stay in registers.
import { accumulate, loadLanes, storeLanes } from './lanes';

const DEPTH: i32 = 256;

/** Bytes of an entry of a list: a gradient, and the address of the window that it comes from. */
const ENTRY: i32 = 8;
/** Behind a list: an address that no window has. */
const NOWHERE: u32 = 0xffffffff;

/** Bytes of the lists of `rows` windows' gradients: one for each output, in the order of the windows, where each ends first. */
export function listsSize(rows: i32, outputs: i32): i32 {
  return outputs * (4 + (rows + 1) * ENTRY);
}

/** Bytes of `spare` of `listPooledGradients`, for rows of `outWidth` outputs. */
export function spareSize(outWidth: i32): i32 {
  return LANES * ((outWidth >> 1) + 1) * ENTRY;
}

/** Outputs side by side in a vector. */
const LANES: i32 = 4;

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
  const downBytes = strideHeight * rowBytes;
  const step = (strideWidth * channels) << 2;
  const pixel = outputs << 2;
  const rows = count * outHeight * outWidth;
  for (let o = firstOutput; o < endOutput; o += LANES) {
    const lanes = min(LANES, endOutput - o);
    const pitch = <usize>((rows + 1) * ENTRY);
    let list0 = listAt(lists, o, rows, outputs);
    let list1 = list0 + pitch;
    let list2 = list1 + pitch;
    let list3 = list2 + pitch;
    let from = dy + (o << 2);
    for (let image = 0; image < count; image++) {
      for (let outY = 0; outY < outHeight; outY++) {
        let at = x + image * height * rowBytes + outY * downBytes;
        for (let outX = 0; outX < outWidth; outX++, at += step, from += pixel) {
          const gradients = loadLanes(from, lanes);
          const some = i32x4.bitmask(f32x4.ne(gradients, f32x4.splat(0)));
          const places = i32x4.splat(<i32>at);
          const low = v128.shuffle<i32>(gradients, places, 0, 4, 1, 5);
          const high = v128.shuffle<i32>(gradients, places, 2, 6, 3, 7);
          v128.store64_lane(list0, low, 0);
          if (lanes > 1) v128.store64_lane(list1, low, 1);
          if (lanes > 2) v128.store64_lane(list2, high, 0);
          if (lanes > 3) v128.store64_lane(list3, high, 1);
          list0 += (some & 1) << 3;
          list1 += (some & 2) << 2;
          list2 += (some & 4) << 1;
          list3 += some & 8;
        }
      }
    }
    const head = lists + (o << 2);
    store<u32>(head, list0);
    if (lanes > 1) store<u32>(head, list1, 4);
    if (lanes > 2) store<u32>(head, list2, 8);
    if (lanes > 3) store<u32>(head, list3, 12);
  }
}

/**
 * The same from the gradients `dPooled` of the largest of each 2×2 outputs of y, `pooled`: of equals the first has it. They are
 * written to dy as well, unless it is 0, with zeros between. Of outputs `firstOutput`, a multiple of four, … `endOutput` − 1.
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
  const line = outWidth * (outputs << 2);
  const pooledLine = wide * (outputs << 2);
  for (let o = firstOutput; o < endOutput; o++) store<u32>(lists + (o << 2), listAt(lists, o, rows, outputs));
  for (let image = 0; image < count; image++) {
    for (let outY = 0; outY < tall; outY++) {
      const from = (image * tall + outY) * pooledLine;
      const to = (image * outHeight + 2 * outY) * line;
      const window = x + image * height * rowBytes + 2 * outY * down;
      for (let o = firstOutput; o < endOutput; o += LANES) {
        const at = o << 2;
        listRow(
          min(LANES, endOutput - o),
          pooled + from + at,
          dPooled + from + at,
          y + to + at,
          dy ? dy + to + at : 0,
          lists + at,
          spare,
          window,
          step,
          down,
          wide,
          outputs << 2,
          line,
        );
      }
    }
  }
}

/** A row of pooled outputs, up to four side by side: `ends` says where each one's list ends. */
function listRow(
  lanes: i32,
  pooled: usize,
  dPooled: usize,
  y: usize,
  dy: usize,
  ends: usize,
  spare: usize,
  window: usize,
  step: i32,
  down: i32,
  wide: i32,
  pixel: i32,
  line: i32,
): void {
  // Winners of the upper row, then those of the lower one. Lanes that are none write where nobody reads.
  const pitch = <usize>((wide + 1) * ENTRY);
  let upper0: usize = load<u32>(ends);
  let upper1: usize = lanes > 1 ? load<usize>(ends, 4) : spare + pitch;
  let upper2: usize = lanes > 2 ? load<usize>(ends, 8) : spare + 2 * pitch;
  let upper3: usize = lanes > 3 ? load<usize>(ends, 12) : spare + 3 * pitch;
  let lower0: usize = spare;
  let lower1: usize = lower0 + pitch;
  let lower2: usize = lower1 + pitch;
  let lower3: usize = lower2 + pitch;
  const right = i32x4.splat(step);
  const below = i32x4.splat(down);
  const zero = f32x4.splat(0);
  for (let left = wide; left > 0; left--) {
    const gradients = v128.load(dPooled);
    const some = f32x4.ne(gradients, zero);
    const largest = v128.load(pooled);
    const is0 = f32x4.eq(v128.load(y), largest);
    const is1 = v128.andnot(f32x4.eq(v128.load(y + pixel), largest), is0);
    const isUpper = v128.or(is0, is1);
    const is2 = v128.andnot(f32x4.eq(v128.load(y + line), largest), isUpper);
    const across = v128.bitselect(v128.and(is1, right), v128.andnot(right, is2), isUpper);
    const along = i32x4.add(across, v128.andnot(below, isUpper));
    const places = i32x4.add(i32x4.splat(<i32>window), along);
    const low = v128.shuffle<i32>(gradients, places, 0, 4, 1, 5);
    const high = v128.shuffle<i32>(gradients, places, 2, 6, 3, 7);
    const up = i32x4.bitmask(v128.and(some, isUpper));
    const down = i32x4.bitmask(v128.andnot(some, isUpper));
    v128.store64_lane(upper0, low, 0);
    v128.store64_lane(upper1, low, 1);
    v128.store64_lane(upper2, high, 0);
    v128.store64_lane(upper3, high, 1);
    v128.store64_lane(lower0, low, 0);
    v128.store64_lane(lower1, low, 1);
    v128.store64_lane(lower2, high, 0);
    v128.store64_lane(lower3, high, 1);
    upper0 += (up & 1) << 3;
    upper1 += (up & 2) << 2;
    upper2 += (up & 4) << 1;
    upper3 += up & 8;
    lower0 += (down & 1) << 3;
    lower1 += (down & 2) << 2;
    lower2 += (down & 4) << 1;
    lower3 += down & 8;
    if (dy) {
      const won = v128.and(gradients, some);
      storeLanes(dy, lanes, v128.and(won, is0));
      storeLanes(dy + pixel, lanes, v128.and(won, is1));
      storeLanes(dy + line, lanes, v128.and(won, is2));
      storeLanes(dy + line + pixel, lanes, v128.andnot(won, v128.or(isUpper, is2)));
      dy += 2 * pixel;
    }
    pooled += pixel;
    dPooled += pixel;
    y += 2 * pixel;
    window += 2 * step;
  }
  store<u32>(ends, append(upper0, spare, lower0));
  if (lanes > 1) store<u32>(ends, append(upper1, spare + pitch, lower1), 4);
  if (lanes > 2) store<u32>(ends, append(upper2, spare + 2 * pitch, lower2), 8);
  if (lanes > 3) store<u32>(ends, append(upper3, spare + 3 * pitch, lower3), 12);
}

/** Copies a few entries behind a list; returns where it ends then. A loop beats a call to memory.copy. */
// @ts-ignore: decorator
@inline
function append(list: usize, from: usize, end: usize): usize {
  for (; from < end; from += ENTRY, list += ENTRY) store<u64>(list, load<u64>(from));
  return list;
}

/** dWeights and dBias += the gradient of `convolve`, from lists of room for `rows` windows of x: of some outputs. */
export function convolveWeightGradient(
  firstOutput: i32,
  endOutput: i32,
  x: usize,
  lists: usize,
  places: usize,
  rows: i32,
  dWeights: usize,
  dBias: usize,
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
  const rowBytes = (width * channels) << 2;
  const downBytes = strideHeight * rowBytes;
  const step = (strideWidth * channels) << 2;
  const windows = count * outHeight * outWidth;
  const outputBytes = (kernelHeight * run) << 2;
  const placesEnd = writePlaces(places, kernelHeight, run, rowBytes);
  for (let o = firstOutput; o < endOutput; o++) {
    const head = lists + (o << 2);
    store<u32>(load<u32>(head), NOWHERE, 4);
    store<u32>(head, listAt(lists, o, rows, outputs));
  }
  // Slice by slice, not output by output: the windows of a slice stay in the cache.
  for (let slice = DEPTH, last = false; !last; slice += DEPTH) {
    last = slice >= windows;
    const end = last ? NOWHERE : windowAt(slice, x, height * rowBytes, downBytes, step, outHeight, outWidth);
    for (let o = firstOutput; o < endOutput; o++) {
      const head = lists + (o << 2);
      const list: usize = load<u32>(head);
      if (load<u32>(list, 4) >= end) continue;
      let sum = load<f32>(dBias + (o << 2));
      let entry = list;
      for (; load<u32>(entry, 4) < end; entry += ENTRY) sum += load<f32>(entry);
      store<f32>(dBias + (o << 2), sum);
      store<u32>(head, entry);
      addSlice(list, end, dWeights + o * outputBytes, places, placesEnd);
    }
  }
}

/** Where window `index` of all images is. */
function windowAt(
  index: i32,
  x: usize,
  imageBytes: i32,
  downBytes: i32,
  stepBytes: i32,
  outHeight: i32,
  outWidth: i32,
): u32 {
  const row = index / outWidth;
  return (
    <u32>x + (row / outHeight) * imageBytes + (row % outHeight) * downBytes + (index % outWidth) * stepBytes
  );
}

/** Vectors of a kernel whose sums are in registers, beside as many of a window. */
const GROUP: i32 = 5;
/** Bytes of a place: where a vector is in a window and among an output's weights, and how many of its floats are weights. */
const PLACE: i32 = 12;

/** Bytes of `places` of `convolveWeightGradient`, for outputs of `depth` weights. */
export function placesSize(depth: i32): i32 {
  return (depth + GROUP) * PLACE;
}

/** Writes where each vector of a kernel is, the last group filled up with vectors of none; returns where they end. */
function writePlaces(places: usize, kernelHeight: i32, run: i32, rowBytes: i32): usize {
  let to = places;
  for (let row = 0; row < kernelHeight; row++) {
    for (let column = 0; column < run; column += 4, to += PLACE) {
      store<i32>(to, row * rowBytes + (column << 2));
      store<i32>(to, (row * run + column) << 2, 4);
      store<i32>(to, run - column, 8);
    }
  }
  for (; (to - places) % (GROUP * PLACE) != 0; to += PLACE) {
    store<u64>(to, 0);
    store<i32>(to, 0, 8);
  }
  return to;
}

/** The gradients of one output's weights, `to`, from those entries of a list whose windows are before `end`. */
function addSlice(list: usize, end: u32, to: usize, places: usize, placesEnd: usize): void {
  for (let place = places; place < placesEnd; place += GROUP * PLACE) {
    const o0 = load<i32>(place);
    const o1 = load<i32>(place, 12);
    const o2 = load<i32>(place, 24);
    const o3 = load<i32>(place, 36);
    const o4 = load<i32>(place, 48);
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let s4 = s0;
    let entry = list;
    let at: u32 = load<u32>(entry, 4);
    while (at < end) {
      const factor = v128.load32_splat(entry);
      s0 = f32x4.add(s0, f32x4.mul(factor, v128.load(at + o0)));
      s1 = f32x4.add(s1, f32x4.mul(factor, v128.load(at + o1)));
      s2 = f32x4.add(s2, f32x4.mul(factor, v128.load(at + o2)));
      s3 = f32x4.add(s3, f32x4.mul(factor, v128.load(at + o3)));
      s4 = f32x4.add(s4, f32x4.mul(factor, v128.load(at + o4)));
      entry += ENTRY;
      at = load<u32>(entry, 4);
    }
    addAt(to, place, s0);
    addAt(to, place + PLACE, s1);
    addAt(to, place + 2 * PLACE, s2);
    addAt(to, place + 3 * PLACE, s3);
    addAt(to, place + 4 * PLACE, s4);
  }
}

/** Adds a vector to the weights of one output, where `place` says. */
// @ts-ignore: decorator
@inline
function addAt(to: usize, place: usize, sum: v128): void {
  accumulate(to + load<i32>(place, 4), load<i32>(place, 8), sum);
}
