import { readUserFile, writeWhole } from '../data/files.js';
import { ExitCode } from '../error.js';
import { type Command, defineCommand } from '../options/command.js';
import { outputFile } from '../options/kinds.js';
import { NVM_FILE } from '../options/outputs.js';
import { imageOfDump, imageOption } from '../data/dump.js';
import { originOf } from '../origin.js';
import { learningText } from '../report/learning.js';
import { restore } from './restore.js';

export const command: Command = defineCommand({
  positionals: [{ name: 'nvm', expected: 'a dump of NVM' }],
  options: {
    image: imageOption,
    output: {
      kind: outputFile(NVM_FILE, 'restored.bin'),
      short: 'o',
      required: true,
      help: 'where to write the dump',
    },
  },
  examples: ['brownout restore dump.bin --image mine.brn -o restored.bin'],
  run({ positionals, options }) {
    const path = options.output!;
    const dump = readUserFile(positionals[0]!);
    const image = imageOfDump(options.image, dump);
    const { nvm, learning } = restore(dump, image);
    writeWhole(path, nvm);
    const text = learning
      ? `${learningText(learning)}\n\n${path}: the factory’s weights again; samples and counters stay`
      : `${path}: the first state again`;
    return {
      json: { origin: originOf({ image: image.file }), file: path, ...(learning ? { learning } : {}) },
      text,
      exitCode: ExitCode.OK,
    };
  },
});
