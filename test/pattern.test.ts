// Pattern pruning: the projection against all other choices, zeros that stay while training, by projection, by ADMM and from random
// weights, and what the device does with them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OpKind } from '../assembly/layout.js';
import { layerOptions } from '../host/compress/candidates.js';
import { project } from '../host/compress/constraint.js';
import type { Architecture, FloatNetwork } from '../host/compress/float-network.js';
import { initialise } from '../host/compress/initialise.js';
import { Journal } from '../host/compress/journal.js';
import type { ConvolutionLayer } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import { integerAnswers, type Recipe, trainingOptions, trainStep } from '../host/compress/recipe.js';
import { trainStructured } from '../host/compress/structured.js';
import { applyChoices } from '../host/compress/transform.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';

const architecture: Architecture = {
  inputShape: [6, 6, 8],
  layers: [
    {
      ...{ kind: 'conv2d', name: 'conv', kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1 },
      ...{ inChannels: 8, outChannels: 20, padding: 'same', activation: 'relu' },
    },
    { kind: 'dense', name: 'fc', inputs: 720, outputs: 3, activation: 'none' },
  ],
};
const start = initialise(architecture, 1);
const conv = start.layers[0] as ConvolutionLayer;
const random = new Random(7);
const labels = Uint8Array.from({ length: 48 }, () => random.integer(3));
const data = {
  inputs: Float32Array.from(
    { length: 48 * 288 },
    (_, i) => random.uniform(0, 1) * labels[Math.floor(i / 288)]!,
  ),
  labels,
};
const recipe: Recipe = {
  ...{ seed: 1, batchSize: 16, learningRate: 0.01, weightDecay: 0, distillation: 0, augmentation: {} },
  ...{ ranges: 'learned', inputRange: [0, 2] },
};
const choices = { conv: { pattern: 4 / 9 } };

/** Taps of 8 channels that outputs of 16 read: those whose weights are not all zero. */
function tapsOf(weights: Float32Array | Int8Array, first: number): number[] {
  const outputs = Math.min(16, 20 - first);
  return Array.from({ length: 9 }, (_, tap) => tap).filter((tap) =>
    Array.from({ length: outputs }, (_, o) => (first + o) * 72 + tap * 8).some((at) =>
      weights.subarray(at, at + 8).some((weight) => weight !== 0),
    ),
  );
}

const convOf = (network: FloatNetwork): Float32Array => (network.layers[0] as ConvolutionLayer).weights;

test('each set of outputs keeps the four taps of largest norm: no other four are nearer', () => {
  const nearest = project(conv, conv.weights, { kind: 'pattern', share: 4 / 9 });
  for (const first of [0, 16]) {
    const norm = (tap: number): number => {
      let sum = 0;
      for (let o = first; o < Math.min(first + 16, 20); o++)
        for (let c = 0; c < 8; c++) sum += conv.weights[o * 72 + tap * 8 + c]! ** 2;
      return sum;
    };
    const kept = tapsOf(nearest, first);
    assert.is(kept.length, 4);
    const most = Array.from({ length: 512 }, (_, mask) =>
      [...Array(9).keys()].filter((tap) => mask & (1 << tap)),
    )
      .filter((taps) => taps.length === 4)
      .map((taps) => taps.reduce((sum, tap) => sum + norm(tap), 0));
    assert.is(
      kept.reduce((sum, tap) => sum + norm(tap), 0),
      Math.max(...most),
    );
  }
  nearest.forEach((weight, i) => assert.ok(weight === 0 || weight === conv.weights[i]));
});

test('training leaves what is pruned at zero, by every way, and the device computes the rest alone', () => {
  const step = { journal: new Journal(''), key: 'test', data, recipe, parent: start };
  const results = trainStructured(step, choices, ['projected', 'direct', 'admm'], {
    epochs: 2,
    validation: data,
    metric: 'accuracy',
  });
  for (const { method, network } of results) {
    for (const first of [0, 16]) assert.is(tapsOf(convOf(network), first).length, 4, method);
    assert.ok(
      convOf(network).some((weight, i) => weight !== 0 && weight !== conv.weights[i]),
      method,
    );
  }
  const fresh = initialise(applyChoices(start, choices), 2);
  assert.equal(tapsOf(convOf(fresh), 0), tapsOf(convOf(applyChoices(start, choices)), 0), 'from scratch');
  const options = trainingOptions(recipe, 1, { rounding: { inputRange: [0, 2], bits: { conv: 4 } } });
  const trial = trainStep(new Journal(''), 'rounded', results[0]!.network, data, options);
  const network = quantizeAs(trial.network, trial.scheme!, 'pattern');
  const image = readImage(compile(network, { convolution: 'sparse' }));
  assert.is(image.ops[0]!.kind, OpKind.CONV2D_SPARSE);
  const input = new Int8Array(288).fill(10);
  const { scale, zeroPoint } = network.tensors[network.input]!;
  const real = Float32Array.from(input, (x) => (x - zeroPoint) * scale);
  const { scale: unit, zeroPoint: zero } = network.tensors[network.output]!;
  const answers = [...infer(makeDevice(image), image, input)].map((y) => Math.fround((y - zero) * unit));
  assert.equal([...integerAnswers(network, real)].map(Math.fround), answers);
});

test('a pattern is offered where kernels are 3 × 3 and channels whole words, and kept away from weights without a zero', () => {
  const [first, second] = layerOptions(start, [8, 4], 'pattern');
  assert.equal(first!.structures, [{}, { pattern: 4 / 9 }]);
  assert.equal(second!.structures, [{}]);
  const narrow = initialise(
    {
      inputShape: [6, 6, 6],
      layers: [{ ...architecture.layers[0]!, inChannels: 6 } as Architecture['layers'][number]],
    },
    1,
  );
  assert.equal(layerOptions(narrow, [8], 'pattern')[0]!.structures, [{}]);
});

test.run();
