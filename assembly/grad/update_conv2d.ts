// The update of a convolution; of a dense layer, too: a convolution over a map of one pixel (docs/LEARNING.md §7).
import { dot } from '../accel/dot';
import {
  C_STEP,
  OP_BIAS,
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_WEIGHTS,
  T_LANE_COUNT,
  WIN_DILATION,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PADDING,
  WIN_STRIDE,
} from '../layout';
import { UPDATE_GROUP, UPDATE_HEIGHT, UPDATE_LAYER, UPDATE_PART } from '../learning-layout';
import { fetch, look, put } from '../nvm';
import { CURSOR, LEARN } from '../sram';
import { inLane } from './groups';
import {
  aligned,
  changeFolded,
  changeRun,
  fetchWeights,
  hasWeights,
  inNext,
  learns,
  lookErrors,
  lookPairs,
  momentumOf,
  putWeights,
  shiftOf,
  tapsOf,
  weightsChange,
} from './update';

/** Running means, n for the least share 2^−n of a sample; 0: none. */
// @ts-ignore: decorator
@inline
function meansOf(op: usize): i32 {
  return load<u8>(op, UPDATE_LAYER + 3);
}

/** Bytes from the high bytes of running means to the low ones, and from those to the biases. */
function meanBytes(op: usize): i32 {
  return (load<i32>(op, WIN_INPUT_CHANNELS) + 15) & ~15;
}

/** Address of the running means’ high bytes, in group WEIGHTS: whole steps of the input. */
function meansAt(op: usize): usize {
  return load<usize>(op, OP_BIAS) - (meanBytes(op) << 1);
}

/** Weights of an output row. */
function patchOf(op: usize): i32 {
  return tapsOf(op) * load<i32>(op, WIN_INPUT_CHANNELS);
}

/**
 * Adds error · (x − zero point) for the taps of row `ky` at one output. `sums`: of weight `from` of the row, up to `end`.
 */
function addRow(
  op: usize,
  sums: usize,
  from: i32,
  end: i32,
  row: usize,
  ky: i32,
  column: i32,
  error: i32,
): void {
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const zero: i32 = load<i16>(op, OP_INPUT_ZERO_POINT);
  const dilation: i32 = load<u16>(op, WIN_DILATION + 2);
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  let x = column * load<u16>(op, WIN_STRIDE + 2) - load<u16>(op, WIN_PADDING + 2);
  let first = ky * kernelWidth * channels;
  for (let kx = 0; kx < kernelWidth; kx++, x += dilation, first += channels) {
    const low = max(first, from);
    const count = min(first + channels, end) - low;
    if (count <= 0 || <u32>x >= load<u32>(op, WIN_INPUT_WIDTH)) continue;
    let value = look(row + x * channels + low - first, count, op + load<usize>(op, OP_SCRATCH2));
    let sum = sums + ((low - from) << 2);
    for (const last = sum + (count << 2); sum < last; sum += 4, value++) {
      store<i32>(sum, load<i32>(sum) + error * (load<i8>(value) - zero));
    }
  }
}

/**
 * Sums of weights `from` … of output channel `channel` over the lane's pixels; none if `from` is `end`. Returns that of
 * its errors.
 */
function gather(op: usize, lane: i32, channel: i32, sums: usize, from: i32, end: i32): i32 {
  const shift = shiftOf(op, lane);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const outputWidth = load<i32>(op, WIN_OUTPUT_WIDTH);
  const rowBytes = load<i32>(op, WIN_INPUT_WIDTH) * load<i32>(op, WIN_INPUT_CHANNELS);
  const input = inLane(load<usize>(op, OP_INPUT), lane);
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  let total = 0;
  for (let row = 0; row < <i32>load<u16>(op, UPDATE_HEIGHT); row++) {
    for (let column = 0; column < outputWidth; column++) {
      const at = (row * outputWidth + column) * outputs + channel;
      const error = aligned(load<i16>(lookErrors(op, lane, at, 1, scratch)), shift);
      if (!error) continue;
      total += error;
      if (from == end) continue;
      let y = row * load<u16>(op, WIN_STRIDE) - load<u16>(op, WIN_PADDING);
      for (let ky = 0; ky < <i32>load<u16>(op, WIN_KERNEL); ky++, y += load<u16>(op, WIN_DILATION)) {
        if (<u32>y >= load<u32>(op, WIN_INPUT_HEIGHT)) continue;
        addRow(op, sums, from, end, input + y * rowBytes, ky, column, error);
      }
    }
  }
  return total;
}

/** Sums over all lanes that are learnt, as `gather`. */
function gatherAll(op: usize, channel: i32, sums: usize, from: i32, end: i32): i32 {
  let total = 0;
  if (!learns(op, channel)) return 0;
  for (let lane = 0; lane < load<i32>(LEARN, T_LANE_COUNT); lane++) {
    if (shiftOf(op, lane) >= 0) total += gather(op, lane, channel, sums, from, end);
  }
  return total;
}

