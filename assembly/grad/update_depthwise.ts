// The update of a depthwise convolution, a group of channels a tile (docs/TRAINING.md §7).
import {
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  T_LANE_COUNT,
  UPDATE_CHANNELS,
  UPDATE_HEIGHT,
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
import { look } from '../nvm';
import { TRAIN } from '../sram';
import { inLane } from './groups';
import {
  aligned,
  change,
  changeBias,
  fetchWeights,
  hasWeights,
  keyOf,
  learns,
  lookErrors,
  lookPairs,
  putWeights,
  shiftOf,
} from './update';

/** Sums of channel `channel`, `stride` bytes from tap to tap, over the lane's pixels. Returns that of its errors. */
function gather(op: usize, lane: i32, channel: i32, sums: usize, stride: i32): i32 {
  const shift = shiftOf(op, lane);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const outputWidth = load<i32>(op, WIN_OUTPUT_WIDTH);
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  const taps = load<u16>(op, WIN_KERNEL) * kernelWidth;
  const source = inLane(load<usize>(op, OP_INPUT), lane) + channel / (outputs / channels);
  const scratch = op + load<usize>(op, OP_SCRATCH2);
  let total = 0;
  for (let pixel = 0; pixel < load<i32>(op, UPDATE_HEIGHT) * outputWidth; pixel++) {
    const at = pixel * outputs + channel;
    const errors = lookErrors(op, lane, at, 1, op + load<usize>(op, OP_SCRATCH4));
    const error = aligned(load<i16>(errors), shift);
    if (!error) continue;
    total += error;
    if (!hasWeights(op)) continue;
    const top = (pixel / outputWidth) * load<u16>(op, WIN_STRIDE) - load<u16>(op, WIN_PADDING);
    const left = (pixel % outputWidth) * load<u16>(op, WIN_STRIDE + 2) - load<u16>(op, WIN_PADDING + 2);
    for (let tap = 0; tap < taps; tap++) {
      const y = top + (tap / kernelWidth) * load<u16>(op, WIN_DILATION);
      const x = left + (tap % kernelWidth) * load<u16>(op, WIN_DILATION + 2);
      if (<u32>y >= load<u32>(op, WIN_INPUT_HEIGHT) || x < 0 || x >= width) continue;
      const address = source + (y * width + x) * channels;
      const value: i32 = load<i8>(look(address, 1, scratch));
      const sum = sums + tap * stride;
      store<i32>(sum, load<i32>(sum) + error * (value - load<i32>(op, OP_INPUT_ZERO_POINT)));
    }
  }
  return total;
}

export function tile(op: usize, index: i32): void {
  const first = index * load<i32>(op, UPDATE_CHANNELS);
  const size = min(load<i32>(op, UPDATE_CHANNELS), load<i32>(op, WIN_OUTPUT_CHANNELS) - first);
  const taps = load<u16>(op, WIN_KERNEL) * load<u16>(op, WIN_KERNEL + 2);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const high = op + load<usize>(op, OP_SCRATCH3);
  const low = high + taps * size;
  const key = keyOf(op, 0);
  if (hasWeights(op)) {
    memory.fill(sums, 0, (taps * size) << 2);
    fetchWeights(op, first * taps, taps * size, high, low);
  }
  for (let i = 0; i < size; i++) {
    const channel = first + i;
    let total = 0;
    let changed = 0;
    for (let lane = 0; learns(op, channel) && lane < load<i32>(TRAIN, T_LANE_COUNT); lane++) {
      if (shiftOf(op, lane) >= 0) total += gather(op, lane, channel, sums + (i << 2), size << 2);
    }
    const pairs = lookPairs(op, channel);
    for (let at = i; hasWeights(op) && at < taps * size; at += size) {
      changed += change(op, load<i32>(sums + (at << 2)), pairs, key, first * taps + at, high + at, low + at);
    }
    const folded = load<i32>(op, OP_INPUT_ZERO_POINT) * changed;
    changeBias(op, channel, total, pairs + 8, keyOf(op, 1), folded);
  }
  if (hasWeights(op)) putWeights(op, first * taps, taps * size, high, low);
}
