import { BrownoutError, ExitCode } from '../error.js';
import { flash, program, type ProgramResult } from './flash.js';
import { findHardware, hardwareNames } from '../firmware/hardware.js';
import { boardNames } from '../firmware/targets.js';
import type { Command } from '../options/command.js';
import { manifestOf } from '../export/folder.js';

/** A command as a shell takes it. */
const commandText = ({ command }: ProgramResult): string =>
  command.map((word) => (/^[\w./:=-]+$/.test(word) ? word : `'${word}'`)).join(' ');

export const flashCommand: Command = {
  name: 'flash',
  positionals: ['firmware'],
  summary: 'Run a firmware folder on an emulated board, or program one of hardware.',
  options: [
    {
      name: 'board',
      value: 'NAME',
      help: `${boardNames.join(', ')} (default qemu-mps2-an386); ${hardwareNames.join(', ')}`,
    },
    { name: 'dry-run', help: 'hardware: print the command, and run nothing' },
    { name: 'drive', value: 'FOLDER', help: 'hardware with UF2: where its drive is mounted' },
    { name: 'nvm', value: 'FILE', help: 'file that is its NVM (default one in the folder)' },
  ],
  examples: [
    'brownout flash firmware/ --board qemu-mps2-an386',
    'brownout flash firmware/ --board nrf52840dk --dry-run',
  ],
  async run({ positionals, options }) {
    const folder = positionals[0]!;
    if (!manifestOf(folder)) {
      throw new BrownoutError({
        code: 'E_FOLDER',
        found: `no firmware in "${folder}"`,
        expected: 'a folder that `brownout export` has written',
        hint: 'Run `brownout export <image> -o firmware/` first.',
      });
    }
    const { board, nvm, drive } = options;
    const hardware = typeof board === 'string' ? findHardware(board) : undefined;
    if (hardware) {
      const programmed = program(folder, {
        board: hardware,
        dryRun: options['dry-run'] === true,
        ...(typeof drive === 'string' ? { drive } : {}),
      });
      return { json: programmed, text: commandText(programmed), exitCode: ExitCode.OK };
    }
    const result = await flash(folder, {
      ...(typeof board === 'string' ? { board } : {}),
      ...(typeof nvm === 'string' ? { nvm } : {}),
    });
    const text = [...result.output, `(${result.board}, emulated by QEMU; NVM in ${result.nvm})`].join('\n');
    return { json: result, text, exitCode: result.exitCode === 0 ? ExitCode.OK : ExitCode.DEVICE };
  },
};
