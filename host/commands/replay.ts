import { readNpy } from '../data/npy.js';
import { BrownoutError, ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { replayCutsText } from '../report/replay.js';
import { replayCuts } from '../verify/replay.js';
import type { Command } from './command.js';
import { readUserFile } from './files.js';

export const replayCommand: Command = {
  name: 'replay',
  positionals: ['image'],
  summary: 'Play power failures against an image, and tell what happened.',
  options: [
    { name: 'cuts', value: 'ID', help: 'the schedule of power failures, as `verify` prints it' },
    { name: 'input', value: 'x.npy', help: 'the sample given to `verify`, if one was' },
    { name: 'job', value: 'NAME', help: 'infer (default) or train' },
    { name: 'module', value: 'FILE', help: 'device module (default: the one that ships)' },
  ],
  examples: [
    'brownout replay checkpoints/digits.brn --cuts 1500,300-',
    'brownout replay model.brn --cuts 118,2~7@c3.12@t4@s4294967294 --json',
  ],
  run({ positionals, options }) {
    const image = readImage(readUserFile(positionals[0]!));
    const { cuts, input, job, module } = options;
    if (typeof cuts !== 'string') {
      throw new BrownoutError({
        code: 'E_USAGE',
        found: 'no schedule of power failures',
        expected: '--cuts ID',
        hint: 'Try --cuts 1500,300 : 1,500 bytes and barriers into the first boot, 300 into the second.',
      });
    }
    const result = replayCuts(image, cuts, {
      ...(typeof input === 'string' ? { input: readNpy(readUserFile(input)) } : {}),
      ...(typeof job === 'string' ? { job: job as 'infer' } : {}),
      ...(typeof module === 'string' ? { module: readUserFile(module) } : {}),
    });
    const exitCode = result.identical ? ExitCode.OK : ExitCode.WRONG;
    return { json: result, text: replayCutsText(result), exitCode };
  },
};
