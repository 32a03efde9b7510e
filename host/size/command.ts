import { readUserFile } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import { ExitCode } from '../error.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { traceOptions } from '../power/trace.js';
import { powerOf } from '../replay/power-options.js';
import { sizeOptions } from './options.js';
import { sizeText } from './report.js';
import { size } from './size.js';

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: { ...cliOptions(sizeOptions), as: asOption, ...cliOptions(traceOptions) },
  examples: [
    'brownout size checkpoints/digits.brn --trace rf',
    'brownout size model.brn --input x.npy --trace rf.csv --device nrf52840 --converter bq25570 --json',
  ],
  run({ positionals, options, progress }) {
    const image = readUserFile(positionals[0]!);
    const { power, said } = powerOf(options, image);
    const result = size(image, { ...power, onCapacitor: progress });
    const exitCode = result.smallestUf === null ? ExitCode.WRONG : ExitCode.OK;
    return { json: result, text: `${said}${sizeText(result)}`, exitCode };
  },
});
