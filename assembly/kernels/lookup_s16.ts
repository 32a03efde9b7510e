// A function of one int16, by a table of 514 that is interpolated. Bit-exact with TFLite's reference kernels of LOGISTIC and
// TANH, whose table is of the logistic, and with its LUTLookup.
import { OP_INPUT, OP_OUTPUT, OP_SCRATCH0, OP_SCRATCH1, OP_WEIGHTS } from '../layout';
import {
  LOOKUP_COUNT,
  LOOKUP_GROUP,
  LOOKUP_MULTIPLIER,
  LOOKUP_SHIFT,
  LOOKUP_LIMIT,
  LOOKUP_FRACTION,
  LOOKUP_ROUNDING,
  LOOKUP_BELOW,
  LOOKUP_RESULT_SHIFT,
  LOOKUP_HALF,
  LOOKUP_TABLE_BYTES,
} from '../lookup-layout';
import { fetch, put } from '../nvm';

/** Keeps the table in SRAM. */
export function enter(op: usize): void {
  fetch(load<usize>(op, OP_WEIGHTS), LOOKUP_TABLE_BYTES, op + load<usize>(op, OP_SCRATCH0));
}

export function tile(op: usize, index: i32): void {
  const first = index * load<i32>(op, LOOKUP_GROUP);
  const bytes = min(load<i32>(op, LOOKUP_GROUP), load<i32>(op, LOOKUP_COUNT) - first) << 1;
  const row = op + load<usize>(op, OP_SCRATCH1);
  fetch(load<usize>(op, OP_INPUT) + (first << 1), bytes, row);
  const table = op + load<usize>(op, OP_SCRATCH0) + (LOOKUP_HALF << 1);
  const fraction = load<i32>(op, LOOKUP_FRACTION);
  const shift = load<i32>(op, LOOKUP_SHIFT);
  const half = shift ? 1 << (shift - 1) : 0;
  const limit = load<i32>(op, LOOKUP_LIMIT);
  for (let at = row, end = row + bytes; at < end; at += 2) {
    let x = (<i32>load<i16>(at) * load<i32>(op, LOOKUP_MULTIPLIER) + half) >> shift;
    const below = x >> 31;
    // No branch hangs on data.
    x = select(LOOKUP_HALF << fraction, x, x >= limit);
    x = select(-LOOKUP_HALF << fraction, x, x <= -limit);
    const entry = table + ((x >> fraction) << 1);
    const base: i32 = load<i16>(entry);
    const rise = <i32>load<i16>(entry, 2) - base;
    const sum = (base << fraction) + rise * (x & ((1 << fraction) - 1));
    store<i16>(
      at,
      (sum + load<i32>(op, LOOKUP_ROUNDING) + (below & load<i32>(op, LOOKUP_BELOW))) >>
        load<i32>(op, LOOKUP_RESULT_SHIFT),
    );
  }
  put(load<usize>(op, OP_OUTPUT) + (first << 1), row, bytes);
}
