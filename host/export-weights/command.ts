// What a device has learnt, out of a dump of its NVM.
import { readUserFile, writeWhole } from '../data/files.js';
import { ExitCode } from '../error.js';
import { factoryWeights, learnedWeights, learningStatus, writeWeights } from '../learning/learned.js';
import { imageOfDump, imageOption } from '../data/dump.js';
import { readDevice } from '../model/image.js';
import { isState } from '../model/state-record.js';
import { type Command, defineCommand } from '../options/command.js';
import { outputFile } from '../options/kinds.js';
import { WEIGHTS_FILE } from '../options/outputs.js';
import { originOf } from '../origin.js';
import { learningText } from '../report/learning.js';
import { count } from '../report/text.js';

export const command: Command = defineCommand({
  positionals: [{ name: 'nvm', expected: 'a dump of NVM, or an image (.brn) that learns' }],
  options: {
    image: imageOption,
    output: {
      kind: outputFile(WEIGHTS_FILE, 'fleet.brnw'),
      short: 'o',
      required: true,
      help: 'where to write the weights',
    },
  },
  examples: [
    'brownout export-weights dump.bin --image mine.brn -o fleet.brnw',
    'brownout export-weights mine.brn -o mine.brnw',
  ],
  run({ positionals, options }) {
    const path = options.output!;
    const bytes = readUserFile(positionals[0]!);
    const isDump = isState(bytes);
    const image = isDump ? imageOfDump(options.image, bytes) : { ...readDevice(bytes), file: bytes };
    const bank = isDump ? learnedWeights(bytes, image) : factoryWeights(image);
    writeWhole(path, writeWeights(image, bank));
    const learning = isDump ? learningStatus(bytes, image) : null;
    return {
      json: { origin: originOf({ image: image.file }), file: path, bankBytes: bank.length, learning },
      text: [
        ...(learning ? [learningText(learning), ''] : []),
        `${path}: weights of ${count(bank.length)} bytes`,
      ].join('\n'),
      exitCode: ExitCode.OK,
    };
  },
});
