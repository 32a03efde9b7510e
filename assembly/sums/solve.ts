// Weights with which L D Lᵀ gives the means of classes, four classes a tile or one (docs/LEARNING.md §10).
import { OP_INPUT, OP_OUTPUT, OP_SCRATCH0, OP_SCRATCH1, OP_SCRATCH2 } from '../layout';
import { SOLVE_CLASSES, SUMS_AT, SUMS_COUNTS } from '../learning-layout';
import { look, put } from '../nvm';
import { clamp, classesOf, meansAt, over, rankOf, triangle } from './place';
import { addProducts, products } from './rows';

const Z_BITS = 20;

/** Bytes of what a class has: weights, int32, then a constant, int64. */
export function solutionBytes(rank: i32): i32 {
  return (rank << 2) + 8;
}

/** Whether class `c` has any sample. */
export function isPresent(op: usize, c: i32, scratch: usize): bool {
  return load<i32>(look(load<usize>(op, SUMS_AT) + SUMS_COUNTS + (c << 2), 4, scratch)) > 0;
}

/** Row `row` of L, without its pivot. */
function rowOf(op: usize, row: i32): usize {
  return look(load<usize>(op, OP_INPUT) + triangle(row), row << 2, op + load<usize>(op, OP_SCRATCH1));
}

/** L y = mean, in place: [direction][class], int32. */
function goForward(op: usize, values: usize, group: i32): void {
  const rank = rankOf(op);
  const sums = op + load<usize>(op, OP_SCRATCH2);
  let at = values + (group << 2);
  for (let i = 1; i < rank; i++) {
    products(values, group, rowOf(op, i), i, sums);
    for (let t = 0; t < group; t++, at += 4)
      store<i32>(at, clamp(<i64>load<i32>(at) - (load<i64>(sums + (t << 3)) >> 16)));
  }
}

/** D z = y, in place. */
function divide(op: usize, values: usize, group: i32): void {
  const rank = rankOf(op);
  for (let i = 0; i < rank; i++) {
    const at = load<usize>(op, OP_INPUT) + triangle(i) + (i << 2);
    const pivot = load<i32>(look(at, 4, op + load<usize>(op, OP_SCRATCH1)));
    for (const end = values + (group << 2); values < end; values += 4)
      store<i32>(values, over(load<i32>(values), pivot, Z_BITS));
  }
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
    if (k > 0) addProducts(values, group, rowOf(op, k), k, factors);
  }
}

/** Weights of the class in slot `t`, and −½ mean · w behind them if they are `solved`; zeros of a class without samples. */
function write(op: usize, values: usize, t: i32, c: i32, solved: bool): void {
  const rank = rankOf(op);
  const bytes = solutionBytes(rank);
  const weights = op + load<usize>(op, OP_SCRATCH1);
  const scratch = op + load<usize>(op, OP_SCRATCH2);
  const apart = load<i32>(op, SOLVE_CLASSES) << (solved ? 3 : 2);
  memory.fill(weights, 0, bytes);
  if (isPresent(op, c, scratch)) {
    let at = values + (t << (solved ? 3 : 2));
    for (let i = 0; i < rank; i++, at += apart) store<i32>(weights + (i << 2), load<i32>(at));
    if (solved) {
      const means = look(load<usize>(op, SUMS_AT) + meansAt(op, c), rank << 1, scratch);
      let sum: i64 = 0;
      for (let i = 0; i < rank; i++)
        sum += <i64>load<i32>(weights + (i << 2)) * <i64>load<i16>(means + (i << 1));
      store<i64>(weights + (rank << 2), -(sum >> 9), 0, 4);
    }
  }
  put(load<usize>(op, OP_OUTPUT) + (solved ? classesOf(op) + c : c) * bytes, weights, bytes);
}

/** Means in 1/65536, or what is halfway, times 2¹⁶, of the class in slot `t`. */
function read(op: usize, values: usize, t: i32, c: i32, halfway: bool): void {
  const rank = rankOf(op);
  const apart = load<i32>(op, SOLVE_CLASSES) << (halfway ? 3 : 2);
  const from = halfway
    ? load<usize>(op, OP_OUTPUT) + c * solutionBytes(rank)
    : load<usize>(op, SUMS_AT) + meansAt(op, c);
  const row = look(from, rank << (halfway ? 2 : 1), op + load<usize>(op, OP_SCRATCH1));
  let at = values + (t << (halfway ? 3 : 2));
  for (let i = 0; i < rank; i++, at += apart) {
    if (halfway) store<i64>(at, (<i64>load<i32>(row + (i << 2))) << 16);
    else store<i32>(at, (<i32>load<i16>(row + (i << 1))) << 8);
  }
}

/** A tile: classes on their way down; and, after all of those, on their way back. */
export function tile(op: usize, index: i32): void {
  const classes = classesOf(op);
  const group = load<i32>(op, SOLVE_CLASSES);
  const tiles = (classes + group - 1) / group;
  const halfway = index >= tiles;
  const first = (halfway ? index - tiles : index) * group;
  const count = min(group, classes - first);
  const values = op + load<usize>(op, OP_SCRATCH0);
  memory.fill(values, 0, (rankOf(op) * group) << 3);
  for (let t = 0; t < count; t++) read(op, values, t, first + t, halfway);
  if (halfway) goBack(op, values, group);
  else {
    goForward(op, values, group);
    divide(op, values, group);
  }
  for (let t = 0; t < count; t++) write(op, values, t, first + t, halfway);
}
