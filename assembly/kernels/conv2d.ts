// Convolution, int8 or int16 NHWC, int8 weights [out][height][width][in]: im2col of a row segment, then dot products.
// Bit-exact with TFLite's reference kernels; the input zero point is folded into the bias (padding holds it).
import { dot } from '../accel/dot';
import { gemm, windows } from '../accel/imports';
import {
  OpKind,
  OP_FLAGS,
  OP_FLAG_ROWS,
  OP_INPUT,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH5,
  OP_WEIGHTS,
  WIN_BLOCK,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PART,
  WIN_STRIDE,
} from '../layout';
import { look, put } from '../nvm';
import { groupBias, groupRequant, requantize, requantizeS16, requantizeTwo } from './requantize';
import { fourChannels } from './conv_lanes';
import { panelsOfRows, panelsOfWindows } from './conv_panels';
import { gather, gatherRows, spanBytes } from './gather';
import {
  ACCELERATED,
  FAST,
  HAS_BLOCKS,
  HAS_ROWS,
  HAS_SPECIAL,
  PANELS,
  SIMD,
  SPEED,
  isInt16,
  isXnor,
} from './mask';
import { isOfNibbles, multiplyNibbles } from './nibbles';
import { isOfSigns, multiply } from './sign_tables';
import { behind, isPacked, rowBytes, unpack, unwind } from './weights';
import {
  columnCount,
  firstColumn,
  inputRow,
  isPointwise,
  isWithin,
  lookRow,
  outputAddress,
  outputRow,
} from './window';
import { multiplyLevels } from './xnor';

/**
 * Two output channels of `count` windows: two windows at a time, so that a byte loaded is multiplied twice. `channels`:
 * those of the tile. Returns the windows done, an even number.
 */
function twoChannels(
  op: usize,
  vector: usize,
  count: i32,
  patch: i32,
  weights: usize,
  bias: usize,
  pair: usize,
  to: usize,
  channels: i32,
): i32 {
  for (let n = count >> 1; n > 0; n--) {
    let a = load<i32>(bias);
    let b = a;
    let c = load<i32>(bias, 4);
    let d = c;
    // Four pointers, so that each load moves its own.
    let w = weights;
    let below = weights + patch;
    let next = vector + patch;
    let left = patch;
    do {
      const x: i32 = load<i8>(vector);
      const y: i32 = load<i8>(next);
      const s: i32 = load<i8>(w);
      const t: i32 = load<i8>(below);
      a += x * s;
      b += y * s;
      c += x * t;
      d += y * t;
      vector++;
      next++;
      w++;
      below++;
    } while (--left);
    vector = next;
    requantizeTwo(op, a, c, pair, to);
    to += channels;
    requantizeTwo(op, b, d, pair, to);
    to += channels;
  }
  return count & ~1;
}

/** Windows of `patch` bytes, laid out; or where they are, if each is one pixel; or rows, for an accelerator of levels. */
// @ts-ignore: decorator
@inline
function lookWindows(op: usize, row: i32, column: i32, count: i32, patch: i32): usize {
  const to = op + load<usize>(op, OP_SCRATCH1);
  if (ACCELERATED && isXnor(op) && gatherRows(op, row, column, count, to)) return to;
  if (SPEED && !isXnor(op) && isPointwise(op)) {
    const pixel = row * load<i32>(op, WIN_OUTPUT_WIDTH) + column;
    return look(load<usize>(op, OP_INPUT) + pixel * patch, count * patch, to);
  }
  gather(op, row, column, count, to, patch);
  return to;
}

/** Four bytes a tap for an accelerator to work with: where input rows were, if that is enough; else 0. */
// @ts-ignore: decorator
@inline
function roomOf(op: usize, patch: i32): usize {
  const rows = load<i32>(op, OP_SCRATCH0);
  return load<i32>(op, OP_SCRATCH1) - rows >= patch << 2 ? op + rows : 0;
}

