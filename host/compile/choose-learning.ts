// Which way to learn `auto` stands for: what fits the device, what a label takes, and how each does on samples held out.
import { BrownoutError } from '../error.js';
import { reachOf } from '../learning/reach.js';
import { deriveLearning } from '../learning/derive.js';
import { headsOf } from '../learning/layers.js';
import { LearningMirror, type Sample } from '../learning/mirror.js';
import { completeSumsOptions, optionsFor, SUMS } from '../learning/options.js';
import type { LearnOptions } from '../learning/spec.js';
import { deriveSums, type FeaturesOf } from '../learning/sums/derive.js';
import { lastLayer } from '../learning/sums/head.js';
import { accuracyOf, projectedBy, tuneSums } from '../learning/sums/tune.js';
import { shareRight, tuneLearningRate } from '../learning/tune.js';
import { Random } from '../math/random.js';
import { readImage } from '../model/image.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { energyOfLabel } from './label-energy.js';

/** A way to learn that was considered. */
export interface LearningCandidate {
  /** As the option has it: `sums`, `last`, `head:2`. */
  layers: string;
  /** Why it cannot be had; nothing else is known of it then. */
  refused?: string;
  /** NVM of the image, and of learning in it: weight banks, states, ring, lanes. */
  nvmBytes?: number;
  learningBytes?: number;
  /** Energy of a label in the long run, simulated: after its inference, which is not counted, where the image keeps samples. */
  labelUj?: number;
  /** Share of samples held out that are right: mean and deviation over the folds. */
  accuracy?: number;
  deviation?: number;
}

/** What `auto` stands for. */
export interface LearningChoice {
  /** The options to compile with: `layers` chosen, and what else was chosen on samples. */
  learn: LearnOptions;
  candidates: LearningCandidate[];
  chosen: string;
  reason: string;
  /** Which samples accuracies are of: the user's, the factory's own, or none. */
  samples: 'user' | 'factory' | 'none';
  /** Share right without learning, on the same samples. */
  unadapted?: number;
}

/** What a choice needs of the compiler. */
export interface ChoiceTools {
  /** The image with what is to be learnt, not proved. Throws where the device does not hold it. */
  image: (learn: LearnOptions) => Uint8Array;
  /** What a tensor of the network holds of inputs. */
  at: (tensor: number) => FeaturesOf;
  profile: DeviceProfile;
  onCandidate?: ((done: number, total: number) => void) | undefined;
}

type Samples = readonly Sample[];

/** Half of a set is learnt, the other half held out. */
interface Fold {
  stream: Samples;
  unseen: Samples;
}

/** Folds at least, and the samples of each set that are looked at. */
const FOLDS = 6;
const MOST_SAMPLES = 240;
/** Labels that the energy of gradients is measured on; of sums, until the head is made anew. */
const GRADIENT_ROUND = 4;
/** Of accuracies no further apart the dearer one is not worth it; or than the standard error of the best, if that is more. */
const ALIKE = 0.005;
/**
 * On the factory's own data a head by sums may be so much worse than what shipped, and twice the standard error of that: more
 * says that it does not suit the network.
 */
const WORSE = 0.05;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const deviationOf = (values: readonly number[]): number => {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
};
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Each set in random orders, its halves learnt and held out in turn. */
function foldsOf(sets: readonly Samples[]): Fold[] {
  const random = new Random(1);
  const orders = Math.ceil(FOLDS / 2 / Math.max(sets.length, 1));
  return sets.flatMap((samples) =>
    Array.from({ length: orders }, () => random.shuffle([...samples])).flatMap((order) => {
      const [even, odd] = [0, 1].map((rest) => order.filter((_, i) => i % 2 === rest));
      return [
        { stream: even!, unseen: odd! },
        { stream: odd!, unseen: even! },
      ];
    }),
  );
}

/** Chooses prior and ridge, or the learning rate, on the user's sets. */
function tuned(
  network: QuantizedNetwork,
  learn: LearnOptions,
  sets: readonly Samples[],
  features: FeaturesOf | undefined,
): LearnOptions {
  if (sets.length === 0) return learn;
  if (features) {
    if (learn.prior !== undefined && learn.ridge !== undefined) return learn;
    const samples = { data: learn.data ?? [], sets, features };
    const { prior, ridge } = tuneSums(network, completeSumsOptions(learn), samples, learn);
    return { ...learn, prior, ridge };
  }
  if (learn.learningRate !== undefined) return learn;
  return { ...learn, learningRate: tuneLearningRate(network, learn, sets).learningRate };
}

