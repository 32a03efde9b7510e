// The plan: op records in the image, and whether they are as provisioning wrote them.
import { crc32 } from './crc';
import { ErrorCode } from './error';
import * as kernels from './kernels/index';
import { CONSTANT, H_PLAN, H_PLAN_CRC, OP_BYTES, OP_CRC, OP_TILES } from './layout';
import { fetch, look } from './nvm';
import { ARENA, HEADER } from './sram';

/** Brings record `index` to the arena. */
export function fetchRecord(index: i32): usize {
  return fetch(CONSTANT + load<u32>(HEADER, H_PLAN) + index * OP_BYTES, OP_BYTES, ARENA);
}

/** Whether this build knows the op. */
function isKnown(op: usize): bool {
  return kernels.knows(op) && load<i32>(op, OP_TILES) > 0;
}

/** Checks one record by its own checksum. Returns 0 or an error. */
export function checkRecord(op: usize): i32 {
  if (crc32(0, op, OP_CRC) != load<u32>(op, OP_CRC)) return ErrorCode.E_PLAN;
  return isKnown(op) ? 0 : ErrorCode.E_OP;
}

/** Checks all records by the plan's checksum. Returns 0 or an error. */
export function checkPlan(): i32 {
  const plan = CONSTANT + load<u32>(HEADER, H_PLAN);
  const bytes = load<u32>(HEADER, H_PLAN + 4);
  let crc: u32 = 0;
  let known = true;
  for (let at: u32 = 0; at < bytes; at += OP_BYTES) {
    const record = look(plan + at, OP_BYTES, ARENA);
    crc = crc32(crc, record, OP_BYTES);
    known = known && isKnown(record);
  }
  if (crc != load<u32>(HEADER, H_PLAN_CRC)) return ErrorCode.E_PLAN;
  return known ? 0 : ErrorCode.E_OP;
}
