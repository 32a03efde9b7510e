// Compression: integers that are the device's, transformations that keep what they should, runs that go on where they were.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../host/compile/compile.js';
import { compress, type CompressResult } from '../host/compress/compress.js';
import { type CompressOptions, settingsOf } from '../host/compress/compress-options.js';
import { circulantVectors, type Constraint, project } from '../host/compress/constraint.js';
import type { Architecture, FloatNetwork } from '../host/compress/float-network.js';
import { accuracy, forward } from '../host/compress/forward.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import { fromGraph } from '../host/compress/from-graph.js';
import { initialise } from '../host/compress/initialise.js';
import { IntegerNetwork } from '../host/compress/integer-network.js';
import {
  elements,
  type FloatLayer,
  hasWeights,
  outputShape,
  type WeightedLayer,
} from '../host/compress/layers.js';
import { quantize, quantizeAs } from '../host/compress/quantize.js';
import { toGraph } from '../host/compress/to-graph.js';
import { train, Training, type TrainingOptions } from '../host/compress/train.js';
import { applyChoices } from '../host/compress/transform.js';
import { Random } from '../host/math/random.js';
import { evaluate } from '../host/import/float-graph.js';
import { importOnnx } from '../host/import/onnx/import-onnx.js';
import { quantizeValues } from '../host/model/affine.js';
import { compressHtml } from '../host/compress/page.js';
import { compressText } from '../host/compress/report.js';
import { run } from '../host/run/run.js';
import { verify } from '../host/verify/verify.js';

const folder = mkdtempSync(join(tmpdir(), 'brownout-compress-'));
test.after(() => rmSync(folder, { recursive: true }));

const one = { strideHeight: 1, strideWidth: 1 } as const;
const three = { kernelHeight: 3, kernelWidth: 3, ...one } as const;

/** Every kind of layer that can be quantized, a residual connection and odd sizes among them. */
const everything: Architecture = {
  inputShape: [9, 8, 3],
  layers: [
    {
      kind: 'conv2d',
      name: 'conv',
      ...three,
      inChannels: 3,
      outChannels: 8,
      padding: 'same',
      activation: 'relu6',
    },
    {
      kind: 'depthwiseConv2d',
      name: 'depth',
      ...three,
      inChannels: 8,
      outChannels: 8,
      padding: 'same',
      activation: 'relu',
    },
    {
      ...{
        kind: 'conv2d',
        name: 'blocks',
        kernelHeight: 1,
        kernelWidth: 1,
        ...one,
        inChannels: 8,
        outChannels: 8,
      },
      ...{ blockSize: 4, padding: 'valid', activation: 'none' },
    } as Architecture['layers'][number],
    { kind: 'add', name: 'sum', other: 'conv', activation: 'relu' },
    {
      kind: 'averagePool2d',
      name: 'mean',
      poolHeight: 2,
      poolWidth: 3,
      strideHeight: 2,
      strideWidth: 2,
      padding: [1, 0, 0, 1],
    },
    { kind: 'maxPool2d', name: 'max', poolHeight: 2, poolWidth: 2, ...one, padding: 'same' },
    { kind: 'dropout', name: 'drop', rate: 0.3 },
    { kind: 'reshape', name: 'flat', shape: [160] },
    { kind: 'circulant', name: 'wide', inputs: 160, outputs: 20, blockSize: 8, activation: 'hardTanh' },
    { kind: 'dense', name: 'last', inputs: 20, outputs: 5, activation: 'none' },
    { kind: 'softmax', name: 'softmax' },
  ],
};

function uniform(random: Random, count: number, low = -1, high = 1): Float32Array {
  return Float32Array.from({ length: count }, () => random.uniform(low, high));
}

