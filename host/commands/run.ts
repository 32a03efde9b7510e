import { readNpy } from '../data/npy.js';
import { ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { runTable } from '../report/run.js';
import { run } from '../run.js';
import type { Command } from './command.js';
import { readUserFile } from './files.js';

export const runCommand: Command = {
  name: 'run',
  positionals: ['image'],
  summary: 'Run an image on inputs, on steady power.',
  options: [
    {
      name: 'input',
      value: 'x.npy',
      help: 'a sample or a batch; floats are quantized, the model’s integers taken as they are (default: the image’s)',
    },
  ],
  examples: ['brownout run checkpoints/digits.brn', 'brownout run model.brn --input x.npy --json'],
  run({ positionals, options, progress }) {
    const image = readImage(readUserFile(positionals[0]!));
    const path = options['input'];
    const result = run(image, {
      ...(typeof path === 'string' ? { input: readNpy(readUserFile(path)) } : {}),
      onSample: progress,
    });
    return { json: result, text: runTable(result, image.metadata), exitCode: ExitCode.OK };
  },
};
