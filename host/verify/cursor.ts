// Cursors as the verifier writes and reads them, apart from the module's own code.
import {
  CURSOR_BYTES,
  C_CRC,
  C_IMAGE_ID,
  C_KIND,
  C_OP,
  C_SEQUENCE,
  C_STATE,
  C_TICKET,
  C_TILE,
} from '../../assembly/layout.js';
import { crc32 } from '../model/crc32.js';
import type { DeviceImage } from '../model/image.js';
import type { Trace, Write } from './probe.js';

export interface CursorFields {
  imageId: number;
  state: number;
  kind: number;
  ticket: number;
  op: number;
  tile: number;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** The 48 bytes of a cursor. */
export function cursorBytes(fields: CursorFields, sequence: number): Uint8Array {
  const bytes = new Uint8Array(CURSOR_BYTES);
  const out = view(bytes);
  out.setUint32(C_IMAGE_ID, fields.imageId, true);
  out.setUint32(C_STATE, fields.state, true);
  out.setUint32(C_KIND, fields.kind, true);
  out.setUint32(C_TICKET, fields.ticket, true);
  out.setUint32(C_OP, fields.op, true);
  out.setUint32(C_TILE, fields.tile, true);
  return numbered(bytes, sequence);
}

/** A copy of `cursor` under another sequence number. */
export function numbered(cursor: Uint8Array, sequence: number): Uint8Array {
  const bytes = cursor.slice();
  view(bytes).setUint32(C_SEQUENCE, sequence, true);
  view(bytes).setUint32(C_CRC, crc32(bytes.subarray(0, C_CRC)), true);
  return bytes;
}

export function cursorFields(bytes: Uint8Array): CursorFields {
  const at = (offset: number): number => view(bytes).getUint32(offset, true);
  return {
    imageId: at(C_IMAGE_ID),
    state: at(C_STATE),
    kind: at(C_KIND),
    ticket: at(C_TICKET),
    op: at(C_OP),
    tile: at(C_TILE),
  };
}

export const isWhole = (bytes: Uint8Array): boolean =>
  crc32(bytes.subarray(0, C_CRC)) === view(bytes).getUint32(C_CRC, true);

export const sequenceOf = (bytes: Uint8Array): number => view(bytes).getUint32(C_SEQUENCE, true);

/** NVM address of slot 0 or 1. */
export const slotAddress = (image: DeviceImage, slot: number): number =>
  image.slots.offset + slot * image.slotStride;

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
