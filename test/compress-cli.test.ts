// `brownout compress` as people meet it: an .onnx or .tflite and a .npz in, an image and a page out, killed on the way and gone on.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { initialise } from '../host/compress/initialise.js';
import type { FloatLayer } from '../host/compress/layers.js';
import { train } from '../host/compress/train.js';
import { writeNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { onnxModel } from './util/models.js';
import { npz } from './util/npz-writer.js';
import * as fb from '../samples/tflite/flatbuffer-writer.js';
import { OP, tfliteModel, type TfliteOperator, type TfliteTensor } from '../samples/tflite/model.js';

const bin = join(fileURLToPath(new URL('../../', import.meta.url)), 'bin/brownout.js');
/** TensorFlow Lite's number for float32. */
const FLOAT = 0;
const folder = mkdtempSync(join(tmpdir(), 'brownout-compress-cli-'));
test.after(() => rmSync(folder, { recursive: true }));

interface Ended {
  code: number | null;
  signal: string | null;
  out: string;
  err: string;
}

/** Runs the command; kills it, as hard as can be, once its output has `fatal`. */
function brownout(args: string[], fatal?: string): Promise<Ended> {
  const { FORCE_COLOR: _, ...environment } = process.env;
  const child = spawn(process.execPath, [bin, 'compress', ...args], {
    cwd: folder,
    env: { ...environment, NO_COLOR: '1' },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    if (fatal !== undefined && out.includes(fatal)) child.kill('SIGKILL');
  });
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, out, err })));
}

/** Images 6×6 of two channels: which half of the first, or of the second, is bright. */
function halves(count: number, seed: number): { inputs: Float32Array; labels: Uint8Array } {
  const random = new Random(seed);
  const labels = Uint8Array.from({ length: count }, () => random.integer(4));
  const inputs = Float32Array.from({ length: count * 72 }, (_, i) => {
    const label = labels[Math.floor(i / 72)]!;
    const [x, channel] = [Math.floor(i / 2) % 6, i % 2];
    return (channel === label >> 1 && x < 3 === ((label & 1) === 0) ? 1 : 0) + random.uniform(-0.5, 0.5);
  });
  return { inputs, labels };
}

const training = halves(200, 1);
const network = train(
  initialise(
    {
      inputShape: [6, 6, 2],
      layers: [
        {
          ...{
            kind: 'conv2d',
            name: 'conv',
            kernelHeight: 3,
            kernelWidth: 3,
            strideHeight: 1,
            strideWidth: 1,
          },
          ...{ inChannels: 2, outChannels: 4, padding: 'valid', activation: 'relu' },
        } as FloatLayer,
        { kind: 'dense', name: 'fc1', inputs: 64, outputs: 32, activation: 'relu' },
        { kind: 'dense', name: 'fc2', inputs: 32, outputs: 4, activation: 'none' },
      ],
    },
    1,
  ),
  training,
  {
    ...{
      seed: 1,
      epochs: 4,
      batchSize: 16,
      learningRate: 0.004,
      warmupEpochs: 1,
      decay: 'cosine',
      weightDecay: 0,
    },
    optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
  },
);

