import { readInput } from '../data/read-input.js';
import { BrownoutError, ExitCode } from '../error.js';
import { type Image, readImage } from '../model/image.js';
import { verifyText } from './report.js';
import { verify, type VerifyOptions } from './verify.js';
import type { Command, CommandInput } from '../options/command.js';
import { readUserFile, wholeNumber } from '../data/files.js';
import { capacitance } from '../options/capacitance.js';

/** `90s`, `2m` or `500ms` in milliseconds. Throws `E_OPTION`. */
function duration(name: string, text: string): number {
  const [, value, unit] = /^(\d{1,6})(ms|s|m)$/.exec(text) ?? [];
  if (value && unit) return Number(value) * { ms: 1, s: 1000, m: 60_000 }[unit as 'ms' | 's' | 'm'];
  throw new BrownoutError({
    code: 'E_OPTION',
    found: `--${name} ${text}`,
    expected: 'a time such as 60s, 5m or 500ms',
    hint: 'Leave it out to go on to the end.',
  });
}

function optionsOf({ options, progress }: CommandInput, { metadata }: Image): VerifyOptions {
  const { shape } = metadata.input;
  const { preprocessing } = metadata;
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const [input, job, tear, module, device, policy, budget] = [
    'input',
    'job',
    'tear',
    'module',
    'device',
    'policy',
    'budget',
  ].map(text);
  return {
    ...(input ? { input: readInput(readUserFile(input), { shape, preprocessing }) } : {}),
    ...(job ? { job: job as 'infer' } : {}),
    ...(tear ? { tear: wholeNumber('tear', tear) } : {}),
    ...(module ? { module: readUserFile(module) } : {}),
    ...(device ? { device } : {}),
    ...(typeof options['capacitor'] === 'string' ? { capacitorUf: capacitance(options['capacitor']) } : {}),
    ...(policy ? { policy } : {}),
    ...(budget ? { budgetMs: duration('budget', budget) } : {}),
    enumerate: options['enumerate'] === true,
    onProgress: progress,
  };
}

export const verifyCommand: Command = {
  name: 'verify',
  positionals: ['image'],
  summary: 'Prove that no power failure, at any point and any number of times, changes the result.',
  options: [
    {
      name: 'input',
      value: 'FILE',
      help: 'sample to prove it on (default: the input in the image, else noise)',
    },
    { name: 'job', value: 'NAME', help: 'infer (default) or learn' },
    { name: 'tear', value: 'BYTES', help: 'bytes a write may be torn at: 1 (default), 2, 4 or 8' },
    { name: 'policy', value: 'NAME', help: "every N, low or never, in place of the image's own" },
    { name: 'device', value: 'NAME', help: 'whose charge must hold a tile (default cortex-m4-generic)' },
    { name: 'capacitor', value: 'C', help: "such as 100uF (default: the device's own)" },
    { name: 'module', value: 'FILE', help: 'device module to prove (default: the one that ships)' },
    { name: 'enumerate', help: 'also explore plain states one by one, as a cross-check' },
    {
      name: 'budget',
      value: 'TIME',
      help: 'stop enumerating after 60s, 5m, …; the result says that it is not closed',
    },
  ],
  examples: [
    'brownout verify checkpoints/digits.brn',
    'brownout verify model.brn --input x.npy --tear 4 --json',
    'brownout verify model.brn --policy "every 1" --enumerate --budget 60s',
  ],
  run(input) {
    const image = readImage(readUserFile(input.positionals[0]!));
    const result = verify(image, optionsOf(input, image));
    const text = verifyText(result, input.positionals[0]!);
    return { json: result, text, exitCode: result.proved ? ExitCode.OK : ExitCode.WRONG };
  },
};
