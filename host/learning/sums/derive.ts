// From a network, samples of the factory's data and options to numbers: docs/LEARNING.md §10. All real arithmetic of a head by
// sums is here.
import { BrownoutError } from '../../error.js';
import { elementCount, type Dense, type QuantizedNetwork } from '../../model/quantized-network.js';
import { chainOf } from '../chain.js';
import { FrozenPart } from '../frozen.js';
import { outputOf } from '../geometry.js';
import type { Sample } from '../mirror.js';
import { fold, project, type Projected } from './arithmetic.js';
import { principalDirections } from './directions.js';
import { type Projection, type Sums, type SumsSpec, triangle } from './spec.js';

/** Standard deviation that a projected sample of the factory's data has along the first direction; all have one scale. */
const DEVIATION = 40;
const MOST_SHIFT = 22;
/** Share of the room beside the zero point that logits of class means take. */
const REACH = 0.63;
const SIXTEENTHS = 16;

/** What the scatter within classes of the factory's data counts for at least, in samples. */
const LEAST_SCATTER = 30;
/** A ridge of 1: the mean variance. */
const RIDGE_ONE = 4096;

export interface SumsOptions {
  rank: number;
  /** Samples of each class that the factory's data counts for. */
  prior: number;
  /** What is added to the diagonal of the scatter within classes, as a share of its mean. */
  ridge: number;
  every: number;
  decay: number;
  ring: number;
  late: boolean;
}

function fail(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_LEARN', found, expected, hint });
}

/** The dense op that makes the logits. Throws `E_LEARN`. */
export function headOf(network: QuantizedNetwork): { op: number; logits: number } {
  const { logits } = chainOf(network);
  const op = network.ops.findIndex(({ output }) => output === logits);
  const head = network.ops[op];
  if (
    head?.kind === 'dense' &&
    network.tensors[head.inputs[0]!]!.dtype !== 'int16' &&
    !head.weightZeroPoint &&
    (head.weightType ?? 'int8') === 'int8'
  )
    return { op, logits };
  return fail(
    `logits that ${head ? `${head.kind} "${head.name}" makes` : 'nothing makes'}`,
    'a dense layer of int8 weights',
    'A head by sums takes the place of a last dense layer.',
  );
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
  return { rank: vectors.length, inputs, weights, offsets, shifts, centre };
}

/** A ridge as the plan has it. */
export const ridgeWord = (ridge: number): number => Math.round(ridge * RIDGE_ONE);

/** What the head reads of an input, int8. */
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
  const none = { halvings: 0, samples: 0, counts, totals, products, means: new Int16Array(0) };
  return fold(none, []);
}

/** What the head reads, by the mirror of the ops below it. */
function mirroredFeatures(network: QuantizedNetwork, head: Dense): FeaturesOf {
  const part = new FrozenPart(network, head.inputs[0]!);
  return (input) => part.features(input);
}

/**
 * What a head by sums does, in numbers: a projection onto the directions in which what the head reads varies most over
 * `data`, and sums that stand for it. Inputs are int8 as the network takes them; `featuresOf`: what the head reads of them,
 * by default the mirror's. Errors: E_LEARN, E_LABEL.
 */
export function deriveSums(
  network: QuantizedNetwork,
  options: SumsOptions,
  data: readonly Sample[],
  featuresOf?: FeaturesOf,
): SumsSpec {
  const { op, logits } = headOf(network);
  const head = network.ops[op] as Dense;
  const { zeroPoint } = outputOf(network, head);
  const of = featuresOf ?? mirroredFeatures(network, head);
  const classes = elementCount(network.tensors[logits]!);
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
  const projection = projectionOf(features, options.rank);
  const projected = data.map(({ label }, i) => ({ p: project(projection, features[i]!), label }));
  return {
    op,
    logits,
    classes,
    projection,
    prior: priorOf(projected, classes, projection.rank, options.prior),
    ridge: ridgeWord(options.ridge),
    reach: Math.floor(REACH * Math.min(127 - zeroPoint, zeroPoint + 128)),
    every: options.every,
    decay: options.decay,
    ringEntries: options.ring,
    late: options.late,
  };
}