/** The network as PyTorch exports it: channels first. */
function asOnnx(): Uint8Array {
  const [conv, fc1, fc2] = network.layers as (FloatLayer & { kind: 'dense' })[];
  const kernels = Float32Array.from({ length: 72 }, (_, i) => {
    const [o, c, tap] = [Math.floor(i / 18), Math.floor(i / 9) % 2, i % 9];
    return conv!.weights[(o * 9 + tap) * 2 + c]!;
  });
  const flattened = Float32Array.from({ length: 32 * 64 }, (_, i) => {
    const [o, c, pixel] = [Math.floor(i / 64), Math.floor(i / 16) % 4, i % 16];
    return fc1!.weights[o * 64 + pixel * 4 + c]!;
  });
  return onnxModel(
    [1, 2, 6, 6],
    [
      { op: 'Conv', inputs: ['x', 'w1', 'b1'], outputs: ['c'], integers: { kernel_shape: [3, 3] } },
      { op: 'Relu', inputs: ['c'], outputs: ['r'] },
      { op: 'Flatten', inputs: ['r'], outputs: ['f'], integers: { axis: 1 } },
      { op: 'Gemm', inputs: ['f', 'w2', 'b2'], outputs: ['g'], integers: { transB: 1 } },
      { op: 'Relu', inputs: ['g'], outputs: ['h'] },
      { op: 'Gemm', inputs: ['h', 'w3', 'b3'], outputs: ['y'], integers: { transB: 1 } },
    ],
    {
      w1: { shape: [4, 2, 3, 3], values: kernels },
      b1: { shape: [4], values: conv!.bias },
      w2: { shape: [32, 64], values: flattened },
      b2: { shape: [32], values: fc1!.bias },
      w3: { shape: [4, 32], values: fc2!.weights },
      b3: { shape: [4], values: fc2!.bias },
    },
  );
}

/** Channels first, as the model takes them. */
function turned({ inputs }: { inputs: Float32Array }): {
  dtype: 'float32';
  shape: number[];
  data: Float32Array;
} {
  const data = inputs.map((_, i) => {
    const [row, c, pixel] = [Math.floor(i / 72), Math.floor(i / 36) % 2, i % 36];
    return inputs[row * 72 + pixel * 2 + c]!;
  });
  return { dtype: 'float32', shape: [inputs.length / 72, 2, 6, 6], data };
}

const labelled = ({
  labels,
}: {
  labels: Uint8Array;
}): { dtype: 'uint8'; shape: number[]; data: Uint8Array } => ({
  dtype: 'uint8',
  shape: [labels.length],
  data: labels,
});

/** The same network as TensorFlow Lite has it: channels last, ReLU fused. */
function asTflite(): Uint8Array {
  const [conv, fc1, fc2] = network.layers as (FloatLayer & { kind: 'dense' })[];
  const floats = (shape: number[], values?: Float32Array): TfliteTensor => ({
    ...{ shape, type: FLOAT },
    ...(values ? { data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) } : {}),
  });
  const layer = (
    code: number,
    at: number,
    options: NonNullable<TfliteOperator['options']>,
  ): TfliteOperator => ({
    ...{ code, inputs: [at, at + 1, at + 2], outputs: [at + 3], options },
  });
  const valid = { 0: fb.i8(1), 1: fb.i32(1), 2: fb.i32(1), 3: fb.i8(1) };
  return tfliteModel(
    [
      floats([1, 6, 6, 2]),
      ...[floats([4, 3, 3, 2], conv!.weights), floats([4], conv!.bias), floats([1, 4, 4, 4])],
      ...[floats([32, 64], fc1!.weights), floats([32], fc1!.bias), floats([1, 32])],
      ...[floats([4, 32], fc2!.weights), floats([4], fc2!.bias), floats([1, 4])],
    ],
    [
      layer(OP.CONV_2D, 0, valid),
      layer(OP.FULLY_CONNECTED, 3, { 0: fb.i8(1) }),
      layer(OP.FULLY_CONNECTED, 6, { 0: fb.i8(0) }),
    ],
  );
}

writeFileSync(join(folder, 'model.onnx'), asOnnx());
writeFileSync(join(folder, 'model.tflite'), asTflite());
const test_ = halves(100, 2);
/** Ten people, each with twenty inputs. */
const people = { labels: Uint8Array.from({ length: 200 }, (_, i) => Math.floor(i / 20)) };
const sets = {
  ...{ x: turned(training), y: labelled(training), groups: labelled(people) },
  ...{ x_test: turned(test_), y_test: labelled(test_) },
};
writeFileSync(join(folder, 'train.npz'), npz(sets, 8));
writeFileSync(
  join(folder, 'few.npz'),
  npz({ ...sets, groups: labelled({ labels: Uint8Array.of(1, 2) }) }, 8),
);
writeFileSync(join(folder, 'x.npy'), writeNpy(sets.x));

