// Cursors as the desk writes and reads them, apart from the module's own code (docs/FORMAT.md).
import {
  CURSOR_BYTES,
  C_BANKS,
  C_CRC,
  C_IMAGE_ID,
  C_KIND,
  C_OP,
  C_SAMPLE,
  C_SEQUENCE,
  C_STATE,
  C_STEP,
  C_TICKET,
  C_TILE,
  C_TURN,
} from '../../assembly/layout.js';
import { crc32 } from './crc32.js';
import type { DeviceImage } from './image.js';
import type { LearningCursor } from './learning-header.js';

export interface CursorFields extends LearningCursor {
  imageId: number;
  state: number;
  kind: number;
  ticket: number;
  op: number;
  tile: number;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** Of a device that has not run yet. */
export const idleFields = (imageId: number): CursorFields => ({
  imageId,
  state: 0,
  kind: 0,
  ticket: 0,
  op: 0,
  tile: 0,
  step: 0,
  banks: 0,
  sample: 0,
  turn: 0,
});

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
  out.setUint32(C_STEP, fields.step, true);
  out.setUint32(C_BANKS, fields.banks, true);
  out.setUint32(C_SAMPLE, fields.sample, true);
  out.setUint32(C_TURN, fields.turn, true);
  return numbered(bytes, sequence);
}

/** A copy of `cursor` under another sequence number. */
export function numbered(cursor: Uint8Array, sequence: number): Uint8Array {
  const bytes = cursor.slice();
  const fields = view(bytes);
  fields.setUint32(C_SEQUENCE, sequence, true);
  fields.setUint32(C_CRC, crc32(bytes.subarray(0, C_CRC)), true);
  return bytes;
}

export function cursorFields(bytes: Uint8Array): CursorFields {
  const fields = view(bytes);
  const at = (offset: number): number => fields.getUint32(offset, true);
  return {
    imageId: at(C_IMAGE_ID),
    state: at(C_STATE),
    kind: at(C_KIND),
    ticket: at(C_TICKET),
    op: at(C_OP),
    tile: at(C_TILE),
    step: at(C_STEP),
    banks: at(C_BANKS),
    sample: at(C_SAMPLE),
    turn: at(C_TURN),
  };
}

export const isWhole = (bytes: Uint8Array): boolean =>
  crc32(bytes.subarray(0, C_CRC)) === view(bytes).getUint32(C_CRC, true);

export const sequenceOf = (bytes: Uint8Array): number => view(bytes).getUint32(C_SEQUENCE, true);

/** NVM address of slot 0 or 1. */
export const slotAddress = (image: DeviceImage, slot: number): number =>
  image.slots.offset + slot * image.slotStride;
