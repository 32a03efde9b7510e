// What `compress` does once for many networks: the results are those of each alone.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_OUTPUT, OP_TILES, STATIC_BYTES } from '../assembly/layout.js';
import { costNetwork, sharedOps, tryCost } from '../host/compress/device-cost.js';
import type { Architecture, FloatNetwork } from '../host/compress/float-network.js';
import { initialise } from '../host/compress/initialise.js';
import { hasWeights } from '../host/compress/layers.js';
import { percentiles } from '../host/compress/rounding.js';
import { SharedBatches } from '../host/compress/shared-batches.js';
import { Training, type TrainingOptions } from '../host/compress/train.js';
import { applyChoices, type Choices } from '../host/compress/transform.js';
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { lower } from '../host/ops/index.js';
import { rememberedLower } from '../host/ops/remembered.js';
import type { Lower, TileLimits } from '../host/ops/shared/lowering.js';
import { lively, one, uniform } from './util/float-networks.js';

const window = { ...one, padding: 'same', activation: 'relu' } as const;
const architecture: Architecture = {
  inputShape: [12, 12, 2],
  layers: [
    {
      ...{ kind: 'conv2d', name: 'first', kernelHeight: 5, kernelWidth: 5, inChannels: 2, outChannels: 8 },
      ...window,
    },
    { kind: 'maxPool2d', name: 'pool', poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 },
    {
      ...{ kind: 'conv2d', name: 'second', kernelHeight: 3, kernelWidth: 3, inChannels: 8, outChannels: 8 },
      ...window,
    },
    { kind: 'dense', name: 'fc1', inputs: 288, outputs: 64, activation: 'relu' },
    { kind: 'dense', name: 'fc2', inputs: 64, outputs: 4, activation: 'none' },
  ],
};

/** Choices that leave layers as they were before or behind others. */
const CHOICES: Choices[] = [
  {},
  { first: { kernel: [3, 3] } },
  { first: { keep: 4 } },
  { second: { blockSize: 4 } },
  { second: { pattern: 4 / 9 } },
  { second: { bits: 2 }, fc1: { bits: 4 } },
  { fc1: { blockSize: 32 } },
  { fc1: { blockSize: 32, method: 'direct' } },
  { fc1: { blockSize: 16, bits: 4 } },
  { first: { keep: 4 }, fc1: { keep: 16, bits: 1 }, fc2: { bits: 2 } },
  {},
];

test('what a network costs is the same for every field, whether or not others were priced before it', () => {
  const parent = lively(architecture, 3);
  for (const budget of [
    { device: 'msp430fr5994', sramBytes: 4096 },
    { device: 'cortex-m4-generic' },
    { device: 'msp430fr5994', sramBytes: 2048, capacitorUf: 10 },
  ]) {
    const shared = sharedOps();
    for (const choices of CHOICES) {
      const network = costNetwork(applyChoices(parent, choices), choices);
      const alone = tryCost(network, budget);
      assert.equal(tryCost(network, budget, shared), alone, `${budget.device} ${JSON.stringify(choices)}`);
      if (typeof alone === 'string') continue;
      const { capacitorUf, sramBytes } = { capacitorUf: undefined, sramBytes: undefined, ...budget };
      const image = compile(network, {
        device: budget.device,
        verify: false,
        ...(capacitorUf === undefined ? {} : { capacitorUf }),
        ...(sramBytes === undefined ? {} : { arenaBytes: sramBytes - STATIC_BYTES }),
      });
      const { imageBytes, nvmBytes } = readImage(image);
      assert.equal([alone.flashBytes, alone.nvmBytes], [imageBytes, nvmBytes], 'of the image that is made');
    }
  }
});

