// From a network, samples of the factory's data and options to numbers: docs/LEARNING.md §10. All real arithmetic of a head by
// sums is here.
import { MOST_CLASSES } from '../../../assembly/layout.js';
import { BrownoutError } from '../../error.js';
import { elementCount, type QuantizedNetwork } from '../../model/quantized-network.js';
import { FrozenPart } from '../frozen.js';
import type { Sample } from '../mirror.js';
import { fold, project, type Projected } from './arithmetic.js';
import { principalDirections } from './directions.js';
import { lastLayer, withHead } from './head.js';
import { type Projection, type Sums, type SumsSpec, triangle } from './spec.js';

/** Standard deviation that a projected sample of the factory's data has along the first direction; all have one scale. */
const DEVIATION = 40;
const MOST_SHIFT = 22;
/** Share of the room beside the zero point that logits of class means take. */
const REACH = 1.25;
const SIXTEENTHS = 16;

/** What the scatter within classes of the factory's data counts for at least, in samples. */
const LEAST_SCATTER = 30;
/** A ridge of 1: the mean variance. */
const RIDGE_ONE = 4096;

export interface SumsOptions {
  /** Undefined: as many as are made a head of in the time of an inference. */
  rank: number | undefined;
  /** Samples of each class that the factory's data counts for. */
  prior: number;
  /** What is added to the diagonal of the scatter within classes, as a share of its mean. */
  ridge: number;
  every: number;
  decay: number;
  /** Classes beyond the network's. */
  reserve: number;
  /** Whether a class can be forgotten on the device. */
  forget: boolean;
  ring: number;
  late: boolean;
  wipeEvicted: boolean;
}

function fail(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_LEARN', found, expected, hint });
}

function projectionOf(features: readonly Int8Array[], rank: number): Projection {
  const inputs = features[0]!.length;
  const centre = Int8Array.from({ length: inputs }, (_, j) =>
    Math.round(features.reduce((sum, x) => sum + x[j]!, 0) / features.length),
  );
  const centred = features.map((x) => Float64Array.from(x, (q, j) => q - centre[j]!));
  const { vectors, variances } = principalDirections(centred, rank);
  if (vectors.length === 0)
    fail('samples that are all the same to the head', 'samples that differ', 'Give samples of all classes.');
  const weights = new Int8Array(vectors.length * inputs);
  const offsets = new Int32Array(vectors.length);
  const shifts = new Uint8Array(vectors.length);
  const scale = DEVIATION / Math.sqrt(variances[0]!);
  vectors.forEach((vector, i) => {
    const largest = vector.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
    let shift = 1;
    while (shift < MOST_SHIFT && largest * scale * 2 ** (shift + 1) <= 127) shift++;
    shifts[i] = shift;
    for (let j = 0; j < inputs; j++) {
      const w = Math.max(-127, Math.min(127, Math.round(vector[j]! * scale * 2 ** shift)));
      weights[i * inputs + j] = w;
      offsets[i]! -= w * centre[j]!;
    }
  });
  return { rank: vectors.length, inputs, weights, offsets, shifts };
}

/** Ranks to choose from; the last one if none is cheap enough. */
const RANKS = [64, 48];
/** What a multiply-add of 64 bits takes of one of int8 values: instructions counted on a Cortex-M4. */
const WIDE_MAC = 5;

/** Multiply-adds of one inference, roughly. */
function macsOf({ ops, tensors }: QuantizedNetwork): number {
  return ops.reduce((sum, op) => {
    if (!('weights' in op)) return sum;
    const { shape } = tensors[op.output]!;
    const pixels = shape.length > 2 ? elementCount({ shape: shape.slice(0, -1) }) : 1;
    return sum + op.weights.length * pixels;
  }, 0);
}

/** The largest rank with which making the head anew takes no more than an inference. */
function affordableRank(network: QuantizedNetwork, classes: number): number {
  const macs = macsOf(network);
  const work = (rank: number): number => WIDE_MAC * (rank ** 3 / 6 + 1.5 * classes * rank ** 2);
  return RANKS.find((rank) => work(rank) <= macs) ?? RANKS.at(-1)!;
}

