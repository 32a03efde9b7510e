// What simple ways to adapt make of the same samples, in float at the desk, from what the last layer reads: the measure of what
// a device learns.
import { naturalPower } from '../model/fixed-point.js';
import { Random } from '../math/random.js';
import type { Met } from './head-input.js';

/** Accuracy on samples held out, 0 … 1; `old`: on samples of before. */
export interface RivalPoint {
  samples: number;
  accuracy?: number;
  old?: number;
}

/** A simple way to adapt, and how it does after so many samples. */
export interface Rival {
  name: string;
  curve: RivalPoint[];
}

type Classify = (met: Met) => number;

/** What is known of the samples learnt so far, in order, gives a classifier. */
interface Way {
  name: string;
  learnt(samples: readonly Met[], classes: number): Classify;
}

/** Learning rates of float SGD that are tried, over the mean square of what the layer reads; the samples themselves choose. */
const RATES = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4];
/** Share of the mean variance that LDA adds to the scatter within classes. */
const RIDGE = 0.2;
const CG_STEPS = 60;

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

const argMax = (values: ArrayLike<number>): number => {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
};

/** Means of the classes that have samples. */
function classMeans(samples: readonly Met[]): Map<number, Float64Array> {
  const sums = new Map<number, { sum: Float64Array; count: number }>();
  for (const { features, label } of samples) {
    const entry = sums.get(label) ?? { sum: new Float64Array(features.length), count: 0 };
    features.forEach((x, i) => {
      entry.sum[i]! += x;
    });
    entry.count++;
    sums.set(label, entry);
  }
  return new Map([...sums].map(([label, { sum, count }]) => [label, sum.map((x) => x / count)]));
}

/** The nearest of the class means. */
function nearestMean(samples: readonly Met[]): Classify {
  const means = [...classMeans(samples)];
  return ({ features }) => {
    const distances = means.map(([, mean]) => features.reduce((sum, x, i) => sum + (x - mean[i]!) ** 2, 0));
    return means[argMax(distances.map((distance) => -distance))]![0];
  };
}

/** Solves (scatter within classes + ridge) w = b, by conjugate gradients. */
function solve(centred: readonly Float64Array[], ridge: number, b: Float64Array): Float64Array {
  const apply = (v: Float64Array): Float64Array => {
    const result = v.map((x) => x * ridge);
    for (const row of centred) {
      const factor = dot(row, v) / centred.length;
      for (let i = 0; i < row.length; i++) result[i]! += factor * row[i]!;
    }
    return result;
  };
  const w = new Float64Array(b.length);
  const r = b.slice();
  let p = b.slice();
  let size = dot(r, r);
  for (let step = 0; step < CG_STEPS && size > 0; step++) {
    const image = apply(p);
    const alpha = size / dot(p, image);
    for (let i = 0; i < w.length; i++) {
      w[i]! += alpha * p[i]!;
      r[i]! -= alpha * image[i]!;
    }
    const next = dot(r, r);
    p = p.map((x, i) => r[i]! + (next / size) * x);
    size = next;
  }
  return w;
}

/** Linear discriminant analysis with a ridge, of these samples alone. */
function discriminant(samples: readonly Met[]): Classify {
  const means = classMeans(samples);
  const centred = samples.map(({ features, label }) => features.map((x, i) => x - means.get(label)![i]!));
  const variance = centred.reduce((sum, row) => sum + dot(row, row), 0) / centred.length / centred[0]!.length;
  const rows = [...means].map(([label, mean]) => {
    const weights = solve(centred, RIDGE * variance + 1e-9, mean);
    return { label, weights, constant: -dot(weights, mean) / 2 };
  });
  return ({ features }) => {
    const scores = rows.map(({ weights, constant }) => dot(weights, features) + constant);
    return rows[argMax(scores)]!.label;
  };
}

/** Cross-entropy SGD on the last layer from the factory's weights, sample by sample, one kept sample again with each. */
function descend(samples: readonly Met[], classes: number, rate: number): Classify {
  const inputs = samples[0]!.features.length;
  const rows = Array.from({ length: classes }, () => new Float64Array(inputs));
  const biases = new Float64Array(classes);
  const size = samples.reduce((sum, { features }) => sum + dot(features, features), 0) / samples.length || 1;
  const logits = (met: Met): Float64Array =>
    met.logits.map((z, c) => z + dot(rows[c]!, met.features) + biases[c]!);
  const step = (met: Met): void => {
    const z = logits(met);
    const most = z.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = z.map((v) => naturalPower(Math.max(v - most, -40)));
    const total = powers.reduce((a, b) => a + b, 0);
    rows.forEach((row, c) => {
      const change = (rate * ((c === met.label ? 1 : 0) - powers[c]! / total)) / size;
      for (let i = 0; i < inputs; i++) row[i]! += change * met.features[i]!;
      biases[c]! += change;
    });
  };
  const random = new Random(1);
  samples.forEach((met, i) => {
    step(met);
    if (i > 0) step(samples[Math.floor(random.uniform(0, i))]!);
  });
  return (met) => argMax(logits(met));
}

const share = (samples: readonly Met[], classify: Classify): number =>
  samples.filter((met) => classify(met) === met.label).length / samples.length;

/** SGD at the rate with which every second sample, learnt, does best on the others. */
function descent(samples: readonly Met[], classes: number): Classify {
  const learnt = samples.filter((_, i) => i % 2 === 0);
  const others = samples.filter((_, i) => i % 2 === 1);
  const tried = RATES.map((rate) =>
    others.length === 0 ? 0 : share(others, descend(learnt, classes, rate)),
  );
  return descend(samples, classes, RATES[argMax(tried)]!);
}

const WAYS: readonly Way[] = [
  { name: 'no adaptation', learnt: () => (met) => argMax(met.logits) },
  { name: 'nearest class mean', learnt: nearestMean },
  { name: 'last layer, float SGD', learnt: descent },
  { name: 'LDA of these samples, float', learnt: discriminant },
];

/** Each way after so many samples of the stream. */
export function rivalsOf(
  { stream, heldOut, old }: { stream: readonly Met[]; heldOut: readonly Met[]; old: readonly Met[] },
  points: readonly number[],
  classes: number,
): Rival[] {
  return WAYS.map(({ name, learnt }) => ({
    name,
    curve: points.map((samples): RivalPoint => {
      const classify = learnt(stream.slice(0, samples), classes);
      return {
        samples,
        ...(heldOut.length > 0 ? { accuracy: share(heldOut, classify) } : {}),
        ...(old.length > 0 ? { old: share(old, classify) } : {}),
      };
    }),
  }));
}
