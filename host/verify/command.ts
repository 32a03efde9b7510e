import { readUserFile } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import { inputFor } from '../data/samples.js';
import { ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { verifyOptions } from './options.js';
import { verifyText } from './report.js';
import { verify } from './verify.js';

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: { ...cliOptions(verifyOptions), as: asOption },
  examples: [
    'brownout verify checkpoints/digits.brn',
    'brownout verify model.brn --input x.npy --tear 4 --json',
    'brownout verify model.brn --policy "every 1" --enumerate --budget 60s',
  ],
  run({ positionals, options: { input, as, module, ...options }, progress }) {
    const image = readImage(readUserFile(positionals[0]!));
    const result = verify(image, {
      ...options,
      ...(input === undefined ? {} : { input: inputFor(input, image, as).array }),
      ...(module === undefined ? {} : { module: readUserFile(module) }),
      onProgress: progress,
    });
    const text = verifyText(result, positionals[0]!);
    return { json: result, text, exitCode: result.proved ? ExitCode.OK : ExitCode.WRONG };
  },
});
