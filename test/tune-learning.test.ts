// Learning chosen and judged at the desk: what a tensor inside a network holds, numbers tuned on samples held out, and the rivals
// that `learn` sets beside the device.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile, headFeatures } from '../host/compile/compile.js';
import { choiceText } from '../host/compile/learning-data.js';
import { chooseLearning, tuneLearning } from '../host/compile/tune-learning.js';
import { headInput, type Met } from '../host/learn/head-input.js';
import { rivalsOf } from '../host/learn/rivals.js';
import { FrozenPart } from '../host/learning/frozen.js';
import { completeSumsOptions } from '../host/learning/options.js';
import type { LearnOptions } from '../host/learning/spec.js';
import { deriveSums } from '../host/learning/sums/derive.js';
import { type SumsTuning, tuneSums } from '../host/learning/sums/tune.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { int8s } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { learnable } from './util/learnable.js';

const CLASSES = 3;
const WIDTH = 8;
const network: QuantizedNetwork = learnable(new Random(5), [WIDTH], ['dense:6', `dense:${CLASSES}`]);

type Samples = NonNullable<LearnOptions['data']>;

/** Patterns of classes, shifted by what a user does differently, and noise. */
function samplesOf(seed: number, count: number, shift = 0): Samples {
  const random = new Random(seed);
  const patterns = Array.from({ length: CLASSES }, (_, c) => int8s(new Random(70 + c), WIDTH, -60, 60));
  const change = int8s(new Random(90 + shift), WIDTH, -shift, shift + 1);
  return Array.from({ length: count }, (_, i) => {
    const label = i % CLASSES;
    const noise = int8s(random, WIDTH, -25, 25);
    return { input: patterns[label]!.map((v, j) => v + change[j]! + noise[j]!), label };
  });
}

const data = samplesOf(1, 48);
const sums: LearnOptions = { layers: 'sums', data, rank: 4, ring: 5, late: false };

test('what the last layer reads: of the device, of a part of the network on a device, and of the mirror the same', () => {
  const inner = network.ops.at(-1)!.inputs[0]!;
  const mirror = new FrozenPart(network, inner);
  const zero = network.tensors[inner]!.zeroPoint;
  const part = headFeatures(network);
  for (const learn of [
    sums,
    { ...sums, reserve: 2 },
    { layers: 'last' },
    { layers: 'all', replay: 2 },
  ] satisfies LearnOptions[]) {
    const meet = headInput(readImage(compileUnproved(network, { learn })))!;
    for (const sample of samplesOf(2, 6)) {
      const expected = mirror.features(sample.input);
      assert.equal(part(sample.input), expected);
      const { logits } = meet(sample);
      assert.is(logits.length, CLASSES + ('reserve' in learn ? 2 : 0));
      // Classes that are reserved are the least of all.
      assert.ok(logits.slice(CLASSES).every((z) => z <= Math.min(...logits)));
      assert.equal(
        meet(sample).features,
        Float64Array.from(expected, (q) => q - zero),
      );
    }
  }
});

test('a head by sums is tuned on samples held out: the same choice every time, and what is given stays', () => {
  const sets = [samplesOf(3, 30, 40), samplesOf(4, 30, 40)];
  const seen: number[] = [];
  const tuned = tuneLearning(network, sums, sets, (done, total) => seen.push(total - done));
  assert.equal(tuneLearning(network, sums, sets), tuned);
  const { prior, ridge } = tuned.learn;
  assert.ok(tuned.trials.some((trial) => 'prior' in trial && trial.prior === prior && trial.ridge === ridge));
  assert.is(seen.at(-1), 0);
  assert.equal(new Set(seen).size, tuned.trials.length);
  const given = tuneLearning(network, { ...sums, prior: 7 }, sets);
  assert.is(given.learn.prior, 7);
  assert.ok(given.trials.every((trial) => 'prior' in trial && trial.prior === 7));
  // Users who are quite different ask for a smaller prior than users who are as the factory's data.
  const alike = tuneLearning(network, { ...sums, ridge: 0.2 }, [samplesOf(5, 30), samplesOf(6, 30)]);
  const different = tuneLearning(network, { ...sums, ridge: 0.2 }, [
    samplesOf(5, 30, 90),
    samplesOf(6, 30, 90),
  ]);
  assert.ok(different.learn.prior! < alike.learn.prior!, `${different.learn.prior} < ${alike.learn.prior}`);
});

test('tuned for numbers of labels, all samples beyond them are held out', () => {
  const spec = deriveSums(network, completeSumsOptions(sums), data);
  const inner = new FrozenPart(network, spec.features);
  const features = (input: Int8Array): Int8Array => inner.features(input);
  const given = { data, sets: [samplesOf(3, 30, 40)], features };
  const tune = (labels: number[]): SumsTuning =>
    tuneSums(network, completeSumsOptions(sums), { ...given, labels }, { prior: 2 });
  // Twelve orders of one set, of which 19 are held out and told after 4 and after 11 are learnt.
  for (const { accuracy } of tune([4, 11]).trials) {
    const right = accuracy * 19 * 2 * 12;
    assert.ok(Math.abs(right - Math.round(right)) < 1e-6, `${right} right`);
  }
  assert.not.equal(tune([4, 11]).trials, tune([11]).trials);
  assert.throws(() => tune([30]), /E_LEARN.*30 samples.*31/);
});

