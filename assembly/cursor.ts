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
  H_PLAN,
  H_SLOTS,
  H_SLOT_STRIDE,
  JOB_COUNT,
  OP_BYTES,
  OP_TILES,
} from './layout';
import { fetch, look, put, sync } from './nvm';
import { ARENA, CURSOR, HEADER, SLOT, UNCOMMITTED } from './sram';

function slotAddress(slot: u32): usize {
  return load<u32>(HEADER, H_SLOTS) + slot * load<u32>(HEADER, H_SLOT_STRIDE);
}

/** Whether the bytes at `cursor` are a cursor that was written to the end. */
function isWhole(cursor: usize): bool {
  return crc32(0, cursor, C_CRC) == load<u32>(cursor, C_CRC);
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

/** Reads the newest valid cursor into SRAM; returns its state, or an error and changes nothing in NVM. */
export function recover(): i32 {
  const first = ARENA;
  const second = ARENA + CURSOR_BYTES;
  fetch(slotAddress(0), CURSOR_BYTES, first);
  fetch(slotAddress(1), CURSOR_BYTES, second);
  const firstWhole = isWhole(first);
  const secondWhole = isWhole(second);
  if (!firstWhole && !secondWhole) return ErrorCode.E_CURSOR;
  const image = load<u32>(HEADER, H_IMAGE_ID);
  if (firstWhole && load<u32>(first, C_IMAGE_ID) != image) return ErrorCode.E_CURSOR_IMAGE;
  if (secondWhole && load<u32>(second, C_IMAGE_ID) != image) return ErrorCode.E_CURSOR_IMAGE;
  let slot: u32 = secondWhole ? 1 : 0;
  if (firstWhole && secondWhole) {
    const ahead: i32 = load<i32>(second, C_SEQUENCE) - load<i32>(first, C_SEQUENCE);
    if (ahead != 1 && ahead != -1) return ErrorCode.E_CURSOR;
    slot = ahead > 0 ? 1 : 0;
  }
  memory.copy(CURSOR, slot ? second : first, CURSOR_BYTES);
  store<u32>(SLOT, slot);
  store<u32>(UNCOMMITTED, 0);
  return isSound() ? load<i32>(CURSOR, C_STATE) : ErrorCode.E_CURSOR;
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
  const record = look(load<u32>(HEADER, H_PLAN) + op * OP_BYTES, OP_BYTES, ARENA);
  return load<u32>(CURSOR, C_TILE) < load<u32>(record, OP_TILES);
}
