// Whether samples are folded in and the head is made anew, or this one waits (docs/LEARNING.md §10).
import { C_TURN, EntryKind, OP_SCRATCH0, S_LABELLED } from '../layout';
import { DUE_EVERY, DUE_FOLD, DUE_SETTLE } from '../learning-layout';
import { CURSOR } from '../sram';
import { countOf, fetchState } from '../grad/state';
import { jump } from '../grad/turn';

export function tile(op: usize): void {
  const state = fetchState(op + load<usize>(op, OP_SCRATCH0));
  const waiting: u32 = countOf(state, EntryKind.LEARN) + 1;
  // The first samples say most: the head is made anew whenever there is a quarter more of them.
  const due = waiting >= min(load<u32>(op, DUE_EVERY), (load<u32>(state, S_LABELLED) >>> 2) + 1);
  store<u8>(CURSOR, u8(due), C_TURN);
  const next = load<i32>(op + (due ? DUE_FOLD : DUE_SETTLE));
  if (next) jump(next);
}
