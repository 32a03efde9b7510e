// Softmax, int16. Bit-exact with TFLite's reference kernel: e^x and 1/(1+x) by tables of 513, interpolated.
import {
  OP_INPUT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_WEIGHTS,
  SOFTMAX_DEPTH,
  SOFTMAX_SCALE,
  SOFTMAX_TABLE_BYTES,
} from '../layout';
import { fetch, look, put } from '../nvm';
import { scale } from './requantize';

/** Keeps both tables in SRAM. */
export function enter(op: usize): void {
  fetch(load<usize>(op, OP_WEIGHTS), 2 * SOFTMAX_TABLE_BYTES, op + load<usize>(op, OP_SCRATCH0));
}

/** The function of `table` at `x`, brought to int16. */
function interpolate(table: usize, x: i32): i32 {
  const at = max(min(x, i16.MAX_VALUE), i16.MIN_VALUE) + 32768;
  const entry = table + ((at >> 7) << 1);
  const base: i32 = load<i16>(entry);
  return base + (((<i32>load<i16>(entry, 2) - base) * (at & 127) + 64) >> 7);
}

export function tile(op: usize, index: i32): void {
  const depth = load<i32>(op, SOFTMAX_DEPTH);
  const bytes = depth << 1;
  const table = op + load<usize>(op, OP_SCRATCH0);
  const output = op + load<usize>(op, OP_SCRATCH2);
  const x = look(load<usize>(op, OP_INPUT) + index * bytes, bytes, op + load<usize>(op, OP_SCRATCH1));
  let most: i32 = i16.MIN_VALUE;
  for (let i = 0; i < bytes; i += 2) most = max(most, <i32>load<i16>(x + i));
  let sum: i32 = 0;
  for (let i = 0; i < bytes; i += 2) {
    // −10…0 lies on the whole of int16.
    const difference = <i32>load<i16>(x + i) - most;
    const e = interpolate(
      table,
      scale(difference, load<i32>(op, SOFTMAX_SCALE), load<i32>(op, SOFTMAX_SCALE + 4)) + i16.MAX_VALUE,
    );
    store<i16>(output + i, e);
    sum += e;
  }
  // The sum as 1 + x: x, in 16 bits, from −32768 on.
  const headroom: i32 = clz(sum);
  const fraction = (((<u32>sum) << (headroom - 1)) + (1 << 13)) >> 14;
  const reciprocal = interpolate(table + SOFTMAX_TABLE_BYTES, <i32>fraction - (3 << 15));
  const shift = 31 - headroom;
  for (let i = 0; i < bytes; i += 2) {
    const y = (<i32>load<i16>(output + i) * reciprocal + (1 << (shift - 1))) >> shift;
    store<i16>(output + i, max(min(y, i16.MAX_VALUE), 0));
  }
  put(load<usize>(op, OP_OUTPUT) + index * bytes, output, bytes);
}
