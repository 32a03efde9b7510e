// The update of a depthwise convolution, a group of channels a tile (docs/LEARNING.md §7).
import {
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
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
import { UPDATE_CHANNELS, UPDATE_GROUP, UPDATE_HEIGHT, UPDATE_PART } from '../learning-layout';
import { look } from '../nvm';
import { LEARN } from '../sram';
import { inLane } from './groups';
import {
  aligned,
  change,
  changeFolded,
  fetchWeights,
  hasWeights,
  keyOf,
  learns,
  lookErrors,
  lookPairs,
  putWeights,
  shiftOf,
  tapsOf,
  weightsChange,
} from './update';

/**
 * Sums of channel `channel`, `stride` bytes from tap to tap, over the lane's pixels; none if that is 0. Returns that of its
 * errors.
 */
function gather(op: usize, lane: i32, channel: i32, sums: usize, stride: i32): i32 {
  const shift = shiftOf(op, lane);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const outputWidth = load<i32>(op, WIN_OUTPUT_WIDTH);
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  const taps = tapsOf(op);
  const source = inLane(load<usize>(op, OP_INPUT), lane) + channel / (outputs / channels);
  const scratch = op + load<usize>(op, OP_SCRATCH2);
  let total = 0;
  for (let pixel = 0; pixel < <i32>load<u16>(op, UPDATE_HEIGHT) * outputWidth; pixel++) {
    const at = pixel * outputs + channel;
    const errors = lookErrors(op, lane, at, 1, op + load<usize>(op, OP_SCRATCH4));
    const error = aligned(load<i16>(errors), shift);
    if (!error) continue;
    total += error;
    if (!stride) continue;
    const top = (pixel / outputWidth) * load<u16>(op, WIN_STRIDE) - load<u16>(op, WIN_PADDING);
    const left = (pixel % outputWidth) * load<u16>(op, WIN_STRIDE + 2) - load<u16>(op, WIN_PADDING + 2);
    for (let tap = 0; tap < taps; tap++) {
      const y = top + (tap / kernelWidth) * load<u16>(op, WIN_DILATION);
      const x = left + (tap % kernelWidth) * load<u16>(op, WIN_DILATION + 2);
      if (<u32>y >= load<u32>(op, WIN_INPUT_HEIGHT) || x < 0 || x >= width) continue;
      const address = source + (y * width + x) * channels;
      const value: i32 = load<i8>(look(address, 1, scratch));
      const sum = sums + tap * stride;
      store<i32>(sum, load<i32>(sum) + error * (value - <i32>load<i16>(op, OP_INPUT_ZERO_POINT)));
    }
  }
  return total;
}

/** Sums over all lanes that are learnt, as `gather`. */
function gatherAll(op: usize, channel: i32, sums: usize, stride: i32): i32 {
  let total = 0;
  if (!learns(op, channel)) return 0;
  for (let lane = 0; lane < load<i32>(LEARN, T_LANE_COUNT); lane++) {
    if (shiftOf(op, lane) >= 0) total += gather(op, lane, channel, sums, stride);
  }
  return total;
}

/** First weight of tap `tap` of channel `channel`: groups of channels, in each tap by tap. */
function weightOf(op: usize, channel: i32, tap: i32): i32 {
  const group = <i32>load<u16>(op, UPDATE_CHANNELS);
  const start = channel - (channel % group);
  const size = min(group, load<i32>(op, WIN_OUTPUT_CHANNELS) - start);
  return start * tapsOf(op) + tap * size + channel - start;
}

/** Updates the weights of `count` channels of one group from `first` on. */
function updateWeights(op: usize, first: i32, count: i32): void {
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const high = op + load<usize>(op, OP_SCRATCH3);
  const key = keyOf(op, 0);
  memory.fill(sums, 0, (tapsOf(op) * count) << 2);
  for (let i = 0; i < count; i++) gatherAll(op, first + i, sums + (i << 2), count << 2);
  for (let tap = 0; tap < tapsOf(op); tap++) {
    const weight = weightOf(op, first, tap);
    fetchWeights(op, weight, count, high);
    for (let i = 0; i < count; i++) {
      const sum = load<i32>(sums + ((tap * count + i) << 2));
      change(op, sum, lookPairs(op, first + i), key, weight + i, high, i, count);
    }
    putWeights(op, weight, count, high);
  }
}

function updateBias(op: usize, channel: i32): void {
  let changed = 0;
  for (let tap = 0; hasWeights(op) && tap < tapsOf(op); tap++) {
    changed += weightsChange(op, weightOf(op, channel, tap), 1, op + load<usize>(op, OP_SCRATCH3));
  }
  const total = gatherAll(op, channel, 0, 0);
  changeFolded(op, channel, total, lookPairs(op, channel), changed);
}

export function tile(op: usize, index: i32): void {
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const channels = <i32>load<u16>(op, UPDATE_CHANNELS);
  const part = load<i32>(op, UPDATE_PART);
  const parts = (channels + part - 1) / part;
  const tiles = hasWeights(op) ? ((outputs + channels - 1) / channels) * parts : 0;
  if (index < tiles) {
    const start = (index / parts) * channels;
    const first = start + (index % parts) * part;
    const end = min(min(first + part, start + channels), outputs);
    if (first < end) updateWeights(op, first, end - first);
    return;
  }
  const group = load<i32>(op, UPDATE_GROUP);
  const first = (index - tiles) * group;
  for (let channel = first, end = min(first + group, outputs); channel < end; channel++)
    updateBias(op, channel);
}
