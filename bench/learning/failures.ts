// Updates that power failures interrupt, in place and into a free bank: digits rotated by 45°, 200 labels, test on 1,000.
import { Random } from '../../host/math/random.js';
import { deriveLearning } from '../../host/learning/derive.js';
import { LearningMirror } from '../../host/learning/mirror.js';
import { shareRight, tuneLearningRate } from '../../host/learning/tune.js';
import type { LaneOfLayer, LayerBank } from '../../host/learning/weight-bank.js';
import { draw } from './methods.js';
import { digits, LABELS, splitAt, LEARNABLE, tuningSamples } from './rotated-digits.js';

const PROBABILITIES = [0, 0.3, 0.6, 0.9];

/** Writes that share of the parameters of `next` over those of `bank`, in the order in which an update goes, and all means. */
function overwrite(bank: readonly LayerBank[], next: readonly LayerBank[], share: number): void {
  const total = next.reduce((sum, { weights, folded }) => sum + weights.length + folded.length, 0);
  let left = Math.floor(share * total);
  next.forEach(({ weights, low, folded, means }, layer) => {
    const many = Math.min(left, weights.length);
    bank[layer]!.weights.set(weights.subarray(0, many));
    bank[layer]!.low.set(low.subarray(0, many));
    left -= many;
    const few = Math.min(left, folded.length);
    bank[layer]!.folded.set(folded.subarray(0, few));
    left -= few;
    bank[layer]!.means.set(means);
  });
}

const copy = (bank: readonly LayerBank[]): LayerBank[] =>
  bank.map(({ weights, low, folded, velocity, means }) => ({
    weights: weights.slice(),
    low: low.slice(),
    folded: folded.slice(),
    velocity: velocity.slice(),
    means: means.slice(),
  }));

/** An update that fails with some probability, anywhere in its course, and is begun again until it does not. */
class Interrupted extends LearningMirror {
  attempts = 0;
  random = new Random(9);
  probability = 0;
  inPlace = false;

  protected override update(learnt: readonly LaneOfLayer[][]): void {
    if (this.inPlace && this.current === 0) {
      this.banks[1] = copy(this.banks[0]!);
      this.current = 1;
    }
    const free = [1, 2, 3].find((bank) => bank !== this.current && bank !== this.good)!;
    if (this.banks[free]!.length === 0) this.banks[free] = copy(this.banks[0]!);
    const target = (): LayerBank[] => this.banks[this.inPlace ? this.current : free]!;
    this.attempts++;
    for (; this.random.uniform(0, 1) < this.probability; this.attempts++) {
      // Errors and activations are kept; the update starts over, on what the last attempt left.
      overwrite(target(), this.nextLayers(learnt), this.random.uniform(0, 1));
    }
    if (!this.inPlace) {
      super.update(learnt);
      return;
    }
    overwrite(target(), this.nextLayers(learnt), 1);
    this.step++;
  }
}

export interface FailureResult {
  probability: number;
  /** Attempts an update. */
  attempts: number;
  /** Shares right, one a seed. */
  inPlace: number[];
  ours: number[];
  /** Whether each of our final weight banks is that of steady power, byte for byte. */
  identical: boolean;
}

/** Weights in place against banks. The guard is off: in place there is no other bank. */
export function benchFailures(seeds: number): FailureResult[] {
  const network = digits();
  const { pool, unseen } = splitAt(network, 45);
  const options = { ...LEARNABLE, guardEvery: 0, holdOut: 0 };
  const { learningRate } = tuneLearningRate(network, options, [tuningSamples(network)]);
  const frozen = LearningMirror.frozenPart(network, deriveLearning(network, options));
  const learn = (seed: number, probability: number, inPlace: boolean): Interrupted => {
    const mirror = new Interrupted(
      network,
      deriveLearning(network, { ...options, learningRate, seed }),
      frozen,
    );
    Object.assign(mirror, { probability, inPlace, random: new Random(9000 + seed) });
    const stream = draw(new Random(1000 + seed), pool, LABELS);
    stream.forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
    return mirror;
  };
  const share = (mirror: LearningMirror): number => shareRight(unseen, (input) => mirror.classify(input));
  const all = Array.from({ length: seeds }, (_, i) => i + 1);
  const steady = all.map((seed) => learn(seed, 0, false).weightBank());
  return PROBABILITIES.map((probability) => {
    const unsafe = all.map((seed) => learn(seed, probability, true));
    const ours = all.map((seed) => learn(seed, probability, false));
    const sum = (of: (mirror: Interrupted) => number): number =>
      ours.reduce((a, mirror) => a + of(mirror), 0);
    return {
      probability,
      attempts: sum(({ attempts }) => attempts) / sum(({ step }) => step),
      inPlace: unsafe.map(share),
      ours: ours.map(share),
      identical: ours.every((mirror, i) => Buffer.compare(mirror.weightBank(), steady[i]!) === 0),
    };
  });
}
