// The learning header of an image, and where groups of addresses lie for a cursor; the desk's own, apart from the module's
// (docs/LEARNING.md §2).
import {
  CONSTANT,
  ALIGNMENT,
  ENTRY_BYTES,
  E_TICKET_OF,
  E_WORD,
  EntryKind,
  GROUP_MASK,
  GROUP_SHIFT,
  Group,
  MOST_CLASSES,
  MOST_ENTRIES,
  MOST_LANES,
  S_ENTRIES,
  STATE_BYTES,
  LEARNING_HEADER_BYTES,
  STATE_BANKS,
  TURN_FLAG_GOOD,
  WEIGHT_BANKS,
  T_BANKS,
  T_BELOW,
  T_BANK_BYTES,
  T_CLASSES,
  T_ENTRIES,
  T_ENTRY_BYTES,
  T_FACTORY,
  T_FIRST_STATE,
  T_GUARD_EVERY,
  T_HOLD_OUT,
  T_LABEL,
  T_LANES,
  T_LANE_BYTES,
  T_LANE_COUNT,
  T_LATE,
  T_MARGIN,
  T_RING,
  T_SEED,
  T_STATES,
  T_STATE_BYTES,
  T_VALIDATIONS,
  T_VERDICTS,
} from '../../assembly/layout.js';
import {
  KIND_MASK,
  LABEL_SHIFT,
  LABEL_MASK,
  STAMP_SHIFT,
  SUMS_BANKS,
} from '../../assembly/learning-layout.js';
import { refuseRecord } from './image-error.js';

/** NVM bytes [start, end). */
type Interval = readonly [start: number, end: number];

const region = (offset: number, bytes: number): Interval => [offset, offset + bytes];

const FIELDS = {
  banks: T_BANKS,
  bankBytes: T_BANK_BYTES,
  factory: T_FACTORY,
  states: T_STATES,
  stateBytes: T_STATE_BYTES,
  firstState: T_FIRST_STATE,
  ring: T_RING,
  entryBytes: T_ENTRY_BYTES,
  entries: T_ENTRIES,
  lanes: T_LANES,
  laneBytes: T_LANE_BYTES,
  laneCount: T_LANE_COUNT,
  verdicts: T_VERDICTS,
  label: T_LABEL,
  seed: T_SEED,
  classes: T_CLASSES,
  guardEvery: T_GUARD_EVERY,
  holdOut: T_HOLD_OUT,
  validations: T_VALIDATIONS,
  margin: T_MARGIN,
  late: T_LATE,
  below: T_BELOW,
} as const;

/** The fields of docs/LEARNING.md §2. */
export type LearningHeader = Record<keyof typeof FIELDS, number>;

export function learningHeaderBytes(header: LearningHeader): Uint8Array {
  const bytes = new Uint8Array(LEARNING_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [name, offset] of Object.entries(FIELDS))
    view.setUint32(offset, header[name as keyof LearningHeader], true);
  return bytes;
}

/** Reads the header at `offset` of device bytes. */
export function readLearningHeader(device: Uint8Array, offset: number): LearningHeader {
  const view = new DataView(device.buffer, device.byteOffset + offset, LEARNING_HEADER_BYTES);
  const fields = Object.entries(FIELDS).map(([name, at]) => [name, view.getUint32(at, true)]);
  return Object.fromEntries(fields) as LearningHeader;
}

/** Offset in the image of a constant's address. */
export const constantOffset = (address: number): number => address - CONSTANT;

/** Weight banks that an image has in NVM: one with a head by sums has no good one beside the current. */
export const weightBanks = ({ late }: Pick<LearningHeader, 'late'>): number =>
  late > 0 ? SUMS_BANKS : WEIGHT_BANKS;

