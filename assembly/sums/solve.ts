// Weights of the projected sample for one class: those with which L D Lᵀ gives its mean (docs/LEARNING.md §10).
import { OP_INPUT, OP_OUTPUT, OP_SCRATCH0, OP_SCRATCH1, OP_SCRATCH2 } from '../layout';
import { SUMS_AT, SUMS_COUNTS } from '../learning-layout';
import { fetch, look, put } from '../nvm';
import { clamp, classesOf, meansAt, product, rankOf, triangle } from './place';

const Z_BITS = 20;

/** Bytes of what a class has: weights, int32, then a constant, int64. */
export function solutionBytes(rank: i32): i32 {
  return (rank << 2) + 8;
}

function rowOf(op: usize, row: i32): usize {
  return look(load<usize>(op, OP_INPUT) + triangle(row), (row + 1) << 2, op + load<usize>(op, OP_SCRATCH1));
}

/** L y = mean, then D z = y, in place of `weights`, which holds means in 1/256. */
function goForward(op: usize, weights: usize): void {
  const rank = rankOf(op);
  for (let i = 0; i < rank; i++) {
    const row = rowOf(op, i);
    let sum: i64 = 0;
    for (let k = 0; k < i; k++) sum += <i64>load<i32>(row + (k << 2)) * <i64>load<i32>(weights + (k << 2));
    const at = weights + (i << 2);
    store<i32>(at, clamp(((<i64>load<i32>(at)) << 8) - (sum >> 16)));
  }
  for (let i = 0; i < rank; i++) {
    const at = weights + (i << 2);
    store<i32>(at, clamp(((<i64>load<i32>(at)) << Z_BITS) / <i64>load<i32>(rowOf(op, i) + (i << 2))));
  }
}

/** Lᵀ w = z, in place. */
function goBack(op: usize, weights: usize): void {
  for (let k = rankOf(op) - 1; k > 0; k--) {
    let row = rowOf(op, k);
    const end = weights + (k << 2);
    const weight: i64 = load<i32>(end);
    for (let at = weights; at < end; at += 4, row += 4)
      store<i32>(at, clamp(<i64>load<i32>(at) - ((<i64>load<i32>(row) * weight) >> 16)));
  }
}

/** −½ mean · w, behind the weights. */
function findConstant(op: usize, weights: usize, means: usize): void {
  const rank = rankOf(op);
  let sum: i64 = 0;
  for (let i = 0; i < rank; i++) sum += <i64>load<i32>(weights + (i << 2)) * <i64>load<i16>(means + (i << 1));
  store<i64>(weights + (rank << 2), -(sum >> 9), 0, 4);
}

/** A tile: a class on its way down; and, after all of those, on its way back. */
export function tile(op: usize, index: i32): void {
  const rank = rankOf(op);
  const classes = classesOf(op);
  const c = index % classes;
  const from = load<usize>(op, SUMS_AT);
  const to = load<usize>(op, OP_OUTPUT);
  const weights = op + load<usize>(op, OP_SCRATCH0);
  const scratch = op + load<usize>(op, OP_SCRATCH2);
  const bytes = solutionBytes(rank);
  memory.fill(weights, 0, bytes);
  if (load<i32>(look(from + SUMS_COUNTS + (c << 2), 4, scratch)) > 0) {
    if (index < classes) {
      const means = look(from + meansAt(op, c), rank << 1, scratch);
      for (let i = 0; i < rank; i++) store<i32>(weights + (i << 2), <i32>load<i16>(means + (i << 1)));
      goForward(op, weights);
    } else {
      fetch(to + c * bytes, rank << 2, weights);
      goBack(op, weights);
      findConstant(op, weights, look(from + meansAt(op, c), rank << 1, scratch));
    }
  }
  put(to + index * bytes, weights, bytes);
}
