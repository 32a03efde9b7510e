// `learn`, `export-weights`, `import-weights`, `restore` and `compare` as people and scripts meet them: what they print,
// what they write, their exit codes, and what they say of wrong inputs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
import { int8s } from '../samples/networks.js';
import { compare } from '../host/compare/compare.js';
import { writeNpy } from '../host/data/npy.js';
import { learn } from '../host/learn/learn.js';
import { learnedWeights, readWeights } from '../host/learning/learned.js';
import { sumsOfImage } from '../host/learning/sums/of-image.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { constantOffset } from '../host/model/learning-header.js';
import type { Origin } from '../host/origin.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { brownout, checkFailure, cliFolder, jsonOf } from './util/cli.js';
import { compileUnproved } from './util/compile.js';
import { npz } from './util/npz-writer.js';
import { learnable } from './util/learnable.js';

/** The command that learns. */
const LEARN = 'learn';
const SAMPLES = 24;

const checkpoints = fileURLToPath(new URL('../../checkpoints/', import.meta.url));
const infers = join(checkpoints, 'digits.brn');

const network = learnable(new Random(1), [8], ['dense:6', 'dense:3']);
const file = compileUnproved(network, { learn: { layers: 'all', learningRate: 1 / 8, sure: -1 } });
const image = readImage(file);

const labels = Array.from({ length: SAMPLES }, (_, i) => i % 3);
/** A pattern a class. */
const inputs = Int8Array.from(labels.flatMap((label) => [...int8s(new Random(50 + label), 8, -80, 80)]));
const x = { dtype: 'int8' as const, shape: [SAMPLES, 8], data: inputs };
const y = { dtype: 'uint8' as const, shape: [SAMPLES], data: Uint8Array.from(labels) };
const held = {
  x_test: { ...x, shape: [3, 8], data: inputs.slice(0, 24) },
  y_test: { ...y, shape: [3], data: y.data.slice(0, 3) },
};

const save = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(cliFolder, name), bytes);
  return name;
};
const written = (name: string): Uint8Array => new Uint8Array(readFileSync(join(cliFolder, name)));

save('learner.brn', file);
save('user.npz', npz({ x, y, ...held }));
save('x.npy', writeNpy(x));
save('y.npy', writeNpy(y));

/** What a device's NVM holds after it has learnt all samples; with `busy`, after power failed in the middle of one more. */
function dump(busy = false): Uint8Array {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = new WebAssembly.Module(moduleBytes('device.learn'));
  const device = new Device(module, { image, nvm, sramBytes: 65536 });
  device.boot();
  labels.forEach((label, i) => {
    device.feed(inputs.subarray(i * 8, i * 8 + 8));
    device.learn(i + 1, label);
    while (device.status() === Status.RUN) device.run();
    device.ack(i + 1);
  });
  if (busy) {
    device.feed(inputs.subarray(0, 8));
    device.learn(SAMPLES + 1, 0);
  }
  return nvm.cells.slice();
}

const factoryBank = (bytes: Uint8Array): Uint8Array => {
  const { device, learning } = readImage(bytes);
  const at = constantOffset(learning!.factory);
  return device.slice(at, at + learning!.bankBytes);
};

test(`${LEARN}: a live table, what it comes to, and the image that has learnt`, async () => {
  const options = ['--data', 'user.npz', '--trace', 'rf', '--seed', '3', '--capacitor', '100uF'];
  const { code, out, err } = await brownout(
    LEARN,
    'learner.brn',
    ...options,
    '-o',
    'mine.brn',
    '--report',
    'curve.html',
  );
  assert.equal([code, err], [0, '']);
  for (const words of [
    'accuracy',
    'identical to steady power',
    'learnt exactly once',
    'written: mine.brn, curve.html',
  ])
    assert.match(out, words);
  assert.match(out, new RegExp(`${SAMPLES} of ${SAMPLES} samples`));
  assert.match(new TextDecoder().decode(written('curve.html')), /^<!doctype html>/i);

  const json = jsonOf(await brownout(LEARN, 'learner.brn', ...options, '--json')) as Record<string, unknown>;
  const { image: learned, ...expected } = learn(file, {
    ...{ input: x, labels, heldOut: held.x_test, heldOutLabels: labels.slice(0, 3) },
    ...{ trace: 'rf', seed: 3, capacitorUf: 100 },
  });
  assert.equal(json, { ...JSON.parse(JSON.stringify(expected)), file: null });
  assert.equal(written('mine.brn'), learned);
  assert.ok(json['identical'] && json['exactlyOnce'] && json['labelled'] === SAMPLES);
});

