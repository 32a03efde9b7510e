import { boardNames } from '../firmware/targets.js';
import { choice, outputFile } from '../options/kinds.js';
import { BOARD_NVM_FILE } from '../options/outputs.js';
import type { Table } from '../options/table.js';

/** Options of `flash`. */
export interface FlashOptions {
  /** Default: one with the core that the folder is for. */
  board?: string;
  /** Path; default: a file in the folder, named after the board. */
  nvm?: string;
}

export const flashOptions = {
  board: {
    kind: choice(boardNames, { code: 'E_BOARD' }),
    help: 'emulated board',
    otherwise: 'one with the folder’s core',
  },
  nvm: {
    kind: outputFile(BOARD_NVM_FILE, 'board.nvm'),
    help: 'file that is its NVM',
    otherwise: 'one in the folder',
  },
} as const satisfies Table<FlashOptions>;
