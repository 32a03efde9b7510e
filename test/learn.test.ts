// Learning on the device end to end: proved, replayed through power failures, taken out and put back.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
import { compile } from '../host/compile/compile.js';
import { readNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { BrownoutError } from '../host/error.js';
import { readImage } from '../host/model/image.js';
import { elementCount } from '../host/model/quantized-network.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { learn } from '../host/learn/learn.js';
import {
  learnedWeights,
  learningStatus,
  readWeights,
  withWeights,
  writeWeights,
} from '../host/learning/learned.js';
import { constantOffset } from '../host/model/learning-header.js';
import { restore } from '../host/restore/restore.js';
import { verify } from '../host/verify/verify.js';
import { compileUnproved } from './util/compile.js';
import { int8s } from '../samples/networks.js';
import { learnable } from './util/learnable.js';

const checkpoint = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../checkpoints/${name}`, import.meta.url)));
const digits = checkpoint('digits-learn.brn');
const input = readNpy(checkpoint('digits-samples.npy'));
const labels = [...readNpy(checkpoint('digits-labels.npy')).data] as number[];

const mlp = learnable(new Random(1), [8], ['dense:6', 'dense:3']);

function refusal(action: () => unknown): BrownoutError {
  try {
    action();
  } catch (error) {
    assert.instance(error, BrownoutError);
    return error as BrownoutError;
  }
  return assert.unreachable('no error') as never;
}

/** Samples of the MLP: a pattern a class. */
function samplesOf(count: number): { x: Int8Array; y: number[] } {
  const size = elementCount(mlp.tensors[0]!);
  const y = Array.from({ length: count }, (_, i) => i % 3);
  const x = new Int8Array(count * size);
  y.forEach((label, i) => x.set(int8s(new Random(50 + label), size, -80, 80), i * size));
  return { x, y };
}

test('a learn job of the digits network is proved, every way through it', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  /** Bytes of arrays that are in use, at each twentieth of the way. */
  const held: number[] = [];
  const onProgress = (done: number, total: number): void => {
    if (held.length > Math.floor((done * 20) / total)) return;
    collect();
    held.push(process.memoryUsage().arrayBuffers);
  };
  const result = verify(digits, { job: 'learn', onProgress });
  const [first, last] = [held.slice(0, 10), held.slice(10)].map((half) => Math.min(...half));
  assert.ok(last! < 1.5 * first!, `memory grows with the ways that are proved: ${held}`);
  assert.is(result.counterexample, null);
  assert.ok(result.proved && result.closed);
  assert.is(result.stuck, 0);
  const names = result.scenarios.map(({ name }) => name);
  for (const name of ['first sample', 'late label', 'held out', 'guard rolls back'])
    assert.ok(names.includes(name), name);
});

test('plain states of a learn job, to closure', () => {
  const network = learnable(new Random(1), [4], ['dense:3', 'dense:2']);
  const learn = { layers: 'all', ring: 4, guardEvery: 0, holdOut: 0 };
  const image = compileUnproved(network, { policy: 'every 1', learn });
  for (const tear of [8, 2]) {
    const result = verify(image, { job: 'learn', enumerate: true, tear });
    assert.is(result.counterexample, null);
    assert.ok(result.proved && result.closed, `tear ${tear}`);
    assert.ok(result.states > 1000);
  }
});

test('400 digits through more than 1,000 power failures: each learnt once, to the bit of steady power', () => {
  const result = learn(digits, { input, labels, epochs: 2, trace: 'rf', onLow: 'run' });
  assert.ok(result.cuts >= 1000, `${result.cuts} cuts`);
  assert.ok(result.identical);
  assert.ok(result.exactlyOnce);
  assert.is(result.labelled, 400);
  assert.ok(result.overheadPercent <= 3, `commits cost ${result.overheadPercent} %`);
  assert.ok(result.stepOverInference <= 3.2, `a learn job is ${result.stepOverInference} inferences`);
  const nvm = Object.values(result.nvmBytes).reduce((sum, bytes) => sum + bytes, 0);
  assert.ok(nvm > 0 && nvm < readImage(digits).nvmBytes);
});

test('the same seed gives the same figures', () => {
  const options = { input, labels: labels.slice(0, 200), trace: 'rf', onLow: 'run' as const, every: 100 };
  const few = {
    ...options,
    input: { ...input, shape: [12, 28, 28, 1], data: input.data.slice(0, 12 * 784) },
  };
  const once = learn(digits, { ...few, labels: labels.slice(0, 12) });
  const again = learn(digits, { ...few, labels: labels.slice(0, 12) });
  assert.equal(once, again);
});

test('it learns what is new, and says so', () => {
  const { x, y } = samplesOf(90);
  const data = { dtype: 'int8' as const, shape: [90, 8], data: x };
  const held = samplesOf(30);
  const heldOut = { dtype: 'int8' as const, shape: [30, 8], data: held.x };
  const image = compileUnproved(mlp, { learn: { layers: 'all', learningRate: 1 / 16 } });
  const points: number[] = [];
  const result = learn(image, {
    input: data,
    labels: y,
    heldOut,
    heldOutLabels: held.y,
    onPoint: ({ samples }) => points.push(samples),
  });
  assert.ok(result.accuracy.before! < 0.9, `${result.accuracy.before} before`);
  assert.is(result.accuracy.after, 1);
  assert.equal(points, [9, 18, 27, 36, 45, 54, 63, 72, 81, 90]);
  const learned = readImage(result.image);
  assert.is(learned.metadata.proof, undefined, 'another image: its proof is to come');
  assert.ok(verify(learned).proved);
});

test('a rate that diverges: the guard rolls back', () => {
  const { x, y } = samplesOf(120);
  // Labels that contradict each other teach nothing; at this rate they do harm.
  const wrong = y.map((label, i) => (i % 8 === 7 ? label : (label + i) % 3));
  const data = { dtype: 'int8' as const, shape: [120, 8], data: x };
  const options = { layers: 'all', learningRate: 64, guardEvery: 8, holdOut: 8, margin: 0, sure: -1 };
  const image = compileUnproved(mlp, { learn: options });
  const result = learn(image, { input: data, labels: wrong });
  assert.ok(result.learning.rollbacks > 0, 'no rollback');
  assert.ok(result.identical && result.exactlyOnce);
});

test('what was learnt goes from a device to a file, into an image, and is given up again', () => {
  const { x, y } = samplesOf(30);
  const image = readImage(compileUnproved(mlp, { learn: { layers: 'all', learningRate: 1 / 8, sure: -1 } }));
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = new WebAssembly.Module(moduleBytes('device.learn'));
  const device = new Device(module, { image, nvm, sramBytes: 65536 });
  device.boot();
  y.forEach((label, i) => {
    device.feed(x.subarray(i * 8, i * 8 + 8));
    device.learn(i + 1, label);
    while (device.status() === Status.RUN) device.run();
    device.ack(i + 1);
  });
  const status = learningStatus(nvm.cells, image);
  assert.is(status.labelled, 30);
  assert.ok(status.updates > 0 && status.banks.current > 0);
  const bank = learnedWeights(nvm.cells, image);
  const file = writeWeights(image, bank);
  const learned = withWeights(image, readWeights(image, file));
  const { factory, bankBytes } = learned.learning!;
  const at = constantOffset(factory);
  assert.equal(learned.device.slice(at, at + bankBytes), bank);
  assert.is.not(learned.imageId, image.imageId);
  const flipped = file.slice();
  flipped[20]! ^= 1;
  assert.is(refusal(() => readWeights(image, flipped)).code, 'E_WEIGHTS');
  assert.is(refusal(() => readWeights(readImage(digits), file)).code, 'E_WEIGHTS');
  assert.is(refusal(() => withWeights(readImage(digits), bank)).code, 'E_WEIGHTS');
  const restored = restore(nvm.cells, image);
  assert.equal(restored.learning!.banks.current, 0);
  assert.is(restored.learning!.labelled, 30);
  assert.is(refusal(() => restore(nvm.cells.slice(0, 100), image)).code, 'E_NVM_SIZE');
});

test('wrong questions', () => {
  const wrong = [...labels.slice(0, 199), 10];
  assert.is(refusal(() => learn(digits, { input, labels: wrong })).code, 'E_LABEL');
  assert.is(refusal(() => learn(digits, { input, labels: [1] })).code, 'E_LABEL');
  assert.is(refusal(() => learn(checkpoint('digits.brn'), { input, labels })).code, 'E_KIND');
  const nan = {
    dtype: 'float32' as const,
    shape: [1, 28, 28, 1],
    data: new Float32Array(784).fill(Number.NaN),
  };
  assert.is(refusal(() => learn(digits, { input: nan, labels: [1] })).code, 'E_INPUT_RANGE');
  assert.is(refusal(() => compile(mlp, { learn: { layers: 'none' } })).code, 'E_LEARN');
  const { nvmBytes } = readImage(compileUnproved(mlp, { learn: { layers: 'all' } }));
  const small = { learn: { layers: 'all' }, nvmBytes: nvmBytes - 400, verify: false };
  const { code, found } = refusal(() => compile(mlp, small));
  assert.is(code, 'E_PLAN');
  assert.match(found, /weight banks/);
});

test.run();
