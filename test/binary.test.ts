// Activations of one bit: the step and its gradient, networks trained with it, which are the device's to the bit, and what is refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OpKind } from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { compress } from '../host/compress/compress.js';
import type { CompressOptions } from '../host/compress/compress-options.js';
import { Desk } from '../host/compress/desk-module.js';
import type { Architecture, FloatNetwork } from '../host/compress/float-network.js';
import { forward, shareCorrect } from '../host/compress/forward.js';
import { trainFromScratch } from '../host/compress/from-scratch.js';
import { initialise } from '../host/compress/initialise.js';
import { type FloatLayer, hasWeights, type LayerShape } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import { integerAnswers } from '../host/compress/recipe.js';
import { tensor } from '../host/compress/recorder.js';
import { compressText } from '../host/compress/report.js';
import { checkSigns, withSigns } from '../host/compress/signs.js';
import { Tape } from '../host/compress/tape.js';
import { train } from '../host/compress/train.js';
import { Random } from '../host/math/random.js';
import { quantizeValues } from '../host/model/affine.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import type { WeightBits } from '../host/model/weight-types.js';
import { failure } from './util/failure.js';
import { deviceAnswers, one, recipe, uniform } from './util/float-networks.js';
import { gratings } from './util/gratings.js';
import { runOracle } from './util/oracle.js';

/** Without a difference of long arrays written out, which takes minutes. */
function isSame(found: Float32Array, expected: Float32Array): void {
  const at = found.findIndex((value, i) => value !== expected[i]);
  assert.is(at, -1, `${at}: ${found[at]}, expected ${expected[at]}`);
}

test('a step is the sign, of 0 that is 1; its gradient is hard tanh’s, both ends included, cut in any way', () => {
  const random = new Random(2);
  const edges = [-0, 0, 1e-30, -1e-30, 1, -1, 1.0000001, -1.0000001, 3, -3, 1e9, -1e9, 2, -2, 0.5, -0.5];
  const x = Float32Array.from([...edges, ...uniform(random, 40_000, -2, 2)]);
  const dy = uniform(random, x.length);
  for (const threads of [1, 3]) {
    const desk = new Desk(threads);
    const zeros = (): number => desk.place(new Float32Array(x.length));
    const placed = tensor([1, x.length], desk.place(x), zeros());
    const tape = new Tape(desk);
    const y = tape.activate(placed, 'sign');
    isSame(
      desk.floats(y.values, x.length),
      x.map((value) => (value < 0 ? -1 : 1)),
    );
    desk.floats(y.gradient, x.length).set(dy);
    tape.backward();
    // The definition once more: where clamping to −1 … 1 leaves a value as it is.
    const expected = dy.map((value, i) => (Math.max(-1, Math.min(1, x[i]!)) === x[i] ? value : 0));
    isSame(desk.floats(placed.gradient, x.length), expected);
    desk.close();
  }
});

const pool = { poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 } as const;
const map = { kind: 'conv2d', kernelHeight: 3, kernelWidth: 3, ...one, padding: 'same' } as const;

/** Two convolutions, each with a pool, and two dense layers. */
const plain: Architecture = {
  inputShape: [8, 8, 1],
  layers: [
    { ...map, name: 'conv0', inChannels: 1, outChannels: 12, activation: 'relu' },
    { kind: 'maxPool2d', name: 'pool0', ...pool },
    { ...map, name: 'conv1', inChannels: 12, outChannels: 16, activation: 'relu6' },
    { kind: 'maxPool2d', name: 'pool1', ...pool },
    { kind: 'dense', name: 'fc0', inputs: 64, outputs: 32, activation: 'relu' },
    { kind: 'dense', name: 'fc1', inputs: 32, outputs: 4, activation: 'none' },
  ],
};
const signed: Architecture = { ...plain, layers: withSigns(plain.layers) };

/** The network above trained with signs and some bits of weights. */
function trained(bits: Record<string, WeightBits>, threads = 1): ReturnType<typeof trainFromScratch> {
  const rounding = { bits, steps: 'learned', inputRange: [-1, 2] } as const;
  return trainFromScratch(signed, gratings(400, 1), { ...recipe, epochs: 10, threads, rounding });
}

const ones = { conv1: 1, fc0: 1 } as const;

/** The float network with weights that are whole numbers of their scales, as the quantized one has them. */
function rounded({ network, scheme }: ReturnType<typeof trained>, quantized: QuantizedNetwork): FloatNetwork {
  const layers = network.layers.map((layer, index) => {
    const op = quantized.ops.find(({ name }) => name === layer.name);
    const scales = scheme!.weights[index]?.scales;
    if (!hasWeights(layer) || !scales || !op || !('weights' in op)) return layer;
    const length = layer.weights.length / scales.length;
    const weights = layer.weights.map((_, i) => op.weights[i]! * scales[Math.floor(i / length)]!);
    return { ...layer, weights } as FloatLayer;
  });
  return { ...network, layers };
}

