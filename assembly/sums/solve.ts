// Weights of classes: from what `factor` left of their means, on the way back through Lᵀ; four classes a tile or one
// (docs/LEARNING.md §10).
import { OP_INPUT, OP_OUTPUT, OP_SCRATCH0, OP_SCRATCH1, OP_SCRATCH2 } from '../layout';
import { SOLVE_CLASSES, SUMS_AT } from '../learning-layout';
import { look, put } from '../nvm';
import { clamp, classesOf, loweredAt, meansAt, rankOf, solutionBytes } from './place';
import { addProducts, groupOf } from './rows';

/** `count` values of row `row` of what `factor` made. */
function rowOf(op: usize, row: i32, count: i32): usize {
  const scratch = op + load<usize>(op, OP_SCRATCH1);
  return look(load<usize>(op, OP_INPUT) + loweredAt(op, row), count << 2, scratch);
}

/** Lᵀ w = z, in place: [direction][class], int64; z times 2¹⁶ when it begins. */
function goBack(op: usize, values: usize, group: i32): void {
  const factors = op + load<usize>(op, OP_SCRATCH2);
  for (let k = rankOf(op) - 1; k >= 0; k--) {
    const end = values + ((k * group) << 3);
    for (let t = 0; t < group; t++) {
      const weight = clamp(load<i64>(end + (t << 3)) >> 16);
      store<i64>(end + (t << 3), weight);
      // Cores add a product in one instruction, but take two to take one off.
      store<i32>(factors + (t << 2), -weight);
    }
    if (k > 0) addProducts(values, group, rowOf(op, k, k), k, factors);
  }
}

/** Weights of class `c`, in slot `t`, and −½ mean · w behind them. Of a class without samples all are 0. */
function write(op: usize, values: usize, group: i32, c: i32): void {
  const rank = rankOf(op);
  const weights = op + load<usize>(op, OP_SCRATCH1);
  const from = load<usize>(op, SUMS_AT) + meansAt(op, c);
  let mean = look(from, rank << 1, op + load<usize>(op, OP_SCRATCH2));
  let at = weights;
  let sum: i64 = 0;
  for (const end = weights + (rank << 3); at < end; at += 8, mean += 2, values += group << 3) {
    const weight = load<i64>(values);
    store<i64>(at, weight);
    sum += weight * <i64>load<i16>(mean);
  }
  store<i64>(at, -(sum >> 9));
  put(load<usize>(op, OP_OUTPUT) + c * solutionBytes(op), weights, solutionBytes(op));
}

export function tile(op: usize, index: i32): void {
  const rank = rankOf(op);
  const group = groupOf(op, SOLVE_CLASSES);
  const first = index * group;
  const count = min(group, classesOf(op) - first);
  const values = op + load<usize>(op, OP_SCRATCH0);
  memory.fill(values, 0, (rank * group) << 3);
  for (let t = 0; t < count; t++) {
    let at = values + (t << 3);
    let z = rowOf(op, rank + first + t, rank);
    for (let i = 0; i < rank; i++, z += 4, at += group << 3) store<i64>(at, (<i64>load<i32>(z)) << 16);
  }
  goBack(op, values, group);
  for (let t = 0; t < count; t++) write(op, values + (t << 3), group, first + t);
}
