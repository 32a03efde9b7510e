// The models that ship: their sums, their proof, and what they say of data that cannot ship.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parameterCount } from '../host/compress/float-network.js';
import { initialise } from '../host/compress/initialise.js';
import { hasWeights } from '../host/compress/layers.js';
import { readImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';
import { verify } from '../host/verify/verify.js';
import { hasDataset } from '../samples/datasets.js';
import { TASKS } from '../samples/tasks.js';

const folder = new URL('../../checkpoints/', import.meta.url);
const images = readdirSync(folder).filter((name) => name.endsWith('.brn'));

test('every file of a model has the sum that is on record', () => {
  const lines = readFileSync(new URL('SHA256SUMS', folder), 'utf8').trimEnd().split('\n');
  const named = lines.map((line) => {
    const [sum, name] = line.split('  ') as [string, string];
    const bytes = readFileSync(new URL(name, folder));
    assert.is(createHash('sha256').update(bytes).digest('hex'), sum, name);
    return name;
  });
  const files = readdirSync(folder).filter((name) => /\.(brn|npy|tflite)$/.test(name));
  assert.equal([...named].sort(), files.sort());
});

test('every model has a card with the command that made it', () => {
  assert.ok(images.length >= 4);
  for (const name of images) {
    const card = new URL(name.replace(/(-learn)?\.brn$/, '.md'), folder);
    assert.ok(existsSync(card), name);
    assert.match(readFileSync(card, 'utf8'), /npm run train:|node dist\/scripts\/train-model\.js/);
  }
});

/** How many times fewer bytes of weights, biases, scales and tables than the task's float network. */
const FEWER: Record<string, number> = { har: 110, keywords: 95 };

/** Those that `compress` made; digits has a test of its own. */
const compressed = images.filter((image) => !image.startsWith('digits'));
for (const name of compressed) {
  const image = readImage(readFileSync(new URL(name, folder)));

  test(`${name} is proved, for the input it carries`, () => {
    assert.ok(verify(image).proved);
    assert.is(run(image).outputs.length, 1);
  });

  const task = TASKS.find((candidate) => `${candidate.name}.brn` === name)!;
  test(`${name} has at most 2.5 bits a weight, and ${FEWER[task.name]} times fewer bytes than the float network`, () => {
    const { layers, bits } = task.shipped!;
    const counts = initialise({ ...task.architecture, layers: [...layers] }, 1).layers.flatMap((layer) =>
      hasWeights(layer) ? [{ count: layer.weights.length, bits: bits[layer.name]! }] : [],
    );
    const weights = counts.reduce((sum, { count }) => sum + count, 0);
    assert.ok(counts.reduce((sum, one) => sum + one.count * one.bits, 0) / weights <= 2.5);
    const floats = 4 * parameterCount(initialise(task.architecture, 1));
    assert.ok(floats / image.constants.bytes >= FEWER[task.name]!, `${floats / image.constants.bytes}`);
  });

  const data = task.name === 'har' ? 'motionsense' : 'fsdd';
  if (!hasDataset(data)) {
    console.log(`skipped: the accuracy of ${name}: set BROWNOUT_DATA to the folder that holds ${data}`);
    continue;
  }
  test(`${name} has the accuracy that its card states`, () => {
    const { inputs, labels } = task.data().test;
    const { outputs } = run(image, {
      input: { dtype: 'float32', shape: [labels.length, ...task.architecture.inputShape], data: inputs },
    });
    const right = outputs.filter((scores, i) => scores.indexOf(Math.max(...scores)) === labels[i]).length;
    const card = readFileSync(new URL(name.replace('.brn', '.md'), folder), 'utf8');
    const [, percent] = /on the device module[^|]*\|\s*([\d.]+) %/.exec(card)!;
    assert.is(((right / labels.length) * 100).toFixed(2), percent);
  });
}

test.run();
