import { readUserFile } from '../data/files.js';
import { ExitCode } from '../error.js';
import { type Command, defineCommand } from '../options/command.js';
import { inspect } from './inspect.js';
import { inspectText } from './report.js';

export const command: Command = defineCommand({
  positionals: [{ name: 'image|nvm', expected: 'an image (.brn), or a dump of NVM' }],
  options: {},
  examples: ['brownout inspect checkpoints/digits.brn', 'brownout inspect nvm.bin --json'],
  run({ positionals }) {
    const result = inspect(readUserFile(positionals[0]!));
    return { json: result, text: inspectText(result), exitCode: ExitCode.OK };
  },
});
