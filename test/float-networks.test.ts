// Float networks, as graphs, as integers that are the device’s, with normalisation folded and weights projected.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { circulantVectors, type Constraint, project } from '../host/compress/constraint.js';
import type { Architecture, FloatNetwork } from '../host/compress/float-network.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import { forward } from '../host/compress/forward.js';
import { fromGraph } from '../host/compress/from-graph.js';
import { IntegerNetwork } from '../host/compress/integer-network.js';
import { elements, type FloatLayer, outputShape, type WeightedLayer } from '../host/compress/layers.js';
import { quantize, quantizeAs } from '../host/compress/quantize.js';
import { toGraph } from '../host/compress/to-graph.js';
import { train, Training } from '../host/compress/train.js';
import type { FloatGraph } from '../host/import/float-graph.js';
import { evaluate } from '../host/import/float-graph.js';
import { importOnnx } from '../host/import/onnx/import-onnx.js';
import { Random } from '../host/math/random.js';
import { quantizeValues } from '../host/model/affine.js';
import { one, uniform, lively, farthest, deviceAnswers, recipe } from './util/float-networks.js';

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

const noScheme = (network: FloatNetwork): Parameters<typeof toGraph>[1] => ({
  activations: [0, ...network.layers].map(() => ({ scale: 1, zeroPoint: 0 })),
  weights: network.layers.map(() => undefined),
});

/** `graph` without the quantization of its activations, as files of floats have none. */
const unrounded = (graph: FloatGraph): FloatGraph => ({
  ...graph,
  tensors: graph.tensors.map(({ shape }) => ({ shape })),
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
  const again = fromGraph(unrounded(graph));
  assert.is(farthest(forward(again, inputs, 4).activations.at(-2)!, logits), 0);
});

const models = join(process.env['BROWNOUT_DATA'] ?? '', 'models');
const foreign = ['lenet5.onnx', 'kws_ref_model_float32.onnx', 'ad01_fp32.onnx'];
if (!existsSync(join(models, foreign[0]!)))
  console.log('skipped: published models: set BROWNOUT_DATA to the folder that holds models/');
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
  const graph = unrounded(toGraph(network, noScheme(network)));
  const first = graph.ops[0]! as (typeof graph.ops)[0] & { kind: 'conv2d' };
  const refused = (ops: unknown[], reason: RegExp): void => {
    assert.throws(() => fromGraph({ ...graph, ops: ops as typeof graph.ops }), reason);
  };
  refused([{ kind: 'concat', name: 'joined', axis: 0, inputs: [0], output: 1 }], /concat "joined"/);
  refused([{ ...first, bounds: [0, 3] }], /outputs from 0 to 3/);
  refused([{ ...first, window: { ...first.window!, dilation: [2, 1] } }], /dilation 2,1/);
  assert.throws(() => outputShape(network.layers[0]!, [9, 8, 4]), /4/);
});

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
    assert.is(narrow.ops.filter((op) => 'weightType' in op && op.weightType === 'int4').length, 3);
    for (const quantized of [whole, narrow]) {
      const integers = quantizeValues(inputs, quantized.tensors[quantized.input]!) as Int8Array;
      const answers = [...new IntegerNetwork(quantized).run(integers, count)];
      assert.equal(answers, deviceAnswers(quantized, integers, count));
      assert.ok(new Set(answers).size > 10, 'answers all alike show nothing');
    }
  }
});

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

test.run();
