// What a commit looks like from outside: barrier, one whole slot, barrier.
import { CURSOR_BYTES } from '../../assembly/layout.js';
import { isWhole, slotAddress } from '../model/cursor.js';
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

/** Steps of a boot that settles both slots. */
export const SETTLING_STEPS = 4;

/**
 * What a boot may write: diagnostics; and before them, where torn words may read differently every time, first the slot of the
 * cursor that it takes, as it read it, then the other so that it is not whole, each behind a barrier. Returns what is wrong as
 * a sentence.
 */
export function checkBootWrites({ steps }: Trace, image: DeviceImage, taken: Uint8Array): string | undefined {
  const { offset, bytes } = image.diagnostics;
  const settled = image.unstable ? SETTLING_STEPS : 0;
  for (const step of steps.slice(settled)) {
    if (step === 'sync') continue;
    if (step.address < offset || step.address + step.bytes.length > offset + bytes)
      return `boot writes ${step.bytes.length} bytes at ${step.address}`;
  }
  if (!image.unstable) return undefined;
  const [first, barrier, second, last] = steps;
  const slots = [0, 1].map((slot) => slotAddress(image, slot));
  const isSlot = (step: Write | 'sync' | undefined): step is Write =>
    step !== undefined &&
    step !== 'sync' &&
    slots.includes(step.address) &&
    step.bytes.length === CURSOR_BYTES;
  if (!isSlot(first) || barrier !== 'sync' || !isSlot(second) || last !== 'sync')
    return 'boot goes on before it has written the slots that a cut may have torn, each with a barrier behind';
  if (Buffer.compare(first.bytes, taken) !== 0) return 'boot settles a slot to another cursor than it takes';
  if (second.address === first.address || isWhole(second.bytes))
    return 'boot leaves a slot as it is that may hold a newer cursor';
  return undefined;
}

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
