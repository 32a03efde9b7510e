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

/** Stores element `i` of the tile, scaled to the output; the last one writes them all. */
export function finish(op: usize, i: i32, scaled: i32, tile: i32, count: i32): void {
  const output = op + load<usize>(op, OP_SCRATCH2);
  const y = scaled + load<i32>(op, OP_OUTPUT_ZERO_POINT);
  store<i8>(output + i, max(min(y, load<i32>(op, OP_CLAMP_MAX)), load<i32>(op, OP_CLAMP_MIN)));
  if (i == count - 1) put(load<usize>(op, OP_OUTPUT) + tile * load<i32>(op, ELT_GROUP), output, count);
}