/** With biases that are not 0. */
function lively(architecture: Architecture, seed: number): FloatNetwork {
  const random = new Random(seed);
  const network = initialise(architecture, seed);
  const layers = network.layers.map((layer): FloatLayer =>
    hasWeights(layer) ? { ...layer, bias: uniform(random, layer.bias.length, -0.3, 0.3) } : layer,
  );
  return { ...network, layers };
}

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.is(a.length, b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

const noScheme = (network: FloatNetwork): Parameters<typeof toGraph>[1] => ({
  activations: [0, ...network.layers].map(() => ({ scale: 1, zeroPoint: 0 })),
  weights: network.layers.map(() => undefined),
});

test('a trained network and its graph are one function, to the graph and back', () => {
  const network = lively(everything, 3);
  const inputs = uniform(new Random(4), 4 * 216);
  const { activations } = forward(network, inputs, 4);
  const logits = activations.at(-2)!;
  const graph = toGraph(network, noScheme(network));
  for (let row = 0; row < 4; row++) {
    const values = evaluate(graph, inputs.subarray(row * 216, (row + 1) * 216));
    // The graph has softmax too, which training leaves out.
    const before = values[graph.ops.at(-1)!.inputs[0]!]!;
    assert.ok(farthest(before, logits.subarray(row * 5, (row + 1) * 5)) < 1e-4);
  }
  const again = fromGraph(graph);
  assert.is(farthest(forward(again, inputs, 4).activations.at(-2)!, logits), 0);
});

const models = join(process.env['BROWNOUT_DATA'] ?? '', 'models');
const foreign = ['lenet5.onnx', 'kws_ref_model_float32.onnx', 'ad01_fp32.onnx'];
if (!existsSync(join(models, foreign[0]!))) console.log('skipped: published models (no BROWNOUT_DATA)');
else {
  test('published models train as they were imported', () => {
    for (const name of foreign) {
      const { graph } = importOnnx(new Uint8Array(readFileSync(join(models, name))));
      const network = fromGraph(graph);
      const inputs = uniform(new Random(1), elements(network.inputShape));
      const softmax = graph.ops.find(({ kind }) => kind === 'softmax');
      const expected = evaluate(graph, inputs)[softmax ? softmax.inputs[0]! : graph.output]!;
      const { outputs } = forward(network, inputs, 1);
      const scale = Math.max(...expected.map(Math.abs));
      assert.ok(farthest(outputs, expected) < 1e-5 * scale, name);
    }
  });
}

test('what cannot be trained is refused by its name', () => {
  const network = lively(everything, 3);
  const graph = toGraph(network, noScheme(network));
  const first = graph.ops[0]! as (typeof graph.ops)[0] & { kind: 'conv2d' };
  const refused = (ops: unknown[], reason: RegExp): void => {
    assert.throws(() => fromGraph({ ...graph, ops: ops as typeof graph.ops }), reason);
  };
  refused([{ kind: 'concat', name: 'joined', axis: 0, inputs: [0], output: 1 }], /concat "joined"/);
  refused([{ ...first, bounds: [0, 3] }], /outputs from 0 to 3/);
  refused([{ ...first, window: { ...first.window!, dilation: [2, 1] } }], /dilation 2,1/);
  assert.throws(() => outputShape(network.layers[0]!, [9, 8, 4]), /4/);
});

/** The device's answers, as `run` has them. */
function deviceAnswers(network: ReturnType<typeof quantize>, inputs: Int8Array, count: number): number[] {
  const image = compile(network, { verify: false });
  const { shape } = network.tensors[network.input]!;
  return run(image, { input: { dtype: 'int8', shape: [count, ...shape], data: inputs } }).outputs.flat();
}

test('the integer forward pass gives the device’s answers, bit for bit: int8, int4, blocks, ranges that clip', () => {
  const count = 12;
  for (const seed of [1, 2]) {
    const network = lively(everything, seed);
    const random = new Random(seed + 10);
    const inputs = uniform(random, count * 216);
    const whole = quantize(network, { name: 'all', calibration: inputs, count, minimum: -1, maximum: 1 });
    const data = { inputs, labels: Uint8Array.from({ length: count }, () => random.integer(5)) };
    const rounded = new Training(network, data, {
      ...recipe,
      epochs: 2,
      rounding: { bits: { conv: 4, depth: 4, last: 4 }, tail: 0.05, inputRange: [-0.7, 0.9] },
    });
    while (!rounded.finished) rounded.runEpoch();
    const narrow = quantizeAs(rounded.result(), rounded.scheme()!, 'narrow');
    assert.is(narrow.ops.filter((op) => 'weightBits' in op && op.weightBits === 4).length, 3);
    for (const quantized of [whole, narrow]) {
      const integers = quantizeValues(inputs, quantized.tensors[quantized.input]!) as Int8Array;
      const answers = [...new IntegerNetwork(quantized).run(integers, count)];
      assert.equal(answers, deviceAnswers(quantized, integers, count));
      assert.ok(new Set(answers).size > 10, 'answers all alike show nothing');
    }
  }
});

const recipe: TrainingOptions = {
  seed: 1,
  epochs: 6,
  batchSize: 16,
  optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
  learningRate: 0.004,
  warmupEpochs: 1,
  decay: 'cosine',
  weightDecay: 0.01,
};

test('batch normalisation folds into the layers before it', () => {
  const network = lively(
    {
      inputShape: [6, 6, 2],
      layers: [
        {
          kind: 'conv2d',
          name: 'a',
          ...three,
          inChannels: 2,
          outChannels: 4,
          padding: 'same',
          activation: 'none',
        },
        { kind: 'batchNorm', name: 'na', channels: 4, activation: 'relu' },
        {
          kind: 'depthwiseConv2d',
          name: 'b',
          ...three,
          inChannels: 4,
          outChannels: 4,
          padding: 'same',
          activation: 'none',
        },
        { kind: 'batchNorm', name: 'nb', channels: 4, activation: 'none' },
        { kind: 'add', name: 'sum', other: 'na', activation: 'relu' },
        { kind: 'dense', name: 'c', inputs: 144, outputs: 3, activation: 'none' },
        { kind: 'batchNorm', name: 'nc', channels: 3, activation: 'none' },
      ],
    },
    2,
  );
  const random = new Random(7);
  const data = { inputs: uniform(random, 40 * 72), labels: Uint8Array.from({ length: 40 }, (_, i) => i % 3) };
  const trained = train(network, data, { ...recipe, epochs: 3 });
  const norm = trained.layers[1] as FloatLayer & { kind: 'batchNorm' };
  assert.ok(farthest(norm.variance, [1, 1, 1, 1]) > 0.1, 'running statistics follow');
  const folded = foldBatchNorm(trained);
  assert.equal(
    folded.layers.map(({ name }) => name),
    ['a', 'b', 'sum', 'c'],
  );
  const outputs = (net: FloatNetwork): Float32Array => forward(net, data.inputs, 40).outputs;
  assert.ok(farthest(outputs(folded), outputs(trained)) < 1e-4);
  const misplaced = { ...trained, layers: trained.layers.slice(1) };
  assert.throws(
    () => foldBatchNorm({ ...misplaced, inputShape: [6, 6, 4] }),
    /batch normalisation "na" after nothing/,
  );
});

test('projections obey their constraints, are the nearest that do, and leave what obeys alone', () => {
  const random = new Random(5);
  const dense = lively(
    {
      inputShape: [1, 1, 10],
      layers: [{ kind: 'dense', name: 'd', inputs: 10, outputs: 7, activation: 'none' }],
    },
    1,
  );
  const conv = lively(
    {
      inputShape: [5, 5, 6],
      layers: [
        {
          ...three,
          kind: 'conv2d',
          name: 'c',
          inChannels: 6,
          outChannels: 5,
          padding: 'same',
          activation: 'none',
        },
      ],
    },
    1,
  );
  const cases: [WeightedLayer, Constraint][] = [dense, conv].flatMap(({ layers }) =>
    (
      [
        { kind: 'circulant', blockSize: 4 },
        { kind: 'channels', keep: 3 },
      ] as Constraint[]
    ).map((constraint): [WeightedLayer, Constraint] => [layers[0] as WeightedLayer, constraint]),
  );
  const window = { kind: 'kernel', height: 2, width: 1, mostTop: 1, mostLeft: 1 } as const;
  cases.push([conv.layers[0] as WeightedLayer, window]);
  const distance = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
  for (const [layer, constraint] of cases) {
    const nearest = project(layer, layer.weights, constraint);
    assert.ok(
      farthest(project(layer, nearest, constraint), nearest) < 1e-6,
      `${constraint.kind}: idempotent`,
    );
    assert.ok(distance(nearest, layer.weights) > 0);
    for (let i = 0; i < 20; i++) {
      const other = project(layer, uniform(random, layer.weights.length), constraint);
      // Along the line to any other point of the set (its supports are kept by blending within one).
      const blended =
        constraint.kind === 'circulant' ? nearest.map((v, j) => 0.9 * v + 0.1 * other[j]!) : other;
      assert.ok(distance(blended, layer.weights) >= distance(nearest, layer.weights) - 1e-6, constraint.kind);
    }
  }
  // By definition, where blocks are whole: the mean of w[r][c] over r − c = d mod k.
  const square = { ...(dense.layers[0] as WeightedLayer & { kind: 'dense' }), inputs: 4, outputs: 4 };
  const weights = Float32Array.from({ length: 16 }, (_, i) => i);
  assert.equal(
    [...circulantVectors({ ...square, weights }, weights, 4)],
    [(0 + 5 + 10 + 15) / 4, (4 + 9 + 14 + 3) / 4, (8 + 13 + 2 + 7) / 4, (12 + 1 + 6 + 11) / 4],
  );
});

/** Three layers to change, and two classes of stripes to tell apart. */
const small: Architecture = {
  inputShape: [8, 8, 1],
  layers: [
    {
      kind: 'conv2d',
      name: 'conv',
      kernelHeight: 5,
      kernelWidth: 5,
      ...one,
      inChannels: 1,
      outChannels: 8,
      padding: 'same',
      activation: 'relu',
    },
    { kind: 'maxPool2d', name: 'pool', poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 },
    { kind: 'dense', name: 'fc1', inputs: 128, outputs: 64, activation: 'relu' },
    { kind: 'dense', name: 'fc2', inputs: 64, outputs: 4, activation: 'none' },
  ],
};

function gratings(count: number, seed: number): { inputs: Float32Array; labels: Uint8Array } {
  const random = new Random(seed);
  const labels = Uint8Array.from({ length: count }, () => random.integer(4));
  const inputs = Float32Array.from({ length: count * 64 }, (_, index) => {
    const [y, x] = [Math.floor(index / 8) % 8, index % 8];
    const phase = [x, y, x + y, x - y + 8][labels[Math.floor(index / 64)]!]!;
    return (phase % 4 < 2 ? 1 : 0) + random.uniform(-0.6, 0.6);
  });
  return { inputs, labels };
}

test('choices change weights and nothing else: pruning is zeroing, cutting a kernel is zeroing its rim', () => {
  const network = lively(small, 4);
  const inputs = uniform(new Random(6), 3 * 64, 0, 1);
  const outputs = (net: FloatNetwork): Float32Array => forward(net, inputs, 3).outputs;
  const conv = network.layers[0] as WeightedLayer & { kind: 'conv2d' };
  const zeroed = (constraint: Constraint, clearBias: boolean): FloatNetwork => {
    const weights = project(conv, conv.weights, constraint);
    const bias = conv.bias.map((value, o) => {
      const gone = clearBias && weights.subarray(o * 25, (o + 1) * 25).every((weight) => weight === 0);
      return gone ? 0 : value;
    });
    return { ...network, layers: [{ ...conv, weights, bias }, ...network.layers.slice(1)] };
  };
  const pruned = applyChoices(network, { conv: { keep: 3 } });
  assert.is((pruned.layers[2] as FloatLayer & { kind: 'dense' }).inputs, 48);
  assert.ok(farthest(outputs(pruned), outputs(zeroed({ kind: 'channels', keep: 3 }, true))) < 1e-5);
  const cut = applyChoices(network, { conv: { kernel: [3, 3] } });
  const window = { kind: 'kernel', height: 3, width: 3, mostTop: 2, mostLeft: 2 } as const;
  assert.ok(farthest(outputs(cut), outputs(zeroed(window, false))) < 1e-5);
  // Without padding rows and columns go at the bottom and right, and windows end before the map does; on the device too.
  const [first, ...others] = network.layers as [WeightedLayer & { kind: 'conv2d' }, ...FloatLayer[]];
  const unpadded = {
    ...network,
    inputShape: [12, 12, 1],
    layers: [{ ...first, padding: 'valid' as const }, ...others],
  };
  const trimmed = applyChoices(unpadded, { conv: { kernel: [3, 3] } });
  const wide = uniform(new Random(8), 3 * 144, 0, 1);
  assert.is(forward(trimmed, wide, 3).outputs.length, 12);
  const quantized = quantize(trimmed, { name: 'cut', calibration: wide, count: 3, minimum: 0, maximum: 1 });
  const integers = quantizeValues(wide, quantized.tensors[0]!) as Int8Array;
  assert.equal([...new IntegerNetwork(quantized).run(integers, 3)], deviceAnswers(quantized, integers, 3));
  const circulant = applyChoices(network, { fc1: { blockSize: 16 }, conv: { keep: 4 } });
  const fc1 = circulant.layers[2] as FloatLayer & { kind: 'circulant' };
  assert.equal([fc1.kind, fc1.inputs, fc1.weights.length], ['circulant', 64, 4 * 4 * 16]);
});

test('ADMM brings weights within reach of a constraint, and so does better than projecting once', () => {
  const data = gratings(300, 1);
  const held = gratings(300, 2);
  const choices = { fc1: { blockSize: 16 } };
  const longer = { ...recipe, batchSize: 8, epochs: 12 };
  const residuals: number[] = [];
  const admm = train(initialise(small, 1), data, {
    ...longer,
    admm: { constraints: { fc1: { kind: 'circulant', blockSize: 16 } }, rho: 0.03, growth: 1.6, mostRho: 6 },
    onEpoch: (report) => residuals.push(report.residuals!.primal),
  });
  assert.ok(residuals.at(-1)! < residuals[0]! / 20, `${residuals}`);
  const once = train(initialise(small, 1), data, longer);
  const [ours, theirs] = [admm, once].map((network) => accuracy(applyChoices(network, choices), held));
  assert.ok(ours! > theirs! + 0.1, `${ours} and ${theirs}`);
});

test('training goes on from a saved state to the same bytes', () => {
  const data = gratings(120, 1);
  const options: TrainingOptions = {
    ...recipe,
    epochs: 5,
    mixup: 0.3,
    augmentation: { shiftPixels: 1, noise: 0.1, gain: 0.1 },
    teacher: { network: initialise(small, 9), weight: 0.3, temperature: 2 },
    admm: { constraints: { fc1: { kind: 'circulant', blockSize: 8 } }, rho: 0.2, growth: 2, mostRho: 1 },
    rounding: { bits: { conv: 4 }, inputRange: [-1, 2] },
  };
  for (const variant of [
    options,
    { ...options, optimizer: { kind: 'momentum', momentum: 0.9 }, learningRate: 0.02 } as const,
  ]) {
    const whole = new Training(initialise(small, 1), data, variant);
    while (!whole.finished) whole.runEpoch();
    const first = new Training(initialise(small, 1), data, variant);
    first.runEpoch();
    first.runEpoch();
    const state = first.save();
    first.runEpoch();
    const second = new Training(initialise(small, 1), data, variant);
    second.restore(state);
    while (!second.finished) second.runEpoch();
    assert.equal(second.result(), whole.result());
    assert.equal(second.scheme(), whole.scheme());
  }
});

const parent = train(initialise(small, 1), gratings(400, 1), { ...recipe, epochs: 6 });
const compression: CompressOptions = {
  data: gratings(400, 1),
  test: gratings(150, 3),
  name: 'stripes',
  device: 'msp430fr5994',
  flashBytes: 3000,
  sramBytes: 4096,
  epochs: 4,
  batchSize: 16,
};

test('what is held back of data in groups is whole groups, in order; nothing is lost', () => {
  const groups = Array.from({ length: 400 }, (_, i) => 7 * Math.floor(i / 37));
  const {
    learning,
    training,
    validation,
    test: held,
  } = settingsOf(parent, {
    ...{ data: { ...gratings(400, 1), groups } },
  });
  const kinds = [held, validation, training].map(({ groups: of }) => [...new Set(Array.from(of!))]);
  assert.equal(kinds, [[28, 63], [35], [0, 7, 14, 21, 42, 49, 56, 70]]);
  assert.equal(learning.labels.length + held.labels.length, 400);
  assert.equal(
    [...held.labels],
    [...gratings(400, 1).labels].filter((_, i) => [28, 63].includes(groups[i]!)),
  );
  // Without groups: of every class alike.
  const { validation: plain } = settingsOf(parent, { data: gratings(400, 1), test: gratings(9, 2) });
  assert.ok([0, 1, 2, 3].every((label) => plain.labels.filter((other) => other === label).length > 15));
});

/** Compresses, dying at the n-th report of a training epoch or trial. */
function compressUntil(checkpoint: string, reports: number): CompressResult | undefined {
  let seen = 0;
  try {
    return compress(parent, {
      ...compression,
      checkpoint,
      onProgress(event) {
        if (event.stage !== 'search' && ++seen === reports) throw new Error('Ctrl-C');
      },
    });
  } catch (error) {
    if ((error as Error).message !== 'Ctrl-C') throw error;
    return undefined;
  }
}

test('compress keeps to its budget, proves what it made, says why, and goes on from its checkpoint to the same bytes', () => {
  const whole = compress(parent, compression);
  const { report } = whole;
  assert.ok(report.after.cost!.flashBytes <= 3000, `${report.after.cost!.flashBytes}`);
  assert.ok(report.before.cost!.flashBytes > 8000);
  assert.ok(report.after.accuracy > 0.93, `${report.after.accuracy} after ${report.before.accuracy}`);
  assert.is(report.compared, 100);
  assert.ok(verify(whole.image).proved);
  assert.equal(
    report.layers.map(({ layer, why }) => [layer, why.length > 10]),
    [
      ['conv', true],
      ['fc1', true],
      ['fc2', true],
    ],
  );
  assert.equal(
    report.methods.map(({ method }) => method),
    ['one-shot', 'projected', 'direct', 'admm'],
  );
  assert.ok(report.methods.find(({ method }) => method === 'admm')!.residuals!.primal > 0);
  assert.is(report.candidates.filter(({ chosen }) => chosen).length, 1);
  const page = compressHtml(report, 'brownout compress <x>');
  assert.match(page, /brownout compress &lt;x&gt;/);
  assert.is(page.match(/<svg /g)!.length, 2);
  assert.not.match(page, /https?:|<script/);
  assert.not.match(page, /NaN|undefined/);
  assert.match(compressText(report), /before +after/);

  const checkpoint = join(folder, 'run.progress');
  let resumed: CompressResult | undefined;
  let deaths = 0;
  while (!resumed) {
    // Steps that are done are reported again.
    resumed = compressUntil(checkpoint, 12 * (deaths + 1));
    if (!resumed) deaths++;
    assert.ok(deaths < 30, 'no progress');
  }
  assert.ok(deaths >= 2, `${deaths} deaths`);
  assert.ok(Buffer.from(resumed.image).equals(Buffer.from(whole.image)));
  assert.equal(JSON.stringify(resumed.report), JSON.stringify(report));
  assert.throws(() => readFileSync(checkpoint), /ENOENT/);
});

test('a checkpoint of another run, or a damaged one, is refused', () => {
  const checkpoint = join(folder, 'other.progress');
  assert.is(compressUntil(checkpoint, 3), undefined);
  assert.throws(() => compress(parent, { ...compression, seed: 2, checkpoint }), /another run/);
  const bytes = readFileSync(checkpoint);
  bytes[bytes.length - 9]! ^= 1;
  writeFileSync(checkpoint, bytes);
  assert.throws(() => compress(parent, { ...compression, checkpoint }), /damaged/);
  writeFileSync(checkpoint, 'short');
  assert.throws(() => compress(parent, { ...compression, checkpoint }), /no checkpoint/);
});

test('wrong options and budgets that nothing meets are errors by name', () => {
  const wrong = (options: object, reason: RegExp): void => {
    assert.throws(() => compress(parent, { ...compression, ...options } as CompressOptions), reason);
  };
  wrong({ flash: 3 }, /option "flash"/);
  wrong({ epochs: 0 }, /epochs 0/);
  wrong({ energyUj: -1 }, /energyUj -1/);
  wrong({ device: 'z80' }, /z80/);
  wrong({ methods: ['magic'] }, /magic/);
  wrong({ data: { inputs: new Float32Array(64), labels: Uint8Array.of(4) } }, /label 4/);
  wrong({ data: { ...gratings(400, 1), groups: [1, 2] } }, /2 groups for 400 inputs/);
  wrong({ data: { ...gratings(400, 1), groups: new Uint8Array(400) } }, /at least two groups/);
  wrong({ data: { inputs: new Float32Array(63), labels: Uint8Array.of(1) } }, /63 training values/);
  wrong({ data: { inputs: new Float32Array(64).fill(Number.NaN), labels: Uint8Array.of(1) } }, /NaN/);
  wrong({ flashBytes: 300, epochs: 1 }, /bytes of flash/);
});

test.run();