test('by gradients the learning rate is tuned', () => {
  const { learn, trials } = tuneLearning(network, { layers: 'last' }, [samplesOf(3, 24, 40)]);
  assert.ok(trials.some((trial) => 'learningRate' in trial && trial.learningRate === learn.learningRate));
});

test('tuning: too few samples, labels that are none, nothing left open', () => {
  assert.throws(() => tuneLearning(network, sums, [samplesOf(3, 5)]), /E_LEARN/);
  assert.throws(() => tuneLearning(network, sums, []), /E_LEARN/);
  const wrong = samplesOf(3, 8).map((sample) => ({ ...sample, label: CLASSES }));
  assert.throws(() => tuneLearning(network, sums, [wrong]), /E_LABEL/);
  assert.throws(() => tuneLearning(network, { ...sums, prior: 1, ridge: 1 }, [samplesOf(3, 8)]), /E_LEARN/);
  assert.throws(
    () => tuneLearning(network, { layers: 'last', learningRate: 1 }, [samplesOf(3, 8)]),
    /E_LEARN/,
  );
});

test('auto: without samples of users by memory and energy, sums where they can be had', () => {
  const byMemory = chooseLearning(network, { learn: { layers: 'auto' } });
  const [first, last, larger] = byMemory.candidates;
  assert.equal(
    byMemory.candidates.map(({ layers }) => layers),
    ['sums', 'last', 'head:2'],
  );
  // A head by sums begins with the factory's data.
  assert.match(first!.refused!, /0 samples of the factory/);
  assert.is(byMemory.chosen, 'head:2');
  assert.is(byMemory.samples, 'none');
  assert.match(byMemory.reason, /sums cannot be had; by memory and energy alone/);
  assert.ok(last!.labelUj! < larger!.labelUj! && last!.learningBytes! < larger!.learningBytes!);
  const withData = chooseLearning(network, { learn: { layers: 'auto', data } });
  assert.is(withData.chosen, 'sums');
  assert.is(withData.samples, 'factory');
  assert.match(withData.reason, /sums fit and keep what the network knows/);
  // An image of what was chosen is that of `auto`.
  const options = { verify: false, device: 'nrf52840' };
  assert.equal(
    compile(network, { ...options, learn: withData.learn }),
    compile(network, { ...options, learn: { layers: 'auto', data } }),
  );
});

test('auto: samples of users decide, the same every time, and energy among equals', () => {
  const learn: LearnOptions = { layers: 'auto', data, rank: 4 };
  const sets = [samplesOf(3, 40, 60), samplesOf(4, 40, 60)];
  const seen: number[] = [];
  const choice = chooseLearning(network, { learn }, sets, (done, total) => seen.push(total - done));
  assert.equal(chooseLearning(network, { learn }, sets), choice);
  assert.equal(seen, [2, 1, 0]);
  assert.is(choice.samples, 'user');
  const best = Math.max(...choice.candidates.map(({ accuracy }) => accuracy!));
  const chosen = choice.candidates.find(({ layers }) => layers === choice.chosen)!;
  const margin = Math.max(0.005, ...choice.candidates.map(({ deviation }) => deviation! / Math.sqrt(4)));
  assert.ok(chosen.accuracy! >= best - margin);
  for (const other of choice.candidates)
    assert.ok(other.accuracy! < best - 1e-9 || other === chosen || other.labelUj! >= chosen.labelUj!);
  assert.ok(best > choice.unadapted!);
  const said = choiceText(choice);
  assert.is(said[0], `--learn auto: ${choice.chosen}: ${choice.reason}`);
  assert.match(said[1]!, `without learning ${(100 * choice.unadapted!).toFixed(1)} %`);
  choice.candidates.forEach(({ layers, accuracy, labelUj }, i) => {
    const right = `${layers}: ${(100 * accuracy!).toFixed(1)} ±`;
    assert.ok(
      said[i + 2]!.includes(right) && said[i + 2]!.includes(`${(labelUj! / 1000).toPrecision(3)} mJ a label`),
    );
  });
  // What is left open was chosen, too.
  const { prior, ridge, learningRate } = choice.learn;
  assert.ok(choice.chosen === 'sums' ? prior! > 0 && ridge! > 0 : learningRate! > 0);
  const wrong = samplesOf(3, 8).map((sample) => ({ ...sample, label: CLASSES }));
  assert.throws(() => chooseLearning(network, { learn }, [wrong]), /E_LABEL/);
});

test('auto: classes that are reserved are learnt by sums alone', () => {
  const learn: LearnOptions = { layers: 'auto', data, rank: 4, reserve: 1 };
  const { candidates, chosen } = chooseLearning(network, { learn });
  assert.equal([candidates.length, chosen], [1, 'sums']);
});

