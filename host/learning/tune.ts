// A learning rate, tried at the desk on the mirror: what the image carries.
import { Random } from '../math/random.js';
import { BrownoutError } from '../error.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { deriveLearning } from './derive.js';
import { type Sample, LearningMirror } from './mirror.js';
import type { LearnOptions } from './spec.js';

/** A learning rate that was tried. */
export interface Trial {
  learningRate: number;
  /** Share of the held-out samples that are right at the end; mean of the runs. */
  accuracy: number;
}

export interface Tuning {
  learningRate: number;
  trials: Trial[];
}

/** Powers of two that are tried: 2^-12 … 2^-2. */
const EXPONENTS = [-12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2];
/** Runs at least: every set of samples in one order or several. */
const RUNS = 3;
/** Every so many-th sample is held out. */
const HELD_OUT = 2;
const LEAST = 6;

/** Learns `stream` sample by sample at a rate; the share of `unseen` that is right then. */
export type Learner = (learningRate: number, stream: readonly Sample[], unseen: readonly Sample[]) => number;

/**
 * Tries powers of two on each set of samples, half of it held out. Takes the rate whose neighbours do well,
 * too: accuracies, weighted 1, 2, 1; of equals the middle one.
 */
export function tuneRate(sets: readonly (readonly Sample[])[], learn: Learner): Tuning {
  const fewest = Math.min(...sets.map((samples) => samples.length));
  if (!(fewest >= LEAST && fewest < Infinity)) {
    throw new BrownoutError({
      code: 'E_LEARN',
      found: `${sets.length === 0 ? 'no' : fewest} samples to tune the learning rate on`,
      expected: `at least ${LEAST}`,
      hint: 'Give more labelled samples, or a learning rate.',
    });
  }
  const random = new Random(1);
  const orders = Math.ceil(RUNS / sets.length);
  const runs = sets.flatMap((samples) =>
    Array.from({ length: orders }, () => {
      const order = random.shuffle([...samples]);
      const unseen = order.filter((_, i) => i % HELD_OUT === HELD_OUT - 1);
      return { unseen, stream: order.filter((_, i) => i % HELD_OUT !== HELD_OUT - 1) };
    }),
  );
  const trials = EXPONENTS.map((exponent): Trial => {
    const learningRate = 2 ** exponent;
    const shares = runs.map(({ stream, unseen }) => learn(learningRate, stream, unseen));
    return { learningRate, accuracy: shares.reduce((a, b) => a + b, 0) / runs.length };
  });
  const at = (i: number): number => trials[Math.min(Math.max(i, 0), trials.length - 1)]!.accuracy;
  const scores = trials.map((_, i) => at(i - 1) + 2 * at(i) + at(i + 1));
  const best = Math.max(...scores);
  const equals = trials.filter((_, i) => scores[i] === best);
  return { learningRate: equals[equals.length >> 1]!.learningRate, trials };
}

/** Share of samples that `classify` gets right. */
export const shareRight = (samples: readonly Sample[], classify: (input: Int8Array) => number): number =>
  samples.filter(({ input, label }) => classify(input) === label).length / samples.length;

/**
 * The learning rate for learning `network` by `options` on sets of samples like these: of one user, one place, each learnt
 * on its own, from the factory's weights. Inputs are int8 as the network takes them.
 * Errors: E_LEARN as `deriveLearning`, and for too few samples; E_LABEL, E_SHAPE for samples that do not fit.
 */
export function tuneLearningRate(
  network: QuantizedNetwork,
  options: LearnOptions,
  sets: readonly (readonly Sample[])[],
): Tuning {
  const frozen = LearningMirror.frozenPart(network, deriveLearning(network, options));
  return tuneRate(sets, (learningRate, stream, unseen) => {
    const spec = deriveLearning(network, { ...options, learningRate });
    const mirror = new LearningMirror(network, spec, frozen);
    stream.forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
    return shareRight(unseen, (input) => mirror.classify(input));
  });
}
