// Groups of addresses: where banks, ring entries and lanes lie for the cursor as it stands (docs/LEARNING.md §2).
import {
  CONSTANT,
  C_BANKS,
  C_SAMPLE,
  C_TURN,
  GROUP_MASK,
  Group,
  H_LEARNING,
  LEARNING_BYTES,
  OpKind,
  TURN_FLAG_GOOD,
  T_BANKS,
  T_ENTRIES,
  T_ENTRY_BYTES,
  T_LANES,
  T_LATE,
  T_LANE_BYTES,
  T_LANE_COUNT,
  T_RING,
  T_STATES,
  T_VALIDATIONS,
  STATE_BANKS,
  WEIGHT_BANKS,
} from '../layout';
import { HAS_TURNS, LEARNS, STREAMS, learns } from '../kernels/mask';
import { SUMS_BANKS, TURN_FORGETS } from '../learning-layout';
import { fetch } from '../nvm';
import { ARENA, CURSOR, GROUPS, HEADER, LEARN } from '../sram';

/**
 * Copies the learning header to SRAM, if the image has one, and binds the groups. Returns whether it reads the same twice: no
 * checksum is over it alone, and a bad read would have tiles write over what was learnt.
 */
export function setUp(): bool {
  const header = load<u32>(HEADER, H_LEARNING);
  if (header) {
    fetch(CONSTANT + header, LEARNING_BYTES, LEARN);
    fetch(CONSTANT + header, LEARNING_BYTES, ARENA);
    for (let at = 0; at < LEARNING_BYTES; at += 4)
      if (load<u32>(LEARN + at) != load<u32>(ARENA + at)) return false;
  }
  bind();
  return true;
}

/** Whether the banks, ring entries and the turn that the cursor names are there. A cursor that a commit wrote names such. */
export function isBound(): bool {
  const banks = load<u32>(CURSOR, C_BANKS);
  const entries = load<u32>(LEARN, T_ENTRIES);
  const turns: u32 = HAS_TURNS
    ? load<u32>(LEARN, T_LANE_COUNT) + 2 * load<u32>(LEARN, T_VALIDATIONS) + 2
    : TURN_FORGETS;
  const weights = max(banks & 15, (banks >>> 4) & 15);
  // A head by sums has no guard: its good weights are the factory's.
  const sums = (LEARNS && !HAS_TURNS) || load<u32>(LEARN, T_LATE) != 0;
  if (sums && banks & 0xf0) return false;
  if (weights > <u32>(sums ? SUMS_BANKS : WEIGHT_BANKS) || banks >>> 8 > <u32>STATE_BANKS) return false;
  if (<u32>load<u8>(CURSOR, C_SAMPLE) > entries || <u32>load<u8>(CURSOR, C_SAMPLE + 1) > entries)
    return false;
  // A stream has no ring: its spare entry is number 0 of none.
  const most: u32 = STREAMS && !entries ? 1 : entries;
  return <u32>load<u16>(CURSOR, C_SAMPLE + 2) < most && <u32>load<u8>(CURSOR, C_TURN) <= turns;
}

/** Address of bank `bank`. The learning header has at `field` the first one's address, a distance, and the factory's address. */
function bankAddress(field: usize, bank: u32): u32 {
  return bank ? load<u32>(field) + (bank - 1) * load<u32>(field, 4) : load<u32>(field, 8);
}

/** Address of ring entry `entry`. */
export function entryAddress(entry: u32): u32 {
  return load<u32>(LEARN, T_RING) + entry * load<u32>(LEARN, T_ENTRY_BYTES);
}

/** The least of 1, 2, 3 that is neither the current nor the good weight bank. */
export function freeBank(): u32 {
  const banks = load<u32>(CURSOR, C_BANKS);
  const current = banks & 15;
  if (LEARNS && !HAS_TURNS) return current == 1 ? 2 : 1;
  const good = (banks >> 4) & 15;
  let free: u32 = 1;
  while (free == current || free == good) free++;
  return free;
}

/** The state bank that is not in force. */
export function nextState(): u32 {
  return ((load<u32>(CURSOR, C_BANKS) >> 8) & 15) == 1 ? 2 : 1;
}

/** Address of lane `lane` for the address `field` of a record, which names lane 0's. */
export function inLane(field: usize, lane: usize): usize {
  return load<usize>(LEARN, T_LANES) + lane * load<usize>(LEARN, T_LANE_BYTES) + (field & GROUP_MASK);
}

/** Brings the bases of all groups in line with the cursor. */
export function bind(): void {
  const banks = load<u32>(CURSOR, C_BANKS);
  store<u32>(GROUPS, bankAddress(LEARN + T_STATES, (banks >> 8) & 15), Group.STATE << 2);
  store<u32>(GROUPS, bankAddress(LEARN + T_STATES, nextState()), Group.STATE_NEXT << 2);
  if (!LEARNS) return;
  const good = HAS_TURNS && (load<u8>(CURSOR, C_TURN + 1) & TURN_FLAG_GOOD) != 0;
  const spare: u32 = load<u8>(CURSOR, C_SAMPLE + 2);
  store<u32>(GROUPS, bankAddress(LEARN + T_BANKS, (good ? banks >> 4 : banks) & 15), Group.WEIGHTS << 2);
  store<u32>(GROUPS, bankAddress(LEARN + T_BANKS, freeBank()), Group.NEXT << 2);
  store<u32>(GROUPS, entryAddress(spare), Group.SPARE << 2);
  if (HAS_TURNS || learns(OpKind.WIPE)) {
    const sample: u32 = load<u8>(CURSOR, C_SAMPLE);
    store<u32>(GROUPS, entryAddress(sample ? sample - 1 : spare), Group.SAMPLE << 2);
  }
  if (!HAS_TURNS) return;
  const turn = min<u32>(load<u8>(CURSOR, C_TURN), load<u32>(LEARN, T_LANE_COUNT));
  store<u32>(GROUPS, inLane(0, turn), Group.LANE << 2);
}
