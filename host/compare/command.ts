import { existsSync } from 'node:fs';
import { readUserFile } from '../data/files.js';
import { readInputFiles } from '../data/input-files.js';
import { BrownoutError, ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { cliOptions, type Command, defineCommand } from '../options/command.js';
import { traceKind } from '../power/source.js';
import { traceOptions } from '../power/trace.js';
import { traceOf } from '../replay/power-options.js';
import { compare } from './compare.js';
import { compareOptions } from './options.js';
import { compareText } from './report.js';
import { RAD_NETWORKS, radNetwork } from './strategies/rad-networks.js';

export const command: Command = defineCommand({
  positionals: [
    { name: 'image|model', expected: 'images (.brn) or names of models', many: true, names: RAD_NETWORKS },
  ],
  options: {
    ...cliOptions(compareOptions),
    trace: { kind: traceKind, help: 'one trace, as of `replay`', otherwise: 'two RF fields' },
    ...cliOptions(traceOptions),
  },
  examples: [
    'brownout compare',
    'brownout compare rad-mnist rad-okg --device msp430fr5994 --capacitor 1mF --json',
    'brownout compare checkpoints/digits.brn',
  ],
  run({ positionals, options: { trace, loadOhm, currentUnit, input, ...options } }) {
    const models = positionals.map((name) => {
      if (RAD_NETWORKS.includes(name)) return name;
      // Neither a model nor a file: most likely a model's name.
      if (!existsSync(name) && !/[./\\]/.test(name)) radNetwork(name);
      return readImage(readUserFile(name));
    });
    const units = {
      ...(loadOhm === undefined ? {} : { loadOhm }),
      ...(currentUnit === undefined ? {} : { currentUnit }),
    };
    const traces = trace === undefined ? {} : { traces: [traceOf(trace, units)] };
    const first = models.find((model) => typeof model !== 'string');
    if (input !== undefined && first === undefined) {
      throw new BrownoutError({
        code: 'E_USAGE',
        found: '--input without an image',
        expected: 'an image to give it to',
        hint: 'Name one, such as checkpoints/digits.brn, or leave --input out.',
      });
    }
    const given = input === undefined || first === undefined ? {} : readInputFiles(input, first).given;
    const result = compare(models, { ...options, ...traces, ...given });
    return { json: result, text: compareText(result), exitCode: ExitCode.OK };
  },
});