/** Share of a fold's unseen half that is right: learnt by sums. */
function sharesBySums(
  network: QuantizedNetwork,
  learn: LearnOptions,
  folds: readonly Fold[],
  features: FeaturesOf,
): number[] {
  const spec = deriveSums(network, completeSumsOptions(learn), learn.data ?? [], features);
  return folds.map(({ stream, unseen }) =>
    accuracyOf(spec, projectedBy(spec, features, stream), projectedBy(spec, features, unseen)),
  );
}

/** The same by gradients. */
function sharesByGradients(network: QuantizedNetwork, learn: LearnOptions, folds: readonly Fold[]): number[] {
  const spec = deriveLearning(network, learn);
  const frozen = LearningMirror.frozenPart(network, spec);
  return folds.map(({ stream, unseen }) => {
    const mirror = new LearningMirror(network, spec, frozen);
    stream.forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
    return shareRight(unseen, (input) => mirror.classify(input));
  });
}

/** What there is to judge by: samples to tune on, folds to measure on, and the factory's data without those. */
interface Evidence {
  samples: LearningChoice['samples'];
  sets: readonly Samples[];
  folds: readonly Fold[];
  data: LearnOptions['data'];
}

function evidenceOf(given: readonly Samples[], data: LearnOptions['data']): Evidence {
  const random = new Random(2);
  const sets = given.map((samples) => random.shuffle([...samples]).slice(0, MOST_SAMPLES));
  if (sets.length > 0) return { samples: 'user', sets, folds: foldsOf(sets), data };
  if (!data || data.length < 4) return { samples: 'none', sets, folds: [], data };
  const shuffled = new Random(1).shuffle([...data]);
  const half = shuffled.length >> 1;
  const rest = shuffled.slice(half, half + MOST_SAMPLES);
  return { samples: 'factory', sets, folds: foldsOf([rest]), data: shuffled.slice(0, half) };
}

/** Judges one way to learn: memory first, then what a label takes, then samples held out. */
function consider(
  network: QuantizedNetwork,
  learn: LearnOptions,
  { sets, folds, data }: Evidence,
  { image, at, profile }: ChoiceTools,
): { candidate: LearningCandidate; learn: LearnOptions } {
  const { layers } = learn;
  try {
    const isSums = layers === SUMS;
    const made = readImage(image(learn));
    const { banks } = made.learning!;
    const round = isSums ? completeSumsOptions(learn).every : GRADIENT_ROUND;
    const known = {
      layers,
      nvmBytes: made.nvmBytes,
      learningBytes: made.nvmBytes - banks,
      labelUj: energyOfLabel(made, profile, { late: learn.late ?? true, round }),
    };
    if (folds.length === 0) return { candidate: known, learn };
    const features = isSums ? at(lastLayer(network).features) : undefined;
    const best = tuned(network, learn, sets, features);
    const shares = features
      ? sharesBySums(network, { ...best, ...(data ? { data } : {}) }, folds, features)
      : sharesByGradients(network, best, folds);
    return {
      candidate: { ...known, accuracy: mean(shares), deviation: deviationOf(shares) },
      learn: best,
    };
  } catch (error) {
    if (!(error instanceof BrownoutError) || error.code === 'E_LABEL') throw error;
    return { candidate: { layers, refused: `${error.found}; expected ${error.expected}` }, learn };
  }
}

/** Share right with what shipped. */
function unadaptedShare(network: QuantizedNetwork, folds: readonly Fold[], { at }: ChoiceTools): number {
  const logits = at(reachOf(network).logits);
  const answer = (input: Int8Array): number => {
    const values = logits(input);
    return values.indexOf(values.reduce((a, b) => Math.max(a, b), -128));
  };
  return mean(folds.map(({ unseen }) => shareRight(unseen, answer)));
}

const cheapest = (candidates: readonly LearningCandidate[]): LearningCandidate =>
  candidates.reduce((a, b) => (b.labelUj! < a.labelUj! ? b : a));

