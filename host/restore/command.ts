import { readUserFile, writeWhole } from '../data/files.js';
import { ExitCode } from '../error.js';
import { cliOptions, type Command, defineCommand } from '../options/command.js';
import { outputFile } from '../options/kinds.js';
import { NVM_FILE } from '../options/outputs.js';
import { imageOfDump, imageOption } from '../data/dump.js';
import { originOf } from '../origin.js';
import { learningText } from '../report/learning.js';
import { restore, restoreOptions } from './restore.js';

export const command: Command = defineCommand({
  positionals: [{ name: 'nvm', expected: 'a dump of NVM' }],
  options: {
    image: imageOption,
    ...cliOptions(restoreOptions),
    output: {
      kind: outputFile(NVM_FILE, 'restored.bin'),
      short: 'o',
      required: true,
      help: 'where to write the dump',
    },
  },
  examples: [
    'brownout restore dump.bin --image mine.brn -o restored.bin',
    'brownout restore dump.bin --image mine.brn --class 3 -o restored.bin',
  ],
  run({ positionals, options }) {
    const path = options.output!;
    const dump = readUserFile(positionals[0]!);
    const image = imageOfDump(options.image, dump);
    const { nvm, learning } = restore(
      dump,
      image,
      options.class === undefined ? {} : { class: options.class },
    );
    writeWhole(path, nvm);
    const done =
      options.class === undefined
        ? 'the factory’s weights again; samples and counters stay'
        : `class ${options.class} as at the factory; other samples and counters stay`;
    const text = learning
      ? `${learningText(learning)}\n\n${path}: ${done}`
      : `${path}: the first state again`;
    return {
      json: { origin: originOf({ image: image.file }), file: path, ...(learning ? { learning } : {}) },
      text,
      exitCode: ExitCode.OK,
    };
  },
});
