// What can learn, what of it, and what is said where it cannot: options and networks to numbers.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../host/math/random.js';
import { BrownoutError } from '../host/error.js';
import type { Dense, QuantizedNetwork, QuantizedOp, TensorSpec } from '../host/model/quantized-network.js';
import { deriveLearning } from '../host/learning/derive.js';
import { headsOf } from '../host/learning/layers.js';
import type { LearnOptions } from '../host/learning/spec.js';
import { int8s, layered, lenet } from '../samples/networks.js';
import { learnable } from './util/learnable.js';

/** `of` with some op changed. */
const changed = (of: QuantizedNetwork, name: string, change: object): QuantizedNetwork => ({
  ...of,
  ops: of.ops.map((op) => (op.name === name ? ({ ...op, ...change } as QuantizedOp) : op)),
});

const network = changed(lenet(new Random(1)), 'circulant', {
  multipliers: Int32Array.of(2 ** 30),
  shifts: Int32Array.of(-10),
});

/** The failure of deriving, which must be E_LEARN and complete. */
function failure(options: LearnOptions, of: QuantizedNetwork = network): BrownoutError {
  try {
    deriveLearning(of, options);
  } catch (error) {
    assert.instance(error, BrownoutError);
    const { code, hint, expected } = error as BrownoutError;
    assert.is(code, 'E_LEARN');
    assert.ok(hint.length > 0 && expected.length > 0);
    return error as BrownoutError;
  }
  throw new Error(`no error: ${JSON.stringify(options)}`);
}

const opNames = (options: LearnOptions, of = network): string[] =>
  deriveLearning(of, options).steps.map(({ op, learned }) => {
    const what = !learned ? '' : learned.weights ? ` ${learned.rows}` : ' bias';
    return `${of.ops[op]!.name}${what}`;
  });

test('layers', () => {
  assert.equal(opNames({ layers: 'last' }), ['dense 0,10']);
  assert.equal(opNames({ layers: 'head:2' }), ['dense 0,10', 'circulant 0,256']);
  const all = ['dense 0,10', 'circulant 0,256', 'pool2', 'conv2 0,16', 'pool1', 'conv1 0,6'];
  assert.equal(opNames({ layers: 'all' }), all);
  const bias = ['dense bias', 'circulant bias', 'pool2', 'conv2 bias', 'pool1', 'conv1 bias'];
  assert.equal(opNames({ layers: 'bias' }), bias);
  const parts = ['dense 2,5', 'circulant', 'pool2', 'conv2 bias'];
  assert.equal(opNames({ layers: 'conv2:bias, dense:2-4' }), parts);
  assert.equal(opNames({ layers: 'circulant:128-255' }), ['dense', 'circulant 128,256']);
});

test('heads to choose from: the last layer, and the largest whose weight bank is within 16 KB', () => {
  // W8 and low bytes of 2,560 and 512 weights, 2,400 of conv2, 150 of conv1.
  assert.equal(headsOf(network), ['last', 'head:4']);
  assert.equal(headsOf(learnable(new Random(1), [8], ['dense:3'])), ['last']);
  // 8,000 weights and 6,400 more.
  assert.equal(headsOf(learnable(new Random(1), [80], ['dense:80', 'dense:100', 'dense:3'])), ['last']);
});

test('layers are numbered from the input', () => {
  const { steps } = deriveLearning(network, { layers: 'head:3' });
  assert.equal(
    steps.map(({ learned }) => learned?.layer),
    [2, 1, undefined, 0],
  );
  assert.equal(
    steps.map(({ propagates }) => propagates),
    [true, true, true, false],
  );
});

test('layers that there are not', () => {
  assert.match(failure({ layers: 'head:5' }).expected, /at most 4/);
  assert.match(failure({ layers: 'head:0' }).expected, /from 1/);
  assert.match(failure({ layers: 'fc9' }).hint, /dense, circulant, conv2, conv1/);
  assert.match(failure({ layers: 'dense:5-12' }).expected, /within 0-9/);
  assert.match(failure({ layers: 'dense:5-4' }).expected, /rows a-b/);
  assert.match(failure({ layers: 'circulant:0-15' }).expected, /blocks of 128/);
  assert.match(failure({ layers: 'dense,dense:bias' }).found, /twice/);
  assert.match(failure({ layers: '' }).found, /layers/);
});

test('options that no device can have', () => {
  const wrong: [Partial<LearnOptions>, RegExp][] = [
    [{ learningRate: 0 }, /learningRate 0/],
    [{ learningRate: -1 }, /learningRate/],
    [{ learningRate: Number.NaN }, /learningRate NaN/],
    [{ learningRate: Infinity }, /learningRate/],
    [{ ring: 3 }, /ring 3/],
    [{ ring: 65 }, /ring 65/],
    [{ replay: 8 }, /replay 8/],
    [{ replay: 1.5 }, /replay/],
    [{ clip: 0 }, /clip/],
    [{ clip: 128 }, /clip/],
    [{ seed: -1 }, /seed/],
    [{ holdOut: 1 }, /holdOut/],
    [{ holdOut: 0, guardEvery: 8 }, /guardEvery/],
    [{ validations: 3 }, /guardEvery/],
    [{ validations: 9 }, /validations/],
    [{ margin: -1 }, /margin/],
    [{ sure: Number.NaN }, /sure/],
    [{ loss: 'hinge' as 'mse' }, /loss "?hinge"?/],
  ];
  for (const [options, pattern] of wrong)
    assert.match(failure({ layers: 'last', ...options }).found.replaceAll('`', ''), pattern);
  assert.is(deriveLearning(network, { layers: 'last', ring: 4 }).guardEvery, 0);
});