const budget = ['--device', 'msp430fr5994', '--flash', '2KB', '--sram', '4KB', '--energy', '2mJ'];
// With weights of 8 bits the structure must change: few bits alone would do.
const settings = ['--epochs', '3', '--batch-size', '16', '--bits', '8'];
const line = ['model.onnx', '--data', 'train.npz', ...budget, ...settings];

test('compress: progress, tables, a page; killed on the way it goes on to the same bytes', async () => {
  const whole = await brownout([...line, '-o', 'whole.brn', '--report', 'page.html']);
  assert.is(whole.code, 0, whole.err);
  assert.match(whole.out, /epoch 1\/\d+: loss [\d.]+, accuracy [\d.]+ %, constraint violation [\d.]+/);
  assert.match(whole.out, /accuracy +\d+\.\d+ % → \d+\.\d+ %/);
  assert.match(whole.out, /won with/);
  assert.match(whole.out, /whole\.brn: [\d,]+ bytes, [\d,]+ of them for the device, proved/);
  assert.match(readFileSync(join(folder, 'page.html'), 'utf8'), /<svg[\s\S]*What was done to each layer/);
  const image = readImage(readFileSync(join(folder, 'whole.brn')));
  assert.ok(image.imageBytes <= 2048);
  assert.ok(image.metadata.preprocessing.channelsFirst);

  const killed = await brownout([...line, '-o', 'cut.brn'], 'training with rounding\n  epoch 1/3');
  assert.is(killed.signal, 'SIGKILL');
  assert.not.ok(existsSync(join(folder, 'cut.brn')));
  assert.ok(existsSync(join(folder, 'cut.brn.progress')));
  const resumed = await brownout([...line, '-o', 'cut.brn', '--json']);
  assert.is(resumed.code, 0, resumed.err);
  const result = JSON.parse(resumed.out) as { after: { accuracy: number }; compared: number };
  assert.ok(result.after.accuracy > 0.9, `${result.after.accuracy}`);
  assert.is(result.compared, 100);
  assert.not.ok(existsSync(join(folder, 'cut.brn.progress')));
  const bytes = (name: string): Buffer => readFileSync(join(folder, name));
  assert.ok(bytes('cut.brn').equals(bytes('whole.brn')));
});

test('compress takes a float .tflite file: as the .onnx file of the same network, but for channels last', async () => {
  const last = { dtype: 'float32' as const, shape: [200, 6, 6, 2], data: training.inputs };
  const tested = { dtype: 'float32' as const, shape: [100, 6, 6, 2], data: test_.inputs };
  writeFileSync(join(folder, 'last.npz'), npz({ ...sets, x: last, x_test: tested }, 8));
  const short = ['--epochs', '2', '--structure', 'none', '--methods', 'direct', '--json'];
  const results = [];
  for (const [model, data] of [
    ['model.onnx', 'train.npz'],
    ['model.tflite', 'last.npz'],
  ] as const) {
    const { code, out, err } = await brownout([model, '--data', data, ...short, '-o', `${model}.brn`]);
    assert.is(code, 0, err + out);
    const { before, after } = JSON.parse(out) as Record<
      'before' | 'after',
      { accuracy: number; loss: number }
    >;
    results.push([before.accuracy, after.accuracy, after.loss]);
  }
  assert.equal(results[0], results[1]);
  const { preprocessing } = readImage(readFileSync(join(folder, 'model.tflite.brn'))).metadata;
  assert.not.ok(preprocessing.channelsFirst);
});

