// What a learn job does next: another sample, the update, or the end (docs/LEARNING.md §4).
import {
  C_OP,
  C_SAMPLE,
  C_TURN,
  EntryKind,
  OP_SCRATCH0,
  OP_SCRATCH1,
  S_LABELLED,
  TURN_FLAG_GOOD,
  TURN_FLAG_HELD,
  T_CLASSES,
  T_HOLD_OUT,
  T_LANE_COUNT,
  T_VERDICTS,
  VERDICT_BYTES,
  VERDICT_PASSED,
} from '../layout';
import { LOOP_TURN, TURN_FINISH, TURN_UPDATE } from '../learning-layout';
import { put } from '../nvm';
import { CURSOR, LEARN } from '../sram';
import { bind } from './groups';
import { key } from './random';
import {
  countOf,
  entryCount,
  entryOf,
  fetchState,
  fetchVerdicts,
  isGuardDue,
  isWorse,
  kindOf,
  labelOf,
  nth,
  isAnyLearnt,
} from './state';

const REPLAY = 0x52455031;

/** Makes op `index` the next one: the engine counts up from here. */
export function jump(index: i32): void {
  store<i32>(CURSOR, index - 1, C_OP);
}

/** The learn entry that turn `turn` replays; −1: there is none. Labels take turns, whatever their share of the ring. */
function replay(state: usize, turn: u32): i32 {
  const h = key(REPLAY, turn);
  const classes = load<u32>(LEARN, T_CLASSES);
  const wanted = h % classes;
  let least = classes;
  // That of an entry, as it is: of a changed image it may be no class, and the count below would be 0.
  let label = 0;
  for (let i = 0; i < entryCount(); i++) {
    const entry = entryOf(state, i);
    if (kindOf(entry) != EntryKind.LEARN) continue;
    const own = labelOf(entry);
    const behind = ((own as u32) + classes - wanted) % classes;
    if (behind >= least) continue;
    least = behind;
    label = own;
  }
  if (least == classes) return -1;
  let count: u32 = 0;
  while (nth(state, EntryKind.LEARN, label, count) >= 0) count++;
  return nth(state, EntryKind.LEARN, label, (h >>> 16) % count);
}

/** The sample of turn `turn`, which is not the first; or −1: its turn has none. */
function sampleOf(state: usize, turn: i32): i32 {
  const lanes = load<i32>(LEARN, T_LANE_COUNT);
  if (turn < lanes) return load<u8>(CURSOR, C_TURN + 1) & TURN_FLAG_HELD ? -1 : replay(state, turn);
  const count = countOf(state, EntryKind.VALIDATION);
  if (turn - lanes >= 2 * count || !isGuardDue(state)) return -1;
  return nth(state, EntryKind.VALIDATION, -1, (turn - lanes) % count);
}

export function tile(op: usize): void {
  const state = fetchState(op + load<usize>(op, OP_SCRATCH0));
  const verdicts = fetchVerdicts(op + load<usize>(op, OP_SCRATCH1));
  const lanes = load<i32>(LEARN, T_LANE_COUNT);
  let turn: i32 = load<u8>(CURSOR, C_TURN);
  if (turn == 0) {
    const every = load<u32>(LEARN, T_HOLD_OUT);
    const held = every != 0 && load<u32>(state, S_LABELLED) % every == every - 1;
    store<u8>(CURSOR, held ? TURN_FLAG_HELD : 0, C_TURN + 1);
    bind();
    return;
  }
  let entry = sampleOf(state, turn);
  for (; entry < 0 && turn < lanes; entry = sampleOf(state, ++turn)) {
    const verdict = verdicts + turn * VERDICT_BYTES;
    store<u32>(verdict, VERDICT_PASSED);
    store<u32>(verdict, 0, 4);
    put(load<u32>(LEARN, T_VERDICTS) + turn * VERDICT_BYTES, verdict, VERDICT_BYTES);
  }
  store<u8>(CURSOR, turn, C_TURN);
  let flags: u32 = load<u8>(CURSOR, C_TURN + 1) & TURN_FLAG_HELD;
  if (entry >= 0) {
    store<u8>(CURSOR, entry + 1, C_SAMPLE);
    if (turn - lanes >= countOf(state, EntryKind.VALIDATION)) flags |= TURN_FLAG_GOOD;
  } else {
    const back = isGuardDue(state) && isWorse(state, verdicts);
    const target = !back && isAnyLearnt(verdicts) ? TURN_UPDATE : TURN_FINISH;
    jump(load<i32>(op + target));
  }
  store<u8>(CURSOR, flags, C_TURN + 1);
  bind();
}

/** On to the next turn. */
export function nextTurn(index: i32): void {
  store<u8>(CURSOR, load<u8>(CURSOR, C_TURN) + 1, C_TURN);
  bind();
  jump(index);
}

/** The way back from the end of `backward`. */
export function loopTile(op: usize): void {
  nextTurn(load<i32>(op, LOOP_TURN));
}
