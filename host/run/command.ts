import { readArray, readText } from '../data/samples.js';
import { ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { runTable } from './report.js';
import { run } from './run.js';
import type { Command } from '../options/command.js';
import { asOf, asOption } from '../data/input-options.js';
import { readUserFile } from '../data/files.js';

export const runCommand: Command = {
  name: 'run',
  positionals: ['image'],
  summary: 'Run an image on inputs, on steady power.',
  options: [
    {
      name: 'input',
      value: 'FILE',
      help: '.npy, .npz, .csv, .wav, .png, .bmp or .jpg (docs/INPUTS.md; default: the image’s own)',
    },
    asOption,
  ],
  examples: ['brownout run checkpoints/digits.brn', 'brownout run model.brn --input x.npy --json'],
  run({ positionals, options, progress }) {
    const image = readImage(readUserFile(positionals[0]!));
    const path = options['input'];
    const { input, preprocessing, classes } = image.metadata;
    const target = { shape: input.shape, preprocessing };
    const given = { target, ...asOf(options), ...(classes ? { classes } : {}) };
    const file = typeof path === 'string' ? readArray(path, given) : undefined;
    const result = run(image, { ...(file ? { input: file.array } : {}), onSample: progress });
    const table = runTable(result, image.metadata);
    const { readAs } = result;
    const read = file && readAs ? readText({ format: file.format, dtype: file.array.dtype, as: readAs }) : '';
    return { json: result, text: read ? `${read}\n${table}` : table, exitCode: ExitCode.OK };
  },
};