test('ops that errors do not pass', () => {
  const int4 = changed(network, 'conv2', { weightType: 'int4' });
  const { found, hint } = failure({ layers: 'all' }, int4);
  assert.match(found, /conv2d "conv2".*int4/);
  assert.match(hint, /head:2 … head:2|last, head:2/);
  assert.is(deriveLearning(int4, { layers: 'head:2' }).steps.length, 2);
  assert.match(failure({ layers: 'conv1:bias' }, int4).found, /conv2/);
  assert.match(failure({ layers: 'bias' }, int4).found, /conv2/);
  assert.match(
    failure({ layers: 'last' }, changed(network, 'dense', { weightZeroPoint: 3 })).hint,
    /No layer/,
  );
  assert.match(
    failure({ layers: 'last' }, changed(network, 'dense', { kind: 'logistic' })).found,
    /logistic/,
  );
  assert.match(
    failure({ layers: 'head:3' }, changed(network, 'conv2', { blockSize: 2 })).found,
    /block-circulant/,
  );
  const wide = network.tensors.map((t) => ({ ...t, dtype: 'int16' as const, zeroPoint: 0 }));
  assert.match(failure({ layers: 'last' }, { ...network, tensors: wide }).found, /int16/);
});

/** A block of a residual network: two layers and one beside them, from what the first one makes. */
const residual = learnable(
  new Random(2),
  [6, 6, 2],
  [...['conv:4', 'conv:5', 'conv:6!', 'conv:6!@0', 'add:2', 'mean', 'dense:5']],
);

test('errors meet where a tensor has several readers, and a sum passes them as they are', () => {
  const spec = deriveLearning(residual, { layers: 'all' });
  const names = ['dense6', 'mean5', 'conv3', 'conv2', 'conv1', 'conv0'];
  assert.equal(
    spec.steps.map(({ op }) => residual.ops[op]!.name),
    names,
  );
  // Of the logits, the mean, the sum and both that it reads, conv1, conv0.
  assert.equal(
    spec.steps.map(({ error }) => error),
    [0, 1, 2, 2, 3, 4],
  );
  assert.equal(
    spec.errors.map(({ masked }) => masked),
    [false, false, true, true, true],
  );
  assert.equal(
    spec.errors.map(({ terms }) => terms.map(({ from }) => ('step' in from ? from.step : -1)).sort()),
    [[], [0], [1], [3], [2, 4]],
  );
  for (const { terms } of spec.errors) {
    for (const [i, { multiplier, shift }] of terms.entries()) {
      assert.ok(multiplier >= 2 ** 13 && multiplier <= 2 ** 14);
      assert.ok(i === 0 ? multiplier === 2 ** 14 && shift === 0 : shift <= 0);
    }
  }
  assert.is(spec.kept, residual.input);
});

test('the ring keeps what all that learns hangs on alone', () => {
  const keptOf = (layers: string): string => {
    const { kept, forward } = deriveLearning(residual, { layers });
    return [kept, ...forward].map((i, at) => (at === 0 ? `${i}:` : residual.ops[i]!.name)).join(' ');
  };
  const reads = (name: string): number => residual.ops.find((op) => op.name === name)!.inputs[0]!;
  assert.is(keptOf('last'), `${reads('dense6')}: dense6`);
  // conv2 stays as it is, and is computed once more, as is all beside what learns.
  const block = `${reads('conv1')}: conv1 conv2 conv3 add4 mean5 dense6`;
  assert.is(keptOf('head:2'), block);
  assert.is(keptOf('head:3'), block);
  assert.is(keptOf('head:4'), block);
});

test('a reader that errors do not pass stops them, with its name', () => {
  const logistic = changed(residual, 'conv3', { kind: 'logistic' });
  assert.match(failure({ layers: 'head:4' }, logistic).found, /logistic "conv3"/);
  assert.equal(opNames({ layers: 'head:2' }, logistic), ['dense6 0,5', 'mean5', 'conv2 0,6']);
  // A reader whose values lead nowhere is none.
  const dead = {
    kind: 'reshape',
    name: 'again',
    inputs: [1],
    output: residual.tensors.length,
  } as QuantizedOp;
  const again = {
    ...residual,
    tensors: [...residual.tensors, residual.tensors[1]!],
    ops: [...residual.ops, dead],
  };
  assert.is(deriveLearning(again, { layers: 'all' }).steps.length, 6);
});

