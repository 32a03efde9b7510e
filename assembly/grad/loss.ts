// The loss of one turn: the error of the logits, and whether the network was right (docs/LEARNING.md §5).
import {
  C_SAMPLE,
  C_TURN,
  ENTRY_BYTES,
  ERROR_BYTES,
  GROUP_SHIFT,
  Group,
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_WEIGHTS,
  S_ENTRIES,
  TURN_FLAG_HELD,
  T_LANE_COUNT,
  T_VERDICTS,
  VERDICT_BYTES,
  VERDICT_PASSED,
  VERDICT_RIGHT,
} from '../layout';
import {
  LOSS_CLASSES,
  LOSS_KIND,
  LOSS_LEAST,
  LOSS_ROUND,
  LOSS_SCALE,
  LOSS_SURE,
  LOSS_TARGET,
  LOSS_TURN,
} from '../learning-layout';
import { look, put } from '../nvm';
import { CURSOR, LEARN } from '../sram';
import { givenLabel, labelOf } from './state';
import { nextTurn } from './turn';

/** The label of the turn's sample. */
function wantedLabel(scratch: usize): i32 {
  if (!load<u8>(CURSOR, C_TURN)) return givenLabel(scratch);
  const entry = S_ENTRIES + (load<u8>(CURSOR, C_SAMPLE) - 1) * ENTRY_BYTES;
  return labelOf(look((Group.STATE << GROUP_SHIFT) + entry, ENTRY_BYTES, scratch));
}

/** The first index with the largest of `count` values. */
export function largest(values: usize, count: i32): i32 {
  let found = 0;
  for (let i = 1; i < count; i++) if (load<i8>(values + i) > load<i8>(values + found)) found = i;
  return found;
}

/** 2^−u · 2^15, u in Q16; from a table of 33 steps, linear between them. */
function exp2(u: u32, table: usize): u32 {
  if (u >>> 20) return 0;
  const at = table + (((u & 0xffff) >>> 11) << 1);
  const value: u32 = load<u16>(at);
  const next: u32 = load<u16>(at, 2);
  return (value - (((value - next) * (u & 2047)) >>> 11)) >>> (u >>> 16);
}

/** Errors to `errors`, int32; returns the loss. */
function crossEntropy(op: usize, logits: usize, errors: usize, y: i32): i32 {
  const count = load<i32>(op, LOSS_CLASSES);
  const table = look(load<usize>(op, OP_WEIGHTS), 66, op + load<usize>(op, OP_SCRATCH3));
  const top: i32 = load<i8>(logits + largest(logits, count));
  const scale = load<u32>(op, LOSS_SCALE);
  let sum: u32 = 0;
  for (let i = 0; i < count; i++) {
    const e = exp2((top - load<i8>(logits + i)) * scale, table);
    store<u32>(errors + (i << 2), e);
    sum += e;
  }
  for (let i = 0; i < count; i++) {
    const at = errors + (i << 2);
    const p: i32 = ((load<u32>(at) << 15) + (sum >>> 1)) / sum;
    store<i32>(at, i == y ? p - 32768 : p);
  }
  const bits: i32 = 31 - clz(sum);
  const log = (bits << 8) + (((sum << (31 - bits)) >>> 23) & 255);
  return max<i32>((((top - load<i8>(logits + y)) * scale) >>> 8) + log - (15 << 8), 0);
}

/** Errors to `errors`, int32; returns the loss. */
function squaredError(op: usize, logits: usize, errors: usize, y: i32): i32 {
  const count = load<i32>(op, LOSS_CLASSES);
  let sum: u32 = 0;
  for (let i = 0; i < count; i++) {
    const wanted = i == y ? load<i32>(op, LOSS_TARGET) : 0;
    const error = load<i8>(logits + i) - <i32>load<i16>(op, OP_INPUT_ZERO_POINT) - wanted;
    sum += error * error;
    store<i32>(errors + (i << 2), error << 6);
  }
  return <i32>((<u64>min<u32>(sum, 1 << 24) * load<u32>(op, LOSS_SCALE)) >> 16);
}

export function tile(op: usize): void {
  const count = load<i32>(op, LOSS_CLASSES);
  const logits = look(load<usize>(op, OP_INPUT), count, op + load<usize>(op, OP_SCRATCH0));
  const errors = op + load<usize>(op, OP_SCRATCH1);
  const output = op + load<usize>(op, OP_SCRATCH2);
  const turn: i32 = load<u8>(CURSOR, C_TURN);
  const y = wantedLabel(op + load<usize>(op, OP_SCRATCH3));
  const loss = load<u32>(op, LOSS_KIND)
    ? squaredError(op, logits, errors, y)
    : crossEntropy(op, logits, errors, y);
  const shift = load<i32>(op, LOSS_ROUND);
  const half = shift ? 1 << (shift - 1) : 0;
  memory.fill(output, 0, ERROR_BYTES);
  let most = 0;
  for (let i = 0; i < count; i++) {
    const error = max(min(load<i32>(errors + (i << 2)), 32767), -32768);
    store<i32>(errors + (i << 2), error);
    most = max(most, abs(error));
  }
  for (let i = 0; i < count; i++) {
    const error = load<i32>(errors + (i << 2));
    // A row without an error is not computed.
    const kept = abs(error) < most >> LOSS_LEAST ? 0 : (error + half) >> shift;
    store<i16>(output + ERROR_BYTES + (i << 1), kept);
  }
  put(load<usize>(op, OP_OUTPUT), output, ERROR_BYTES + (count << 1));
  const right = largest(logits, count) == y;
  const held = load<u8>(CURSOR, C_TURN + 1) & TURN_FLAG_HELD;
  const passed =
    held != 0 || turn >= load<i32>(LEARN, T_LANE_COUNT) || (right && loss <= load<i32>(op, LOSS_SURE));
  store<u32>(errors, (right ? VERDICT_RIGHT : 0) | (passed ? VERDICT_PASSED : 0));
  store<i32>(errors, loss, 4);
  put(load<u32>(LEARN, T_VERDICTS) + turn * VERDICT_BYTES, errors, VERDICT_BYTES);
  if (passed) nextTurn(load<i32>(op, LOSS_TURN));
}