test(`${LEARN}: arrays apart give the same; more epochs more samples`, async () => {
  const apart = ['--data', 'x.npy', '--labels', 'y.npy'];
  const json = jsonOf(
    await brownout(LEARN, 'learner.brn', ...apart, '--epochs', '2', '-o', 'twice.brn', '--json'),
  );
  const { image: learned, ...expected } = learn(file, { input: x, labels, epochs: 2 });
  assert.equal(json, { ...JSON.parse(JSON.stringify(expected)), file: 'twice.brn' });
  assert.equal(written('twice.brn'), learned);
  assert.is((json as { samples: number }).samples, 2 * SAMPLES);
});

test(`${LEARN}: wrong inputs`, async () => {
  const data = ['--data', 'user.npz'];
  save('few.npy', writeNpy({ ...y, shape: [2], data: y.data.slice(0, 2) }));
  save('high.npy', writeNpy({ ...y, data: y.data.map((label) => label + 1) }));
  save('wide.npz', npz({ x: { ...x, shape: [SAMPLES / 2, 16] }, y }));
  save('lone.npz', npz({ x }));
  await checkFailure([LEARN, infers, ...data], 'E_KIND');
  await checkFailure([LEARN, 'none.brn', ...data], 'E_FILE');
  await checkFailure([LEARN, 'learner.brn', '--data', 'none.npz'], 'E_FILE');
  await checkFailure([LEARN, 'learner.brn', '--data', 'x.npy'], 'E_DATASET');
  await checkFailure([LEARN, 'learner.brn', '--data', 'lone.npz'], 'E_DATASET');
  await checkFailure([LEARN, 'learner.brn', '--data', 'wide.npz'], 'E_INPUT_SHAPE');
  await checkFailure([LEARN, 'learner.brn', '--data', 'x.npy', '--labels', 'few.npy'], 'E_LABEL');
  await checkFailure([LEARN, 'learner.brn', '--data', 'x.npy', '--labels', 'high.npy'], 'E_LABEL');
  await checkFailure([LEARN, 'learner.brn', ...data, '--epochs', '0'], 'E_OPTION');
  await checkFailure([LEARN, 'learner.brn', ...data, '--epoch', '2'], 'E_USAGE');
  await checkFailure([LEARN, 'learner.brn', ...data, '--capacitor', 'big'], 'E_OPTION');
  await checkFailure([LEARN, 'learner.brn', ...data, '--old-data', 'x.npy'], 'E_DATASET');
  await checkFailure([LEARN], 'E_USAGE');
});

test(`${LEARN}: rivals and the old task beside the device`, async () => {
  const options = ['--data', 'user.npz', '--old-data', 'user.npz', '--every', '8'];
  const { code, out, err } = await brownout(LEARN, 'learner.brn', ...options);
  assert.equal([code, err], [0, '']);
  for (const words of ['nearest class mean', 'LDA of these samples', 'this device', 'old task, at the end'])
    assert.match(out, words);
  const json = jsonOf(await brownout(LEARN, 'learner.brn', ...options, '--json')) as unknown as ReturnType<
    typeof learn
  >;
  // The old task is, here, the same: what is held out.
  assert.is(json.accuracy.oldAfter, json.accuracy.after);
  assert.equal(
    json.curve.map(({ old }) => old),
    json.curve.map(({ accuracy }) => accuracy),
  );
  for (const { curve } of json.rivals)
    assert.equal(
      curve.map(({ samples }) => samples),
      [8, 16, 24],
    );
});

