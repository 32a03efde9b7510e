import { basename, dirname, extname, join } from 'node:path';
import { readUserFile } from '../data/files.js';
import { readArray } from '../data/samples.js';
import { ExitCode } from '../error.js';
import { cliOptions, type Command, defineCommand } from '../options/command.js';
import { check } from './check.js';
import { checkModelOptions } from './options.js';
import { checkText } from './report.js';

export const command: Command = defineCommand({
  positionals: [{ name: 'model', expected: 'a model: .tflite or .onnx' }],
  options: cliOptions(checkModelOptions),
  examples: [
    'brownout check model.tflite',
    'brownout check model.tflite --board rp2040',
    'brownout check model.onnx --device msp430fr5994 --json',
  ],
  run({ positionals, options: { data, ...others } }) {
    const path = positionals[0]!;
    const result = check(readUserFile(path), {
      name: basename(path, extname(path)),
      beside: (file) => readUserFile(join(dirname(path), file)),
      ...others,
      ...(data === undefined ? {} : { data: readArray(data).array }),
    });
    const exitCode = result.obstacles.length === 0 ? ExitCode.OK : ExitCode.WRONG;
    return { json: result, text: checkText(result), exitCode };
  },
});
