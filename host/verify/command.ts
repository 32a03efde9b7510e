import { readUserFile } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import { readInputFiles } from '../data/input-files.js';
import { ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { moduleOfFolder } from '../firmware/folder-module.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { text } from '../options/kinds.js';
import { verifyOptions } from './options.js';
import { verifyText } from './report.js';
import { verify } from './verify.js';

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    ...cliOptions(verifyOptions),
    as: asOption,
    firmware: {
      kind: text('FOLDER', 'app/'),
      help: 'prove the module that `brownout export` has put there, and that the C is made from it',
    },
  },
  examples: [
    'brownout verify checkpoints/digits.brn',
    'brownout verify model.brn --input x.npy --tear 4 --json',
    'brownout verify model.brn --firmware app/',
    'brownout verify model.brn --policy "every 1" --enumerate --budget 60s',
  ],
  async run({ positionals, options: { input, as, module, firmware, signedBy, ...options }, progress }) {
    const image = readImage(readUserFile(positionals[0]!));
    const files = input === undefined ? undefined : readInputFiles(input, image, as);
    const result = verify(image, {
      ...options,
      ...files?.given,
      ...(module === undefined ? {} : { module: readUserFile(module) }),
      ...(signedBy === undefined ? {} : { signedBy: readUserFile(signedBy) }),
      ...(firmware === undefined ? {} : { module: await moduleOfFolder(firmware, image) }),
      onProgress: progress,
    });
    return {
      json: result,
      text: `${files?.said ?? ''}${verifyText(result, positionals[0]!)}`,
      exitCode: result.proved ? ExitCode.OK : ExitCode.WRONG,
    };
  },
});
