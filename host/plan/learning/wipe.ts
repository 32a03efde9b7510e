// Steps that write zeros over samples that are no longer needed, behind the commit that says so (docs/LEARNING.md §9).
import {
  ENTRY_BYTES,
  GROUP_SHIFT,
  Group,
  JobKind,
  OP_KIND,
  OP_OUTPUT,
  OP_TILES,
  OpKind,
  S_ENTRIES,
} from '../../../assembly/layout.js';
import { WIPE_AGAIN, WIPE_BYTES, WIPE_LEARN, WIPE_PART } from '../../../assembly/learning-layout.js';
import { OpRecord } from '../../model/record.js';
import { learningCycles } from '../../ops/learning.js';
import { align, arenaFor, placeAreas, type TileLimits, tooLarge } from '../../ops/shared/lowering.js';
import type { Footprint } from '../interval.js';
import type { Step } from '../step.js';
import type { Place } from './place.js';

/** Most bytes that a tile writes. */
const MOST = 1024;

export interface WipeOptions {
  name: string;
  /** Whether it ends a learn job, or an inference. */
  learn: boolean;
  /** Where it writes zeros, and how many; `sizeWipe` sets both later. */
  address?: number;
  bytes?: number;
  /** Entries of the ring, where the job may free several of them. */
  entries?: number;
}

/** A step that wipes; one before it must commit. Throws `E_PLAN` where not even a line of it fits SRAM. */
export function wipeStep(
  { name, learn, address = 0, bytes = MOST, entries }: WipeOptions,
  limits: TileLimits,
): Step {
  const record = new OpRecord();
  record.set(OP_KIND, OpKind.WIPE);
  record.set(WIPE_LEARN, learn ? 1 : 0);
  const areasOf = (part: number): number[] => [part, entries ? S_ENTRIES + entries * ENTRY_BYTES : 0];
  const fits = (part: number): boolean => {
    record.set(WIPE_PART, part);
    return arenaFor(areasOf(part)) <= limits.arenaBytes && learningCycles(record).tile <= limits.tileCycles;
  };
  // Whole lines.
  const least = align(1);
  let part = Math.min(align(bytes), MOST);
  while (!fits(part) && part > least) part = align(part >> 1);
  const arenaBytes = placeAreas(record, areasOf(part));
  if (arenaBytes > limits.arenaBytes) tooLarge({ name, kind: 'wiping' }, arenaBytes, limits);
  const writes = { bytes: 0, born: -1, dies: -1, address: 0 };
  const step = { name, lowered: { record, constants: [], arenaBytes }, reads: [], writes };
  sizeWipe(step, address, bytes);
  return step;
}

/** Has `step` write `bytes` zeros at `address`. */
export function sizeWipe({ lowered: { record }, writes }: Step, address: number, bytes: number): void {
  writes.address = address;
  record.set(WIPE_BYTES, bytes);
  record.set(OP_TILES, Math.ceil(bytes / record.get(WIPE_PART)));
}

/** Over the ring entries that a job has freed: the spare one, or of `entries` all that are free. */
export function wipeEntries(
  { bytes, learn, entries }: Pick<WipeOptions, 'learn' | 'entries'> & { bytes: number },
  limits: TileLimits,
): Step {
  const address = Group.SAMPLE << GROUP_SHIFT;
  return wipeStep(
    { name: 'wipe', learn, address, bytes: align(bytes), ...(entries ? { entries } : {}) },
    limits,
  );
}

/** What a tile of it reads and writes. */
export function wipeFootprint(op: OpRecord, tile: number, { header, cursor }: Place): Footprint {
  if (op.get(WIPE_LEARN) === 0 && cursor.kind === JobKind.LEARN) return { reads: [], writes: [] };
  const [at, bytes, part] = [op.get(OP_OUTPUT), op.get(WIPE_BYTES), op.get(WIPE_PART)];
  const state = Group.STATE << GROUP_SHIFT;
  const asks = op.get(WIPE_AGAIN) !== 0 && tile + 1 === op.get(OP_TILES);
  return {
    reads: asks ? [[state, state + S_ENTRIES + header.entries * ENTRY_BYTES]] : [],
    writes: [[at + tile * part, at + Math.min((tile + 1) * part, bytes)]],
  };
}
