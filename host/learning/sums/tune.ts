// What the factory's data counts for, and the ridge, tried at the desk on labelled samples like those to come.
import { BrownoutError } from '../../error.js';
import { Random } from '../../math/random.js';
import type { Dense, QuantizedNetwork } from '../../model/quantized-network.js';
import { kernelOf } from '../forward.js';
import type { Sample } from '../mirror.js';
import { fold, project, type Projected, rebuild } from './arithmetic.js';
import { deriveSums, type FeaturesOf, priorOf, ridgeWord, type SumsOptions } from './derive.js';
import type { SumsSpec } from './spec.js';

/** Samples of a class that the factory's data counts for. */
const PRIORS = [0.5, 1, 2, 3, 5, 8, 12];
/** Ridges, as shares of the mean variance. */
const RIDGES = [0.05, 0.1, 0.2, 0.5, 1, 2];
/** Of the labelled half, what is learnt when accuracy is measured. */
const PARTS = [1 / 4, 1 / 2, 1];
/** Runs at least: every set of samples in one order or several. */
const RUNS = 12;
const LEAST = 6;

/** What the factory's data counts for, and a ridge, that were tried. */
export interface SumsTrial {
  /** Samples of a class. */
  prior: number;
  /** As a share of the mean variance within classes. */
  ridge: number;
  /** Share of the held-out samples that are right: mean over runs and over a quarter, half and all of the labels. */
  accuracy: number;
  /** Of the runs' means. */
  deviation: number;
}

export interface SumsTuning {
  prior: number;
  ridge: number;
  trials: SumsTrial[];
}

interface Run {
  /** What is learnt when accuracy is measured, ever more of it. */
  parts: readonly (readonly Projected[])[];
  unseen: readonly Projected[];
}

/** Samples as they are added up. */
export const projectedBy = (spec: SumsSpec, features: FeaturesOf, samples: readonly Sample[]): Projected[] =>
  samples.map(({ input, label }) => ({ p: project(spec.projection, features(input)), label }));

/** Each set shuffled: its odd samples are held out, or, with `labels`, all but the most of these. */
function runsOf(
  sets: readonly (readonly Sample[])[],
  features: FeaturesOf,
  spec: SumsSpec,
  labels: readonly number[] | undefined,
): Run[] {
  const random = new Random(1);
  const orders = Math.ceil(RUNS / sets.length);
  return sets.flatMap((samples) =>
    Array.from({ length: orders }, (): Run => {
      const order = projectedBy(spec, features, random.shuffle([...samples]));
      if (labels)
        return {
          parts: labels.map((count) => order.slice(0, count)),
          unseen: order.slice(Math.max(...labels)),
        };
      const stream = order.filter((_, i) => i % 2 === 0);
      return {
        parts: PARTS.map((part) => stream.slice(0, Math.ceil(stream.length * part))),
        unseen: order.filter((_, i) => i % 2 === 1),
      };
    }),
  );
}

/** Share of `unseen` right with the head that the prior and `learnt` make. */
export function accuracyOf(
  spec: SumsSpec,
  learnt: readonly Projected[],
  unseen: readonly Projected[],
): number {
  const head = spec.network.ops[spec.op] as Dense;
  const { weights, bias, multiplier, shift } = rebuild(fold(spec.prior, learnt), spec);
  const run = kernelOf(spec.network, {
    ...head,
    multipliers: Int32Array.of(multiplier),
    shifts: Int32Array.of(shift),
  });
  const joined = new Int8Array(spec.joinedInputs);
  const right = unseen.filter(({ p, label }) => {
    // A head that has learnt leaves out the factory's logits.
    joined.set(p);
    const logits = run(joined, { weights, folded: bias });
    return logits.indexOf(logits.reduce((a, b) => Math.max(a, b), -128)) === label;
  });
  return right.length / unseen.length;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The pair whose neighbours do well, too: accuracies, weighted 1, 2, 1 both ways; of equals the last. */
function best(
  trials: readonly SumsTrial[],
  priors: number,
  ridges: number,
): Pick<SumsTuning, 'prior' | 'ridge'> {
  const within = (i: number, count: number): number => Math.min(Math.max(i, 0), count - 1);
  const scores = trials.map((_, at) => {
    const [p, r] = [Math.floor(at / ridges), at % ridges];
    let score = 0;
    for (const i of [-1, 0, 1])
      for (const j of [-1, 0, 1]) {
        const neighbour = trials[within(p + i, priors) * ridges + within(r + j, ridges)]!;
        score += (2 - Math.abs(i)) * (2 - Math.abs(j)) * neighbour.accuracy;
      }
    return score;
  });
  const { prior, ridge } = trials[scores.lastIndexOf(Math.max(...scores))]!;
  return { prior, ridge };
}

/**
 * Tries what the factory's data counts for, and ridges, on sets of labelled samples like those to come, one of each user, each
 * learnt on its own from the factory's sums, half of it held out. What `asked` gives is not tried. Inputs are int8, as the
 * network takes them. Errors: E_LEARN as `deriveSums`, and for sets of fewer than six samples; E_LABEL for labels that the
 * network has not.
 */
export function tuneSums(
  network: QuantizedNetwork,
  options: SumsOptions,
  samples: {
    data: readonly Sample[];
    sets: readonly (readonly Sample[])[];
    features: FeaturesOf;
    /** After how many labels accuracy counts; what is beyond them is held out. Default: a quarter, half and all of a half. */
    labels?: readonly number[];
  },
  asked: {
    prior?: number | undefined;
    ridge?: number | undefined;
    onTrial?: ((done: number, total: number) => void) | undefined;
  } = {},
): SumsTuning {
  const { data, sets, features, labels } = samples;
  const fewest = Math.min(...sets.map(({ length }) => length));
  const least = Math.max(LEAST, ...(labels ?? []).map((count) => count + 1));
  if (!(fewest >= least && fewest < Infinity))
    throw new BrownoutError({
      code: 'E_LEARN',
      found: `${sets.length === 0 ? 'no' : fewest} samples to tune on`,
      expected: `at least ${least}`,
      hint: 'Give more labelled samples, or `prior` and `ridge`.',
    });
  const priors = asked.prior === undefined ? PRIORS : [asked.prior];
  const ridges = asked.ridge === undefined ? RIDGES : [asked.ridge];
  const first = deriveSums(network, options, data, features);
  const { classes, projection } = first;
  const wrong = sets.flat().find(({ label }) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (wrong)
    throw new BrownoutError({
      code: 'E_LABEL',
      found: `label ${wrong.label}`,
      expected: `a whole number from 0 to ${classes - 1}`,
      hint: 'Labels count from 0.',
    });
  const projected = projectedBy(first, features, data);
  const runs = runsOf(sets, features, first, labels);
  const trials = priors.flatMap((prior, p) => {
    const spec = { ...first, prior: priorOf(projected, classes, projection.rank, prior) };
    return ridges.map((ridge, r): SumsTrial => {
      const tried = { ...spec, ridge: ridgeWord(ridge) };
      const shares = runs.map(({ parts, unseen }) =>
        mean(parts.map((learnt) => accuracyOf(tried, learnt, unseen))),
      );
      asked.onTrial?.(p * ridges.length + r + 1, priors.length * ridges.length);
      const accuracy = mean(shares);
      return {
        prior,
        ridge,
        accuracy,
        deviation: Math.sqrt(mean(shares.map((share) => (share - accuracy) ** 2))),
      };
    });
  });
  return { ...best(trials, priors.length, ridges.length), trials };
}
