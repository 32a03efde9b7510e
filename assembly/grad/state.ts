// What learning keeps besides weights: the sample ring and how learning goes (docs/LEARNING.md §2, §4, §9).
import {
  C_SAMPLE,
  C_TURN,
  ENTRY_BYTES,
  E_TICKET_OF,
  E_WORD,
  EntryKind,
  GROUP_SHIFT,
  GUARD_LEAST,
  Group,
  S_ENTRIES,
  S_LABELLED,
  T_ENTRIES,
  T_GUARD_EVERY,
  T_LABEL,
  T_LANE_COUNT,
  T_MARGIN,
  T_VERDICTS,
  VERDICT_BYTES,
  VERDICT_PASSED,
  VERDICT_RIGHT,
} from '../layout';
import { KIND_MASK, LABEL_SHIFT, LABEL_MASK, STAMP_SHIFT } from '../learning-layout';
import { fetch, look } from '../nvm';
import { CURSOR, LEARN } from '../sram';

export function entryCount(): i32 {
  return load<i32>(LEARN, T_ENTRIES);
}

/** The entry that holds the sample of a learn job: its own, or the spare one. */
export function ownEntry(): i32 {
  const given: i32 = load<u8>(CURSOR, C_SAMPLE + 1);
  return given ? given - 1 : load<u8>(CURSOR, C_SAMPLE + 2);
}

/** The label of the job's sample. */
export function givenLabel(scratch: usize): i32 {
  return load<i32>(look(load<u32>(LEARN, T_LABEL), 4, scratch));
}

/** The state in force, copied to `scratch`. */
export function fetchState(scratch: usize): usize {
  return fetch(Group.STATE << GROUP_SHIFT, S_ENTRIES + entryCount() * ENTRY_BYTES, scratch);
}

export function entryOf(state: usize, entry: i32): usize {
  return state + S_ENTRIES + entry * ENTRY_BYTES;
}

export function kindOf(entry: usize): i32 {
  return load<u8>(entry, E_WORD) & KIND_MASK;
}

export function labelOf(entry: usize): i32 {
  return (load<u16>(entry, E_WORD) >>> LABEL_SHIFT) & LABEL_MASK;
}

/** Whether entry `a` is older than `b`: what is not of the stamp counts for nothing, and stamps go round. */
export function isOlder(a: usize, b: usize): bool {
  return ((load<i32>(a, E_WORD) >> STAMP_SHIFT) - (load<i32>(b, E_WORD) >> STAMP_SHIFT)) << STAMP_SHIFT < 0;
}

/** Entries of a kind. */
export function countOf(state: usize, kind: EntryKind): i32 {
  let count = 0;
  for (let i = 0; i < entryCount(); i++) count += i32(kindOf(entryOf(state, i)) == kind);
  return count;
}

/** The `number`-th entry of a kind, with label `label` unless that is below 0; −1: there is none. */
export function nth(state: usize, kind: EntryKind, label: i32, number: i32): i32 {
  for (let i = 0; i < entryCount(); i++) {
    const entry = entryOf(state, i);
    if (kindOf(entry) != kind) continue;
    if (label >= 0 && labelOf(entry) != label) continue;
    if (number-- == 0) return i;
  }
  return -1;
}

/** The first ring entry of `ticket` of a kind from `least` to `most`; −1: there is none. */
export function findTicket(ticket: u32, least: i32, most: i32, scratch: usize): i32 {
  for (let i = 0; i < entryCount(); i++) {
    const address = (Group.STATE << GROUP_SHIFT) + S_ENTRIES + i * ENTRY_BYTES;
    const entry = look(address, ENTRY_BYTES, scratch);
    const kind = kindOf(entry);
    if (kind >= least && kind <= most && load<u32>(entry, E_TICKET_OF) == ticket) return i;
  }
  return -1;
}

/** The oldest entry of a kind, with label `label` unless that is below 0; −1: there is none. */
export function oldest(state: usize, kind: EntryKind, label: i32): i32 {
  let found = -1;
  for (let i = 0; i < entryCount(); i++) {
    const entry = entryOf(state, i);
    if (kindOf(entry) != kind) continue;
    if (label >= 0 && labelOf(entry) != label) continue;
    if (found < 0 || isOlder(entry, entryOf(state, found))) found = i;
  }
  return found;
}

/** The label that most learn entries have, the least of equals; −1: there are no learn entries. */
function commonest(state: usize): i32 {
  let label = -1;
  let most = 0;
  for (let i = 0; i < entryCount(); i++) {
    const entry = entryOf(state, i);
    if (kindOf(entry) != EntryKind.LEARN) continue;
    const own = labelOf(entry);
    let count = 0;
    while (nth(state, EntryKind.LEARN, own, count) >= 0) count++;
    if (count > most || (count == most && own < label)) {
      label = own;
      most = count;
    }
  }
  return label;
}

/** The next spare entry: a free one, or one that is freed for it. */
export function evict(state: usize, validations: i32): i32 {
  const free = nth(state, EntryKind.FREE, -1, 0);
  if (free >= 0) return free;
  const label = commonest(state);
  let victim = -1;
  if (countOf(state, EntryKind.VALIDATION) > validations) victim = oldest(state, EntryKind.VALIDATION, -1);
  else if (countOf(state, EntryKind.UNLABELLED) * 2 > entryCount()) {
    victim = oldest(state, EntryKind.UNLABELLED, -1);
  } else if (label >= 0) victim = oldest(state, EntryKind.LEARN, label);
  if (victim < 0) victim = oldest(state, EntryKind.UNLABELLED, -1);
  if (victim < 0) victim = oldest(state, EntryKind.VALIDATION, -1);
  memory.fill(entryOf(state, victim), 0, ENTRY_BYTES);
  return victim;
}

/** Verdicts of the turns before this one, copied to `scratch`. */
export function fetchVerdicts(scratch: usize): usize {
  const turns: i32 = load<u8>(CURSOR, C_TURN);
  return turns ? fetch(load<u32>(LEARN, T_VERDICTS), turns * VERDICT_BYTES, scratch) : scratch;
}

/** Whether the job's sample makes the guard due. */
export function isGuardDue(state: usize): bool {
  const every = load<u32>(LEARN, T_GUARD_EVERY);
  if (!every || (load<u32>(state, S_LABELLED) + 1) % every) return false;
  return countOf(state, EntryKind.VALIDATION) >= GUARD_LEAST;
}

/** Right verdicts of `count` turns from judging turn `from` on. */
export function rightOnes(verdicts: usize, from: i32, count: i32): i32 {
  let right = 0;
  let at = verdicts + (load<i32>(LEARN, T_LANE_COUNT) + from) * VERDICT_BYTES;
  for (const end = at + count * VERDICT_BYTES; at < end; at += VERDICT_BYTES)
    right += load<u32>(at) & VERDICT_RIGHT;
  return right;
}

/** Whether a guard that is due finds the current weights worse than the good ones. */
export function isWorse(state: usize, verdicts: usize): bool {
  const count = countOf(state, EntryKind.VALIDATION);
  return rightOnes(verdicts, 0, count) + load<i32>(LEARN, T_MARGIN) < rightOnes(verdicts, count, count);
}

/** Whether a lane is learnt. */
export function isAnyLearnt(verdicts: usize): bool {
  for (let i = 0; i < load<i32>(LEARN, T_LANE_COUNT); i++) {
    if (!(load<u32>(verdicts + i * VERDICT_BYTES) & VERDICT_PASSED)) return true;
  }
  return false;
}
