// What a device has learnt, into an image.
import { readUserFile, writeWhole } from '../data/files.js';
import { ExitCode } from '../error.js';
import { readWeights, withWeights } from '../learning/learned.js';
import { readImage } from '../model/image.js';
import { type Command, defineCommand, IMAGE } from '../options/command.js';
import { outputFile } from '../options/kinds.js';
import { IMAGE_FILE } from '../options/outputs.js';
import { originOf } from '../origin.js';

export const command: Command = defineCommand({
  positionals: [IMAGE, { name: 'weights', expected: 'weights that `brownout export-weights` has written' }],
  options: {
    output: {
      kind: outputFile(IMAGE_FILE, 'fleet.brn'),
      short: 'o',
      required: true,
      help: 'where to write the image',
    },
  },
  examples: ['brownout import-weights checkpoints/digits-learn.brn fleet.brnw -o fleet.brn'],
  run({ positionals, options }) {
    const path = options.output!;
    const image = readImage(readUserFile(positionals[0]!));
    const learned = withWeights(image, readWeights(image, readUserFile(positionals[1]!)));
    writeWhole(path, learned.file);
    return {
      json: { origin: originOf({ image: learned.file }), file: path, imageId: learned.imageId },
      text: `${path}: ${image.metadata.name} with those weights; devices take it as another image`,
      exitCode: ExitCode.OK,
    };
  },
});
