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
  TURN_FLAG_GOOD,
  T_BANKS,
  T_BANK_BYTES,
  T_ENTRIES,
  T_ENTRY_BYTES,
  T_FACTORY,
  T_FIRST_STATE,
  T_LANES,
  T_LATE,
  T_LANE_BYTES,
  T_LANE_COUNT,
  T_RING,
  T_STATES,
  T_STATE_BYTES,
  T_VALIDATIONS,
  STATE_BANKS,
  WEIGHT_BANKS,
} from '../layout';
import { LEARNS, STREAMS } from '../kernels/mask';
import { SUMS_BANKS } from '../learning-layout';
import { fetch } from '../nvm';
import { ARENA, CURSOR, GROUPS, HEADER, LEARN } from '../sram';

/**
 * Copies the learning header to SRAM, if the image has one, and binds the groups. Returns whether it reads the same twice: no
 * checksum is over it alone, and a bad read would have tiles write over what was learnt.
 */
export function setUp(): bool {
  const header = load<u32>(HEADER, H_LEARNING);
  if (header) {
    memory.copy(LEARN, fetch(CONSTANT + header, LEARNING_BYTES, ARENA), LEARNING_BYTES);
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
  const turns = load<u32>(LEARN, T_LANE_COUNT) + 2 * load<u32>(LEARN, T_VALIDATIONS) + 2;
  const weights = max(banks & 15, (banks >>> 4) & 15);
  // A head by sums has no guard: its good weights are the factory's.
  const sums = load<u32>(LEARN, T_LATE) != 0;
  if (sums && banks & 0xf0) return false;
  if (weights > <u32>(sums ? SUMS_BANKS : WEIGHT_BANKS) || banks >>> 8 > <u32>STATE_BANKS) return false;
  if (<u32>load<u8>(CURSOR, C_SAMPLE) > entries || <u32>load<u8>(CURSOR, C_SAMPLE + 1) > entries)
    return false;
  // A stream has no ring: its spare entry is number 0 of none.
  const most: u32 = STREAMS && !entries ? 1 : entries;
  return <u32>load<u16>(CURSOR, C_SAMPLE + 2) < most && <u32>load<u8>(CURSOR, C_TURN) <= turns;
}

/** Address of weight bank `bank`; 0 is the factory's. */
function bankAddress(bank: u32): u32 {
  return bank
    ? load<u32>(LEARN, T_BANKS) + (bank - 1) * load<u32>(LEARN, T_BANK_BYTES)
    : load<u32>(LEARN, T_FACTORY);
}

/** Address of state bank `bank`; 0 is the factory's. */
function stateAddress(bank: u32): u32 {
  return bank
    ? load<u32>(LEARN, T_STATES) + (bank - 1) * load<u32>(LEARN, T_STATE_BYTES)
    : load<u32>(LEARN, T_FIRST_STATE);
}

/** Address of ring entry `entry`. */
export function entryAddress(entry: u32): u32 {
  return load<u32>(LEARN, T_RING) + entry * load<u32>(LEARN, T_ENTRY_BYTES);
}

/** The least of 1, 2, 3 that is neither the current nor the good weight bank. */
export function freeBank(): u32 {
  const banks = load<u32>(CURSOR, C_BANKS);
  const current = banks & 15;
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
  store<u32>(GROUPS, stateAddress((banks >> 8) & 15), Group.STATE << 2);
  store<u32>(GROUPS, stateAddress(nextState()), Group.STATE_NEXT << 2);
  if (!LEARNS) return;
  const turn = min<u32>(load<u8>(CURSOR, C_TURN), load<u32>(LEARN, T_LANE_COUNT));
  const good = load<u8>(CURSOR, C_TURN + 1) & TURN_FLAG_GOOD;
  const sample: u32 = load<u8>(CURSOR, C_SAMPLE);
  const spare: u32 = load<u8>(CURSOR, C_SAMPLE + 2);
  store<u32>(GROUPS, bankAddress((good ? banks >> 4 : banks) & 15), Group.WEIGHTS << 2);
  store<u32>(GROUPS, bankAddress(freeBank()), Group.NEXT << 2);
  store<u32>(GROUPS, entryAddress(sample ? sample - 1 : spare), Group.SAMPLE << 2);
  store<u32>(GROUPS, entryAddress(spare), Group.SPARE << 2);
  store<u32>(GROUPS, inLane(0, turn), Group.LANE << 2);
}
