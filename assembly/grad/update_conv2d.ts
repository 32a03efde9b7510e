// The update of a convolution; of a dense layer, too: a convolution over a map of one pixel (docs/LEARNING.md §7).
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
import { UPDATE_GROUP, UPDATE_HEIGHT, UPDATE_PART } from '../learning-layout';
import { look } from '../nvm';
import { LEARN } from '../sram';
import { inLane } from './groups';
import {
  aligned,
  changeFolded,
  changeRun,
  hasWeights,
  learns,
  lookErrors,
  lookPairs,
  shiftOf,
  tapsOf,
  weightsChange,
} from './update';

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

/** Updates weights `from` … of output row `row`. */
function updateWeights(op: usize, row: i32, from: i32): void {
  const patch = patchOf(op);
  const count = min(load<i32>(op, UPDATE_PART), patch - from);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  memory.fill(sums, 0, count << 2);
  gatherAll(op, row, sums, from, from + count);
  changeRun(op, sums, lookPairs(op, row), row * patch + from, count);
}

/** Updates the bias of output row `row`, when its weights are. */
function updateBias(op: usize, row: i32): void {
  const patch = patchOf(op);
  const part = load<i32>(op, UPDATE_PART);
  let changed = 0;
  for (let from = 0; hasWeights(op) && from < patch; from += part) {
    changed += weightsChange(
      op,
      row * patch + from,
      min(part, patch - from),
      op + load<usize>(op, OP_SCRATCH3),
    );
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
  for (let row = first, end = min(first + group, outputs); row < end; row++) updateBias(op, row);
}