test('compile --tune-data: chosen on the samples, said, and refused where nothing is open', async () => {
  save('model.tflite', new Uint8Array(readFileSync(join(checkpoints, 'digits.tflite'))));
  const pixels = Array.from({ length: 12 }, (_, i) => int8s(new Random(i), 784, -128, 127));
  const many = {
    dtype: 'int8' as const,
    shape: [12, 28, 28, 1],
    data: Int8Array.from(pixels.flatMap((p) => [...p])),
  };
  const classes = { dtype: 'uint8' as const, shape: [12], data: Uint8Array.from(pixels, (_, i) => i % 10) };
  save('tune.npz', npz({ x: many, y: classes }));
  const options = ['compile', 'model.tflite', '--no-verify', '-o', 'tuned.brn', '--tune-data', 'tune.npz'];
  const json = jsonOf(
    await brownout(
      ...options,
      '--learn',
      'sums',
      '--learn-data',
      'tune.npz',
      '--rank',
      '4',
      '--ridge',
      '0.2',
      '--json',
    ),
  ) as { tuning: { chosen: { prior: number; ridge: number }; trials: { prior: number }[] } };
  const { chosen, trials } = json.tuning;
  assert.is(chosen.ridge, 0.2);
  assert.ok(trials.some(({ prior }) => prior === chosen.prior));
  const rest = options.slice(0, -2);
  const auto = ['--learn', 'auto', '--learn-data', 'tune.npz', '--rank', '4', '--ring', '4', '--json'];
  const { choice } = jsonOf(await brownout(...rest, ...auto)) as {
    choice: { chosen: string; reason: string; candidates: { layers: string; labelUj: number }[] };
  };
  assert.is(choice.chosen, 'sums');
  assert.match(choice.reason, 'no samples of users were given');
  assert.equal(
    choice.candidates.map(({ layers, labelUj }) => [layers, labelUj > 0]),
    ['sums', 'last'].map((layers) => [layers, true]),
  );
  assert.ok(readImage(written('tuned.brn')).metadata.ops.includes('fold'));
  await checkFailure(options, 'E_OPTION');
  await checkFailure([...options, '--learn', 'last', '--learning-rate', '1/8'], 'E_LEARN');
  await checkFailure([...options, '--learn', 'last', '--learn-data', 'none.npz'], 'E_FILE');
});

test('export-weights, import-weights: from a device into an image, bit for bit', async () => {
  const cells = dump();
  save('dump.bin', cells);
  const bank = learnedWeights(cells, image);
  const { code, out, err } = await brownout(
    'export-weights',
    'dump.bin',
    '--image',
    'learner.brn',
    '-o',
    'fleet.brnw',
  );
  assert.equal([code, err], [0, '']);
  assert.match(out, `fleet.brnw: weights of ${bank.length} bytes`);
  assert.equal(readWeights(image, written('fleet.brnw')), bank);
  const json = jsonOf(
    await brownout('export-weights', 'dump.bin', '--image', 'learner.brn', '-o', 'again.brnw', '--json'),
  );
  const { origin: _, learning, ...rest } = json as { origin: Origin; learning: { labelled: number } };
  assert.equal(rest, { file: 'again.brnw', bankBytes: bank.length });
  assert.is(learning.labelled, SAMPLES);
  assert.equal(written('again.brnw'), written('fleet.brnw'));

  const told = await brownout('import-weights', 'learner.brn', 'fleet.brnw', '-o', 'fleet.brn');
  assert.equal([told.code, told.err], [0, '']);
  assert.match(told.out, /^fleet\.brn: /);
  assert.equal(factoryBank(written('fleet.brn')), bank);
  const { origin: __, ...imported } = jsonOf(
    await brownout('import-weights', 'learner.brn', 'fleet.brnw', '-o', 'fleet2.brn', '--json'),
  ) as { origin: Origin };
  assert.equal(imported, { file: 'fleet2.brn', imageId: readImage(written('fleet.brn')).imageId });

  // Out of the image again: the same weights.
  const { origin: ___, ...own } = jsonOf(
    await brownout('export-weights', 'fleet.brn', '-o', 'own.brnw', '--json'),
  ) as { origin: Origin };
  assert.equal(own, { file: 'own.brnw', bankBytes: bank.length, learning: null });
  assert.equal(readWeights(readImage(written('fleet.brn')), written('own.brnw')), bank);
});

