// What element-wise kernels of two inputs share: which elements a tile makes, where they are, and how wide.
import {
  ELT_COUNT,
  ELT_GROUP,
  ELT_INPUT2,
  OP_INPUT,
  OP_OUTPUT,
  OP_OUTPUT_ZERO_POINT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
} from '../layout';
import { look, put } from '../nvm';
import { widthOf } from './mask';
import { clamp } from './requantize';

/** Elements of the tile: fewer in the last. */
export function elementsOf(op: usize, tile: i32): i32 {
  const group = load<i32>(op, ELT_GROUP);
  return min(group, load<i32>(op, ELT_COUNT) - tile * group);
}

/** Bytes of tensors that lie before the tile's. */
function before(op: usize, tile: i32): i32 {
  return (tile * load<i32>(op, ELT_GROUP)) << widthOf(op);
}

export function firstElements(op: usize, tile: i32, count: i32): usize {
  const address = load<usize>(op, OP_INPUT) + before(op, tile);
  return look(address, count << widthOf(op), op + load<usize>(op, OP_SCRATCH0));
}

export function secondElements(op: usize, tile: i32, count: i32): usize {
  const address = load<usize>(op, ELT_INPUT2) + before(op, tile);
  return look(address, count << widthOf(op), op + load<usize>(op, OP_SCRATCH1));
}

/** Element `i` of those at `elements`. */
export function element(op: usize, elements: usize, i: i32): i32 {
  return widthOf(op) ? <i32>load<i16>(elements + (i << 1)) : <i32>load<i8>(elements + i);
}

/** Keeps element `i` of the tile, scaled to the output. */
export function keep(op: usize, i: i32, scaled: i32): void {
  const y = clamp(op, scaled + <i32>load<i16>(op, OP_OUTPUT_ZERO_POINT));
  const output = op + load<usize>(op, OP_SCRATCH2);
  if (widthOf(op)) store<i16>(output + (i << 1), y);
  else store<i8>(output + i, y);
}

/** Writes the tile's elements. */
export function putElements(op: usize, tile: i32, count: i32): void {
  put(load<usize>(op, OP_OUTPUT) + before(op, tile), op + load<usize>(op, OP_SCRATCH2), count << widthOf(op));
}
