// Options of power failures on an emulated board.
import { boardNames } from '../firmware/targets.js';
import { choice, progressKind, seedKind, whole } from '../options/kinds.js';
import type { Table } from '../options/table.js';

/** Options of `replayOnBoard`. */
export interface BoardReplayOptions {
  /** Default `qemu-mps2-an386`. */
  board?: string;
  /** Times the emulator is killed; default 200. */
  kills?: number;
  /** Of the inputs besides the image's own, and of the moments; default 1. */
  seed?: number;
  progress?: (done: number, total: number) => void;
}

export const boardReplayOptions = {
  board: {
    kind: choice(boardNames, { code: 'E_BOARD' }),
    default: 'qemu-mps2-an386',
    help: 'emulated board',
  },
  kills: { kind: whole(1, 1_000_000), default: 200, help: 'how often it is killed' },
  seed: { kind: seedKind, default: 1, help: 'seed of the inputs and of the moments' },
  progress: { kind: progressKind },
} as const satisfies Table<BoardReplayOptions>;
