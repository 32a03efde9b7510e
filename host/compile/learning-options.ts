// Options of learning on the device, as the command line of `compile` takes them.
import { BrownoutError } from '../error.js';
import { learningOptions } from '../learning/options.js';
import type { LearnOptions } from '../learning/spec.js';
import { type CliValues, cliOptions } from '../options/command.js';
import { cliName } from '../options/table.js';

const { layers, seed, ...rest } = learningOptions;
const { required: _, ...learn } = layers;

export const learningFlags = { learn, ...cliOptions(rest), learnSeed: seed } as const;

/** What is to be learnt, and the other options; nothing without --learn. Throws `E_OPTION`. */
export function learnOptionsOf<T extends CliValues<typeof learningFlags>>(
  options: T,
): { learn?: LearnOptions; others: Omit<T, keyof typeof learningFlags> } {
  const {
    learn: asked,
    loss,
    learningRate,
    momentum,
    replay,
    ring,
    late,
    wipeEvicted,
    guardEvery,
    holdOut,
    learnSeed,
    rank,
    prior,
    ridge,
    fold,
    decay,
    reserve,
    forget,
    ...others
  } = options;
  if (asked === undefined) {
    const names = Object.keys(learningFlags) as (keyof typeof learningFlags)[];
    const stray = names.find((name) => options[name] !== undefined);
    if (stray === undefined) return { others };
    throw new BrownoutError({
      code: 'E_OPTION',
      found: `--${cliName(stray, learningFlags[stray])} without --learn`,
      expected: 'what is to be learnt',
      hint: 'Say what is to be learnt: `--learn auto`, for example.',
    });
  }
  return {
    others,
    learn: {
      layers: asked,
      ...(loss === undefined ? {} : { loss }),
      ...(learningRate === undefined ? {} : { learningRate }),
      ...(momentum === undefined ? {} : { momentum }),
      ...(replay === undefined ? {} : { replay }),
      ...(ring === undefined ? {} : { ring }),
      ...(late === undefined ? {} : { late }),
      ...(wipeEvicted === undefined ? {} : { wipeEvicted }),
      ...(guardEvery === undefined ? {} : { guardEvery }),
      ...(holdOut === undefined ? {} : { holdOut }),
      ...(learnSeed === undefined ? {} : { seed: learnSeed }),
      ...(rank === undefined ? {} : { rank }),
      ...(prior === undefined ? {} : { prior }),
      ...(ridge === undefined ? {} : { ridge }),
      ...(fold === undefined ? {} : { fold }),
      ...(decay === undefined ? {} : { decay }),
      ...(reserve === undefined ? {} : { reserve }),
      ...(forget === undefined ? {} : { forget }),
    },
  };
}
