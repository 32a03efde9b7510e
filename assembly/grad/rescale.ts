// Sums to an error: int16 with one exponent, zero where a ReLU was (docs/LEARNING.md §6).
import {
  ERROR_BYTES,
  OP_BIAS,
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_WEIGHTS,
} from '../layout';
import { RESCALE_BITS, RESCALE_COUNT, RESCALE_GROUP } from '../learning-layout';
import { fetch, look, put } from '../nvm';

/** The sums of group `index`, copied to scratch and masked. Returns how many. */
function fetchGroup(op: usize, index: i32): i32 {
  const group = load<i32>(op, RESCALE_GROUP);
  const first = index * group;
  const count = min(group, load<i32>(op, RESCALE_COUNT) - first);
  const sums = fetch(load<usize>(op, OP_INPUT) + (first << 2), count << 2, op + load<usize>(op, OP_SCRATCH1));
  const mask = load<usize>(op, OP_WEIGHTS);
  if (!mask) return count;
  const values = look(mask + first, count, op + load<usize>(op, OP_SCRATCH2));
  for (let i = 0; i < count; i++) {
    if (load<i8>(values + i) <= <i32>load<i16>(op, OP_INPUT_ZERO_POINT)) store<i32>(sums + (i << 2), 0);
  }
  return count;
}

/** The common shift, from the largest of all sums. */
export function enter(op: usize): void {
  let most = 0;
  const groups =
    (load<i32>(op, RESCALE_COUNT) + load<i32>(op, RESCALE_GROUP) - 1) / load<i32>(op, RESCALE_GROUP);
  for (let index = 0; index < groups; index++) {
    const count = fetchGroup(op, index);
    for (let at = op + load<usize>(op, OP_SCRATCH1), end = at + (count << 2); at < end; at += 4) {
      most = max(most, abs(load<i32>(at)));
    }
  }
  const bits: i32 = 32 - clz(most);
  store<i32>(op + load<usize>(op, OP_SCRATCH0), max(0, bits - load<i32>(op, RESCALE_BITS) + 1));
}

export function tile(op: usize, index: i32): void {
  const shift = load<i32>(op + load<usize>(op, OP_SCRATCH0));
  const half = shift ? 1 << (shift - 1) : 0;
  const bits = load<i32>(op, RESCALE_BITS);
  const limit = (1 << (bits - 1)) - 1;
  const output = op + load<usize>(op, OP_SCRATCH3);
  const count = fetchGroup(op, index);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  for (let i = 0; i < count; i++) {
    const value = (load<i32>(sums + (i << 2)) + half) >> shift;
    store<i16>(output + ERROR_BYTES + (i << 1), max(min(value, limit), -limit));
  }
  const address = load<usize>(op, OP_OUTPUT);
  if (index) {
    const first = ERROR_BYTES + ((index * load<i32>(op, RESCALE_GROUP)) << 1);
    put(address + first, output + ERROR_BYTES, count << 1);
    return;
  }
  memory.fill(output, 0, ERROR_BYTES);
  const above = load<i32>(look(load<usize>(op, OP_BIAS), 4, op + load<usize>(op, OP_SCRATCH2)));
  store<i32>(output, above + shift);
  put(address, output, ERROR_BYTES + (count << 1));
}
