// The end of a job of an image with a head by sums: ring, statistics, and which bank is in force (docs/LEARNING.md §10).
import {
  C_BANKS,
  C_KIND,
  C_SAMPLE,
  C_STEP,
  C_TURN,
  ENTRY_BYTES,
  EntryKind,
  GROUP_SHIFT,
  Group,
  JobKind,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OpKind,
  S_ENTRIES,
} from '../layout';
import { SETTLE_CLASSES, SETTLE_LEARN, SETTLE_LOGITS, TURN_FORGETS } from '../learning-layout';
import { bind, entryAddress, freeBank, nextState } from '../grad/groups';
import { largest } from '../grad/loss';
import { observe, takeIn } from '../grad/finish';
import {
  entryCount,
  entryOf,
  fetchState,
  givenLabel,
  isOlder,
  kindOf,
  labelOf,
  ownEntry,
} from '../grad/state';
import { learns } from '../kernels/mask';
import { look, put } from '../nvm';
import { CURSOR } from '../sram';

/** Loss of a sample that was wrong: a bit. */
const WRONG = 256;

/** The next spare entry: a free one, or the oldest without a label; samples that wait are never dropped. */
function freed(state: usize): i32 {
  let found = -1;
  for (let i = 0; i < entryCount(); i++) {
    const entry = entryOf(state, i);
    const kind = kindOf(entry);
    if (kind == EntryKind.FREE) return i;
    if (kind == EntryKind.UNLABELLED && (found < 0 || isOlder(entry, entryOf(state, found)))) found = i;
  }
  memory.fill(entryOf(state, found), 0, ENTRY_BYTES);
  return found;
}

/** Whether the answer that was given to the sample of entry `entry` is `y`. */
function isRight(op: usize, entry: i32, y: i32): bool {
  const classes = load<i32>(op, SETTLE_CLASSES);
  const scratch = op + load<usize>(op, OP_SCRATCH1);
  return largest(look(entryAddress(entry) + load<u32>(op, SETTLE_LOGITS), classes, scratch), classes) == y;
}

/** Frees entries that waited, with label `label` unless that is below 0; and entry `own`. */
function release(state: usize, own: i32, label: i32): void {
  for (let i = 0; i < entryCount(); i++) {
    const entry = entryOf(state, i);
    const waits = kindOf(entry) == EntryKind.LEARN && (label < 0 || labelOf(entry) == label);
    if (i == own || waits) memory.fill(entry, 0, ENTRY_BYTES);
  }
}

export function tile(op: usize): void {
  const learn = load<u32>(op, SETTLE_LEARN) != 0;
  // The sample of a learn job is settled when it is learnt.
  if (!learn && load<u32>(CURSOR, C_KIND) == JobKind.LEARN) return;
  const state = fetchState(op + load<usize>(op, OP_SCRATCH0));
  const given: i32 = load<u8>(CURSOR, C_SAMPLE + 1);
  const spare: i32 = load<u8>(CURSOR, C_SAMPLE + 2);
  const next = nextState();
  let banks = load<u32>(CURSOR, C_BANKS) & 0xff;
  let own = -1;
  if (learn) {
    const y = givenLabel(op + load<usize>(op, OP_SCRATCH1));
    const entry = ownEntry();
    const turn: i32 = load<u8>(CURSOR, C_TURN);
    const forgets = learns(OpKind.FORGET) && turn == TURN_FORGETS;
    if (!forgets) {
      const right = isRight(op, entry, y);
      observe(state, right, right ? 0 : WRONG, false);
    }
    if (turn) {
      banks = freeBank() | (banks & 0xf0);
      store<u32>(CURSOR, load<u32>(CURSOR, C_STEP) + 1, C_STEP);
      // What waited is in the sums; or, where a class is forgotten, never will be.
      release(state, given ? entry : -1, forgets ? y : -1);
    } else {
      takeIn(state, entry, !given, y, EntryKind.LEARN);
      own = entry;
    }
  } else {
    takeIn(state, spare, true, 0, EntryKind.UNLABELLED);
    own = spare;
  }
  if (own == spare) store<u8>(CURSOR, freed(state), C_SAMPLE + 2);
  put(Group.STATE_NEXT << GROUP_SHIFT, state, S_ENTRIES + entryCount() * ENTRY_BYTES);
  store<u32>(CURSOR, banks | (next << 8), C_BANKS);
  store<u16>(CURSOR, 0, C_SAMPLE);
  store<u32>(CURSOR, 0, C_TURN);
  bind();
}
