// The input gradient of a circulant layer, a part of a column of blocks a tile, in the time domain (docs/LEARNING.md §6).
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  ERROR_BYTES,
  OP_INPUT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_WEIGHTS,
} from '../layout';
import { look, put } from '../nvm';

export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const outputs = load<i32>(op, CIRC_OUTPUTS);
  const part = load<i32>(op, CIRC_GROUP);
  const parts = (k + part - 1) / part;
  const column = index / parts;
  const from = (index % parts) * part;
  const input = column * k + from;
  const end = from + min(min(part, k - from), load<i32>(op, CIRC_INPUTS) - input);
  if (end <= from) return;
  const sums = op + load<usize>(op, OP_SCRATCH0);
  memory.fill(sums, 0, (end - from) << 2);
  for (let first = 0; first < outputs; first += k) {
    const count = min(k, outputs - first);
    const address = load<usize>(op, OP_INPUT) + ERROR_BYTES + (first << 1);
    const errors = look(address, count << 1, op + load<usize>(op, OP_SCRATCH1));
    const weights = load<usize>(op, OP_WEIGHTS) + ((first / k) * blocks + column) * k;
    const w = look(weights, k, op + load<usize>(op, OP_SCRATCH2));
    for (let r = 0; r < count; r++) {
      const error: i32 = load<i16>(errors + (r << 1));
      if (!error) continue;
      let sum = sums;
      for (let c = from; c < end; c++, sum += 4) {
        store<i32>(sum, load<i32>(sum) + error * load<i8>(w + ((r - c) & (k - 1))));
      }
    }
  }
  put(load<usize>(op, OP_OUTPUT) + (input << 2), sums, (end - from) << 2);
}