test('compress refuses recurrent networks, files of integers and activations of few bits by name', async () => {
  const step = { inputs: ['x', 'w', 'r'], outputs: ['', 'y'], integers: { hidden_size: 2 } };
  const weights = {
    w: { shape: [1, 8, 4], values: new Float32Array(32) },
    r: { shape: [1, 8, 2], values: new Float32Array(16) },
  };
  writeFileSync(join(folder, 'lstm.onnx'), onnxModel([3, 1, 4], [{ op: 'LSTM', ...step }], weights));
  writeFileSync(
    join(folder, 'int8.tflite'),
    tfliteModel([{ shape: [1, 6] }, { shape: [1, 6] }], [{ code: OP.RELU6, inputs: [0], outputs: [1] }]),
  );
  const rounded = [
    { op: 'Gemm', inputs: ['x', 'w'], outputs: ['g'], integers: { transB: 1 } },
    { op: 'QuantizeLinear', inputs: ['g', 's', 'z'], outputs: ['q'] },
    { op: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['y'] },
  ];
  const scale = { s: { shape: [], values: Float32Array.of(0.5) }, z: { shape: [], values: Int8Array.of(0) } };
  const w = { shape: [2, 4], values: new Float32Array(8) };
  writeFileSync(join(folder, 'rounded.onnx'), onnxModel([1, 4], rounded, { w, ...scale }));
  for (const [model, found] of [
    ['lstm.onnx', /^a recurrent network: LSTM$/],
    ['int8.tflite', /^a \.tflite file of integers$/],
    ['rounded.onnx', /^dense ".*", whose outputs the file rounds to integers of its own$/],
  ] as const) {
    const { code, out } = await brownout([model, '--data', 'train.npz', '--json']);
    assert.is(code, 2);
    const { error } = JSON.parse(out) as { error: { code: string; found: string } };
    assert.is(error.code, 'E_TRAIN_OP');
    assert.match(error.found, found);
  }
});

test('compress: of two sets the wrong one is named, and half a test set is refused', async () => {
  const { x, y, x_test: tests, y_test: answers } = sets;
  const spoilt = { ...tests, data: tests.data.map((value, i) => (i === 700 ? NaN : value)) };
  const reshaped = { ...x, shape: [200, 2, 4, 9] };
  const numbers = { dtype: 'float32' as const, shape: [200, 4], data: new Float32Array(800) };
  for (const [arrays, metric, found] of [
    [{ x, y, x_test: spoilt, y_test: answers }, 'auc', /^test inputs: NaN at element 700$/],
    [{ x: reshaped, y }, 'auc', /^training inputs: shape/],
    [{ x, y, x_test: tests, y_test: y }, 'auc', /^test inputs: 200 labels for 100 samples$/],
    [{ x, y, y_test: answers }, 'auc', /^y_test without x_test$/],
    [{ x_test: tests, y_test: answers }, 'auc', /^x_test without x$/],
    // Inputs would be taken for targets.
    [{ x, y: numbers, x_test: tests }, 'mae', /^y without y_test$/],
    [{ x, y }, 'mae', /^training targets: shape \[200,1\]$/],
  ] as const) {
    writeFileSync(join(folder, 'half.npz'), npz(arrays, 8));
    const { code, out } = await brownout(['model.onnx', '--data', 'half.npz', '--metric', metric, '--json']);
    assert.is(code, 2, out);
    assert.match((JSON.parse(out) as { error: { found: string } }).error.found, found);
  }
});

test('compress: what is wrong is said by name, with exit code 2', async () => {
  for (const [args, reason] of [
    [['model.onnx'], 'E_USAGE'],
    [['model.onnx', '--data', 'x.npy'], 'E_DATASET'],
    [['model.onnx', '--data', 'none.npz'], 'E_FILE'],
    [['model.onnx', '--data', 'few.npz'], 'E_SHAPE'],
    [[...line, '--flash', 'lots'], 'E_OPTION'],
    [[...line, '--augment', 'music'], 'E_OPTION'],
    [[...line, '--flash', '200', '--epochs', '1'], 'E_BUDGET'],
    [[...line, '-o', 'a.brn', '--report', 'a.brn'], 'E_OUTPUT'],
    [[...line, '-o', 'a.brn', '--journal', './a.brn'], 'E_OUTPUT'],
  ] as const) {
    const { code, out } = await brownout([...args, '--json']);
    assert.is(code, 2, args.join(' '));
    assert.is((JSON.parse(out) as { error: { code: string } }).error.code, reason);
  }
});

test.run();
