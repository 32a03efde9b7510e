// Jobs: processing exactly once, delivery at least once, under the app's ticket. The app may die between any two calls.
import { commit, recover } from './cursor';
import { crc32 } from './crc';
import { ErrorCode, Status } from './error';
import {
  AddressSpace,
  CONSTANT,
  CURSOR_BYTES,
  H_SLOTS,
  H_SLOT_STRIDE,
  C_BANKS,
  C_KIND,
  C_OP,
  C_SEQUENCE,
  C_STATE,
  C_TICKET,
  C_TILE,
  DIAGNOSTICS_BYTES,
  D_BOOTS,
  D_CRC,
  D_SEQUENCE,
  HEADER_BYTES,
  H_ARENA_BYTES,
  H_CONSTANTS_SPACE,
  H_CRC,
  H_DIAGNOSTICS,
  H_IMAGE_ID,
  H_INPUT,
  H_JOBS,
  H_LEARNING,
  H_MAGIC,
  H_MAX_BOOTS,
  H_NVM_BYTES,
  H_PLAN,
  H_REGIONS,
  H_VERSION,
  JOB_COUNT,
  JobKind,
  MAGIC,
  N_IMAGE_ID,
  N_MAGIC,
  OP_BYTES,
  OP_CRC,
  OP_KIND,
  OpKind,
  REGION_COUNT,
  STATE_BYTES,
  STATE_MAGIC,
  T_ENTRIES,
  T_BELOW,
  T_LATE,
  VERSION,
} from './layout';
import { learn, prepare } from './grad/job';
import { bind, isBound, setUp } from './grad/groups';
import { LEARNING, LEARNS, STREAMS, learns } from './kernels/mask';
import { fetch, put, sync } from './nvm';
import { checkPlan, fetchRecord } from './plan';
import {
  ARENA,
  BASE,
  CURSOR,
  HEADER,
  IMAGE,
  LEARN,
  PIECEWISE,
  READY,
  RECEIVED,
  RESIDENT,
  WHOLE,
} from './sram';

function checkHeader(imageBytes: u32, nvmBytes: u32, sramBytes: u32): i32 {
  if (imageBytes < <u32>HEADER_BYTES) return ErrorCode.E_HEADER;
  if (sramBytes < <u32>(ARENA + OP_BYTES)) return ErrorCode.E_SRAM_SIZE;
  fetch(CONSTANT, HEADER_BYTES, HEADER);
  if (load<u32>(HEADER, H_MAGIC) != MAGIC) return ErrorCode.E_MAGIC;
  if (load<u32>(HEADER, H_VERSION) != (VERSION | (HEADER_BYTES << 16))) return ErrorCode.E_VERSION;
  if (crc32(0, HEADER + H_IMAGE_ID, HEADER_BYTES - H_IMAGE_ID) != load<u32>(HEADER, H_CRC))
    return ErrorCode.E_HEADER;
  if (load<u32>(HEADER, H_CONSTANTS_SPACE) != AddressSpace.IMAGE) return ErrorCode.E_VERSION;
  const need = load<u32>(HEADER, H_NVM_BYTES);
  if (nvmBytes < need) return ErrorCode.E_NVM_SIZE;
  if (sramBytes - <u32>ARENA < load<u32>(HEADER, H_ARENA_BYTES)) return ErrorCode.E_SRAM_SIZE;
  let behind: u32 = HEADER_BYTES;
  let end = imageBytes;
  for (let region = HEADER + H_REGIONS; region < HEADER + H_REGIONS + (REGION_COUNT << 3); region += 8) {
    if (region == HEADER + H_SLOTS) {
      behind = STATE_BYTES;
      end = need;
    }
    const offset = load<u32>(region);
    const bytes = load<u32>(region, 4);
    if (offset < behind || offset > end || bytes > end - offset || offset & 3) return ErrorCode.E_HEADER;
    behind = offset + bytes;
  }
  const stride = load<u32>(HEADER, H_SLOT_STRIDE);
  if (stride < <u32>CURSOR_BYTES || stride & 3 || stride > load<u32>(HEADER, H_SLOTS + 4) >>> 1)
    return ErrorCode.E_HEADER;
  if (load<u32>(HEADER, H_DIAGNOSTICS + 4) < <u32>DIAGNOSTICS_BYTES) return ErrorCode.E_HEADER;
  const ops = load<u32>(HEADER, H_PLAN + 4) / OP_BYTES;
  for (let job = HEADER + H_JOBS; job < HEADER + H_JOBS + (JOB_COUNT << 3); job += 8) {
    if (load<u32>(job) > ops || load<u32>(job, 4) > ops - load<u32>(job)) return ErrorCode.E_HEADER;
  }
  return 0;
}

