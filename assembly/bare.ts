// The kernels alone, driven by the host: no slots, sync, CRC or policy. What the engine's overhead is measured against.
import { setUp } from './grad/groups';
import * as kernels from './kernels/index';
import { LEARNING } from './kernels/mask';
import { HEADER_BYTES, OP_BYTES } from './layout';
import { fetch } from './nvm';
import { ARENA, BASE, CURSOR, HEADER } from './sram';

export const arena: usize = ARENA;
/** Of images that learn: what their ops change in the cursor, the host goes by. */
export const cursor: usize = CURSOR;

/** Of images that learn: brings groups in line with the cursor that the host has put into SRAM. */
export function bind(base: usize): void {
  if (!LEARNING) return;
  store<usize>(BASE, base);
  fetch(0, HEADER_BYTES, HEADER);
  setUp();
}

/** Brings the op record at NVM address `record` into SRAM and enters its kernel. */
export function enter(base: usize, record: usize): void {
  store<usize>(BASE, base);
  fetch(record, OP_BYTES, ARENA);
  kernels.enter(ARENA);
}

/** Computes one tile of the op entered last. */
export function tile(index: i32): void {
  kernels.tile(ARENA, index);
}
