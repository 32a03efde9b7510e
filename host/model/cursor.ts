// Cursors as the desk writes and reads them, apart from the module's own code (docs/FORMAT.md).
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
import { crc32 } from './crc32.js';
import type { DeviceImage } from './image.js';

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