/** Whether NVM holds the state of this image. Returns 0 or an error. */
function checkState(): i32 {
  fetch(0, STATE_BYTES, ARENA);
  if (load<u32>(ARENA, N_MAGIC) != STATE_MAGIC) return ErrorCode.E_MAGIC;
  return load<u32>(ARENA, N_IMAGE_ID) == load<u32>(HEADER, H_IMAGE_ID) ? 0 : ErrorCode.E_CURSOR_IMAGE;
}

/** Counts boots that found the same cursor. Returns whether there were too many. */
function isStuck(): bool {
  const address = load<u32>(HEADER, H_DIAGNOSTICS);
  const sequence = load<u32>(CURSOR, C_SEQUENCE);
  fetch(address, DIAGNOSTICS_BYTES, ARENA);
  const counted =
    crc32(0, ARENA, D_CRC) == load<u32>(ARENA, D_CRC) && load<u32>(ARENA, D_SEQUENCE) == sequence;
  const boots: u32 = (counted ? load<u32>(ARENA, D_BOOTS) : 0) + 1;
  store<u32>(ARENA, sequence, D_SEQUENCE);
  store<u32>(ARENA, boots, D_BOOTS);
  store<u32>(ARENA, crc32(0, ARENA, D_CRC), D_CRC);
  put(address, ARENA, DIAGNOSTICS_BYTES);
  sync();
  return boots > load<u32>(HEADER, H_MAX_BOOTS);
}

/**
 * The first call after power comes up. `image`, `imageBytes`: where the image lies, and bytes there are from there on;
 * `base`, `nvmBytes`: the same of its state in NVM; `sramBytes`: all of SRAM, this module's static data included. Returns
 * the job's state or an error. After `E_NO_PROGRESS` every other call works: the app may `cancel`, or `run` on with more
 * energy.
 */
export function boot(image: usize, imageBytes: u32, base: usize, nvmBytes: u32, sramBytes: u32): i32 {
  store<i32>(READY, 0);
  store<usize>(IMAGE, image - CONSTANT);
  store<usize>(BASE, base);
  store<i32>(RESIDENT, -1);
  store<i32>(RECEIVED, 0);
  let code = checkHeader(imageBytes, nvmBytes, sramBytes);
  if (!code) code = checkState();
  if (code) return code;
  const state = recover();
  // A job under way began on a plan that was checked: from there on only the records that are entered are, one by one.
  const piecewise = state == Status.RUN && load<u32>(fetchRecord(load<i32>(CURSOR, C_OP)), OP_CRC) != 0;
  if (!piecewise) code = checkPlan();
  if (code) return code;
  if (state < 0) return state;
  if (LEARNING) {
    if (!setUp()) return ErrorCode.E_HEADER;
    if (load<u32>(HEADER, H_LEARNING) && !isBound()) return ErrorCode.E_CURSOR;
  }
  store<i32>(READY, piecewise ? PIECEWISE : WHOLE);
  return state == Status.RUN && isStuck() ? ErrorCode.E_NO_PROGRESS : state;
}

/** Appends `length` bytes at `source` (SRAM) to the next job's input; 0 starts over. Returns the bytes received. */
export function feed(source: usize, length: i32): i32 {
  if (!load<i32>(READY)) return ErrorCode.E_NOT_BOOTED;
  if (load<i32>(CURSOR, C_STATE) != Status.IDLE) return ErrorCode.E_BUSY;
  const received = length ? load<i32>(RECEIVED) : 0;
  if (<u32>length > load<u32>(HEADER, H_INPUT + 4) - received) return ErrorCode.E_INPUT;
  put(load<u32>(HEADER, H_INPUT) + received, source, length);
  store<i32>(RECEIVED, received + length);
  return received + length;
}

/**
 * Starts a job on the input fed since boot. The present ticket again: its state. Another, while not IDLE: E_BUSY. A learn
 * job's label is in the upper 24 bits of `kind`.
 */
export function submit(ticket: u32, kind: u32): i32 {
  if (!load<i32>(READY)) return ErrorCode.E_NOT_BOOTED;
  if (!ticket) return ErrorCode.E_TICKET;
  if (load<u32>(CURSOR, C_TICKET) == ticket) return load<i32>(CURSOR, C_STATE);
  if (load<i32>(CURSOR, C_STATE) != Status.IDLE) return ErrorCode.E_BUSY;
  const label = LEARNING ? kind >>> 8 : 0;
  if (LEARNING) kind &= 0xff;
  const job = HEADER + H_JOBS + ((<usize>kind) << 3);
  if (kind >= <u32>JOB_COUNT || !load<u32>(job, 4)) return ErrorCode.E_KIND;
  if (load<u32>(RECEIVED) != load<u32>(HEADER, H_INPUT + 4)) return ErrorCode.E_INPUT;
  if (LEARNING) {
    const code = prepare(kind, 0, label);
    if (code) return code;
  }
  return begin(ticket, kind, load<u32>(job));
}

/** Commits the start of a job at op `op`. */
function begin(ticket: u32, kind: u32, op: u32): i32 {
  store<u32>(CURSOR, ticket, C_TICKET);
  store<u32>(CURSOR, kind, C_KIND);
  store<u32>(CURSOR, op, C_OP);
  store<u32>(CURSOR, 0, C_TILE);
  return settle(Status.RUN);
}

