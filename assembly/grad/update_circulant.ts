// The update of a circulant layer, a row of blocks a tile (docs/LEARNING.md §7).
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_OUTPUTS,
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH4,
  T_LANE_COUNT,
} from '../layout';
import { UPDATE_PART } from '../learning-layout';
import { dot } from '../accel/dot';
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
  weightsChange,
} from './update';

/** dw[d] = Σ_r g[r]·(x[(r − d) mod k] − z) of one block in one lane, d from `from` to `end`, added to `sums`. */
function correlate(op: usize, lane: i32, block: i32, first: i32, sums: usize, from: i32, end: i32): void {
  // Whole rows of blocks learn, or none.
  if (!learns(op, first)) return;
  const k = load<i32>(op, CIRC_BLOCK);
  const zero: i32 = load<i16>(op, OP_INPUT_ZERO_POINT);
  const shift = shiftOf(op, lane);
  const count = min(k, load<i32>(op, CIRC_OUTPUTS) - first);
  const x = look(inLane(load<usize>(op, OP_INPUT), lane) + block * k, k, op + load<usize>(op, OP_SCRATCH2));
  const errors = op + load<usize>(op, OP_SCRATCH4);
  const from16 = lookErrors(op, lane, first, count, errors);
  let total = 0;
  let any = 0;
  for (let r = 0; r < count; r++) {
    const error = aligned(load<i16>(from16 + (r << 1)), shift);
    store<i16>(errors + (r << 1), error);
    total += error;
    any |= error;
  }
  if (!any) return;
  for (let d = from; d < end; d++, sums += 4) {
    // x goes round behind its first d values.
    const wrapped = min(d, count);
    const sum =
      dot<i16, i32>(errors, x + k - d, wrapped) + dot<i16, i32>(errors + (wrapped << 1), x, count - wrapped);
    store<i32>(sums, load<i32>(sums) + sum - zero * total);
  }
}

/** Updates weights `from` … of block `block` of block row `row`. */
function updateWeights(op: usize, row: i32, block: i32, from: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const count = min(load<i32>(op, UPDATE_PART), k - from);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  memory.fill(sums, 0, count << 2);
  for (let lane = 0; lane < load<i32>(LEARN, T_LANE_COUNT); lane++) {
    if (shiftOf(op, lane) >= 0) correlate(op, lane, block, row * k, sums, from, from + count);
  }
  const start = (row * load<i32>(op, CIRC_BLOCKS) + block) * k + from;
  changeRun(op, sums, lookPairs(op, 0), start, count);
}

/** The error of output `row`, summed over the lanes. */
function errorOf(op: usize, row: i32): i32 {
  let total = 0;
  if (!learns(op, row)) return 0;
  for (let lane = 0; lane < load<i32>(LEARN, T_LANE_COUNT); lane++) {
    const shift = shiftOf(op, lane);
    if (shift < 0) continue;
    const error = lookErrors(op, lane, row, 1, op + load<usize>(op, OP_SCRATCH4));
    total += aligned(load<i16>(error), shift);
  }
  return total;
}

/** Updates the biases of block row `row`, when its weights are. */
function updateBiases(op: usize, row: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const blocks = load<i32>(op, CIRC_BLOCKS);
  let changed = 0;
  for (let block = 0; hasWeights(op) && block < blocks; block++) {
    changed += weightsChange(op, (row * blocks + block) * k, k, op + load<usize>(op, OP_SCRATCH2));
  }
  for (let r = row * k, end = min(r + k, load<i32>(op, CIRC_OUTPUTS)); r < end; r++) {
    changeFolded(op, r, errorOf(op, r), lookPairs(op, 0), changed);
  }
}

export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const part = load<i32>(op, UPDATE_PART);
  const parts = (k + part - 1) / part;
  const rows = (load<i32>(op, CIRC_OUTPUTS) + k - 1) / k;
  const tiles = hasWeights(op) ? rows * blocks * parts : 0;
  if (index >= tiles) {
    updateBiases(op, index - tiles);
    return;
  }
  const block = index / parts;
  updateWeights(op, block / blocks, block % blocks, (index % parts) * part);
}
