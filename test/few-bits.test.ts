// Training with rounding to few bits: learned steps, odd codes, batch normalisation folded away; what comes out is the device's.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Desk } from '../host/compress/desk-module.js';
import type { Architecture, FloatNetwork } from '../host/compress/float-network.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import { forward, shareCorrect } from '../host/compress/forward.js';
import { initialise } from '../host/compress/initialise.js';
import { hasWeights } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import { integerAnswers } from '../host/compress/recipe.js';
import { tensor } from '../host/compress/recorder.js';
import { Tape } from '../host/compress/tape.js';
import { Training } from '../host/compress/train.js';
import { Random } from '../host/math/random.js';
import { quantizeValues } from '../host/model/affine.js';
import type { WeightBits } from '../host/model/weight-types.js';
import { deviceAnswers, farthest, one, recipe, uniform } from './util/float-networks.js';

/** A pool between a convolution and its normalisation, and a dense layer with one. */
const architecture: Architecture = {
  inputShape: [8, 8, 1],
  layers: [
    {
      ...{ kind: 'conv2d', name: 'conv', kernelHeight: 3, kernelWidth: 3, ...one, inChannels: 1 },
      ...{ outChannels: 8, padding: 'same', activation: 'none' },
    },
    { kind: 'maxPool2d', name: 'pool', poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 },
    { kind: 'batchNorm', name: 'norm1', channels: 8, activation: 'relu' },
    { kind: 'dense', name: 'fc1', inputs: 128, outputs: 32, activation: 'none' },
    { kind: 'batchNorm', name: 'norm2', channels: 32, activation: 'relu' },
    { kind: 'dense', name: 'fc2', inputs: 32, outputs: 4, activation: 'none' },
  ],
};

function gratings(count: number, seed: number): { inputs: Float32Array; labels: Uint8Array } {
  const random = new Random(seed);
  const labels = Uint8Array.from({ length: count }, () => random.integer(4));
  const inputs = Float32Array.from({ length: count * 64 }, (_, index) => {
    const [y, x] = [Math.floor(index / 8) % 8, index % 8];
    const phase = [x, y, x + y, x - y + 8][labels[Math.floor(index / 64)]!]!;
    return Math.max(-1, Math.min(2, (phase % 4 < 2 ? 1 : 0) + random.uniform(-0.6, 0.6)));
  });
  return { inputs, labels };
}

test('weights of 1, 2 and 4 bits, scales fitted or learned, train to answers that are the device’s, bit for bit', () => {
  const held = gratings(100, 2);
  for (const [bits, steps, least] of [
    [1, 'learned', 0.8],
    [1, 'fitted', 0.8],
    [2, 'learned', 0.93],
    [2, 'fitted', 0.93],
    [4, 'learned', 0.95],
  ] as [WeightBits, 'learned' | 'fitted', number][]) {
    const training = new Training(initialise(architecture, 1), gratings(400, 1), {
      ...{ ...recipe, batchSize: 16, epochs: 8 },
      rounding: { bits: { conv: bits, fc1: bits, fc2: bits }, steps, inputRange: [-1, 2] },
    });
    while (!training.finished) training.runEpoch();
    const network = foldBatchNorm(training.result());
    assert.not.ok(network.layers.some(({ kind }) => kind === 'batchNorm'));
    const quantized = quantizeAs(network, training.scheme()!, 'few');
    const answers = integerAnswers(quantized, held.inputs);
    const share = shareCorrect(answers, held.labels);
    assert.ok(share >= least, `${bits} bits, ${steps}: ${share}`);
    const codes = quantized.ops.flatMap((op) => ('weights' in op ? [...(op.weights as Int8Array)] : []));
    const allowed: readonly number[] = { 1: [-1, 1], 2: [-3, -1, 1, 3], 4: [], 8: [] }[bits];
    assert.ok(bits === 4 || codes.every((code) => allowed.includes(code)), `${[...new Set(codes)]}`);
    const integers = quantizeValues(held.inputs, quantized.tensors[quantized.input]!) as Int8Array;
    const { scale, zeroPoint } = quantized.tensors[quantized.output]!;
    const device = deviceAnswers(quantized, integers.subarray(0, 640), 10);
    assert.equal(
      device.map((q) => Math.fround((q - zeroPoint) * scale)),
      [...answers.subarray(0, 40)],
    );
  }
});

test('batch normalisation behind a pool folds into the convolution before it, unless a factor is below 0', () => {
  const random = new Random(3);
  const start = initialise(architecture, 2);
  const network: FloatNetwork = {
    ...start,
    layers: start.layers.map((layer) => {
      if (!hasWeights(layer) || layer.kind !== 'batchNorm') return layer;
      const draw = (low: number): Float32Array => layer.bias.map(() => random.uniform(low, 1.5));
      return { ...layer, weights: draw(0.2), bias: draw(-1), mean: draw(-1), variance: draw(0.2) };
    }),
  };
  const inputs = uniform(random, 5 * 64, -1, 2);
  const outputs = (net: FloatNetwork): Float32Array => forward(net, inputs, 5).outputs;
  assert.ok(farthest(outputs(network), outputs(foldBatchNorm(network))) < 1e-4);
  const turned = structuredClone(network);
  (turned.layers[2] as unknown as { weights: Float32Array }).weights[3] = -1;
  assert.throws(() => foldBatchNorm(turned), /norm1/);
});

test('the gradient of a scale’s logarithm is that of LSQ', () => {
  const random = new Random(4);
  const desk = new Desk();
  const [groups, length] = [3, 20];
  const values = uniform(random, groups * length, -1, 1);
  const scales = [0.3, 0.11, 0.6].map(Math.fround);
  const gradients = uniform(random, groups * length, -1, 1);
  for (const interleaved of [false, true]) {
    for (const [most, step] of [
      [7, 1],
      [3, 2],
      [1, 2],
    ] as const) {
      const weights = tensor([groups, length], desk.place(values), desk.place(new Float32Array(60)));
      const logs = desk.place(new Float32Array(groups));
      const tape = new Tape(desk);
      const places = desk.place(Float32Array.from(scales));
      const y = tape.roundWeights(weights, places, { groups, interleaved }, { most, step }, logs);
      desk.floats(y.gradient, 60).set(gradients);
      tape.backward();
      const expected = scales.map((scale, group) => {
        let sum = 0;
        for (let i = 0; i < length; i++) {
          const at = interleaved ? i * groups + group : group * length + i;
          const x = values[at]! / scale;
          const codes = Array.from({ length: (2 * most) / step + 1 }, (_, code) => code * step - most);
          const code = codes.reduce((best, other) =>
            Math.abs(other - x) < Math.abs(best - x) ? other : best,
          );
          sum += gradients[at]! * (Math.abs(x) >= most ? Math.sign(x) * most : code - x);
        }
        return (sum * scale) / Math.sqrt(length * most);
      });
      assert.ok(farthest(desk.floats(logs, groups), Float32Array.from(expected)) < 1e-5);
      assert.equal([...desk.floats(weights.gradient, 60)], [...gradients]);
    }
  }
});

test.run();