test('networks of signs train; the trainer’s integers, an oracle’s and the module’s are one; layers of signs are as in float', () => {
  const held = gratings(100, 2);
  const trial = trained(ones);
  const quantized = quantizeAs(trial.network, trial.scheme!, 'signs');
  const network = rounded(trial, quantized);
  const answers = integerAnswers(quantized, held.inputs);
  assert.ok(shareCorrect(answers, held.labels) >= 0.9, `${shareCorrect(answers, held.labels)}`);
  // The step goes behind the pool, where one op with the layer of signs takes it; before the last layer it is a table.
  const { CONV2D, MAX_POOL, CONV2D_XNOR, MAP, DENSE } = OpKind;
  assert.equal(
    readImage(compile(quantized, { verify: false })).ops.map(({ kind }) => kind),
    [CONV2D, MAX_POOL, CONV2D_XNOR, MAX_POOL, CONV2D_XNOR, MAP, DENSE],
  );
  const { scale, zeroPoint } = quantized.tensors[quantized.output]!;
  const integers = quantizeValues(held.inputs, quantized.tensors[quantized.input]!) as Int8Array;
  const device = deviceAnswers(quantized, integers.subarray(0, 40 * 64), 40);
  assert.equal(
    device.map((q) => Math.fround((q - zeroPoint) * scale)),
    [...answers.subarray(0, 160)],
  );
  const float = forward(network, held.inputs, 100);
  const at = (name: string): number => quantized.ops.find((op) => op.name === name)!.output;
  const tensors = Array.from({ length: 100 }, (_, i) =>
    runOracle(quantized, integers.subarray(i * 64, (i + 1) * 64)),
  );
  assert.equal(
    tensors.slice(0, 40).flatMap((all) => [...all[quantized.output]!]),
    device,
  );
  const signsOf = (name: string): number[] => tensors.flatMap((all) => [...all[at(name)]!]);
  // The first layer's inputs have 8 bits here, and are floats there.
  const floatOf = (name: string): number[] => [
    ...float.activations[network.layers.findIndex((layer) => layer.name === name)]!,
  ];
  const first = signsOf('pool0 sign');
  assert.equal([...new Set(first)].sort(), [-1, 1]);
  const other = floatOf('pool0').filter((sign, i) => sign !== first[i]).length / first.length;
  assert.ok(other < 0.01, `${other} of the signs of the first layer are others`);
  const same = [...held.labels.keys()].filter((i) => {
    const of = (values: ArrayLike<number>): number[] =>
      Array.from({ length: 4 }, (_, c) => values[4 * i + c]!);
    const best = (values: number[]): number => values.indexOf(Math.max(...values));
    return best(of(float.outputs)) === best(of(answers));
  }).length;
  assert.ok(same >= 96, `${same} of 100 classes are the float network’s`);
});

test('between layers of signs nothing is rounded: from the same signs, the float network’s signs, every one', () => {
  const trial = trained(ones);
  const quantized = quantizeAs(trial.network, trial.scheme!, 'signs');
  const network = rounded(trial, quantized);
  // From the first signs on: random ones.
  const random = new Random(8);
  const start = quantized.ops.findIndex(({ name }) => name === 'pool0 sign');
  const input = quantized.ops[start]!.output;
  const rest = { ...quantized, ops: quantized.ops.slice(start + 1), input };
  const floats = { inputShape: [4, 4, 12], layers: network.layers.slice(2) };
  let seen = 0;
  for (let i = 0; i < 60; i++) {
    const signs = Int8Array.from({ length: 192 }, () => 2 * random.integer(2) - 1);
    const oracle = runOracle(rest, signs);
    const { activations } = forward(floats, Float32Array.from(signs), 1);
    for (const [name, index] of [
      ['pool1 sign', 1],
      ['fc0 sign', 2],
    ] as const) {
      const { output } = quantized.ops.find((op) => op.name === name)!;
      assert.equal([...oracle[output]!], [...activations[index]!], `${name}, ${i}`);
      seen += activations[index]!.length;
    }
  }
  assert.is(seen, 60 * 96);
});

