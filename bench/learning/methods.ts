// Ways to adapt a network to labelled samples, one interface for all.
import type { Random } from '../../host/math/random.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';
import { deriveLearning } from '../../host/learning/derive.js';
import { FloatSgd } from '../../host/learning/float-sgd.js';
import { FrozenPart } from '../../host/learning/frozen.js';
import { type Sample, LearningMirror } from '../../host/learning/mirror.js';
import { completeSumsOptions } from '../../host/learning/options.js';
import type { LearnOptions } from '../../host/learning/spec.js';
import { deriveSums } from '../../host/learning/sums/derive.js';
import { tuneSums } from '../../host/learning/sums/tune.js';
import { SumsMirror } from '../../host/learning/sums/mirror.js';
import { shareRight, tuneLearningRate, tuneRate } from '../../host/learning/tune.js';

export interface Method {
  name: string;
  /** Learns `stream` in order; the share of `unseen` right then. */
  run: (stream: readonly Sample[], unseen: readonly Sample[], seed: number) => number;
  learningRate?: number;
}

const classifier = (network: QuantizedNetwork, options: LearnOptions): LearningMirror =>
  new LearningMirror(network, deriveLearning(network, options));

export function unadapted(network: QuantizedNetwork): Method {
  const mirror = classifier(network, { layers: 'last' });
  return { name: 'none', run: (_, unseen) => shareRight(unseen, (input) => mirror.classify(input)) };
}

/** Nearest class mean, in the space of what the last layer reads. */
export function prototype(network: QuantizedNetwork): Method {
  const frozen = LearningMirror.frozenPart(network, deriveLearning(network, { layers: 'last' }));
  const run = (stream: readonly Sample[], unseen: readonly Sample[]): number => {
    const means = new Map<number, Float64Array>();
    const counts = new Map<number, number>();
    for (const { input, label } of stream) {
      const x = frozen.features(input);
      const mean = means.get(label) ?? new Float64Array(x.length);
      const count = (counts.get(label) ?? 0) + 1;
      means.set(
        label,
        mean.map((m, i) => m + (x[i]! - m) / count),
      );
      counts.set(label, count);
    }
    return shareRight(unseen, (input) => {
      const x = frozen.features(input);
      const distance = (mean: Float64Array): number => mean.reduce((sum, m, i) => sum + (m - x[i]!) ** 2, 0);
      return [...means].reduce((a, b) => (distance(b[1]) < distance(a[1]) ? b : a))[0];
    });
  };
  return { name: 'prototype', run };
}

/** The device's arithmetic, its learning rate tuned on other samples, or given. */
export function integer(
  name: string,
  network: QuantizedNetwork,
  options: LearnOptions,
  tuning: readonly (readonly Sample[])[] | number,
): Method {
  const learningRate =
    typeof tuning === 'number' ? tuning : tuneLearningRate(network, options, tuning).learningRate;
  const frozen = LearningMirror.frozenPart(network, deriveLearning(network, options));
  const run: Method['run'] = (stream, unseen, seed) => {
    const mirror = new LearningMirror(
      network,
      deriveLearning(network, { ...options, learningRate, seed }),
      frozen,
    );
    stream.forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
    return shareRight(unseen, (input) => mirror.classify(input));
  };
  return { name, run, learningRate };
}

/** A head by sums whose prior and ridge are tuned on other samples; `labels`: for so many of them. */
export function tunedSums(
  network: QuantizedNetwork,
  options: LearnOptions,
  sets: readonly (readonly Sample[])[],
  labels?: readonly number[],
): LearnOptions {
  const frozen = LearningMirror.frozenPart(network, deriveLearning(network, { layers: 'last' }));
  const features = (input: Int8Array): Int8Array => frozen.features(input);
  const samples = { data: options.data ?? [], sets, features, ...(labels && { labels }) };
  const { prior, ridge, trials } = tuneSums(network, completeSumsOptions(options), samples, options);
  const accuracies = trials.map(({ accuracy }) => percent(accuracy));
  console.error(`sums: prior ${prior}, ridge ${ridge} of ${accuracies.join(' ')}`);
  return { ...options, prior, ridge };
}

/** A head by sums, in the device's arithmetic, which begins with the factory's data. */
export function sums(name: string, network: QuantizedNetwork, options: LearnOptions): Method {
  const spec = deriveSums(network, completeSumsOptions(options), options.data ?? []);
  const frozen = new FrozenPart(spec.network, spec.joined);
  const run: Method['run'] = (stream, unseen) => {
    const mirror = new SumsMirror(spec, frozen);
    stream.forEach(({ input, label }, ticket) => {
      mirror.learn(input, label, ticket + 1);
    });
    return shareRight(unseen, (input) => mirror.classify(input));
  };
  return { name, run };
}

/** A head by sums that is given no labels: it learns its own answers, where the largest logit leads by `margin` steps. */
export function selfTaught(network: QuantizedNetwork, options: LearnOptions, margin: number): Method {
  const spec = deriveSums(network, completeSumsOptions(options), options.data ?? []);
  const frozen = new FrozenPart(spec.network, spec.joined);
  const run: Method['run'] = (stream, unseen) => {
    const mirror = new SumsMirror(spec, frozen);
    stream.forEach(({ input }, ticket) => {
      const logits = [...mirror.logits(input)];
      const [most, second] = [...logits].sort((a, b) => b - a) as [number, number];
      if (most - second >= margin) mirror.learn(input, logits.indexOf(most), ticket + 1);
    });
    return shareRight(unseen, (input) => mirror.classify(input));
  };
  return { name: `own answers, a lead of ${margin}`, run };
}

/** Float SGD on the batches that the device would learn, those right and sure included; tuned in the same way. */
export function float(
  network: QuantizedNetwork,
  options: LearnOptions,
  tuning: readonly (readonly Sample[])[] | number,
): Method {
  const frozen = LearningMirror.frozenPart(network, deriveLearning(network, options));
  const learn = (
    learningRate: number,
    stream: readonly Sample[],
    unseen: readonly Sample[],
    seed = 1,
  ): number => {
    const spec = deriveLearning(network, { ...options, learningRate, seed });
    const mirror = new LearningMirror(network, spec, frozen);
    const sgd = new FloatSgd(network, spec, frozen);
    stream.forEach(({ input, label }, ticket) => {
      sgd.step(mirror.learn(input, label, ticket));
    });
    return shareRight(unseen, (input) => sgd.classify(input));
  };
  const learningRate = typeof tuning === 'number' ? tuning : tuneRate(tuning, learn).learningRate;
  return {
    name: 'float',
    run: (stream, unseen, seed) => learn(learningRate, stream, unseen, seed),
    learningRate,
  };
}

/** `count` samples, as many of each label as can be, in random order. */
export function draw(random: Random, samples: readonly Sample[], count: number): Sample[] {
  const labels = [...new Set(samples.map(({ label }) => label))].sort((a, b) => a - b);
  const piles = labels.map((label) => random.shuffle(samples.filter((sample) => sample.label === label)));
  const drawn: Sample[] = [];
  for (let i = 0; drawn.length < count && i < samples.length; i++) {
    for (const pile of piles) if (i < pile.length && drawn.length < count) drawn.push(pile[i]!);
  }
  return random.shuffle(drawn);
}

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

export function deviation(values: readonly number[]): number {
  const m = mean(values);
  return Math.sqrt(mean(values.map((v) => (v - m) ** 2)));
}

export const percent = (share: number): string => (100 * share).toFixed(1);
