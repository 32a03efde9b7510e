// Metrics that choices are made by, against their definitions.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compress } from '../host/compress/compress.js';
import { initialise } from '../host/compress/initialise.js';
import { measure, METRICS } from '../host/compress/metrics.js';
import { train } from '../host/compress/train.js';
import { Random } from '../host/math/random.js';

const random = new Random(5);
/** Of five classes the last has no label; logits are of a few values, so that some are equal. */
const classes = 5;
const labels = Uint8Array.from({ length: 60 }, () => random.integer(4));
const logits = Float32Array.from({ length: 60 * classes }, (_, i) => {
  const own = labels[Math.floor(i / classes)] === i % classes ? 1 : 0;
  return i % classes === 4 ? -3 : random.integer(4) / 2 + own;
});
const row = (i: number): number[] => [...logits.subarray(i * classes, (i + 1) * classes)];

test('macro-F1 is the mean over classes of what precision and recall give', () => {
  const answers = Array.from(labels, (_, i) => row(i).indexOf(Math.max(...row(i))));
  const f1 = [0, 1, 2, 3].map((own) => {
    const hit = answers.filter((answer, i) => answer === own && labels[i] === own).length;
    const precision = hit / answers.filter((answer) => answer === own).length;
    const recall = hit / labels.filter((label) => label === own).length;
    return (2 * precision * recall) / (precision + recall);
  });
  const expected = f1.reduce((a, b) => a + b) / 4;
  assert.ok(Math.abs(measure('macro-f1', logits, labels) - expected) < 1e-12);
  // All of one class, of two: 2/3 for one and 0 for the other.
  const lazy = Float32Array.of(1, 0, 1, 0);
  assert.ok(Math.abs(measure('macro-f1', lazy, Uint8Array.of(0, 1)) - 1 / 3) < 1e-12);
  assert.is(measure('accuracy', lazy, Uint8Array.of(0, 1)), 0.5);
});

test('AUC is the share of pairs in order, equals half, a mean over classes', () => {
  const share = (i: number, own: number): number => {
    const sum = row(i).reduce((total, value) => total + Math.exp(value), 0);
    return Number((Math.exp(row(i)[own]!) / sum).toFixed(5));
  };
  const areas = [0, 1, 2, 3].map((own) => {
    let [inOrder, pairs] = [0, 0];
    labels.forEach((a, i) =>
      labels.forEach((b, j) => {
        if (a !== own || b === own) return;
        pairs++;
        inOrder += share(i, own) > share(j, own) ? 1 : share(i, own) === share(j, own) ? 0.5 : 0;
      }),
    );
    return inOrder / pairs;
  });
  const expected = areas.reduce((a, b) => a + b) / 4;
  assert.ok(Math.abs(measure('auc', logits, labels) - expected) < 0.002, `${expected}`);
  assert.is(measure('auc', Float32Array.of(0, 2, 0, 1, 3, 0), Uint8Array.of(1, 1, 0)), 1);
});

test('AUC of answers that are no numbers ends', () => {
  assert.ok(Number.isFinite(measure('auc', new Float32Array(8).fill(NaN), Uint8Array.of(0, 1, 0, 1))));
});

test('compress reports the metric and chooses by it', () => {
  // One in eight is of class 1.
  const draw = (count: number, seed: number) => {
    const own = new Random(seed);
    const marks = Uint8Array.from({ length: count }, (_, i) => (i % 8 === 0 ? 1 : 0));
    const inputs = Float32Array.from({ length: count * 16 }, (_, i) => {
      return own.uniform(-1, 1) + (marks[Math.floor(i / 16)] === 1 && i % 2 === 0 ? 0.8 : 0);
    });
    return { inputs, labels: marks };
  };
  const dense = (name: string, inputs: number, outputs: number, activation: 'relu' | 'none') =>
    ({ kind: 'dense', name, inputs, outputs, activation }) as const;
  const start = initialise(
    { inputShape: [16], layers: [dense('fc1', 16, 32, 'relu'), dense('fc2', 32, 2, 'none')] },
    1,
  );
  const parent = train(start, draw(240, 1), {
    ...{
      seed: 1,
      epochs: 3,
      batchSize: 16,
      learningRate: 0.004,
      warmupEpochs: 1,
      decay: 'cosine',
      weightDecay: 0,
    },
    optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
  });
  for (const metric of METRICS.filter((name) => name !== 'mae')) {
    const { report } = compress(parent, {
      ...{
        data: draw(240, 1),
        test: draw(120, 2),
        epochs: 2,
        batchSize: 16,
        bits: [8, 2],
        structure: 'channels',
      },
      ...{ methods: ['projected'], metric },
    });
    assert.is(report.metric, metric);
    assert.ok(report.after.quality > 0 && report.after.quality <= 1);
    if (metric === 'accuracy') assert.is(report.after.quality, report.after.accuracy);
    const tried = report.candidates.filter(({ quality }) => quality !== undefined);
    const best =
      metric === 'accuracy' ? tried.map(({ loss }) => -loss!) : tried.map(({ quality }) => quality!);
    const chosen = tried.findIndex((candidate) => candidate.chosen);
    assert.is(best[chosen], Math.max(...best));
  }
});

test.run();