/** A ridge as the plan has it. */
export const ridgeWord = (ridge: number): number => Math.round(ridge * RIDGE_ONE);

/** What the last layer reads of an input, int8. */
export type FeaturesOf = (input: Int8Array) => Int8Array;

/** Sums that count as `prior` samples of each class at its mean, and as ten times as many, 30 at least, of the scatter within. */
export function priorOf(samples: readonly Projected[], classes: number, rank: number, prior: number): Sums {
  const scatter = Math.max(LEAST_SCATTER, 10 * prior);
  const groups = Array.from({ length: classes }, (_, c) => samples.filter(({ label }) => label === c));
  const means = groups.map((group) =>
    Float64Array.from(
      { length: rank },
      (_, i) => group.reduce((sum, { p }) => sum + p[i]!, 0) / Math.max(group.length, 1),
    ),
  );
  const counts = Int32Array.from(groups, ({ length }) => (length > 0 ? Math.round(SIXTEENTHS * prior) : 0));
  const totals = Int32Array.from({ length: classes * rank }, (_, at) =>
    Math.round(counts[Math.floor(at / rank)]! * means[Math.floor(at / rank)]![at % rank]!),
  );
  const products = new Int32Array(triangle(rank));
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j <= i; j++) {
      let within = 0;
      for (const { p, label } of samples) within += (p[i]! - means[label]![i]!) * (p[j]! - means[label]![j]!);
      let between = 0;
      means.forEach((mean, c) => {
        between += counts[c]! * mean[i]! * mean[j]!;
      });
      products[triangle(i) + j] = Math.round(between + (SIXTEENTHS * scatter * within) / samples.length);
    }
  }
  const none = { halvings: 0, samples: 0, forgotten: 0, counts, totals, products, means: new Int16Array(0) };
  return fold(none, []);
}

/** What the last layer reads, by the mirror of the ops below it. */
function mirroredFeatures(network: QuantizedNetwork, features: number): FeaturesOf {
  const part = new FrozenPart(network, features);
  return (input) => part.features(input);
}

/**
 * What a head by sums does, in numbers: a projection onto the directions in which what the last layer reads varies most over
 * `data`, and sums that stand for it. Inputs are int8 as the network takes them; `featuresOf`: what that layer reads of them,
 * by default the mirror's. Errors: E_LEARN, E_LABEL.
 */
export function deriveSums(
  network: QuantizedNetwork,
  options: SumsOptions,
  data: readonly Sample[],
  featuresOf?: FeaturesOf,
): SumsSpec {
  const { features: tensor, logits } = lastLayer(network);
  const { zeroPoint } = network.tensors[logits]!;
  const of = featuresOf ?? mirroredFeatures(network, tensor);
  const classes = elementCount(network.tensors[logits]!) + options.reserve;
  if (classes > MOST_CLASSES)
    fail(`${classes} classes with those reserved`, `at most ${MOST_CLASSES}`, 'Reserve fewer.');
  if (data.length < 2)
    fail(
      `${data.length} samples of the factory’s data`,
      'at least 2',
      'Give labelled samples that the network was trained on: `--learn-data train.npz`.',
    );
  const wrong = data.find(({ label }) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (wrong)
    throw new BrownoutError({
      code: 'E_LABEL',
      found: `label ${wrong.label}`,
      expected: `a whole number from 0 to ${classes - 1}`,
      hint: 'Labels count from 0.',
    });
  const features = data.map(({ input }) => of(input));
  const projection = projectionOf(features, options.rank ?? affordableRank(network, classes));
  const projected = data.map(({ label }, i) => ({ p: project(projection, features[i]!), label }));
  return {
    ...withHead(network, projection, options.reserve),
    classes,
    joinedInputs: projection.rank + classes - options.reserve,
    projection,
    prior: priorOf(projected, classes, projection.rank, options.prior),
    ridge: ridgeWord(options.ridge),
    reach: Math.floor(REACH * Math.min(127 - zeroPoint, zeroPoint + 128)),
    every: options.every,
    decay: options.decay,
    forget: options.forget,
    ringEntries: options.ring,
    late: options.late,
    wipes: options.wipeEvicted,
  };
}