test('auto: what the device does not hold is refused, and all of it is an error that names each', () => {
  const wide = learnable(new Random(5), [WIDTH], ['dense:40', `dense:${CLASSES}`]);
  const learn: LearnOptions = { layers: 'auto', data, ring: 4 };
  const all = chooseLearning(wide, { learn }).candidates;
  const [most, least] = [Math.max, Math.min].map((of) => of(...all.map(({ nvmBytes }) => nvmBytes!))) as [
    number,
    number,
  ];
  const tight = chooseLearning(wide, { learn, nvmBytes: most - 1 });
  const refused = tight.candidates.filter(({ refused: why }) => why !== undefined);
  assert.equal(
    refused.map(({ layers }) => layers),
    all.filter(({ nvmBytes }) => nvmBytes === most).map(({ layers }) => layers),
  );
  assert.match(refused[0]!.refused!, /bytes of NVM needed/);
  assert.not(refused.some(({ layers }) => layers === tight.chosen));
  assert.throws(
    () => chooseLearning(wide, { learn, nvmBytes: least - 1 }),
    /E_LEARN: found no way to learn that fits: sums: .*; last: .*; head:2: /,
  );
  assert.match(choiceText(tight).join('\n'), `${refused[0]!.layers}: ${refused[0]!.refused}`);
  // What does not hold the network at all is no matter of learning.
  assert.throws(() => chooseLearning(wide, { learn, nvmBytes: 100 }), /E_PLAN/);
  assert.throws(() => tuneLearning(network, learn, [samplesOf(3, 8)]), /E_LEARN: found layers `auto`/);
});

/** Solves A x = b by elimination. */
function solved(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = a.map((row, i) => [...row, b[i]!]);
  rows.forEach((pivot, i) => {
    for (const row of rows.slice(i + 1)) {
      const factor = row[i]! / pivot[i]!;
      pivot.forEach((value, j) => {
        row[j]! -= factor * value;
      });
    }
  });
  const x: number[] = [];
  for (let i = rows.length - 1; i >= 0; i--) {
    const rest =
      rows[i]!.at(-1)! - x.reduce((sum, value, k) => sum + value * rows[i]![rows.length - 1 - k]!, 0);
    x.push(rest / rows[i]![i]!);
  }
  return x.reverse();
}

test('rivals: nearest mean and LDA as written out here, none and SGD at their ends', () => {
  const random = new Random(11);
  // Two classes along (1, 1), far more spread along (1, −1): the means alone mislead.
  const metOf = (label: number): Met => {
    const [along, across] = [random.uniform(-1, 1), random.uniform(-12, 12)];
    const centre = label === 0 ? -1.5 : 1.5;
    const features = Float64Array.of(centre + along + across, centre + along - across + 3);
    return { features, logits: Float64Array.of(1, 0), label };
  };
  const met = (count: number): Met[] => Array.from({ length: count }, (_, i) => metOf(i % 2));
  const [stream, heldOut, old] = [met(12), met(200), met(50)];
  const rivals = rivalsOf({ stream, heldOut, old }, [4, 12], 2);
  const at = (name: string) => rivals.find((rival) => rival.name.startsWith(name))!.curve.at(-1)!;
  const right = (samples: readonly Met[], classify: (x: readonly number[]) => number): number =>
    samples.filter(({ features, label }) => classify([...features]) === label).length / samples.length;

  const means = [0, 1].map((label) => {
    const own = stream.filter((one) => one.label === label);
    return [0, 1].map((i) => own.reduce((sum, { features }) => sum + features[i]!, 0) / own.length);
  });
  const distance = (x: readonly number[], mean: readonly number[]): number =>
    x.reduce((sum, v, i) => sum + (v - mean[i]!) ** 2, 0);
  const nearest = (x: readonly number[]): number => (distance(x, means[1]!) < distance(x, means[0]!) ? 1 : 0);
  assert.is(at('nearest').accuracy, right(heldOut, nearest));
  assert.is(at('nearest').old, right(old, nearest));

  const within = [0, 1].map((i) =>
    [0, 1].map(
      (j) =>
        stream.reduce(
          (sum, { features: x, label }) => sum + (x[i]! - means[label]![i]!) * (x[j]! - means[label]![j]!),
          0,
        ) / stream.length,
    ),
  );
  const ridge = 0.2 * ((within[0]![0]! + within[1]![1]!) / 2);
  const covariance = within.map((row, i) => row.map((v, j) => v + (i === j ? ridge : 0)));
  const weights = means.map((mean) => solved(covariance, mean));
  const score = (x: readonly number[], c: number): number =>
    weights[c]!.reduce((sum, w, i) => sum + w * (x[i]! - means[c]![i]! / 2), 0);
  assert.is(
    at('LDA').accuracy,
    right(heldOut, (x) => (score(x, 1) > score(x, 0) ? 1 : 0)),
  );
  assert.ok(at('LDA').accuracy! > at('nearest').accuracy!);

  assert.is(at('no adaptation').accuracy, 0.5);
  assert.ok(at('last layer').accuracy! > 0.5);
  assert.equal(
    rivals[0]!.curve.map(({ samples }) => samples),
    [4, 12],
  );
});

test.run();