/** All windows of a group of channels by the accelerator. */
function accelerate(
  op: usize,
  columns: usize,
  count: i32,
  stored: usize,
  size: i32,
  patch: i32,
  bias: usize,
  pair: usize,
  to: usize,
  pixel: i32,
): void {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  const room = roomOf(op, patch);
  gemm(columns, count, stored, size, patch, bias, pair, stride, zero, low, high, to, pixel, room);
}

/**
 * Channels `from` to `until` of `count` windows of `patch` values at `columns`, each in circulant blocks of `k` channels, to
 * `output`, windows `pixel` bytes apart. A block row of k output channels shares its stored bytes; without blocks, k is 1.
 */
export function multiplyChannels(
  op: usize,
  wide: bool,
  k: i32,
  columns: usize,
  count: i32,
  patch: i32,
  from: i32,
  until: i32,
  output: usize,
  pixel: i32,
): void {
  const width = i32(wide);
  if (PANELS && !wide && k == 1 && panelsOfWindows(op, columns, count, patch, from, until, output, pixel))
    return;
  const group = load<i32>(op, WIN_GROUP);
  const requantStride = load<i32>(op, OP_REQUANT_STRIDE);
  const inputs = load<i32>(op, WIN_INPUT_CHANNELS);
  const taps = patch / inputs;
  const bytes = k > 1 ? taps * ((inputs + k - 1) & -k) : rowBytes(op, patch);
  const scratch = op + load<usize>(op, OP_SCRATCH2);
  const unpacked = behind(scratch, ((group + k - 1) / k) * bytes);
  for (let first = from; first < until; first += group) {
    const size = min(group, until - first);
    let bias = groupBias(op, first, size);
    let pair = groupRequant(op, first, size);
    const stored = look(
      load<usize>(op, OP_WEIGHTS) + (first / k) * bytes,
      ((size + k - 1) / k) * bytes,
      scratch,
    );
    // Windows that `twoChannels` has done for this channel, or for it with the channel before.
    let done = 0;
    let i = 0;
    const at = output + first - from;
    if (ACCELERATED && !wide && k == 1 && !isPacked(op)) {
      accelerate(op, columns, count, stored, size, patch, bias, pair, at, pixel);
      continue;
    }
    if (!wide && k == 1 && isOfNibbles(op)) {
      multiplyNibbles(op, columns, count, stored, size, patch, bias, pair, at, pixel, roomOf(op, patch));
      continue;
    }
    if (FAST && !wide && k == 1 && isOfSigns(op)) {
      const work = behind(scratch, size * bytes);
      const end = op + load<usize>(op, OP_SCRATCH3);
      if (ACCELERATED && isXnor(op)) {
        multiplyLevels(op, columns, count, stored, size, patch, bias, pair, at, pixel, work, end);
        continue;
      }
      if (multiply(op, columns, count, stored, size, patch, bias, pair, at, pixel, work, end)) continue;
    }
    if (SIMD && !wide && k == 1 && patch >= 8 && !isPacked(op)) {
      for (; i + 3 < size; i += 4) {
        fourChannels(op, columns, count, patch, stored + i * patch, bias, pair, at + i, pixel);
        bias += 16;
        pair += requantStride << 2;
      }
    }
    for (; i < size; i++) {
      let weights = stored + (i / k) * bytes;
      if (k > 1) unwind(weights, i & (k - 1), k, taps, inputs, unpacked);
      weights = k > 1 ? unpacked : unpack(op, weights, patch, unpacked);
      let to = output + ((first - from + i) << width);
      const end = to + count * pixel;
      if (FAST && !wide && k == 1 && !isPacked(op) && !(i & 1)) {
        done = i + 1 < size ? twoChannels(op, columns, count, patch, weights, bias, pair, to, pixel) : 0;
      }
      let vector = columns + ((done * patch) << width);
      for (to += done * pixel; to < end; to += pixel) {
        if (wide)
          store<i16>(to, requantizeS16(op, dot<i16, i64>(vector, weights, patch) + load<i64>(bias), pair));
        else store<i8>(to, requantize(op, dot<i8, i32>(vector, weights, patch) + load<i32>(bias), pair));
        vector += patch << width;
      }
      bias += 4 << width;
      pair += requantStride;
    }
  }
}

