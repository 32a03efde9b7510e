// What a commit looks like from outside: barrier, one whole slot, barrier.
import { CURSOR_BYTES } from '../../assembly/layout.js';
import { slotAddress } from '../model/cursor.js';
import type { DeviceImage } from '../model/image.js';
import type { Trace, Write } from './probe.js';

/** A call's writes, taken apart. */
export interface Parts {
  /** Writes other than that of the cursor. */
  data: Write[];
  /** Slot and bytes of the cursor written, if one was. */
  commit: { slot: number; bytes: Uint8Array } | undefined;
}

const touchesSlots = (step: Write | 'sync', { slots }: DeviceImage): step is Write =>
  step !== 'sync' &&
  step.address < slots.offset + slots.bytes &&
  step.address + step.bytes.length > slots.offset;

/** The writes of a trace that do not go to the cursor slots. */
export const dataWrites = ({ steps }: Trace, image: DeviceImage): Write[] =>
  steps.filter((step): step is Write => step !== 'sync' && !touchesSlots(step, image));

/**
 * Splits a trace into data writes and the commit, and holds the commit to its form: barrier, one write of a whole slot,
 * barrier, and nothing after. Returns what is wrong as a sentence.
 */
export function splitCommit(trace: Trace, image: DeviceImage): Parts | string {
  const { steps } = trace;
  const data = dataWrites(trace, image);
  const at = steps.findIndex((step) => touchesSlots(step, image));
  if (at < 0) return { data, commit: undefined };
  const written = steps[at] as Write;
  const slot = [0, 1].find((s) => slotAddress(image, s) === written.address);
  if (slot === undefined || written.bytes.length !== CURSOR_BYTES)
    return `${written.bytes.length} bytes written at ${written.address}, which is no whole cursor slot`;
  if (steps[at - 1] !== 'sync') return 'a cursor written with no barrier before it: data is not durable yet';
  if (steps[at + 1] !== 'sync') return 'a cursor written with no barrier after it: it may not be durable';
  if (steps.length > at + 2) return 'writes behind the commit in the same call';
  return { data, commit: { slot, bytes: written.bytes } };
}