/** Whether output row `row` has an error in any lane: without one its weights stay as they are. */
function hasError(op: usize, row: i32): bool {
  if (!learns(op, row)) return false;
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const end = <i32>load<u16>(op, UPDATE_HEIGHT) * load<i32>(op, WIN_OUTPUT_WIDTH) * outputs;
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  for (let lane = 0; lane < load<i32>(LEARN, T_LANE_COUNT); lane++) {
    const shift = shiftOf(op, lane);
    if (shift < 0) continue;
    for (let at = row; at < end; at += outputs)
      if (aligned(load<i16>(lookErrors(op, lane, at, 1, scratch)), shift)) return true;
  }
  return false;
}

/** Updates weights `from` … of output row `row`. */
function updateWeights(op: usize, row: i32, from: i32): void {
  const patch = patchOf(op);
  const count = min(load<i32>(op, UPDATE_PART), patch - from);
  if (!momentumOf(op) && !hasError(op, row)) {
    const high = op + load<usize>(op, OP_SCRATCH3);
    fetchWeights(op, row * patch + from, count, high);
    putWeights(op, row * patch + from, count, high);
    return;
  }
  const sums = op + load<usize>(op, OP_SCRATCH1);
  memory.fill(sums, 0, count << 2);
  const total = gatherAll(op, row, sums, from, from + count);
  // Σ δ · (x − mean): the means are one sample more, with the errors of all others against it.
  if (meansOf(op) && total) addRow(op, sums, from, from + count, meansAt(op), 0, 0, -total);
  changeRun(op, sums, lookPairs(op, row), row * patch + from, count);
}

/** Σ mean · W8 of `count` weights of row `row` from `from` on: in the free bank, less that in the current one. */
function meansChange(op: usize, row: i32, from: i32, count: i32): i32 {
  const address = load<usize>(op, OP_WEIGHTS) + row * patchOf(op) + from;
  const scratch = op + load<usize>(op, OP_SCRATCH3);
  const means = look(meansAt(op) + from, count, op + load<usize>(op, OP_SCRATCH2));
  const sum = dot<i8, i32>(means, look(inNext(address), count, scratch), count);
  return sum - dot<i8, i32>(means, look(address, count, scratch), count);
}

/** Moves the running means of inputs from `from` on by what the lanes that are learnt hold. */
function updateMeans(op: usize, from: i32): void {
  const count = min(load<i32>(op, UPDATE_PART), load<i32>(op, WIN_INPUT_CHANNELS) - from);
  const high = op + load<usize>(op, OP_SCRATCH3);
  const address = meansAt(op) + from;
  const apart = meanBytes(op);
  fetch(address, count, high);
  fetch(address + apart, count, high + count);
  // The first sample is the mean, the second half of it, until each is the least share.
  const share: i32 = min(meansOf(op), 32 - <i32>clz(load<u32>(CURSOR, C_STEP)));
  for (let lane = 0; lane < load<i32>(LEARN, T_LANE_COUNT); lane++) {
    if (shiftOf(op, lane) < 0) continue;
    const x = look(inLane(load<usize>(op, OP_INPUT), lane) + from, count, op + load<usize>(op, OP_SCRATCH2));
    for (let i = 0; i < count; i++) {
      const before = ((<i32>load<i8>(high + i)) << 8) + <i32>load<u8>(high + count + i);
      const after = before + ((((<i32>load<i8>(x + i)) << 8) + 128 - before) >> share);
      store<u8>(high + i, after >> 8);
      store<u8>(high + count + i, after);
    }
  }
  put(inNext(address), high, count);
  put(inNext(address + apart), high + count, count);
}

/** Updates the bias of output row `row`, when its weights are. */
function updateBias(op: usize, row: i32): void {
  const patch = patchOf(op);
  const part = load<i32>(op, UPDATE_PART);
  let changed = 0;
  const changes = hasWeights(op) && (momentumOf(op) != 0 || hasError(op, row));
  for (let from = 0; changes && from < patch; from += part) {
    const count = min(part, patch - from);
    changed += meansOf(op)
      ? meansChange(op, row, from, count)
      : weightsChange(op, row * patch + from, count, op + load<usize>(op, OP_SCRATCH3));
  }
  const total = gatherAll(op, row, 0, 0, 0);
  changeFolded(op, row, total, lookPairs(op, row), changed);
}

export function tile(op: usize, index: i32): void {
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const part = load<i32>(op, UPDATE_PART);
  const parts = hasWeights(op) ? (patchOf(op) + part - 1) / part : 0;
  if (index < outputs * parts) {
    updateWeights(op, index / parts, (index % parts) * part);
    return;
  }
  const group = load<i32>(op, UPDATE_GROUP);
  const first = (index - outputs * parts) * group;
  if (first >= outputs) {
    if (meansOf(op)) updateMeans(op, (index - outputs * parts - (outputs + group - 1) / group) * part);
    return;
  }
  for (let row = first, end = min(first + group, outputs); row < end; row++) updateBias(op, row);
}