test('other bits of weights read signs, too; any number of threads gives the same bytes', () => {
  const { network, scheme } = trained({ conv1: 2 });
  const quantized = quantizeAs(network, scheme!, 'signs');
  const held = gratings(20, 3);
  const { scale, zeroPoint } = quantized.tensors[quantized.output]!;
  const integers = quantizeValues(held.inputs, quantized.tensors[quantized.input]!) as Int8Array;
  assert.equal(
    deviceAnswers(quantized, integers, 20).map((q) => Math.fround((q - zeroPoint) * scale)),
    [...integerAnswers(quantized, held.inputs)],
  );
  assert.equal(trained({ conv1: 2 }, 2), { network, scheme });
});

const dense = { kind: 'dense', inputs: 8, outputs: 8 } as const;

test('signs that no kernel reads are refused by name; where all are asked for, such layers stay as they are', () => {
  const fc = (name: string, activation: 'sign' | 'none' | 'relu' = 'none'): LayerShape => ({
    ...{ ...dense, name, activation },
  });
  const maps = (name: string, activation: 'sign' | 'none'): LayerShape => ({
    ...{ ...map, name, inChannels: 4, outChannels: 4, activation },
  });
  const refused: [LayerShape[], RegExp][] = [
    [[fc('a', 'sign')], /"a" that are the answer/],
    [[fc('a', 'sign'), { kind: 'softmax', name: 's' }], /"a" that softmax "s" reads/],
    [[fc('a', 'sign'), { kind: 'reshape', name: 'r', shape: [8] }], /are the answer/],
    [
      [fc('a', 'sign'), { ...dense, kind: 'circulant', name: 'b', blockSize: 4, activation: 'none' }],
      /circulant "b" reads/,
    ],
    [[maps('a', 'sign'), { kind: 'averagePool2d', name: 'p', ...pool }], /averagePool2d "p" reads/],
    [
      [maps('a', 'sign'), { ...maps('b', 'none'), blockSize: 4 } as LayerShape],
      /conv2d of circulant blocks "b" reads/,
    ],
    [
      [maps('a', 'sign'), maps('b', 'none'), { kind: 'add', name: 'c', other: 'a', activation: 'none' }],
      /add "c" reads/,
    ],
    [
      [
        ...[maps('a', 'none'), maps('b', 'none')],
        ...[{ kind: 'add', name: 'c', other: 'a', activation: 'sign' } as LayerShape, maps('d', 'none')],
      ],
      /"c" that are of a sum/,
    ],
  ];
  for (const [layers, said] of refused) {
    const { code, found, expected } = failure(() => checkSigns(layers));
    assert.is(code, 'E_NETWORK');
    assert.match(found, said);
    assert.match(expected, 'which convolutions without circulant blocks or dense layers read');
    const relu = layers.map((layer) =>
      'activation' in layer && layer.activation === 'sign' ? { ...layer, activation: 'relu' } : layer,
    ) as LayerShape[];
    assert.equal(withSigns(relu), relu);
    checkSigns(relu);
  }
  checkSigns(signed.layers);
  assert.equal(
    signed.layers.map((layer) => ('activation' in layer ? layer.activation : '')),
    ['sign', '', 'sign', '', 'sign', 'none'],
  );
  const network = initialise({ inputShape: [8], layers: [fc('a', 'sign')] }, 1);
  const data = { inputs: new Float32Array(16), labels: Uint8Array.of(0, 1) };
  const rounding = { inputRange: [-1, 1] } as const;
  assert.is(failure(() => train(network, data, { ...recipe, rounding })).code, 'E_NETWORK');
});

test('compress with activations of one bit: from scratch alone, and where there are any; what it says of them', () => {
  const data = gratings(300, 1);
  const options: CompressOptions = {
    ...{ data, test: gratings(100, 2), device: 'cortex-m4-generic', fromScratch: true, activationBits: 1 },
    ...{ bits: [8, 1], structure: 'none', epochs: 4, batchSize: 16, learningRate: 0.01 },
  };
  const parent = train(initialise(plain, 1), data, { ...recipe, epochs: 2 });
  const { report, network, quantized } = compress(parent, options);
  assert.equal(report.signs, ['conv0', 'conv1', 'fc0']);
  assert.match(compressText(report), /Outputs of conv0, conv1, fc0 are −1 and 1/);
  assert.ok(network.layers.some((layer) => 'activation' in layer && layer.activation === 'sign'));
  assert.is(quantized.ops.filter(({ kind }) => kind === 'map').length, 3);
  const { fromScratch: _, ...own } = options;
  assert.match(failure(() => compress(parent, own)).expected, 'fromScratch');
  const last = initialise(
    { inputShape: [64], layers: [{ ...dense, name: 'a', inputs: 64, activation: 'relu' }] },
    1,
  );
  assert.match(failure(() => compress(last, options)).found, /no activations of which can be signs/);
  const four = failure(() => compress(parent, { ...options, activationBits: 4 as never }));
  assert.match(four.expected, 'no kernel has 4');
});

test.run();