/**
 * Without samples of the user: sums, where they suit the network; else as much by gradients as there is to choose from. `held`:
 * samples of the factory's that a fold holds out.
 */
function byDefault(
  possible: readonly LearningCandidate[],
  { samples, unadapted }: Pick<LearningChoice, 'samples' | 'unadapted'>,
  held: number,
): { chosen: LearningCandidate; reason: string } {
  const sums = possible.find(({ layers }) => layers === SUMS);
  const others = possible.filter(({ layers }) => layers !== SUMS);
  const by = 'by memory and energy alone: no samples of users were given';
  const error = unadapted === undefined ? 0 : Math.sqrt((unadapted * (1 - unadapted)) / held);
  const falls =
    unadapted !== undefined && sums?.accuracy !== undefined && sums.accuracy < unadapted - WORSE - 2 * error;
  if (sums && !(falls && others.length > 0)) {
    const kept = samples === 'factory' ? ' and keep what the network knows' : '';
    return { chosen: sums, reason: `sums fit${kept}, with no rate to choose; ${by}` };
  }
  const why = falls ? 'sums lose too much of what the network knows' : 'sums cannot be had';
  return { chosen: others.at(-1)!, reason: `${why}; ${by}` };
}

/** The best on the user's samples; of those as good as the best the one whose labels take least. */
function byAccuracy(
  possible: readonly LearningCandidate[],
  folds: number,
  unadapted: number,
): { chosen: LearningCandidate; reason: string } {
  const measured = possible.filter(({ accuracy }) => accuracy !== undefined);
  const best = measured.reduce((a, b) => (b.accuracy! > a.accuracy! ? b : a));
  const margin = Math.max(ALIKE, best.deviation! / Math.sqrt(folds));
  const chosen = cheapest(measured.filter(({ accuracy }) => accuracy! >= best.accuracy! - margin));
  const right = `${percent(chosen.accuracy!)} right on samples held out`;
  const why =
    chosen === best ? `${right}, the most` : `${right}, as good as ${best.layers} for less energy a label`;
  const pays =
    chosen.accuracy! > unadapted ? '' : `; no better than without learning (${percent(unadapted)})`;
  return { chosen, reason: `${why}${pays}` };
}

/**
 * Chooses among a head by sums and heads by gradients for `network`: what the device does not hold is refused; of the rest
 * `sets` of the user's labelled samples decide, one of each user, half of each held out in turn. Without them memory and energy
 * do. Throws `E_LEARN` where nothing can be had, `E_LABEL` for labels that the network has not.
 */
export function choose(
  network: QuantizedNetwork,
  given: LearnOptions,
  sets: readonly Samples[],
  tools: ChoiceTools,
): LearningChoice {
  // Classes that are reserved need a head that grows.
  const ways = given.reserve ? [SUMS] : [SUMS, ...headsOf(network)];
  const evidence = evidenceOf(sets, given.data);
  const { samples, folds } = evidence;
  const tried = ways.map((layers, i) => {
    const one = consider(network, optionsFor(given, layers), evidence, tools);
    tools.onCandidate?.(i + 1, ways.length);
    return one;
  });
  const candidates = tried.map(({ candidate }) => candidate);
  const possible = candidates.filter(({ refused }) => refused === undefined);
  if (possible.length === 0)
    throw new BrownoutError({
      code: 'E_LEARN',
      found: `no way to learn that fits: ${candidates.map(({ layers, refused }) => `${layers}: ${refused}`).join('; ')}`,
      expected: 'sums, or a head by gradients',
      hint: 'Take a device with more memory or a larger capacitor, or keep a smaller `ring`.',
    });
  const unadapted = folds.length > 0 ? unadaptedShare(network, folds, tools) : undefined;
  const { chosen, reason } =
    samples === 'user'
      ? byAccuracy(possible, folds.length, unadapted!)
      : byDefault(
          possible,
          { samples, ...(unadapted === undefined ? {} : { unadapted }) },
          folds[0]?.unseen.length ?? 0,
        );
  const { learn } = tried[candidates.indexOf(chosen)]!;
  return {
    learn,
    candidates,
    chosen: chosen.layers,
    reason,
    samples,
    ...(unadapted === undefined ? {} : { unadapted }),
  };
}
