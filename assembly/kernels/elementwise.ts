// What element-wise kernels of two inputs share: which elements a tile makes, and where they are.
import {
  ELT_COUNT,
  ELT_GROUP,
  ELT_INPUT2,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_INPUT,
  OP_OUTPUT,
  OP_OUTPUT_ZERO_POINT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
} from '../layout';
import { look, put } from '../nvm';

/** Elements of the tile: fewer in the last. */
export function elementsOf(op: usize, tile: i32): i32 {
  const group = load<i32>(op, ELT_GROUP);
  return min(group, load<i32>(op, ELT_COUNT) - tile * group);
}

export function firstElements(op: usize, tile: i32, count: i32): usize {
  return look(
    load<usize>(op, OP_INPUT) + tile * load<i32>(op, ELT_GROUP),
    count,
    op + load<usize>(op, OP_SCRATCH0),
  );
}

export function secondElements(op: usize, tile: i32, count: i32): usize {
  return look(
    load<usize>(op, ELT_INPUT2) + tile * load<i32>(op, ELT_GROUP),
    count,
    op + load<usize>(op, OP_SCRATCH1),
  );
}

/** Keeps element `i` of the tile, scaled to the output. */
export function keep(op: usize, i: i32, scaled: i32): void {
  const y = scaled + load<i32>(op, OP_OUTPUT_ZERO_POINT);
  const clamped = max(min(y, load<i32>(op, OP_CLAMP_MAX)), load<i32>(op, OP_CLAMP_MIN));
  store<i8>(op + load<usize>(op, OP_SCRATCH2) + i, clamped);
}

/** Writes the tile's elements. */
export function putElements(op: usize, tile: i32, count: i32): void {
  const address = load<usize>(op, OP_OUTPUT) + tile * load<i32>(op, ELT_GROUP);
  put(address, op + load<usize>(op, OP_SCRATCH2), count);
}
