import { readInput } from '../data/read-input.js';
import { ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { runTable } from './report.js';
import { run } from './run.js';
import type { Command } from '../options/command.js';
import { readUserFile } from '../data/files.js';

export const runCommand: Command = {
  name: 'run',
  positionals: ['image'],
  summary: 'Run an image on inputs, on steady power.',
  options: [
    {
      name: 'input',
      value: 'FILE',
      help: '.npy, .npz, .csv, .wav, .bmp or .png; integers of the model’s type are taken as they are (default: its own)',
    },
  ],
  examples: ['brownout run checkpoints/digits.brn', 'brownout run model.brn --input x.npy --json'],
  run({ positionals, options, progress }) {
    const image = readImage(readUserFile(positionals[0]!));
    const path = options['input'];
    const { input, preprocessing } = image.metadata;
    const result = run(image, {
      ...(typeof path === 'string'
        ? { input: readInput(readUserFile(path), { shape: input.shape, preprocessing }) }
        : {}),
      onSample: progress,
    });
    return { json: result, text: runTable(result, image.metadata), exitCode: ExitCode.OK };
  },
};
