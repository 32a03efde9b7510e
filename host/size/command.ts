import { ExitCode } from '../error.js';
import { sizeText } from './report.js';
import { size } from './size.js';
import type { Command } from '../options/command.js';
import { readUserFile } from '../data/files.js';
import { powerOptions, replayOptions } from '../replay/power-options.js';

export const sizeCommand: Command = {
  name: 'size',
  positionals: ['image'],
  summary: 'Find the smallest capacitor an image works with on a power trace, and that of least latency.',
  options: [
    { name: 'input', value: 'x.npy', help: 'a sample or a batch (default: the image’s)' },
    ...powerOptions,
  ],
  examples: [
    'brownout size checkpoints/digits.brn --trace rf',
    'brownout size model.brn --input x.npy --trace rf.csv --device nrf52840 --converter bq25570 --json',
  ],
  run(input) {
    const image = readUserFile(input.positionals[0]!);
    const result = size(image, { ...replayOptions(input), onCapacitor: input.progress });
    const exitCode = result.smallestUf === null ? ExitCode.WRONG : ExitCode.OK;
    return { json: result, text: sizeText(result), exitCode };
  },
};
