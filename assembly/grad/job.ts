// What an app asks of learning, before the job's first cursor is written (docs/LEARNING.md §1).
import { ErrorCode } from '../error';
import { C_SAMPLE, C_TURN, EntryKind, JobKind, T_CLASSES, T_LABEL } from '../layout';
import { LEARNS } from '../kernels/mask';
import { put } from '../nvm';
import { ARENA, CURSOR, LEARN } from '../sram';
import { bind } from './groups';
import { findTicket } from './state';

/** Makes ready for a job on `sample` (0: the input fed, n: ring entry n − 1). Returns 0 or an error. */
export function prepare(kind: u32, sample: i32, label: i32): i32 {
  if (LEARNS && kind == JobKind.LEARN) {
    if (<u32>label >= load<u32>(LEARN, T_CLASSES)) return ErrorCode.E_LABEL;
    store<i32>(ARENA, label);
    put(load<u32>(LEARN, T_LABEL), ARENA, 4);
  }
  store<u8>(CURSOR, sample, C_SAMPLE);
  store<u8>(CURSOR, sample, C_SAMPLE + 1);
  store<u32>(CURSOR, 0, C_TURN);
  bind();
  return 0;
}

/** Makes ready to learn that the input of `ticket` is of class `y`. Returns 1, 0 where that is done already, or an error. */
export function learn(ticket: u32, y: i32): i32 {
  if (!ticket) return ErrorCode.E_TICKET;
  const entry = findTicket(ticket, EntryKind.UNLABELLED, EntryKind.UNLABELLED, ARENA);
  if (entry < 0) {
    const known = findTicket(ticket, EntryKind.LEARN, EntryKind.VALIDATION, ARENA) >= 0;
    return known ? 0 : ErrorCode.E_TICKET;
  }
  const code = prepare(JobKind.LEARN, entry + 1, y);
  return code ? code : 1;
}