/** A dense layer, softmax behind it if wanted. */
function single(inputs: number, outputs: number, pixelsOfInput = [inputs], zeroPoint = 0): QuantizedNetwork {
  const dense: Dense = {
    kind: 'dense',
    name: 'fc',
    inputs: [0],
    output: 1,
    weights: int8s(new Random(3), inputs * outputs, -127),
    bias: new Int32Array(outputs),
    multipliers: Int32Array.from({ length: outputs }, (_, o) => 2 ** 30 + o * 12345),
    shifts: new Int32Array(outputs).fill(-7),
    clampMin: -128,
    clampMax: 127,
  };
  const tensors: TensorSpec[] = [
    { shape: pixelsOfInput, scale: 0.02, zeroPoint },
    { shape: [outputs], scale: 0.1, zeroPoint: 3 },
  ];
  return { name: 'single', tensors, ops: [dense], input: 0, output: 1 };
}

test('classes', () => {
  assert.match(failure({ layers: 'last' }, single(4, 257)).found, /257 outputs/);
  assert.match(failure({ layers: 'last' }, single(4, 1)).found, /1 outputs/);
});

test('a softmax behind the logits is passed over', () => {
  const bare = single(4, 5);
  const multiplier = Math.round(0.1 * 2 ** 29 * 8);
  const softmax = { kind: 'softmax', name: 's', inputs: [1], output: 2, diffMin: -248 } as const;
  const network = (shift: number): QuantizedNetwork => ({
    ...bare,
    tensors: [
      ...bare.tensors,
      { shape: [5], scale: 1 / 256, zeroPoint: -128 },
      { shape: [1, 5], scale: 1 / 256, zeroPoint: -128 },
    ],
    ops: [
      ...bare.ops,
      { ...softmax, inputScaling: { multiplier, shift } },
      { kind: 'reshape', name: 'r', inputs: [2], output: 3 },
    ],
    output: 3,
  });
  // multiplier · 2^(shift − 31) = 0.1 · 2^26
  const { loss, steps } = deriveLearning(network(25), { layers: 'last' });
  assert.is(loss.tensor, 1);
  assert.is(steps.length, 1);
  assert.match(failure({ layers: 'last' }, network(26)).found, /beta 2/);
});

test('scales', () => {
  const of = single(4, 5);
  const { steps, loss } = deriveLearning(of, { layers: 'last', learningRate: 1 / 8 });
  assert.is(loss.scale, Math.round(0.1 * Math.log2(Math.E) * 65536));
  const { pairs } = steps[0]!.learned!;
  for (let o = 0; o < 5; o++) {
    const s = ((2 ** 30 + o * 12345) * 2 ** -38 * 0.1) / 0.02;
    const [m, shift, mb, sb] = pairs.subarray(4 * o, 4 * o + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    const [weight, bias] = [((2 ** -15 / 8) * 256 * 0.02) / s, 2 ** -15 / 8 / (0.02 * s)];
    assert.ok(Math.abs((m * 2 ** (shift - 31)) / weight - 1) < 1e-8);
    assert.ok(Math.abs((mb * 2 ** (sb - 31)) / bias - 1) < 1e-8);
    assert.ok(m >= 2 ** 30 && mb >= 2 ** 30);
  }
  assert.is(steps[0]!.learned!.clip, 2 ** 28);
  const mse = deriveLearning(of, { layers: 'last', loss: 'mse' }).loss;
  assert.equal([mse.scale, mse.target], [Math.round((256 * 65536 * 0.01) / 5), 10]);
});

test('ratios leave out outputs whose weights are all 0', () => {
  const of = layered(new Random(5));
  const weights = int8s(new Random(1), 60, -127);
  weights.fill(0, 12, 24);
  const multipliers = Int32Array.of(2 ** 30, 2 ** 30, 1.5 * 2 ** 30, 2 ** 30, 2 ** 30);
  const last = changed(of, 'dense5', { weights, multipliers, shifts: Int32Array.of(-8, 0, -8, -9, -8) });
  const { ratios } = deriveLearning(last, { layers: 'head:2' }).steps[0]!;
  assert.equal([...ratios!], [21845, 32768, 32768, 10923, 21845]);
});

test('bits: as many as int32 sums bear', () => {
  // Down: 10 outputs · 128. Aside: 2 lanes · 1 pixel · 255 at most. Both leave 16 bits.
  assert.is(deriveLearning(single(4, 10), { layers: 'last' }).errors[0]!.bits, 16);
  // 8 lanes of a circulant block of 128, of inputs up to 255 from their zero point: 8 · 128 · 255 · 2^13 = 2.1e9 < 2^31.
  const zero = network.tensors.map((t) => ({ ...t, zeroPoint: -128 }));
  const { errors } = deriveLearning({ ...network, tensors: zero }, { layers: 'head:2', replay: 7 });
  assert.equal(
    errors.map(({ bits }) => bits),
    [16, 14],
  );
  // conv1: 24 · 24 pixels · 2 lanes · 255 = 293,760; · 2^12 < 2^31.
  const all = deriveLearning({ ...network, tensors: zero }, { layers: 'all' }).errors;
  assert.equal(
    all.map(({ bits }) => bits),
    [16, 16, 16, 16, 16, 13],
  );
});

test.run();
