// The end of a job: the next state of ring and statistics, and what the last cursor says of banks (docs/LEARNING.md §9).
import {
  C_BANKS,
  C_SAMPLE,
  C_STEP,
  C_TICKET,
  C_TURN,
  EntryKind,
  E_TICKET_OF,
  E_WORD,
  GROUP_SHIFT,
  Group,
  OP_SCRATCH0,
  OP_SCRATCH1,
  S_DRIFTS,
  S_ENTRIES,
  S_FLAGS,
  S_GOOD_RIGHT,
  S_LABELLED,
  S_LAST_LOSS,
  S_LOSS_FAST,
  S_LOSS_SLOW,
  S_ROLLBACKS,
  S_SKIPPED,
  S_STAMP,
  S_WINDOW,
  TURN_FLAG_HELD,
  T_VALIDATIONS,
  VERDICT_PASSED,
  VERDICT_RIGHT,
  ENTRY_BYTES,
} from '../layout';
import { DRIFT_FROM, FINISH_LEARN, LABEL_SHIFT, STAMP_SHIFT } from '../learning-layout';
import { put } from '../nvm';
import { CURSOR, LEARN } from '../sram';
import { bind, freeBank, nextState } from './groups';
import {
  countOf,
  entryCount,
  entryOf,
  evict,
  fetchState,
  fetchVerdicts,
  givenLabel,
  isAnyLearnt,
  isGuardDue,
  isWorse,
  rightOnes,
} from './state';

function count(state: usize, field: usize): void {
  store<u32>(state + field, load<u32>(state + field) + 1);
}

/** What the verdict of turn 0 adds to the statistics; `skipped`: it was not learnt, though it was not held out. */
export function observe(state: usize, right: bool, loss: i32, skipped: bool): void {
  count(state, S_LABELLED);
  store<u32>(state, (load<u32>(state, S_WINDOW) << 1) | u32(right), S_WINDOW);
  const fast = load<i32>(state, S_LOSS_FAST) + ((loss - load<i32>(state, S_LOSS_FAST) + 4) >> 3);
  const slow = load<i32>(state, S_LOSS_SLOW) + ((loss - load<i32>(state, S_LOSS_SLOW) + 32) >> 6);
  store<i32>(state, fast, S_LOSS_FAST);
  store<i32>(state, slow, S_LOSS_SLOW);
  store<i32>(state, loss, S_LAST_LOSS);
  const drift = u32(load<u32>(state, S_LABELLED) >= <u32>DRIFT_FROM && fast > slow + (slow >> 1) + 64);
  if (drift & ~load<u32>(state, S_FLAGS)) count(state, S_DRIFTS);
  store<u32>(state, drift, S_FLAGS);
  if (skipped) count(state, S_SKIPPED);
}

/** Weight banks as the job leaves them, current | good << 4; counts what the guard did. */
function weightBanks(state: usize, verdicts: usize): u32 {
  const banks = load<u32>(CURSOR, C_BANKS);
  const due = isGuardDue(state);
  let current = banks & 15;
  let good = (banks >> 4) & 15;
  if (due && isWorse(state, verdicts)) {
    count(state, S_ROLLBACKS);
    return good | (good << 4);
  }
  if (due) {
    good = current;
    store<u32>(state, rightOnes(verdicts, 0, countOf(state, EntryKind.VALIDATION)), S_GOOD_RIGHT);
  }
  if (isAnyLearnt(verdicts)) {
    current = freeBank();
    store<u32>(CURSOR, load<u32>(CURSOR, C_STEP) + 1, C_STEP);
  }
  return current | (good << 4);
}

/** The job's sample is in entry `index`: `fresh` from now on. */
export function takeIn(state: usize, index: i32, fresh: bool, label: i32, kind: EntryKind): void {
  const entry = entryOf(state, index);
  if (fresh) count(state, S_STAMP);
  const stamp = fresh ? load<u32>(state, S_STAMP) : load<u32>(entry, E_WORD) >>> STAMP_SHIFT;
  store<u32>(entry, load<u32>(CURSOR, C_TICKET), E_TICKET_OF);
  store<u32>(entry, (stamp << STAMP_SHIFT) | (label << LABEL_SHIFT) | kind, E_WORD);
}

/** Puts the job's sample into the ring: `own` as in the cursor, 0 for the spare entry. */
function keep(state: usize, own: i32, label: i32, kind: EntryKind): void {
  takeIn(state, own ? own - 1 : load<u8>(CURSOR, C_SAMPLE + 2), !own, label, kind);
  if (!own) store<u8>(CURSOR, evict(state, load<i32>(LEARN, T_VALIDATIONS)), C_SAMPLE + 2);
}

export function tile(op: usize): void {
  const state = fetchState(op + load<usize>(op, OP_SCRATCH0));
  let banks = load<u32>(CURSOR, C_BANKS) & 0xff;
  const next = nextState();
  if (load<u32>(op, FINISH_LEARN)) {
    const verdicts = fetchVerdicts(op + load<usize>(op, OP_SCRATCH1));
    const held = (load<u8>(CURSOR, C_TURN + 1) & TURN_FLAG_HELD) != 0;
    banks = weightBanks(state, verdicts);
    const flags = load<u32>(verdicts);
    const skipped = !held && (flags & VERDICT_PASSED) != 0;
    observe(state, (flags & VERDICT_RIGHT) != 0, load<i32>(verdicts, 4), skipped);
    const label = givenLabel(op + load<usize>(op, OP_SCRATCH1));
    keep(state, load<u8>(CURSOR, C_SAMPLE + 1), label, held ? EntryKind.VALIDATION : EntryKind.LEARN);
  } else {
    keep(state, 0, 0, EntryKind.UNLABELLED);
  }
  put(Group.STATE_NEXT << GROUP_SHIFT, state, S_ENTRIES + entryCount() * ENTRY_BYTES);
  store<u32>(CURSOR, banks | (next << 8), C_BANKS);
  store<u16>(CURSOR, 0, C_SAMPLE);
  store<u32>(CURSOR, 0, C_TURN);
  bind();
}
