// Runs a firmware folder on an emulated board: its own sources, linked for the board's memories.
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrownoutError } from '../error.js';
import { inTemporaryFolder, linkElf } from './build-elf.js';
import { NvmFile, runOnBoard } from './qemu.js';
import { linkerScript } from './sources.js';
import { boardCalled, targetCalled } from './targets.js';

/** What `brownout flash --json` prints. */
export interface FlashResult {
  board: string;
  /** What the program printed. */
  output: string[];
  /** What main returned. */
  exitCode: number;
  /** The file that is the board's NVM; the next run goes on from it. */
  nvm: string;
}

export interface FlashOptions {
  /** Default `qemu-mps2-an386`. */
  board?: string;
  /** Default: a file in the folder, named after the board. */
  nvm?: string;
}

/**
 * Links the C files of `folder` for an emulated board and runs them once. NVM is a file that stays.
 * Throws `E_BOARD`, `E_TOOL_MISSING`, `E_FIRMWARE` where the folder holds no firmware for a Cortex-M.
 */
export async function flash(
  folder: string,
  { board: name = 'qemu-mps2-an386', nvm }: FlashOptions = {},
): Promise<FlashResult> {
  const board = boardCalled(name);
  const target = targetCalled(board.core);
  const names = readdirSync(folder).filter((file) => /\.(c|h|inc)$/.test(file));
  if (!names.includes(target.startup!) || !names.includes('module.inc')) {
    throw new BrownoutError({
      code: 'E_FIRMWARE',
      found: `"${folder}" without ${target.startup} or module.inc`,
      expected: `a folder that \`brownout export --target ${target.name}\` has written`,
      hint: 'Export the image first.',
    });
  }
  return inTemporaryFolder(async (build) => {
    for (const file of names) copyFileSync(join(folder, file), join(build, file));
    writeFileSync(join(build, 'link.ld'), linkerScript(board));
    const sources = names.filter((file) => file.endsWith('.c'));
    const defines = ['BOARD_SEMIHOSTING', `NVM_ADDRESS=${board.nvm.origin}u`];
    const elf = linkElf(build, sources, { target, defines });
    const file = new NvmFile(nvm ?? join(folder, `${board.name}.nvm`), board);
    const { lines, exitCode } = await runOnBoard(board, elf, file.path);
    return { board: board.name, output: lines, exitCode: exitCode ?? -1, nvm: file.path };
  });
}
