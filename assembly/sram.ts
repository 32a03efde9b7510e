// The SRAM map. All volatile state is bytes here: it dies with power, and `boot` makes it anew.
import {
  CURSOR_BYTES,
  GROUP_COUNT,
  HEADER_BYTES,
  LEARNING_BYTES,
  STATIC_BYTES,
  STATIC_BYTES_CHECKED,
  STATIC_BYTES_LEARNING,
} from './layout';

export const STATE = memory.data(28, 8);

/** WHOLE or PIECEWISE once `boot` has succeeded, 0 before. */
export const READY = STATE;
/** The plan's checksum was right. */
export const WHOLE = 1;
/** Records are checked as they are entered, each by its own checksum. */
export const PIECEWISE = 2;
/** Where the image's state begins in NVM; addresses of the state count from it. */
export const BASE = STATE + 4;
/** Op whose `enter` state is in SRAM; −1: none. */
export const RESIDENT = STATE + 8;
/** Slot that holds the newest cursor. */
export const SLOT = STATE + 12;
/** Tiles done since the last commit. */
export const UNCOMMITTED = STATE + 16;
/** Input bytes received for the next `submit`. */
export const RECEIVED = STATE + 20;
/** Where the image begins, less CONSTANT: added to the address of a constant it gives where that lies. */
export const IMAGE = STATE + 24;

/** The cursor: as it stands now, committed or not. */
export const CURSOR = memory.data(CURSOR_BYTES, 8);
/** The image's header, copied at boot. */
export const HEADER = memory.data(HEADER_BYTES, 8);
/** Where the groups of addresses begin (docs/LEARNING.md), and the image's learning header. */
export const GROUPS: usize = isDefined(LEARNING_MASK) ? memory.data(GROUP_COUNT * 4, 8) : 0;
export const LEARN: usize = isDefined(LEARNING_MASK) ? memory.data(LEARNING_BYTES, 8) : 0;
/**
 * From here on: the present op's record, then its kernel's areas. Between jobs the app may stage input here.
 * Equals asconfig.json's `lowMemoryLimit`: static data that outgrows it is a compile error. Strings of assertions need
 * the larger one.
 */
export const ARENA: usize = isDefined(CHECKED)
  ? STATIC_BYTES_CHECKED
  : isDefined(LEARNING_MASK)
    ? STATIC_BYTES_LEARNING
    : STATIC_BYTES;

/**
 * Room beside SRAM of builds for speed in lanes, for what a tile makes of its inputs and weights. Each tile makes it anew, so
 * that it is no state: nothing in it is read before the tile has written it.
 */
export const WORK: usize = isDefined(WORK_AT) ? WORK_AT : 0;
/** Where weights that a host keeps widened lie (kernels/wide_panels.ts), in builds that have room for that. */
export const WIDE: usize = isDefined(WIDE_AT) ? WIDE_AT : 0;
