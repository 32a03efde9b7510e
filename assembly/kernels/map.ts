// Rows of values copied from one place to another, int8 or int16; of int8 each through a table of 256, if there is one:
// any function of one int8 (logistic, requantization). And the parts of a concatenation.
import {
  MAP_COUNT,
  MAP_GROUP,
  MAP_INPUT_STRIDE,
  MAP_LENGTH,
  MAP_OUTPUT_STRIDE,
  OP_INPUT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_WEIGHTS,
} from '../layout';
import { fetch, put } from '../nvm';
import { widthOf } from './mask';

const TABLE_BYTES = 256;

/** Keeps the table in SRAM. */
export function enter(op: usize): void {
  const table = load<usize>(op, OP_WEIGHTS);
  if (table) fetch(table, TABLE_BYTES, op + load<usize>(op, OP_SCRATCH0));
}

export function tile(op: usize, index: i32): void {
  const length = load<i32>(op, MAP_LENGTH);
  const width = widthOf(op);
  const total = load<i32>(op, MAP_COUNT);
  const group = load<i32>(op, MAP_GROUP);
  const table = op + load<usize>(op, OP_SCRATCH0) + 128;
  const row = op + load<usize>(op, OP_SCRATCH1);
  for (let i = index * group, end = i + group; i < end && i * length < total; i++) {
    const count = min(length, total - i * length);
    fetch(load<usize>(op, OP_INPUT) + ((i * load<i32>(op, MAP_INPUT_STRIDE)) << width), count << width, row);
    if (load<usize>(op, OP_WEIGHTS)) {
      for (let at = row, last = row + count; at < last; at++)
        store<u8>(at, load<u8>(table + <i32>load<i8>(at)));
    }
    put(load<usize>(op, OP_OUTPUT) + ((i * load<i32>(op, MAP_OUTPUT_STRIDE)) << width), row, count << width);
  }
}