test('export-weights, import-weights: wrong inputs leave no file', async () => {
  save('dump.bin', dump());
  await brownout('export-weights', 'dump.bin', '--image', 'learner.brn', '-o', 'good.brnw');
  const damaged = written('good.brnw');
  damaged[20]! ^= 1;
  save('damaged.brnw', damaged);
  save('noise.bin', int8s(new Random(9), 4096) as unknown as Uint8Array);
  for (const [source, code] of [
    [infers, 'E_KIND'],
    ['none.bin', 'E_FILE'],
    ['noise.bin', 'E_IMAGE_MAGIC'],
  ] as const)
    await checkFailure(['export-weights', source, '-o', 'no.brnw'], code);
  await checkFailure(['export-weights', 'dump.bin', '--image', 'learner.brn'], 'E_USAGE');
  for (const [target, weights, code] of [
    ['learner.brn', 'damaged.brnw', 'E_WEIGHTS'],
    ['learner.brn', 'x.npy', 'E_WEIGHTS'],
    [join(checkpoints, 'digits-learn.brn'), 'good.brnw', 'E_WEIGHTS'],
    [infers, 'good.brnw', 'E_WEIGHTS'],
    ['learner.brn', 'none.brnw', 'E_FILE'],
  ] as const)
    await checkFailure(['import-weights', target, weights, '-o', 'no.brn'], code);
  await checkFailure(['import-weights', 'learner.brn', '-o', 'no.brn'], 'E_USAGE');
  assert.not(existsSync(join(cliFolder, 'no.brnw')) || existsSync(join(cliFolder, 'no.brn')));
});

test('restore: the factory’s weights, samples and counters as they were', async () => {
  save('dump.bin', dump());
  const { code, out, err } = await brownout(
    'restore',
    'dump.bin',
    '--image',
    'learner.brn',
    '-o',
    'restored.bin',
  );
  assert.equal([code, err], [0, '']);
  assert.match(out, 'restored.bin: the factory’s weights again');
  assert.equal(learnedWeights(written('restored.bin'), image), factoryBank(file));
  assert.is.not(`${learnedWeights(dump(), image)}`, `${factoryBank(file)}`, 'there was something to give up');
  const json = jsonOf(
    await brownout('restore', 'dump.bin', '--image', 'learner.brn', '-o', 'restored2.bin', '--json'),
  );
  const {
    origin: _,
    learning,
    ...rest
  } = json as { origin: Origin; learning: { labelled: number; banks: { current: number } } };
  assert.equal(rest, { file: 'restored2.bin' });
  assert.equal([learning.labelled, learning.banks.current], [SAMPLES, 0]);
  assert.equal(written('restored2.bin'), written('restored.bin'));
});

