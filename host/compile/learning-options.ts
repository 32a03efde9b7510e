// Options of learning on the device, as `compile` takes them.
import { BrownoutError } from '../error.js';
import type { LearnOptions } from '../learning/spec.js';
import type { CommandInput, OptionSpec } from '../options/command.js';
import { wholeNumber } from '../data/files.js';

export const learningOptions: readonly OptionSpec[] = [
  {
    name: 'learn',
    value: 'LAYERS',
    help: 'what the device learns: last, bias, head:N, all, auto, or names such as fc2,conv1:bias,fc1:0-15',
  },
  { name: 'lr', value: 'RATE', help: 'learning rate of float SGD (default 1/64)' },
  { name: 'loss', value: 'NAME', help: 'cross-entropy (default) or mse' },
  { name: 'momentum', value: 'M', help: '0 (default), 0.5, 0.75, 0.875, … (1 − 2^−n)' },
  { name: 'replay', value: 'N', help: 'kept samples learnt along with each labelled one (default 1)' },
  { name: 'ring', value: 'N', help: 'samples that are kept, 4 to 64 (default 16)' },
  { name: 'no-late', help: 'do not keep inferences for a label that comes later' },
  { name: 'guard-every', value: 'N', help: 'labelled samples between two guards, 0 for none (default 32)' },
  {
    name: 'hold-out',
    value: 'N',
    help: 'every N-th labelled sample is for the guard, 0 for none (default 8)',
  },
  { name: 'learn-seed', value: 'S', help: 'seed of stochastic rounding and replay (default 1)' },
];

/** A number, or a fraction such as 1/64. Throws `E_OPTION`. */
function rateOf(text: string): number {
  const [, over, under = '1'] = /^(\d*\.?\d+(?:e-?\d+)?)(?:\/(\d*\.?\d+))?$/i.exec(text) ?? [];
  const rate = Number(over) / Number(under);
  if (rate > 0 && rate < Infinity) return rate;
  throw new BrownoutError({
    code: 'E_OPTION',
    found: `--lr ${text}`,
    expected: 'a number above 0, or a fraction such as 1/64',
    hint: 'Leave it out for 1/64.',
  });
}

/** What is to be learnt; undefined without --learn. Throws `E_OPTION`. */
export function learnOptionsOf(options: CommandInput['options']): LearnOptions | undefined {
  const { learn, lr, loss } = options;
  const stray = learningOptions.find(({ name }) => name !== 'learn' && options[name] !== undefined);
  if (typeof learn !== 'string') {
    if (!stray) return undefined;
    throw new BrownoutError({
      code: 'E_OPTION',
      found: `--${stray.name} without --learn`,
      expected: 'what is to be learnt',
      hint: 'Add --learn, such as --learn last.',
    });
  }
  const whole = (name: string, key: keyof LearnOptions): Partial<LearnOptions> => {
    const text = options[name];
    return typeof text === 'string' ? { [key]: wholeNumber(name, text) } : {};
  };
  return {
    layers: learn,
    ...(typeof lr === 'string' ? { learningRate: rateOf(lr) } : {}),
    ...(typeof loss === 'string' ? { loss: loss as 'mse' } : {}),
    ...(typeof options['momentum'] === 'string' ? { momentum: Number(options['momentum']) } : {}),
    ...whole('replay', 'replay'),
    ...whole('ring', 'ring'),
    ...(options['no-late'] ? { late: false } : {}),
    ...whole('guard-every', 'guardEvery'),
    ...whole('hold-out', 'holdOut'),
    ...whole('learn-seed', 'seed'),
  };
}
