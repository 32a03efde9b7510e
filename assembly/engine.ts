// The engine: a loop over tiles. What a tile computes is the kernel's affair; here is only where the job stands.
import { commit } from './cursor';
import { ErrorCode, Status } from './error';
import * as kernels from './kernels/index';
import { HAS_GRAIN } from './kernels/mask';
import {
  C_KIND,
  C_OP,
  C_STATE,
  C_TILE,
  H_JOBS,
  H_POLICY_EVERY,
  H_POLICY_LOW,
  OP_FLAG_COMMIT,
  OP_FLAG_JOINED,
  OP_FLAGS,
  OP_GRAIN,
  OP_TILES,
} from './layout';
import { checkRecord, fetchRecord } from './plan';
import { low } from './power';
import { ARENA, CURSOR, HEADER, PIECEWISE, READY, RESIDENT, UNCOMMITTED } from './sram';

/** Brings op `index` into SRAM, unless this boot has it there already. Returns its record, or an error: below 0. */
function enter(index: i32): i32 {
  if (load<i32>(RESIDENT) == index) return <i32>ARENA;
  const op = fetchRecord(index);
  const code = load<i32>(READY) == PIECEWISE ? checkRecord(op) : 0;
  if (code) return code;
  kernels.enter(op);
  store<i32>(RESIDENT, index);
  return <i32>op;
}

/** Whether a commit may not follow a tile, may, or must. */
enum Commit {
  NO = -1,
  MAY,
  MUST,
}

/** Moves the cursor past the tile of `op` just done. Returns whether a commit follows. */
function advance(op: usize): Commit {
  const tile = load<i32>(CURSOR, C_TILE) + 1;
  store<i32>(UNCOMMITTED, load<i32>(UNCOMMITTED) + 1);
  if (tile < load<i32>(op, OP_TILES)) {
    store<i32>(CURSOR, tile, C_TILE);
    const grain: i32 = HAS_GRAIN ? load<u16>(op, OP_GRAIN) : 0;
    return grain && tile % grain ? Commit.NO : Commit.MAY;
  }
  const next = load<i32>(CURSOR, C_OP) + 1;
  const job = HEADER + H_JOBS + (load<usize>(CURSOR, C_KIND) << 3);
  store<i32>(CURSOR, 0, C_TILE);
  store<i32>(CURSOR, next, C_OP);
  if (next < load<i32>(job) + load<i32>(job, 4)) {
    const flags: u32 = load<u16>(op, OP_FLAGS);
    return HAS_GRAIN && flags & OP_FLAG_JOINED ? Commit.NO : flags & OP_FLAG_COMMIT;
  }
  store<i32>(CURSOR, Status.DONE, C_STATE);
  return Commit.MUST;
}

/**
 * Runs the job until it commits: RUN (more to do), LOW (power is low) or DONE. `budget` > 0 commits after that many
 * tiles at the latest; 0 leaves it to the image's policy.
 */
export function run(budget: i32): i32 {
  if (!load<i32>(READY)) return ErrorCode.E_NOT_BOOTED;
  if (load<i32>(CURSOR, C_STATE) != Status.RUN) return load<i32>(CURSOR, C_STATE);
  let every = load<u32>(HEADER, H_POLICY_EVERY);
  if (budget > 0 && (!every || <u32>budget < every)) every = budget;
  while (true) {
    const op = enter(load<i32>(CURSOR, C_OP));
    if (op < 0) return op;
    assert(load<u32>(CURSOR, C_TILE) < load<u32>(op, OP_TILES));
    kernels.tile(op, load<i32>(CURSOR, C_TILE));
    const here = advance(op);
    if (here < Commit.MAY) continue;
    if (here || (every && load<u32>(UNCOMMITTED) >= every)) {
      commit();
      return load<i32>(CURSOR, C_STATE);
    }
    if (load<u8>(HEADER, H_POLICY_LOW) && low()) {
      commit();
      return Status.LOW;
    }
  }
}
