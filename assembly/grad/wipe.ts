// Zeros over what a job was done with, once the cursor that says so is committed: ring entries that are free, and what it kept
// of samples beside the ring (docs/LEARNING.md §9).
import {
  C_KIND,
  C_SAMPLE,
  EntryKind,
  JobKind,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_TILES,
} from '../layout';
import { WIPE_AGAIN, WIPE_BYTES, WIPE_LEARN, WIPE_PART } from '../learning-layout';
import { put } from '../nvm';
import { CURSOR } from '../sram';
import { bind } from './groups';
import { entryCount, entryOf, fetchState, kindOf } from './state';
import { jump } from './turn';

/** Names the next free entry as the sample, and comes back to op `again`; with none left the sample is the spare one. */
function next(op: usize, again: i32): void {
  const state = fetchState(op + load<usize>(op, OP_SCRATCH1));
  const spare: i32 = load<u8>(CURSOR, C_SAMPLE + 2);
  let entry: i32 = load<u8>(CURSOR, C_SAMPLE);
  while (entry < entryCount() && (entry == spare || kindOf(entryOf(state, entry)) != EntryKind.FREE)) entry++;
  const left = entry < entryCount();
  store<u8>(CURSOR, left ? entry + 1 : 0, C_SAMPLE);
  bind();
  if (left) jump(again);
}

export function tile(op: usize, index: i32): void {
  // Of a learn job that goes on from an inference's ops, the spare entry has the sample.
  if (!load<u32>(op, WIPE_LEARN) && load<u32>(CURSOR, C_KIND) == JobKind.LEARN) return;
  const part = load<i32>(op, WIPE_PART);
  const from = index * part;
  const bytes = min(part, load<i32>(op, WIPE_BYTES) - from);
  const zeros = op + load<usize>(op, OP_SCRATCH0);
  memory.fill(zeros, 0, bytes);
  put(load<u32>(op, OP_OUTPUT) + from, zeros, bytes);
  const again = load<i32>(op, WIPE_AGAIN);
  if (again && index + 1 == load<i32>(op, OP_TILES)) next(op, again);
}
