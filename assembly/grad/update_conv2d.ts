// The update of a convolution; of a dense layer, too: a convolution over a map of one pixel (docs/TRAINING.md §7).
import {
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  T_LANE_COUNT,
  UPDATE_GROUP,
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

/** Weights of an output row. */
function patchOf(op: usize): i32 {
  return load<u16>(op, WIN_KERNEL) * load<u16>(op, WIN_KERNEL + 2) * load<i32>(op, WIN_INPUT_CHANNELS);
}

/** Adds error · (x − zero point) for the taps of row `ky` at one output, `sums` being those of that row of taps. */
function addRow(op: usize, sums: usize, row: usize, column: i32, error: i32): void {
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const zero = load<i32>(op, OP_INPUT_ZERO_POINT);
  const dilation: i32 = load<u16>(op, WIN_DILATION + 2);
  let x = column * load<u16>(op, WIN_STRIDE + 2) - load<u16>(op, WIN_PADDING + 2);
  for (let kx = 0; kx < <i32>load<u16>(op, WIN_KERNEL + 2); kx++, x += dilation) {
    if (<u32>x < load<u32>(op, WIN_INPUT_WIDTH)) {
      let value = look(row + x * channels, channels, op + load<usize>(op, OP_SCRATCH2));
      for (let sum = sums, end = sums + (channels << 2); sum < end; sum += 4, value++) {
        store<i32>(sum, load<i32>(sum) + error * (load<i8>(value) - zero));
      }
    }
    sums += channels << 2;
  }
}

/** Sums of output channel `channel` over the lane's pixels. Returns that of its errors. */
function gather(op: usize, lane: i32, channel: i32, sums: usize): i32 {
  const shift = shiftOf(op, lane);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const outputWidth = load<i32>(op, WIN_OUTPUT_WIDTH);
  const rowBytes = load<i32>(op, WIN_INPUT_WIDTH) * load<i32>(op, WIN_INPUT_CHANNELS);
  const tapBytes = (load<u16>(op, WIN_KERNEL + 2) * load<i32>(op, WIN_INPUT_CHANNELS)) << 2;
  const input = inLane(load<usize>(op, OP_INPUT), lane);
  let total = 0;
  for (let row = 0; row < load<i32>(op, UPDATE_HEIGHT); row++) {
    for (let column = 0; column < outputWidth; column++) {
      const at = (row * outputWidth + column) * outputs + channel;
      const scratch = op + load<usize>(op, OP_SCRATCH4);
      const error = aligned(load<i16>(lookErrors(op, lane, at, 1, scratch)), shift);
      if (!error) continue;
      total += error;
      if (!hasWeights(op)) continue;
      let y = row * load<u16>(op, WIN_STRIDE) - load<u16>(op, WIN_PADDING);
      for (let ky = 0; ky < <i32>load<u16>(op, WIN_KERNEL); ky++, y += load<u16>(op, WIN_DILATION)) {
        if (<u32>y >= load<u32>(op, WIN_INPUT_HEIGHT)) continue;
        addRow(op, sums + ky * tapBytes, input + y * rowBytes, column, error);
      }
    }
  }
  return total;
}

/** Updates output row `row`. */
function updateRow(op: usize, row: i32): void {
  const patch = patchOf(op);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const high = op + load<usize>(op, OP_SCRATCH3);
  const low = high + patch;
  let total = 0;
  let changed = 0;
  if (hasWeights(op)) memory.fill(sums, 0, patch << 2);
  if (learns(op, row)) {
    for (let lane = 0; lane < load<i32>(TRAIN, T_LANE_COUNT); lane++) {
      if (shiftOf(op, lane) >= 0) total += gather(op, lane, row, sums);
    }
  }
  const pairs = lookPairs(op, row);
  if (hasWeights(op)) {
    const first = row * patch;
    const key = keyOf(op, 0);
    fetchWeights(op, first, patch, high, low);
    for (let i = 0; i < patch; i++) {
      changed += change(op, load<i32>(sums + (i << 2)), pairs, key, first + i, high + i, low + i);
    }
    putWeights(op, first, patch, high, low);
  }
  changeBias(op, row, total, pairs + 8, keyOf(op, 1), load<i32>(op, OP_INPUT_ZERO_POINT) * changed);
}

export function tile(op: usize, index: i32): void {
  const group = load<i32>(op, UPDATE_GROUP);
  const end = min((index + 1) * group, load<i32>(op, WIN_OUTPUT_CHANNELS));
  for (let row = index * group; row < end; row++) updateRow(op, row);
}