/** Channels `from` to `until` of `count` windows by the accelerator, where the rows under them lie; to `output`. */
function multiplyRows(
  op: usize,
  row: i32,
  column: i32,
  count: i32,
  from: i32,
  until: i32,
  output: usize,
): void {
  const pixel = load<i32>(op, WIN_INPUT_CHANNELS);
  const kernel = load<u32>(op, WIN_KERNEL);
  const height: i32 = kernel & 0xffff;
  const width: i32 = kernel >> 16;
  const bytes = height * width * pixel;
  const step = load<u16>(op, WIN_STRIDE + 2) * pixel;
  const laid = op + load<usize>(op, OP_SCRATCH1);
  const pairStride = load<i32>(op, OP_REQUANT_STRIDE);
  const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  const group = load<i32>(op, WIN_GROUP);
  let x = laid;
  let across = 0;
  if (isWithin(op, row, column, count)) {
    // Row by row: in place they are as far apart as in the map, copied side by side.
    const y = inputRow(op, row, 0);
    x = lookRow(op, y, column, count, laid);
    across = spanBytes(op, count);
    for (let ky = 1, to = laid + across; ky < height; ky++, to += spanBytes(op, count)) {
      const at = lookRow(op, y + ky, column, count, to);
      if (ky == 1) across = i32(at - x);
      else if (at != x + ky * across) across = 0;
    }
  }
  if (!across) {
    x = laid;
    across = gatherRows(op, row, column, count, laid);
  }
  for (let first = from; first < until; first += group) {
    const many = min(until - first, group);
    const bias = groupBias(op, first, many);
    const pair = groupRequant(op, first, many);
    const w = look(
      load<usize>(op, OP_WEIGHTS) + first * bytes,
      many * bytes,
      op + load<usize>(op, OP_SCRATCH2),
    );
    const at = output + first - from;
    const to = until - from;
    windows(
      x,
      pixel,
      step,
      across,
      height,
      width,
      count,
      w,
      many,
      bias,
      pair,
      pairStride,
      zero,
      low,
      high,
      at,
      to,
    );
  }
}

export function tile(op: usize, index: i32): void {
  const wide = !isXnor(op) && isInt16(op, OpKind.CONV2D);
  const width = i32(wide);
  let from = 0;
  let until = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const part = HAS_SPECIAL ? load<i32>(op, WIN_PART) : 0;
  if (part) {
    const parts = (until + part - 1) / part;
    from = (index % parts) * part;
    until = min(until, from + part);
    index /= parts;
  }
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const kernel = load<u32>(op, WIN_KERNEL);
  const patch: i32 = (kernel & 0xffff) * (kernel >> 16) * load<i32>(op, WIN_INPUT_CHANNELS);
  const k = HAS_BLOCKS ? max(load<i32>(op, WIN_BLOCK), 1) : 1;
  const pixel = (until - from) << width;
  const byRows = HAS_ROWS && load<u16>(op, OP_FLAGS) & OP_FLAG_ROWS;
  if (PANELS && !wide && k == 1 && panelsOfRows(op, row, column, count, from, until, output)) {
    // Done.
  } else if (ACCELERATED && byRows) {
    multiplyRows(op, row, column, count, from, until, output);
  } else {
    // Where an accelerator takes rows, as many windows as there is room for.
    const room = load<i32>(op, OP_SCRATCH2) - load<i32>(op, OP_SCRATCH1);
    let done = 0;
    do {
      const most = byRows ? min(count - done, room / (patch << width)) : count;
      const columns = lookWindows(op, row, column + done, most, patch << width);
      multiplyChannels(op, wide, k, columns, most, patch, from, until, output + done * pixel, pixel);
      done += most;
    } while (byRows && done < count);
  }
  const to = outputAddress(op, row, column) + (from << width);
  if (!HAS_ROWS) {
    put(to, output, count * pixel);
    return;
  }
  // A part of the channels of several columns goes pixel by pixel.
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS) << width;
  const many = part ? 1 : count;
  for (let n = 0; n < count; n += many) put(to + n * outputs, output + n * pixel, many * pixel);
}
