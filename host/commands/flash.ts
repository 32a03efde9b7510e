import { BrownoutError, ExitCode } from '../error.js';
import { flash } from '../firmware/flash.js';
import { boardNames } from '../firmware/targets.js';
import type { Command } from './command.js';
import { manifestOf } from './firmware-folder.js';

export const flashCommand: Command = {
  name: 'flash',
  positionals: ['firmware'],
  summary: 'Run a firmware folder on an emulated board.',
  options: [
    { name: 'board', value: 'NAME', help: `${boardNames.join(', ')} (default qemu-mps2-an386)` },
    { name: 'nvm', value: 'FILE', help: 'file that is its NVM (default one in the folder)' },
  ],
  examples: ['brownout flash firmware/ --board qemu-mps2-an386'],
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
    const { board, nvm } = options;
    const result = await flash(folder, {
      ...(typeof board === 'string' ? { board } : {}),
      ...(typeof nvm === 'string' ? { nvm } : {}),
    });
    const text = [...result.output, `(${result.board}, emulated by QEMU; NVM in ${result.nvm})`].join('\n');
    return { json: result, text, exitCode: result.exitCode === 0 ? ExitCode.OK : ExitCode.DEVICE };
  },
};
