import { boardNames } from '../firmware/targets.js';
import { choice, outputFile } from '../options/kinds.js';
import { BOARD_NVM_FILE } from '../options/outputs.js';
import type { Table } from '../options/table.js';

/** Options of `flash`. */
export interface FlashOptions {
  /** Default `qemu-mps2-an386`. */
  board?: string;
  /** Path; default: a file in the folder, named after the board. */
  nvm?: string;
}

export const flashOptions = {
  board: {
    kind: choice(boardNames, { code: 'E_BOARD' }),
    default: 'qemu-mps2-an386',
    help: 'emulated board',
  },
  nvm: {
    kind: outputFile(BOARD_NVM_FILE, 'board.nvm'),
    help: 'file that is its NVM',
    otherwise: 'one in the folder',
  },
} as const satisfies Table<FlashOptions>;
