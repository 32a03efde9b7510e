import { readUserFile } from '../data/files.js';
import { ExitCode } from '../error.js';
import { type Command, defineCommand } from '../options/command.js';
import { isState } from '../model/state-record.js';
import { imageOfDump, imageOption } from '../data/dump.js';
import { inspect, inspectDump } from './inspect.js';
import { inspectText } from './report.js';

export const command: Command = defineCommand({
  positionals: [{ name: 'image|nvm', expected: 'an image (.brn), or a dump of NVM' }],
  options: { image: imageOption },
  examples: [
    'brownout inspect checkpoints/digits.brn',
    'brownout inspect nvm.bin --image checkpoints/digits.brn --json',
  ],
  run({ positionals, options }) {
    const bytes = readUserFile(positionals[0]!);
    const result = isState(bytes) ? inspectDump(bytes, imageOfDump(options.image, bytes)) : inspect(bytes);
    return { json: result, text: inspectText(result), exitCode: ExitCode.OK };
  },
});
