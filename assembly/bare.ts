// The kernels alone, driven by the host: no slots, sync, CRC or policy. What the engine's overhead is measured against.
import { setUp } from './grad/groups';
import * as kernels from './kernels/index';
import { LEARNING } from './kernels/mask';
import { CONSTANT, HEADER_BYTES, OP_BYTES } from './layout';
import { fetch } from './nvm';
import { ARENA, BASE, CURSOR, HEADER, IMAGE } from './sram';

export const arena: usize = ARENA;
/** Of images that learn: what their ops change in the cursor, the host goes by. */
export const cursor: usize = CURSOR;

/** Of images that learn: brings groups in line with the cursor that the host has put into SRAM. */
export function bind(image: usize, base: usize): void {
  if (!LEARNING) return;
  store<usize>(IMAGE, image - CONSTANT);
  store<usize>(BASE, base);
  fetch(CONSTANT, HEADER_BYTES, HEADER);
  setUp();
}

/** Brings the op record at `record` of the image at `image` into SRAM and enters its kernel. */
export function enter(image: usize, base: usize, record: usize): void {
  store<usize>(IMAGE, image - CONSTANT);
  store<usize>(BASE, base);
  fetch(record + CONSTANT, OP_BYTES, ARENA);
  kernels.enter(ARENA);
}

/** Computes one tile of the op entered last. */
export function tile(index: i32): void {
  kernels.tile(ARENA, index);
}