test('an op that was lowered before has the same records and constants, and none that a plan wrote into', () => {
  const network = costNetwork(lively(architecture, 3), {});
  const op = network.ops.find((own) => own.kind === 'conv2d')!;
  const inputs = op.inputs.map((at) => network.tensors[at]!);
  const output = network.tensors[op.output]!;
  const limits: TileLimits = {
    arenaBytes: 3000,
    tileCycles: 1e6,
    cost: (record) => ({ share: 0.5, inferenceUj: record.get(OP_TILES) }),
  };
  const remembered = rememberedLower();
  const plain = (found: ReturnType<Lower>): unknown =>
    found.map(({ record, ...rest }) => ({ ...rest, bytes: [...record.bytes] }));
  const first = remembered(op, inputs, output, limits);
  for (const { record } of first) record.set(OP_OUTPUT, 0x1234);
  const second = remembered({ ...op, inputs: [7], output: 9 }, inputs, output, limits);
  assert.equal(plain(second), plain(lower(op, inputs, output, limits)));
  assert.is(second[0]!.constants, first[0]!.constants, 'found before');
  const weights = op.weights.with(5, op.weights[5]! ^ 1);
  const others: Parameters<Lower>[] = [
    [{ ...op, weights }, inputs, output, limits],
    [{ ...op, clampMax: 99 }, inputs, output, limits],
    [{ ...op, name: 'another' }, inputs, output, limits],
    [op, inputs.map((own) => ({ ...own, zeroPoint: -3 })), output, limits],
    [op, inputs, { ...output, zeroPoint: 4 }, limits],
    [op, inputs, output, { ...limits, arenaBytes: 1500 }],
    [op, inputs, output, { ...limits, unit: true }],
    [op, inputs, output, { ...limits, line: 8 }],
  ];
  for (const given of others) {
    const found = remembered(...given);
    assert.is.not(found[0]!.constants, first[0]!.constants);
    assert.equal(plain(found), plain(lower(...given)));
  }
});

test('percentiles are those of the values in order', () => {
  const random = new Random(5);
  for (const count of [1, 2, 7, 1000, 450_001]) {
    for (const kind of ['any', 'below 0', 'many zeros']) {
      const values = uniform(random, count, -1, kind === 'below 0' ? -0.5 : 2);
      if (kind === 'many zeros') values.forEach((value, i) => (values[i] = Math.max(0, value)));
      const step = Math.ceil(count / 200_000);
      const sorted = values.filter((_, i) => i % step === 0).sort();
      for (const tail of [0, 0.0005, 0.03, 0.4]) {
        const cut = Math.floor(tail * sorted.length);
        const expected = [Math.min(0, sorted[cut]!), Math.max(0, sorted[sorted.length - 1 - cut]!)];
        assert.equal(percentiles(values, tail), expected, `${count} values, ${kind}, tail ${tail}`);
      }
    }
  }
});

/** All parameters after training. */
function trained(network: FloatNetwork, options: TrainingOptions, shared?: SharedBatches): Float32Array[] {
  const random = new Random(8);
  const data = {
    inputs: uniform(random, 50 * 288),
    labels: Uint8Array.from({ length: 50 }, () => random.integer(4)),
  };
  const training = new Training(network, data, options, shared);
  while (!training.finished) training.runEpoch();
  return training.result().layers.flatMap((layer) => (hasWeights(layer) ? [layer.weights, layer.bias] : []));
}

test('trainings that share batches and a teacher come to the bytes of each alone, however much is kept', () => {
  const parent = initialise(architecture, 1);
  const options: TrainingOptions = {
    ...{ seed: 4, epochs: 2, batchSize: 16, learningRate: 0.01, warmupEpochs: 0.5, decay: 'cosine' },
    ...{ weightDecay: 0.01, optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 } },
    ...{ augmentation: { shiftPixels: 1, noise: 0.1, gain: 0.1 }, mixup: 0.4 },
    teacher: { network: parent, weight: 0.5, temperature: 3 },
  };
  const networks = [{}, { first: { keep: 4 } }, { fc1: { blockSize: 32 } }].map((choices) =>
    applyChoices(parent, choices, true),
  );
  const alone = networks.map((network) => trained(network, options));
  // All, none, the first two batches.
  for (const room of [undefined, 0, 4 * 288 * 35]) {
    const shared = new SharedBatches(room);
    networks.forEach((network, i) => assert.equal(trained(network, options, shared), alone[i]));
    assert.is(shared.batch(1) !== undefined, room !== 0);
    assert.is(shared.batch(3) !== undefined, room === undefined);
  }
});

test.run();
