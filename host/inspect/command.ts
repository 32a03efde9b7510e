import { readUserFile } from '../data/files.js';
import { ExitCode } from '../error.js';
import { type Command, defineCommand } from '../options/command.js';
import { isState } from '../model/state-record.js';
import { imageOfDump, imageOption } from '../data/dump.js';
import { signedByOption } from '../data/option-kinds.js';
import { inspect, inspectDump } from './inspect.js';
import { inspectText } from './report.js';

export const command: Command = defineCommand({
  positionals: [{ name: 'image|nvm', expected: 'an image (.brn), or a dump of NVM' }],
  options: { image: imageOption, signedBy: signedByOption },
  examples: [
    'brownout inspect checkpoints/digits.brn',
    'brownout inspect nvm.bin --image checkpoints/digits.brn --json',
  ],
  run({ positionals, options }) {
    const bytes = readUserFile(positionals[0]!);
    const signer = options.signedBy === undefined ? undefined : readUserFile(options.signedBy);
    const result = isState(bytes)
      ? inspectDump(bytes, imageOfDump(options.image, bytes, signer))
      : inspect(bytes, signer);
    return { json: result, text: inspectText(result), exitCode: ExitCode.OK };
  },
});