/** Whether everything that a header names lies in NVM of `nvmBytes`, or in the image, which ends at `end`. */
export function isLearningHeader(header: LearningHeader, nvmBytes: number, end: number): boolean {
  const { banks, bankBytes, states, stateBytes, ring, entryBytes, entries, lanes, laneBytes, laneCount } =
    header;
  const constants: Interval[] = [region(header.factory, bankBytes), region(header.firstState, stateBytes)];
  const mutable: Interval[] = [
    region(banks, weightBanks(header) * bankBytes),
    region(states, 2 * stateBytes),
    region(ring, entries * entryBytes),
    region(lanes, laneCount * laneBytes),
    region(header.verdicts, 8 * laneCount),
    region(header.label, 4),
  ];
  const state = S_ENTRIES + entries * ENTRY_BYTES;
  const counts = [
    [entries, 4, MOST_ENTRIES],
    [laneCount, 1, MOST_LANES],
    [header.classes, 1, MOST_CLASSES],
    // No more than to where the next record begins: entries of another size are of another layout.
    [stateBytes, state, state + ALIGNMENT - 1],
  ] as const;
  return (
    counts.every(([count, least, most]) => count >= least && count <= most) &&
    constants.every(([start, last]) => start >= CONSTANT && constantOffset(last) <= end) &&
    mutable.every(([start, last]) => start >= STATE_BYTES && last <= nvmBytes)
  );
}

/** The header of an image that keeps state from job to job and does not learn: where its two banks and its first state are. */
export function streamHeader(states: number, stateBytes: number, firstState: number): LearningHeader {
  const zeros = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, 0])) as LearningHeader;
  return { ...zeros, states, stateBytes, firstState };
}

/** Whether both banks of a stream lie in NVM of `nvmBytes`, and its first state in the image, which ends at `end`. */
export function isStreamHeader(header: LearningHeader, nvmBytes: number, end: number): boolean {
  const { states, stateBytes, firstState } = header;
  const others = Object.entries(header).filter(
    ([name]) => !['states', 'stateBytes', 'firstState'].includes(name),
  );
  return (
    others.every(([, value]) => value === 0) &&
    stateBytes > 0 &&
    [states, stateBytes, firstState].every((value) => value % 4 === 0) &&
    states >= STATE_BYTES &&
    states + STATE_BANKS * stateBytes <= nvmBytes &&
    firstState >= CONSTANT &&
    stateBytes <= end - constantOffset(firstState)
  );
}

/** What of a stream outlives jobs: `states` of a bank, in the one in force; nothing while that is the first, a constant. */
export function persistentStream(
  header: LearningHeader,
  states: readonly { offset: number; bytes: number }[],
  cursor: Pick<LearningCursor, 'banks'>,
): Interval[] {
  if (banksOf(cursor).state === 0) return [];
  const bank = stateAddress(header, banksOf(cursor).state);
  return states.map(({ offset, bytes }) => region(bank + offset, bytes));
}

/** What a cursor says of learning. */
export interface LearningCursor {
  step: number;
  banks: number;
  sample: number;
  turn: number;
  /** JobKind of the job under way. */
  kind?: number;
}

export const bankAddress = ({ banks, bankBytes, factory }: LearningHeader, bank: number): number =>
  bank === 0 ? factory : banks + (bank - 1) * bankBytes;

const stateAddress = ({ states, stateBytes, firstState }: LearningHeader, bank: number): number =>
  bank === 0 ? firstState : states + (bank - 1) * stateBytes;

const entryAddress = ({ ring, entryBytes }: LearningHeader, entry: number): number =>
  ring + entry * entryBytes;

/** Bank indices of a cursor. */
export function banksOf({ banks }: Pick<LearningCursor, 'banks'>): {
  current: number;
  good: number;
  state: number;
} {
  return { current: banks & 15, good: (banks >> 4) & 15, state: (banks >> 8) & 15 };
}

/** Whether the banks, ring entries and the lane that a cursor names are there. */
export function isLearningCursor(header: LearningHeader, cursor: LearningCursor): boolean {
  const { current, good, state } = banksOf(cursor);
  const [sample, first, spare] = [0, 8, 16].map((shift) => (cursor.sample >>> shift) & 0xff) as [
    number,
    number,
    number,
  ];
  return (
    Math.max(current, good) <= weightBanks(header) &&
    (header.late === 0 || good === 0) &&
    state <= STATE_BANKS &&
    cursor.banks < 1 << 12 &&
    Math.max(sample, first) <= header.entries &&
    spare < header.entries &&
    cursor.sample < 1 << 24 &&
    (cursor.turn & 0xff) <= header.laneCount + 2 * header.validations + 2
  );
}

