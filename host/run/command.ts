import { readUserFile } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import { readPortArrays } from '../data/port-arrays.js';
import { inputFor, readText } from '../data/samples.js';
import { ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { runOptions } from './options.js';
import { runTable } from './report.js';
import { run } from './run.js';

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: { ...cliOptions(runOptions), as: asOption },
  examples: ['brownout run checkpoints/digits.brn', 'brownout run model.brn --input x.npy --json'],
  run({ positionals, options: { input: path, as }, progress }) {
    const image = readImage(readUserFile(positionals[0]!));
    if (path !== undefined && image.metadata.inputs) {
      const inputs = readPortArrays(path, image, as ? { as } : {});
      const answers = run(image, { inputs, onSample: progress });
      return { json: answers, text: runTable(answers, image.metadata), exitCode: ExitCode.OK };
    }
    const file = path === undefined ? undefined : inputFor(path, image, as);
    const result = run(image, { ...(file ? { input: file.array } : {}), onSample: progress });
    const table = runTable(result, image.metadata);
    const { readAs } = result;
    const read = file && readAs ? readText({ format: file.format, dtype: file.array.dtype, as: readAs }) : '';
    return { json: result, text: read ? `${read}\n${table}` : table, exitCode: ExitCode.OK };
  },
});
