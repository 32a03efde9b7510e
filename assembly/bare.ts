// The kernels alone, driven by the host: no cursor, sync, CRC or policy. What the engine's overhead is measured against.
import * as kernels from './kernels/index';
import { OP_BYTES } from './layout';
import { fetch } from './nvm';
import { ARENA, BASE } from './sram';

export const arena: usize = ARENA;

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
