import { ExitCode } from '../error.js';
import { inspect } from './inspect.js';
import { inspectText } from './report.js';
import type { Command } from '../options/command.js';
import { readUserFile } from '../data/files.js';

export const inspectCommand: Command = {
  name: 'inspect',
  positionals: ['image|nvm'],
  summary: 'Show what is in an image, or in a dump of a device’s NVM: header, plan, cursors, job.',
  options: [],
  examples: ['brownout inspect checkpoints/digits.brn', 'brownout inspect nvm.bin --json'],
  run({ positionals }) {
    const result = inspect(readUserFile(positionals[0]!));
    return { json: result, text: inspectText(result), exitCode: ExitCode.OK };
  },
};