/** Takes delivery: the answer may go. Repeating it is harmless. */
export function ack(ticket: u32): i32 {
  const code = owns(ticket);
  if (code < 0 || code == Status.IDLE) return code;
  return code == Status.DONE ? settle(Status.IDLE) : ErrorCode.E_STATE;
}

/** Gives up a job, run or done. Repeating it is harmless. */
export function cancel(ticket: u32): i32 {
  const code = owns(ticket);
  // A learn job given up has learnt nothing: `label` may ask for it again.
  if (LEARNS && code == Status.RUN) store<u32>(CURSOR, JobKind.INFER, C_KIND);
  return code > Status.IDLE ? settle(Status.IDLE) : code;
}

/**
 * The truth about the input of `ticket`, which the sample ring still holds: learns on it. Repeating it is harmless. Where
 * the image has no learning job: E_KIND.
 */
export function label(ticket: u32, y: i32): i32 {
  const job = HEADER + H_JOBS + (JobKind.LEARN << 3);
  if (!LEARNS || !load<i32>(READY) || !load<u32>(job, 4)) {
    const code = owns(ticket);
    return code < 0 ? code : ErrorCode.E_KIND;
  }
  if (load<u32>(CURSOR, C_TICKET) == ticket && load<u32>(CURSOR, C_KIND) == JobKind.LEARN) {
    return load<i32>(CURSOR, C_STATE);
  }
  if (load<i32>(CURSOR, C_STATE) != Status.IDLE) return ErrorCode.E_BUSY;
  const code = learn(ticket, y);
  // The first ops take in what the mailbox holds; here the ring has what learning needs of it.
  const skipped = load<u32>(LEARN, T_LATE) + load<u32>(LEARN, T_BELOW);
  return code > 0 ? begin(ticket, JobKind.LEARN, load<u32>(job) + 1 + skipped) : code;
}

/**
 * Of an image with a head by sums that can forget: class `y` becomes what it was at the factory, under the app's ticket, in a
 * job like any other. Repeating it is harmless. Where the image cannot: E_KIND, whatever the rest is, as a build without it says.
 */
export function forget(ticket: u32, y: i32): i32 {
  if (!load<i32>(READY)) return ErrorCode.E_NOT_BOOTED;
  if (!learns(OpKind.FORGET) || !load<u32>(LEARN, T_LATE)) return ErrorCode.E_KIND;
  // Behind the op that a late label begins at.
  const op = load<u32>(HEADER, H_JOBS + (JobKind.LEARN << 3)) + load<u32>(LEARN, T_LATE) + 2;
  // Its record comes where that of a job under way may lie.
  store<i32>(RESIDENT, -1);
  if (load<u8>(fetchRecord(op), OP_KIND) != OpKind.FORGET) return ErrorCode.E_KIND;
  const state = load<i32>(CURSOR, C_STATE);
  if (ticket && load<u32>(CURSOR, C_TICKET) == ticket && load<u32>(CURSOR, C_KIND) == JobKind.LEARN)
    return state;
  if (state != Status.IDLE) return ErrorCode.E_BUSY;
  if (!ticket) return ErrorCode.E_TICKET;
  const code = prepare(JobKind.LEARN, 0, y);
  return code ? code : begin(ticket, JobKind.LEARN, op);
}

/** Back to the factory's weights, or to the first state of a stream; only between jobs. Repeating it is harmless. */
export function restore(): i32 {
  if (!load<i32>(READY)) return ErrorCode.E_NOT_BOOTED;
  if (load<i32>(CURSOR, C_STATE) != Status.IDLE) return ErrorCode.E_BUSY;
  const banks = load<u32>(CURSOR, C_BANKS);
  const changed: u32 = !STREAMS || (LEARNS && load<u32>(LEARN, T_ENTRIES)) ? 0xff : 0xf00;
  if (!(banks & changed)) return Status.IDLE;
  store<u32>(CURSOR, banks & ~changed, C_BANKS);
  bind();
  return settle(Status.IDLE);
}

/** Where the job stands. */
export function status(): i32 {
  return load<i32>(READY) ? load<i32>(CURSOR, C_STATE) : ErrorCode.E_NOT_BOOTED;
}

/** The job's state if `ticket` is its ticket. */
function owns(ticket: u32): i32 {
  if (!load<i32>(READY)) return ErrorCode.E_NOT_BOOTED;
  return ticket && load<u32>(CURSOR, C_TICKET) == ticket ? load<i32>(CURSOR, C_STATE) : ErrorCode.E_TICKET;
}

/** Commits the job's new state. */
function settle(state: i32): i32 {
  store<i32>(CURSOR, state, C_STATE);
  store<i32>(RESIDENT, -1);
  store<i32>(RECEIVED, 0);
  commit();
  return state;
}
