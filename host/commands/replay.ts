import { ExitCode } from '../error.js';
import { replayOnBoard } from '../firmware/replay-on-board.js';
import { boardNames } from '../firmware/targets.js';
import { boardReplayText } from '../report/firmware.js';
import type { Command } from './command.js';
import { readUserFile, wholeNumber } from './files.js';

export const replayCommand: Command = {
  name: 'replay',
  positionals: ['image'],
  summary: 'Play power failures against an emulated board, and compare with the simulator.',
  options: [
    { name: 'on', value: 'BOARD', help: `${boardNames.join(', ')} (default qemu-mps2-an386)` },
    { name: 'kills', value: 'N', help: 'how often it is killed (default 200)' },
    { name: 'seed', value: 'S', help: 'seed of the inputs and moments (default 1)' },
  ],
  examples: ['brownout replay checkpoints/digits.brn --on qemu-mps2-an386 --kills 200'],
  async run({ positionals, options, progress }) {
    const { on, kills, seed } = options;
    const result = await replayOnBoard(readUserFile(positionals[0]!), {
      ...(typeof on === 'string' ? { board: on } : {}),
      ...(typeof kills === 'string' ? { kills: wholeNumber('kills', kills) } : {}),
      ...(typeof seed === 'string' ? { seed: wholeNumber('seed', seed) } : {}),
      progress,
    });
    const exitCode = result.identical ? ExitCode.OK : ExitCode.WRONG;
    return { json: result, text: boardReplayText(result), exitCode };
  },
};
