// The update of a circulant layer, a row of blocks a tile (docs/TRAINING.md §7).
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_OUTPUTS,
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  T_LANE_COUNT,
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

/** dw[d] = Σ_b g[(b + d) mod k]·(x[b] − z) of one block in one lane, added to `sums`. */
function correlate(op: usize, lane: i32, block: i32, first: i32, count: i32, sums: usize): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const zero = load<i32>(op, OP_INPUT_ZERO_POINT);
  const shift = shiftOf(op, lane);
  const x = look(inLane(load<usize>(op, OP_INPUT), lane) + block * k, k, op + load<usize>(op, OP_SCRATCH2));
  const errors = lookErrors(op, lane, first, count, op + load<usize>(op, OP_SCRATCH4));
  for (let r = 0; r < count; r++) {
    if (!learns(op, first + r)) continue;
    const error = aligned(load<i16>(errors + (r << 1)), shift);
    if (!error) continue;
    // Input b and output r meet at d = r − b: from b = r down, and then from b = k − 1 down.
    let sum = sums;
    for (let b = r; b >= 0; b--, sum += 4) store<i32>(sum, load<i32>(sum) + error * (load<i8>(x + b) - zero));
    for (let b = k - 1; b > r; b--, sum += 4)
      store<i32>(sum, load<i32>(sum) + error * (load<i8>(x + b) - zero));
  }
}

/** Updates block (`row`, `block`). Returns the change of its weights' sum. */
function updateBlock(op: usize, row: i32, block: i32, first: i32, count: i32): i32 {
  const k = load<i32>(op, CIRC_BLOCK);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const high = op + load<usize>(op, OP_SCRATCH3);
  const low = high + k;
  memory.fill(sums, 0, k << 2);
  for (let lane = 0; lane < load<i32>(TRAIN, T_LANE_COUNT); lane++) {
    if (shiftOf(op, lane) >= 0) correlate(op, lane, block, first, count, sums);
  }
  const start = (row * load<i32>(op, CIRC_BLOCKS) + block) * k;
  const pairs = lookPairs(op, first);
  const key = keyOf(op, 0);
  let changed = 0;
  fetchWeights(op, start, k, high, low);
  for (let d = 0; d < k; d++) {
    changed += change(op, load<i32>(sums + (d << 2)), pairs, key, start + d, high + d, low + d);
  }
  putWeights(op, start, k, high, low);
  return changed;
}

export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const first = index * k;
  const count = min(k, load<i32>(op, CIRC_OUTPUTS) - first);
  let changed = 0;
  for (let block = 0; hasWeights(op) && block < load<i32>(op, CIRC_BLOCKS); block++) {
    changed += updateBlock(op, index, block, first, count);
  }
  for (let r = first; r < first + count; r++) {
    let total = 0;
    for (let lane = 0; learns(op, r) && lane < load<i32>(TRAIN, T_LANE_COUNT); lane++) {
      if (shiftOf(op, lane) < 0) continue;
      total += aligned(
        load<i16>(lookErrors(op, lane, r, 1, op + load<usize>(op, OP_SCRATCH4))),
        shiftOf(op, lane),
      );
    }
    const folded = load<i32>(op, OP_INPUT_ZERO_POINT) * changed;
    changeBias(op, r, total, lookPairs(op, r) + 8, keyOf(op, 1), folded);
  }
}