/** Base of a group for a cursor. */
function groupBase(header: LearningHeader, cursor: LearningCursor, group: number): number {
  const { current, good, state } = banksOf(cursor);
  const sample = cursor.sample & 0xff;
  const spare = (cursor.sample >>> 16) & 0xff;
  const judgingGood = ((cursor.turn >>> 8) & TURN_FLAG_GOOD) !== 0;
  switch (group) {
    case Group.WEIGHTS:
      return bankAddress(header, judgingGood ? good : current);
    case Group.NEXT:
      return bankAddress(
        header,
        [1, 2, 3].find((bank) => bank !== current && bank !== good)!,
      );
    case Group.SAMPLE:
      return entryAddress(header, sample === 0 ? spare : sample - 1);
    case Group.SPARE:
      return entryAddress(header, spare);
    case Group.LANE:
      return header.lanes + Math.min(cursor.turn & 0xff, header.laneCount) * header.laneBytes;
    case Group.STATE:
      return stateAddress(header, state);
    case Group.STATE_NEXT:
      return stateAddress(header, state === 1 ? 2 : 1);
    default:
      return refuseRecord(`an address of group ${group}`, 'a group of docs/FORMAT.md');
  }
}

/** Where an address of a record lies in NVM. */
export function resolveAddress(
  header: LearningHeader | undefined,
  cursor: LearningCursor,
  address: number,
): number {
  const group = (address & ~CONSTANT) >>> GROUP_SHIFT;
  return group === 0 || !header ? address : groupBase(header, cursor, group) + (address & GROUP_MASK);
}

/** Address of lane `lane` for an address in lane 0. */
export const laneAddress = (header: LearningHeader, address: number, lane: number): number =>
  header.lanes + lane * header.laneBytes + (address & GROUP_MASK);

/**
 * What outlives jobs in NVM `nvm` under a cursor: the current and the good weights, the state in force, and the ring's
 * entries. Banks at the factory's are constants.
 */
export function persistent(header: LearningHeader, cursor: LearningCursor, nvm: Uint8Array): Interval[] {
  const { current, good, state } = banksOf(cursor);
  const kept = [...new Set([current, good])].filter((bank) => bank > 0);
  const intervals = kept.map((bank) => region(bankAddress(header, bank), header.bankBytes));
  const at = stateAddress(header, state);
  if (state > 0) intervals.push(region(at, S_ENTRIES + header.entries * ENTRY_BYTES));
  for (const { index, kind } of ringEntries(header, cursor, nvm))
    if (kind !== EntryKind.FREE) intervals.push(region(entryAddress(header, index), header.entryBytes));
  return intervals;
}

/** The state bank in force. The factory's is a constant: zeros. */
export function stateInForce(
  header: LearningHeader,
  cursor: Pick<LearningCursor, 'banks'>,
  nvm: Uint8Array,
): Uint8Array {
  const { state } = banksOf(cursor);
  const at = stateAddress(header, state);
  return state === 0 ? new Uint8Array(header.stateBytes) : nvm.subarray(at, at + header.stateBytes);
}

/** The ring's entries, free ones too, as the state in force has them. */
export function ringEntries(
  header: LearningHeader,
  cursor: Pick<LearningCursor, 'banks'>,
  nvm: Uint8Array,
): { index: number; ticket: number; stamp: number; label: number; kind: EntryKind }[] {
  const state = stateInForce(header, cursor, nvm);
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  return Array.from({ length: header.entries }, (_, index) => {
    const entry = S_ENTRIES + index * ENTRY_BYTES;
    const word = view.getUint32(entry + E_WORD, true);
    return {
      index,
      ticket: view.getUint32(entry + E_TICKET_OF, true),
      stamp: word >>> STAMP_SHIFT,
      label: (word >>> LABEL_SHIFT) & LABEL_MASK,
      kind: word & KIND_MASK,
    };
  });
}
