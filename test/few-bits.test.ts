// Training with rounding to few bits: learned steps, odd codes, batch normalisation folded away; what comes out is the device's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CompressOptions } from '../host/compress/compress-options.js';
import { compress } from '../host/compress/compress.js';
import { Desk } from '../host/compress/desk-module.js';
import type { Architecture, FloatNetwork } from '../host/compress/float-network.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import { forward, shareCorrect } from '../host/compress/forward.js';
import { initialise } from '../host/compress/initialise.js';
import { trainFromScratch, withBatchNorm } from '../host/compress/from-scratch.js';
import { hasWeights, type LayerShape } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import { integerAnswers } from '../host/compress/recipe.js';
import { tensor } from '../host/compress/recorder.js';
import { Tape } from '../host/compress/tape.js';
import { compressText } from '../host/compress/report.js';
import { train, Training } from '../host/compress/train.js';
import { Random } from '../host/math/random.js';
import { quantizeValues } from '../host/model/affine.js';
import type { WeightBits } from '../host/model/weight-types.js';
import { deviceAnswers, farthest, one, recipe, uniform } from './util/float-networks.js';
import { gratings } from './util/gratings.js';

const folder = mkdtempSync(join(tmpdir(), 'brownout-few-bits-'));
test.after(() => rmSync(folder, { recursive: true }));

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

/** The network above as a model file has it: activations where they are applied, no normalisation. */
const plain: Architecture = {
  inputShape: [8, 8, 1],
  layers: [
    { ...architecture.layers[0]!, activation: 'relu' } as LayerShape,
    architecture.layers[1]!,
    { kind: 'dense', name: 'fc1', inputs: 128, outputs: 32, activation: 'relu' },
    { kind: 'dense', name: 'fc2', inputs: 32, outputs: 4, activation: 'none' },
  ],
};

test('from scratch, what can be normalised is: past pools and sums, rows of circulant blocks as one; not the answer', () => {
  const named = ({ layers }: Architecture): string[] =>
    layers.map(({ name, input, ...rest }) => {
      const other = 'other' in rest ? `+${rest.other}` : '';
      const does = 'activation' in rest ? ` ${rest.activation}` : '';
      return `${name}${input === undefined ? '' : `<${input}`}${other}${does}`;
    });
  assert.equal(
    withBatchNorm(plain).layers.map(({ name: _, ...layer }) => layer),
    architecture.layers.map(({ name: _, ...layer }) => layer),
  );
  assert.is(withBatchNorm(architecture), architecture);
  const map = { kind: 'conv2d', kernelHeight: 1, kernelWidth: 1, ...one, padding: 'same' } as const;
  const channels = { inChannels: 4, outChannels: 4 };
  const residual: Architecture = {
    inputShape: [4, 4, 4],
    layers: [
      { ...map, ...channels, name: 'a', activation: 'relu' },
      { ...map, ...channels, name: 'b', activation: 'none' },
      { kind: 'add', name: 'sum', other: 'a', activation: 'relu' },
      { ...map, ...channels, kind: 'depthwiseConv2d', name: 'c', activation: 'relu6' },
      { ...map, ...channels, name: 'd', input: 'a', blockSize: 4, activation: 'none' },
      { kind: 'add', name: 'all', other: 'c', activation: 'none' },
      { kind: 'circulant', name: 'wide', inputs: 64, outputs: 8, blockSize: 8, activation: 'relu' },
      { kind: 'dense', name: 'last', inputs: 8, outputs: 3, activation: 'none' },
      { kind: 'softmax', name: 'shares' },
    ],
  };
  assert.equal(named(withBatchNorm(residual)), [
    ...['a none', 'anorm relu', 'b none', 'bnorm none', 'sum+anorm relu', 'c none', 'cnorm relu6'],
    ...['d<anorm none', 'all+cnorm none', 'wide none', 'widenorm relu', 'last none', 'shares'],
  ]);
  // The bits reach their layers, and what comes back has nothing to fold.
  const inputs = uniform(new Random(5), 24 * 64, -1, 1);
  const labels = Uint8Array.from({ length: 24 }, (_, i) => i % 3);
  const rounding = { bits: { b: 2, c: 4, wide: 2, last: 1 }, steps: 'learned', inputRange: [-1, 1] } as const;
  const { network, scheme } = trainFromScratch(
    residual,
    { inputs, labels },
    { ...recipe, epochs: 1, rounding },
  );
  assert.equal(
    network.layers.map(({ name }) => name),
    residual.layers.map(({ name }) => name),
  );
  assert.equal(
    scheme!.weights.map((own) => own?.bits),
    [8, 2, undefined, 4, 8, undefined, 2, 1, undefined],
  );
  const quantized = quantizeAs(network, scheme!, 'residual');
  const answers = integerAnswers(quantized, inputs);
  const { scale, zeroPoint } = quantized.tensors[quantized.output]!;
  const integers = quantizeValues(inputs, quantized.tensors[quantized.input]!) as Int8Array;
  const device = deviceAnswers(quantized, integers.subarray(0, 640), 10);
  assert.equal(
    device.map((q) => Math.fround((q - zeroPoint) * scale)),
    [...answers.subarray(0, 30)],
  );
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

test('compress from scratch: no weights of the parent are left, bits as asked; killed, it goes on to the same bytes', () => {
  const options: CompressOptions = {
    ...{ data: gratings(300, 1), test: gratings(100, 2), device: 'msp430fr5994', fromScratch: true },
    ...{ bits: [4, 2], structure: 'channels', epochs: 6, batchSize: 16, flashBytes: 1500 },
  };
  const parent = train(initialise(plain, 1), gratings(300, 1), recipe);
  const { image, quantized, report } = compress(parent, options);
  assert.ok(report.fromScratch);
  assert.equal(report.methods, []);
  assert.match(compressText(report), /from random weights/);
  assert.ok(report.after.accuracy > 0.9, `${report.after.accuracy}`);
  assert.ok(report.after.cost!.flashBytes <= 1500);
  const types = quantized.ops.flatMap((op) => ('weightType' in op ? [op.weightType] : []));
  assert.ok(types.length === 3 && types.every((type) => type === 'int4' || type === 'int2'), `${types}`);
  const journal = join(folder, 'scratch.progress');
  for (const [stage, text] of [
    ['candidates', ''],
    ['training with rounding', 'epoch 2/'],
  ] as const) {
    const dying: CompressOptions = {
      ...{ ...options, journal },
      onProgress(event) {
        if (event.stage === stage && event.text.startsWith(text)) throw new Error('Ctrl-C');
      },
    };
    assert.throws(() => compress(parent, dying), /Ctrl-C/);
  }
  const resumed = compress(parent, { ...options, journal });
  assert.ok(Buffer.from(resumed.image).equals(Buffer.from(image)));
  assert.equal(JSON.stringify(resumed.report), JSON.stringify(report));
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
