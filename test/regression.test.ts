// Networks that answer numbers: trained towards targets, compressed by their mean error, from data as people have it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compress } from '../host/compress/compress.js';
import type { CompressOptions } from '../host/compress/compress-options.js';
import { Desk } from '../host/compress/desk-module.js';
import type { Architecture, LabelledData } from '../host/compress/float-network.js';
import { forward } from '../host/compress/forward.js';
import { initialise } from '../host/compress/initialise.js';
import type { WeightedLayer } from '../host/compress/layers.js';
import { compressHtml } from '../host/compress/page.js';
import { tensor } from '../host/compress/recorder.js';
import { compressText } from '../host/compress/report.js';
import { Tape } from '../host/compress/tape.js';
import { train, Training } from '../host/compress/train.js';
import { writeNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { run } from '../host/run/run.js';
import { failure } from './util/failure.js';
import { recipe, uniform } from './util/float-networks.js';
import { cliFolder as folder, inProcess } from './util/cli.js';
import { onnxModel } from './util/models.js';
import { npz } from './util/npz-writer.js';

const architecture: Architecture = {
  inputShape: [6],
  layers: [
    { kind: 'dense', name: 'fc1', inputs: 6, outputs: 24, activation: 'relu' },
    { kind: 'dense', name: 'fc2', inputs: 24, outputs: 24, activation: 'relu' },
    { kind: 'dense', name: 'fc3', inputs: 24, outputs: 2, activation: 'none' },
  ],
};

/** Two numbers of six. */
function curves(count: number, seed: number): Required<Pick<LabelledData, 'inputs' | 'labels' | 'targets'>> {
  const inputs = uniform(new Random(seed), 6 * count, -1, 1);
  const targets = Float32Array.from({ length: 2 * count }, (_, i) => {
    const [a, b, c] = inputs.subarray(6 * (i >> 1)) as unknown as [number, number, number];
    return i % 2 === 0 ? Math.abs(a) - b : a * c + 0.5;
  });
  return { inputs, targets, labels: new Uint8Array(count) };
}

const meanError = (outputs: ArrayLike<number>, targets: Float32Array): number =>
  targets.reduce((sum, target, i) => sum + Math.abs(outputs[i]! - target), 0) / targets.length;

const parent = train(initialise(architecture, 1), curves(300, 1), {
  ...recipe,
  learningRate: 0.01,
  epochs: 40,
});
const options: CompressOptions = {
  ...{ data: curves(300, 1), test: curves(100, 2), device: 'msp430fr5994', flashBytes: 1400 },
  ...{
    epochs: 12,
    batchSize: 16,
    learningRate: 0.01,
    bits: [8, 4],
    structure: 'channels',
    methods: ['projected'],
  },
};

test('the squared error and its gradient are what differences say, in a batch that others share', () => {
  const random = new Random(3);
  const [values, targets] = [uniform(random, 12, -2, 2), uniform(random, 12, -2, 2)];
  const desk = new Desk();
  const y = tensor([4, 3], desk.place(values), desk.place(new Float32Array(12)));
  const tape = new Tape(desk);
  const loss = tape.squaredError(y, desk.place(targets), 0.5);
  const of = (outputs: Float32Array): number =>
    (0.5 * outputs.reduce((sum, value, i) => sum + (value - targets[i]!) ** 2, 0)) / 12;
  assert.ok(Math.abs(loss - of(values)) < 1e-6);
  tape.backward();
  desk.floats(y.gradient, 12).forEach((gradient, i) => {
    const [more, less] = [0.01, -0.01].map((by) => of(values.map((value, j) => value + (i === j ? by : 0))));
    assert.ok(Math.abs(gradient - (more! - less!) / 0.02) < 1e-5, `${i}`);
  });
});

test('training towards targets: blended and taught, it goes on from a saved state, and says its mean error', () => {
  const data = curves(120, 1);
  const variant = {
    ...{ ...recipe, epochs: 4, learningRate: 0.01, mixup: 0.3 },
    teacher: { network: parent, weight: 0.4, temperature: 2 },
    rounding: { inputRange: [-1, 1] },
  } as const;
  const whole = new Training(initialise(architecture, 1), data, variant);
  const reports = Array.from({ length: 4 }, () => whole.runEpoch());
  assert.ok(reports.every(({ error, accuracy }) => error! > 0 && accuracy === 0));
  assert.ok(reports[3]!.error! < reports[0]!.error!);
  const first = new Training(initialise(architecture, 1), data, variant);
  first.runEpoch();
  const second = new Training(initialise(architecture, 1), data, variant);
  second.restore(first.save());
  while (!second.finished) second.runEpoch();
  assert.equal(second.result(), whole.result());
  assert.ok(meanError(forward(parent, data.inputs, 120).outputs, data.targets) < 0.1);
});

test('compress by mean error: what it reports is what the image answers, from own weights and from random ones', () => {
  const { inputs, targets } = curves(100, 2);
  for (const fromScratch of [false, true]) {
    const result = compress(parent, { ...options, fromScratch });
    const { report, image } = result;
    assert.is(report.metric, 'mae');
    assert.ok(report.after.cost!.flashBytes <= 1400);
    const input = { dtype: 'float32' as const, shape: [100, 6], data: inputs };
    const { outputs, scale, zeroPoint } = run(image, { input });
    const error = meanError(
      outputs.flat().map((q) => (q - zeroPoint) * scale),
      targets,
    );
    assert.ok(Math.abs(error - report.after.quality) < 1e-6, `${error} and ${report.after.quality}`);
    // A constant answer is off by 0.38 in the mean.
    assert.ok(error < 0.2, `${error}`);
    const trained = report.candidates.filter(({ loss }) => loss !== undefined);
    assert.is(
      trained.find(({ chosen }) => chosen)!.quality,
      Math.min(...trained.map(({ quality }) => quality!)),
    );
    for (const text of [compressText(report), compressHtml(result, 'brownout compress')]) {
      assert.match(text, /mae/);
      assert.not.match(text, /NaN|undefined|accuracy +0/);
    }
  }
});

test('targets that do not fit, and metrics of other data, are errors by name', () => {
  const wrong = (changes: Partial<CompressOptions>, code: string, reason: RegExp): void => {
    const error = failure(() => compress(parent, { ...options, ...changes }), `${reason}`);
    assert.is(error.code, code);
    assert.match(error.message, reason);
  };
  const data = curves(300, 1);
  wrong({ data: { ...data, targets: data.targets.subarray(1) } }, 'E_SHAPE', /599 training targets/);
  wrong({ data: { ...data, targets: data.targets.map(() => Number.NaN) } }, 'E_INPUT_RANGE', /NaN among/);
  wrong({ metric: 'accuracy' }, 'E_OPTION', /accuracy for targets/);
  const { targets: _, ...classes } = data;
  wrong({ data: classes }, 'E_OPTION', /`metric` accuracy for targets/);
  wrong({ data: classes, test: classes, metric: 'mae' }, 'E_OPTION', /mae for classes/);
});

/** The network as a file, its last layer `outputs` wide, in its own random weights. */
function asOnnx(outputs: number): Uint8Array {
  const [fc1, fc3] = [architecture.layers[0]!, { ...architecture.layers[2]!, outputs }];
  const network = initialise({ inputShape: [6], layers: [fc1, fc3] as Architecture['layers'] }, 2);
  const [a, b] = network.layers as WeightedLayer[];
  return onnxModel(
    [1, 6],
    [
      { op: 'Gemm', inputs: ['x', 'w1', 'b1'], outputs: ['g'], integers: { transB: 1 } },
      { op: 'Relu', inputs: ['g'], outputs: ['h'] },
      { op: 'Gemm', inputs: ['h', 'w2', 'b2'], outputs: ['y'], integers: { transB: 1 } },
    ],
    {
      w1: { shape: [24, 6], values: a!.weights },
      b1: { shape: [24], values: a!.bias },
      w2: { shape: [outputs, 24], values: b!.weights },
      b2: { shape: [outputs], values: b!.bias },
    },
  );
}

test('brownout compress --metric mae: y is what to answer; without y the inputs are, as of an autoencoder', async () => {
  const at = (name: string): string => join(folder, name);
  const floats = (data: Float32Array, ...shape: number[]) => ({ dtype: 'float32' as const, shape, data });
  const { inputs, targets } = curves(200, 1);
  const one = targets.filter((_, i) => i % 2 === 0);
  writeFileSync(at('one.onnx'), asOnnx(1));
  writeFileSync(at('six.onnx'), asOnnx(6));
  writeFileSync(at('one.npz'), npz({ x: floats(inputs, 200, 6), y: floats(one, 200) }, 8));
  writeFileSync(at('x.npy'), writeNpy(floats(inputs, 200, 6)));
  writeFileSync(at('y.npy'), writeNpy(floats(one, 200)));
  writeFileSync(at('short.npy'), writeNpy(floats(one.subarray(1), 199)));
  const few = ['--epochs', '16', '--learning-rate', '0.03', '--batch-size', '8', '--bits', '8'];
  const brief = ['--metric', 'mae', ...few, '--structure', 'none', '--json'];
  const call = async (...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> => {
    const { code, out } = await inProcess('compress', ...args, ...brief);
    return { code, json: JSON.parse(out) as Record<string, unknown> };
  };
  for (const [name, ...data] of [
    ['one', '--data', at('one.npz')],
    ['one', '--data', at('x.npy'), '--labels', at('y.npy')],
    ['six', '--data', at('x.npy')],
  ] as [string, ...string[]][]) {
    const { code, json } = await call(at(`${name}.onnx`), ...data, '-o', at(`${name}.brn`));
    assert.is(code, 0, JSON.stringify(json));
    assert.is(json['metric'], 'mae');
    const { before, after } = json as Record<'before' | 'after', { quality: number }>;
    assert.ok(after.quality < 0.6 * before.quality, `${name}: ${before.quality} → ${after.quality}`);
    assert.ok(readFileSync(at(`${name}.brn`)).length > 0);
  }
  const failed = async (code: string, ...args: string[]): Promise<void> => {
    const { json, ...ended } = await call(...args, '-o', at('none.brn'));
    assert.is(ended.code, 2);
    assert.is((json as { error: { code: string } }).error.code, code);
  };
  await failed('E_DATASET', at('one.onnx'), '--data', at('x.npy'), '--labels', at('short.npy'));
  await failed('E_INPUT_SHAPE', at('one.onnx'), '--data', at('x.npy'));
});

test.run();