test('restore --class: what was learnt of a class is forgotten, by an image that can', async () => {
  const network = learnable(new Random(5), [8], ['dense:6', 'dense:3']);
  const data = Array.from({ length: 24 }, (_, i) => ({ input: int8s(new Random(i), 8), label: i % 3 }));
  const forgets = readImage(
    compileUnproved(network, { learn: { layers: 'sums', data, rank: 4, forget: true } }),
  );
  save('forgets.brn', forgets.file);
  const nvm = new SimulatedNvm(forgets.nvmBytes);
  provision(nvm, forgets);
  const module = new WebAssembly.Module(moduleBytes('device.learn'));
  const device = new Device(module, { image: forgets, nvm, sramBytes: 65536 });
  for (let ticket = 1; ticket <= 12; ticket++)
    completeJob(
      device,
      forgets,
      { ticket, input: int8s(new Random(ticket), 8), label: ticket % 3 },
      {},
      ticket > 1,
    );
  save('sums.bin', nvm.cells.slice());
  const of = sumsOfImage(forgets);
  const countsOf = (path: string): Int32Array => of.sumsOf(learnedWeights(written(path), forgets)).counts;
  const command = ['restore', 'sums.bin', '--image', 'forgets.brn', '-o', 'forgot.bin'];
  const { code, out, err } = await brownout(...command, '--class', '1');
  assert.equal([code, err], [0, '']);
  assert.match(out, 'forgot.bin: class 1 as at the factory');
  const [before, after] = [countsOf('sums.bin'), countsOf('forgot.bin')];
  assert.equal([after[0], after[1], after[2]], [before[0], of.prior.counts[1], before[2]]);
  assert.ok(before[1]! > after[1]!);
  await checkFailure([...command.slice(0, -1), 'no.bin', '--class', '3'], 'E_LABEL');
  await checkFailure([...command.slice(0, -1), 'no.bin', '--class', 'x'], 'E_OPTION');
  save('dump.bin', dump());
  const gradients = ['restore', 'dump.bin', '--image', 'learner.brn', '-o', 'no.bin', '--class', '1'];
  await checkFailure(gradients, 'E_KIND');
  assert.not(existsSync(join(cliFolder, 'no.bin')));
});

test('restore: wrong inputs leave no file', async () => {
  save('busy.bin', dump(true));
  save('short.bin', dump().slice(0, 100));
  await checkFailure(['restore', 'busy.bin', '--image', 'learner.brn', '-o', 'no.bin'], 'E_BUSY', 3);
  await checkFailure(['restore', 'short.bin', '--image', 'learner.brn', '-o', 'no.bin'], 'E_NVM_SIZE');
  await checkFailure(['restore', 'learner.brn', '--image', 'learner.brn', '-o', 'no.bin'], 'E_MAGIC');
  await checkFailure(['restore', 'none.bin', '-o', 'no.bin'], 'E_FILE');
  await checkFailure(['restore', 'busy.bin', '-o', 'no.bin'], 'E_USAGE');
  await checkFailure(['restore', 'busy.bin', '--image', infers, '-o', 'no.bin'], 'E_CURSOR_IMAGE');
  await checkFailure(['restore', 'busy.bin', '--image', 'learner.brn'], 'E_USAGE');
  assert.not(existsSync(join(cliFolder, 'no.bin')));
});

test('compare: a row a strategy, the same under --json as from the API', async () => {
  const options = ['--device', 'msp430fr5994', '--capacitor', '1mF', '--seed', '2'];
  const { code, out, err } = await brownout('compare', 'rad-mnist', ...options);
  assert.equal([code, err], [0, '']);
  for (const word of ['base', 'sonic', 'tails', 'ace+flex', 'rad-mnist', 'msp430fr5994'])
    assert.match(out, word);
  const json = jsonOf(await brownout('compare', 'rad-mnist', ...options, '--json'));
  const expected = compare(['rad-mnist'], { devices: ['msp430fr5994'], capacitorsUf: [1000], seed: 2 });
  assert.equal(json, JSON.parse(JSON.stringify(expected)));
});

test('compare: an image instead of a network by name', async () => {
  const options = ['--device', 'cortex-m4-generic', '--capacitor', '100uF'];
  const json = jsonOf(await brownout('compare', infers, ...options, '--json'));
  const expected = compare([readImage(readFileSync(infers))], {
    ...{ devices: ['cortex-m4-generic'], capacitorsUf: [100] },
  });
  assert.equal(json, JSON.parse(JSON.stringify(expected)));
});

test('compare: wrong inputs', async () => {
  await checkFailure(['compare', 'rad-none'], 'E_MODEL');
  await checkFailure(['compare', 'x.npy'], 'E_IMAGE_MAGIC');
  await checkFailure(['compare', 'rad-mnist', '--device', 'z80'], 'E_DEVICE');
  await checkFailure(['compare', 'rad-mnist', '--capacitor', '0F'], 'E_OPTION');
  await checkFailure(['compare', 'rad-mnist', '--trace', 'none.csv'], 'E_FILE');
  await checkFailure(['compare', 'rad-mnist', '--seed', 'x'], 'E_OPTION');
});

test.run();
