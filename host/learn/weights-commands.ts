// What a device has learnt, on its way between devices: out of a dump of NVM, into images; and back to the factory's.
import { BrownoutError, ExitCode } from '../error.js';
import { readDevice, readImage } from '../model/image.js';
import { restoreDump } from './restore.js';
import {
  learnedWeights,
  learningStatus,
  readWeights,
  learningOf,
  withWeights,
  writeWeights,
} from '../learning/learned.js';
import { count } from '../report/text.js';
import { learningText } from '../report/learning.js';
import type { Command, CommandInput } from '../options/command.js';
import { readUserFile, writeWhole } from '../data/files.js';

const output = { name: 'output', short: 'o', value: 'FILE' };

/** The file to write. Throws `E_USAGE`. */
function outputOf({ options }: CommandInput): string {
  if (typeof options['output'] === 'string') return options['output'];
  throw new BrownoutError({
    code: 'E_USAGE',
    found: 'no -o FILE',
    expected: 'where to write',
    hint: 'Add -o and a path.',
  });
}

export const exportWeightsCommand: Command = {
  name: 'export-weights',
  positionals: ['nvm'],
  summary:
    'Take what a device has learnt out of a dump of its NVM, or an image’s own weights out of the image.',
  options: [{ ...output, help: 'where to write the weights' }],
  examples: [
    'brownout export-weights dump.bin -o fleet.brnw',
    'brownout export-weights mine.brn -o mine.brnw',
  ],
  run(input) {
    const path = outputOf(input);
    const bytes = readUserFile(input.positionals[0]!);
    const image = readDevice(bytes);
    const header = learningOf(image);
    const isDump = bytes.length >= image.nvmBytes;
    const bank = isDump
      ? learnedWeights(bytes, image)
      : bytes.slice(header.factory, header.factory + header.bankBytes);
    writeWhole(path, writeWeights(image, bank));
    const learning = isDump ? learningStatus(bytes, image) : null;
    return {
      json: { file: path, bankBytes: bank.length, learning },
      text: [
        ...(learning ? [learningText(learning), ''] : []),
        `${path}: weights of ${count(bank.length)} bytes`,
      ].join('\n'),
      exitCode: ExitCode.OK,
    };
  },
};

export const importWeightsCommand: Command = {
  name: 'import-weights',
  positionals: ['image', 'weights'],
  summary: 'Put weights that a device has learnt into the image, as what it ships with.',
  options: [{ ...output, help: 'where to write the image' }],
  examples: ['brownout import-weights checkpoints/digits-learn.brn fleet.brnw -o fleet.brn'],
  run(input) {
    const path = outputOf(input);
    const image = readImage(readUserFile(input.positionals[0]!));
    const learned = withWeights(image, readWeights(image, readUserFile(input.positionals[1]!)));
    writeWhole(path, learned.file);
    return {
      json: { file: path, imageId: learned.imageId },
      text: `${path}: ${image.metadata.name} with those weights; devices take it as another image`,
      exitCode: ExitCode.OK,
    };
  },
};

export const restoreCommand: Command = {
  name: 'restore',
  positionals: ['nvm'],
  summary: 'Bring a dump of a device’s NVM back to the factory’s weights, as the device does when asked to.',
  options: [{ ...output, help: 'where to write the dump' }],
  examples: ['brownout restore dump.bin -o restored.bin'],
  run(input) {
    const path = outputOf(input);
    const { nvm, learning } = restoreDump(readUserFile(input.positionals[0]!));
    writeWhole(path, nvm);
    return {
      json: { file: path, learning },
      text: `${learningText(learning)}\n\n${path}: the factory’s weights again; samples and counters stay`,
      exitCode: ExitCode.OK,
    };
  },
};
