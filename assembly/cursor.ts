// The cursor: the only mutable truth. Two slots in NVM hold its two newest generations; a commit writes the older one.
import { crc32 } from './crc';
import { ErrorCode, Status } from './error';
import {
  CURSOR_BYTES,
  C_CRC,
  C_IMAGE_ID,
  C_KIND,
  C_OP,
  C_SEQUENCE,
  C_STATE,
  C_TILE,
  H_IMAGE_ID,
  H_JOBS,
  H_SLOTS,
  H_SLOT_STRIDE,
  H_UNSTABLE,
  JOB_COUNT,
  OP_TILES,
} from './layout';
import { HAS_UNSTABLE } from './kernels/mask';
import { fetch, put, sync } from './nvm';
import { fetchRecord } from './plan';
import { ARENA, CURSOR, HEADER, SLOT, UNCOMMITTED } from './sram';

function slotAddress(slot: u32): usize {
  return load<u32>(HEADER, H_SLOTS) + slot * load<u32>(HEADER, H_SLOT_STRIDE);
}

/** Makes the cursor in SRAM durable: data first, then the slot that recovery would not choose. */
export function commit(): void {
  const slot = load<u32>(SLOT) ^ 1;
  store<u32>(CURSOR, load<u32>(CURSOR, C_SEQUENCE) + 1, C_SEQUENCE);
  store<u32>(CURSOR, crc32(0, CURSOR, C_CRC), C_CRC);
  sync();
  put(slotAddress(slot), CURSOR, CURSOR_BYTES);
  sync();
  store<u32>(SLOT, slot);
  store<u32>(UNCOMMITTED, 0);
}

/** Brings a slot to the arena. Returns whether it holds a whole cursor. */
function readSlot(slot: u32): bool {
  fetch(slotAddress(slot), CURSOR_BYTES, ARENA);
  return crc32(0, ARENA, C_CRC) == load<u32>(ARENA, C_CRC);
}

/**
 * Makes what was read what every later boot reads, before anything else is written: a cut may have torn either slot. First the
 * one read as newest; what is torn reads as it was or as it was to be, so that the same bytes again do no harm to one that is
 * whole. Then the other, with what is no cursor, so that no newer one turns up there.
 */
function settleSlots(newest: u32): void {
  put(slotAddress(newest), CURSOR, CURSOR_BYTES);
  sync();
  put(slotAddress(newest ^ 1), HEADER, CURSOR_BYTES);
  sync();
}

/** Reads the newest valid cursor into SRAM; returns its state, or an error and changes nothing in NVM. */
export function recover(): i32 {
  let newest = -1;
  for (let slot = 0; slot < 2; slot++) {
    // One bad read at power-up must not lose the newest cursor.
    if (!readSlot(slot) && !readSlot(slot)) continue;
    const found = ARENA;
    if (load<u32>(found, C_IMAGE_ID) != load<u32>(HEADER, H_IMAGE_ID)) return ErrorCode.E_CURSOR_IMAGE;
    if (!newest) {
      const ahead = load<i32>(found, C_SEQUENCE) - load<i32>(CURSOR, C_SEQUENCE);
      if (ahead == -1) break;
      if (ahead != 1) return ErrorCode.E_CURSOR;
    }
    memory.copy(CURSOR, found, CURSOR_BYTES);
    newest = slot;
  }
  store<i32>(SLOT, newest);
  store<u32>(UNCOMMITTED, 0);
  if (newest < 0 || !isSound()) return ErrorCode.E_CURSOR;
  if (HAS_UNSTABLE && load<u8>(HEADER, H_UNSTABLE)) settleSlots(newest);
  return load<i32>(CURSOR, C_STATE);
}

/** Whether the cursor names a state, a job and a tile that exist. */
function isSound(): bool {
  if (load<u32>(CURSOR, C_STATE) > <u32>Status.DONE) return false;
  const kind = load<u32>(CURSOR, C_KIND);
  if (kind >= <u32>JOB_COUNT) return false;
  if (load<u32>(CURSOR, C_STATE) != <u32>Status.RUN) return true;
  const job = HEADER + H_JOBS + ((<usize>kind) << 3);
  const op = load<u32>(CURSOR, C_OP);
  if (op - load<u32>(job) >= load<u32>(job, 4)) return false;
  return load<u32>(CURSOR, C_TILE) < load<u32>(fetchRecord(op), OP_TILES);
}
