import { BrownoutError, ExitCode } from '../error.js';
import { findHardware, hardwareNames } from '../firmware/hardware.js';
import { manifestOf } from '../firmware/manifest.js';
import { boardNames } from '../firmware/targets.js';
import { cliOptions, type Command, defineCommand } from '../options/command.js';
import { choice, flag, text } from '../options/kinds.js';
import { flash, program, type ProgramResult } from './flash.js';
import { flashOptions } from './options.js';

/** A command as a shell takes it. */
const commandText = ({ command }: ProgramResult): string =>
  command.map((word) => (/^[\w./:=-]+$/.test(word) ? word : `'${word}'`)).join(' ');

export const command: Command = defineCommand({
  positionals: [{ name: 'firmware', expected: 'a folder that `brownout export` has written' }],
  options: {
    ...cliOptions(flashOptions),
    board: {
      kind: choice([...boardNames, ...hardwareNames], { code: 'E_BOARD' }),
      help: `emulated: ${boardNames.join(', ')}; hardware: ${hardwareNames.join(', ')}`,
      otherwise: 'the folder’s, or one with its core',
    },
    dryRun: { kind: flag, help: 'hardware: print the command, and run nothing' },
    drive: { kind: text('FOLDER', '/media/RPI-RP2'), help: 'hardware with UF2: where its drive is mounted' },
  },
  examples: ['brownout flash app/', 'brownout flash app/ --board nrf52840dk --dry-run'],
  async run({ positionals, options: { board: asked, nvm, drive, dryRun = false } }) {
    const folder = positionals[0]!;
    const manifest = manifestOf(folder);
    if (!manifest) {
      throw new BrownoutError({
        code: 'E_FOLDER',
        found: `no firmware in "${folder}"`,
        expected: 'a folder that `brownout export` has written',
        hint: 'Run `brownout export model.brn -o app/` first.',
      });
    }
    const board = asked ?? manifest.board ?? undefined;
    const hardware = board === undefined ? undefined : findHardware(board);
    if (hardware) {
      const programmed = program(folder, {
        board: hardware,
        dryRun,
        ...(drive === undefined ? {} : { drive }),
      });
      return { json: programmed, text: commandText(programmed), exitCode: ExitCode.OK };
    }
    const result = await flash(folder, {
      ...(board === undefined ? {} : { board }),
      ...(nvm === undefined ? {} : { nvm }),
    });
    const output = [...result.output, `(${result.board}, emulated by QEMU; NVM in ${result.nvm})`].join('\n');
    return { json: result, text: output, exitCode: result.exitCode === 0 ? ExitCode.OK : ExitCode.DEVICE };
  },
});
