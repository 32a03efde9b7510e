// Models of one or a few ops written here, against real arithmetic from the ops' definitions.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { quantizeValues } from '../host/model/affine.js';
import { equalizeGraph } from '../host/import/equalize.js';
import { evaluate, type FloatGraph } from '../host/import/float-graph.js';
import { quantizeGraph } from '../host/import/quantize-graph.js';
import { importModel, type ImportedModel, type ImportOptions } from '../host/import/import-model.js';
import { importTflite } from '../host/import/tflite/import-tflite.js';
import { importOnnx } from '../host/import/onnx/import-onnx.js';
import { readImage } from '../host/model/image.js';
import { completeJob } from '../host/simulator/app.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import { verify } from '../host/verify/verify.js';
import { compileUnproved } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { runOracle } from './util/oracle.js';
import { mobileNet, residualNet, smoothInputs, temporalNet } from './util/small-nets.js';
import { writeTflite } from '../samples/tflite/write-tflite.js';
import * as fb from '../samples/tflite/flatbuffer-writer.js';
import {
  int32Bytes,
  int32Tensor,
  OP,
  tfliteModel,
  type TfliteOperator,
  type TfliteTensor,
} from '../samples/tflite/model.js';
import { onnxFloat, onnxModel, onnxQdq, tfliteModels } from './util/models.js';

const some = (count: number, seed: number): Int8Array =>
  Int8Array.from({ length: count }, (_, i) => ((i * 53 + seed * 29) % 251) - 125);

/** The answer as reals, to inputs as reals. */
function device(network: QuantizedNetwork, input: Int8Array): { x: number[]; y: number[]; step: number } {
  const image = readImage(compileUnproved(network));
  const spec = (at: number) => network.tensors[at]!;
  const reals = (values: Int8Array, at: number): number[] =>
    Array.from(values, (q) => (q - spec(at).zeroPoint) * spec(at).scale);
  const answer = infer(makeDevice(image), image, input) as Int8Array;
  return {
    x: reals(input, network.input),
    y: reals(answer, network.output),
    step: spec(network.output).scale,
  };
}

function check(
  tensors: TfliteTensor[],
  operator: TfliteOperator,
  expected: (x: number[]) => number[],
  steps = 1.01,
): void {
  const { network } = importTflite(tfliteModel(tensors, [operator]));
  const { x, y, step } = device(network, some(elementCount(network.tensors[network.input]!), 1));
  const { scale, zeroPoint } = network.tensors[network.output]!;
  const [low, high] = [(-128 - zeroPoint) * scale, (127 - zeroPoint) * scale];
  expected(x).forEach((real, i) => {
    const clamped = Math.max(low, Math.min(high, real));
    assert.ok(Math.abs(y[i]! - clamped) <= step * steps, `value ${i}: ${y[i]} for ${clamped}`);
  });
}

const none = { 0: fb.i8(0) };

test('MEAN along any dimensions side by side', () => {
  const shape = [1, 4, 3, 5];
  for (const axes of [[1], [2], [3], [1, 2], [-1], [2, 3], [1, 2, 3]]) {
    const reduced = axes.map((axis) => (axis < 0 ? axis + 4 : axis));
    const to = shape.map((size, axis) => (reduced.includes(axis) ? 1 : size));
    const tensors = [{ shape, scale: 0.5 }, int32Tensor(axes), { shape: to, scale: 0.25, zeroPoint: 7 }];
    check(tensors, { code: OP.MEAN, inputs: [0, 1], outputs: [2], options: { 0: fb.i8(1) } }, (x) => {
      const sums = new Array<number>(elementCount({ shape: to })).fill(0);
      x.forEach((value, i) => {
        const index = [Math.floor(i / 15), Math.floor(i / 5) % 3, i % 5].map((at, k) =>
          to[k + 1] === 1 ? 0 : at,
        );
        sums[(index[0]! * to[2]! + index[1]!) * to[3]! + index[2]!]! += value;
      });
      return sums.map((sum) => (sum * sums.length) / x.length);
    });
  }
});

test('ADD and MUL with constants: one, one a channel, one a column, one an element', () => {
  const shape = [1, 3, 4, 5];
  for (const code of [OP.ADD, OP.MUL]) {
    for (const other of [[1], [5], [1, 1, 4, 1], [3, 1, 5], shape]) {
      const data = some(elementCount({ shape: other }), 2);
      for (const inputs of [
        [0, 1],
        [1, 0],
      ]) {
        const tensors = [
          { shape, scale: 0.05 },
          { shape: other, scale: 0.02, zeroPoint: 3, data },
          { shape, scale: 0.1, zeroPoint: -2 },
        ];
        check(tensors, { code, inputs, outputs: [2], options: none }, (x) => {
          const full = [...[1, 1, 1, 1].slice(other.length), ...other];
          return x.map((value, i) => {
            const index = [0, Math.floor(i / 20), Math.floor(i / 5) % 4, i % 5].map((at, k) =>
              full[k] === 1 ? 0 : at,
            );
            const at = ((index[0]! * full[1]! + index[1]!) * full[2]! + index[2]!) * full[3]! + index[3]!;
            const constant = (data[at]! - 3) * 0.02;
            return code === OP.ADD ? value + constant : value * constant;
          });
        });
      }
    }
  }
});

test('PAD along any dimension, STRIDED_SLICE, CONCATENATION', () => {
  const shape = [1, 3, 4, 2];
  for (const pads of [
    [0, 0, 1, 2, 3, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, 2],
    [0, 0, 1, 0, 0, 1, 2, 0],
  ]) {
    const to = shape.map((size, axis) => size + pads[2 * axis]! + pads[2 * axis + 1]!);
    const tensors: TfliteTensor[] = [
      { shape, zeroPoint: 4 },
      { shape: [4, 2], type: 2, data: int32Bytes(pads) },
      { shape: to, zeroPoint: 4 },
    ];
    check(tensors, { code: OP.PAD, inputs: [0, 1], outputs: [2] }, (x) => {
      const y = new Array<number>(elementCount({ shape: to })).fill(0);
      x.forEach((value, i) => {
        const [row, column, channel] = [Math.floor(i / 8), Math.floor(i / 2) % 4, i % 2];
        y[((row + pads[2]!) * to[2]! + column + pads[4]!) * to[3]! + channel + pads[6]!] = value;
      });
      return y;
    });
  }
  const sliced: TfliteTensor[] = [
    { shape },
    int32Tensor([0, 1, -3, 0]),
    int32Tensor([1, 3, 4, 2]),
    int32Tensor([1, 1, 1, 1]),
    { shape: [1, 2, 3, 2] },
  ];
  check(
    sliced,
    { code: OP.STRIDED_SLICE, inputs: [0, 1, 2, 3], outputs: [4], options: { 1: fb.i32(0) } },
    (x) => x.filter((_, i) => Math.floor(i / 8) >= 1 && Math.floor(i / 2) % 4 >= 1),
  );
  const joined: TfliteTensor[] = [{ shape }, { shape: [1, 3, 8, 2] }];
  check(joined, { code: OP.CONCATENATION, inputs: [0, 0], outputs: [1], options: { 0: fb.i32(-2) } }, (x) =>
    [0, 1, 2].flatMap((row) => [...x.slice(row * 8, row * 8 + 8), ...x.slice(row * 8, row * 8 + 8)]),
  );
});

test('RELU6 on its own, FULLY_CONNECTED of several rows', () => {
  const shape = [1, 9];
  check(
    [
      { shape, scale: 0.1 },
      { shape, scale: 0.025, zeroPoint: -128 },
    ],
    { code: OP.RELU6, inputs: [0], outputs: [1] },
    (x) => x.map((value) => Math.max(0, Math.min(6, value))),
  );
  const weights = some(12, 5);
  const tensors = [
    { shape: [1, 5, 4], scale: 0.1, zeroPoint: 6 },
    { shape: [3, 4], scale: 0.01, data: weights },
    { shape: [1, 5, 3], scale: 0.2 },
  ];
  check(tensors, { code: OP.FULLY_CONNECTED, inputs: [0, 1, -1], outputs: [2], options: none }, (x) =>
    Array.from({ length: 15 }, (_, i) => {
      const row = Math.floor(i / 3) * 4;
      return [0, 1, 2, 3].reduce((sum, k) => sum + x[row + k]! * weights[(i % 3) * 4 + k]! * 0.01, 0);
    }),
  );
});

test('whole models written here are proved', () => {
  for (const file of tfliteModels()) {
    const { proved, counterexample } = verify(readImage(compileUnproved(importModel(file).network)));
    assert.ok(proved, JSON.stringify(counterexample));
  }
});

/** Values of `count` reals in −1…1. */
const waves = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => (((i * 37 + seed * 101) % 199) - 99) / 100);

/** The weights that `onnxFloat` writes. */
const weights = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround((((i * 37 + seed * 101) % 255) - 127) / 200));

/** The network of `onnxFloat`, naively, in NCHW. */
function naive(x: Float32Array): number[] {
  const [w1, b1, g, m, w2, w3, b3] = [
    [108, 1],
    [4, 2],
    [4, 3],
    [4, 4],
    [36, 5],
    [120, 6],
    [5, 7],
  ].map(([count, seed]) => weights(count!, seed!)) as [
    number[],
    number[],
    number[],
    number[],
    number[],
    number[],
    number[],
  ];
  const variance = [1, 0.5, 2, 1.5];
  const [height, width] = [6, 4];
  const at = (map: ArrayLike<number>, c: number, y: number, z: number): number =>
    y < 0 || z < 0 || y >= height || z >= width ? 0 : map[(c * height + y) * width + z]!;
  const each = (f: (c: number, y: number, z: number) => number): number[] =>
    Array.from({ length: 96 }, (_, i) => f(Math.floor(i / 24), Math.floor(i / 4) % 6, i % 4));
  const taps = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const r1 = each((o, y, z) => {
    let sum = b1[o]!;
    for (let c = 0; c < 3; c++)
      for (const t of taps)
        sum += w1[(o * 3 + c) * 9 + t]! * at(x, c, y + Math.floor(t / 3) - 1, z + (t % 3) - 1);
    const normal = ((sum - m[o]!) / Math.sqrt(variance[o]! + 1e-5)) * g[o]! + b1[o]!;
    return Math.max(0, normal);
  });
  const s = each((o, y, z) => {
    const sum = taps.reduce(
      (a, t) => a + w2[o * 9 + t]! * at(r1, o, y + Math.floor(t / 3) - 1, z + (t % 3) - 1),
      0,
    );
    return sum * Math.max(0, Math.min(1, sum / 6 + 0.5)) + at(r1, o, y, z);
  });
  const pooled = Array.from({ length: 24 }, (_, i) => {
    const [c, y, z] = [Math.floor(i / 6), Math.floor(i / 2) % 3, i % 2];
    return Math.max(...[0, 1, 2, 3].map((k) => at(s, c, 2 * y + (k >> 1), 2 * z + (k & 1))));
  });
  return b3.map((bias, o) => Math.tanh(pooled.reduce((sum, value, i) => sum + value * w3[i * 5 + o]!, bias)));
}

test('ONNX with channels first: convolutions, normalization, a residual, transposes, flatten', () => {
  const shape = [20, 3, 6, 4];
  const data = waves(elementCount({ shape }), 3);
  const { network, preprocessing }: ImportedModel = importModel(onnxFloat(), {
    data: { dtype: 'float32', shape, data },
  });
  assert.is(preprocessing.channelsFirst, true);
  assert.equal(network.tensors[network.input]!.shape, [6, 4, 3]);
  for (let i = 0; i < 20; i++) {
    const x = data.slice(i * 72, (i + 1) * 72);
    const nhwc = Float32Array.from({ length: 72 }, (_, j) => x[(j % 3) * 24 + Math.floor(j / 3)]!);
    const { y } = device(network, quantizeValues(nhwc, network.tensors[network.input]!) as Int8Array);
    naive(x).forEach((real, j) => assert.ok(Math.abs(y[j]! - real) < 0.08, `${y} for ${naive(x)}`));
  }
});

test('ONNX as quantizers write it needs no samples, and keeps its scales', () => {
  const { network } = importModel(onnxQdq());
  assert.equal(network.tensors[network.input], { shape: [5, 4, 2], scale: Math.fround(0.02), zeroPoint: -8 });
  const conv = network.ops[0]!;
  assert.is(conv.kind, 'conv2d');
  const stored = Int8Array.from({ length: 24 }, (_, i) => ((i * 37 + 808) % 255) - 127);
  if (conv.kind !== 'conv2d') return;
  // [out][in][height][width] became [out][height][width][in].
  assert.equal(
    conv.weights,
    stored.map((_, i) => stored[Math.floor(i / 8) * 8 + (i % 2) * 4 + (Math.floor(i / 2) % 4)]!),
  );
});

test('SUB of activations and of constants on either side', () => {
  const shape = [1, 3, 4, 5];
  const data = some(5, 4);
  const constant = (i: number): number => (data[i % 5]! - 3) * 0.02;
  const tensors = [
    { shape, scale: 0.05, zeroPoint: 11 },
    { shape: [5], scale: 0.02, zeroPoint: 3, data },
    { shape, scale: 0.1, zeroPoint: -2 },
  ];
  const minus = { code: OP.SUB, outputs: [2], options: none };
  check(tensors, { ...minus, inputs: [0, 1] }, (x) => x.map((value, i) => value - constant(i)));
  check(tensors, { ...minus, inputs: [1, 0] }, (x) => x.map((value, i) => constant(i) - value));
  check(tensors, { ...minus, inputs: [0, 0] }, (x) => x.map(() => 0));
  const one = [tensors[0]!, { ...tensors[1]!, shape: [1], data: Int8Array.of(-128) }, tensors[2]!];
  check(one, { ...minus, inputs: [0, 1] }, (x) => x.map((value) => value + 131 * 0.02));
});

test('HARD_SWISH and LEAKY_RELU', () => {
  const shape = [1, 300];
  const tensors = (scale: number): TfliteTensor[] => [
    { shape, scale, zeroPoint: 20 },
    { shape, scale, zeroPoint: -30 },
  ];
  for (const scale of [0.02, 0.05, 0.1]) {
    check(tensors(scale), { code: OP.HARD_SWISH, inputs: [0], outputs: [1] }, (x) =>
      x.map((value) => (value * Math.max(0, Math.min(6, value + 3))) / 6),
    );
    const leaky = { code: OP.LEAKY_RELU, inputs: [0], outputs: [1], options: { 0: fb.f32(0.1) } };
    check(tensors(scale), leaky, (x) => x.map((value) => (value < 0 ? value * 0.1 : value)), 0.51);
  }
});

test('TRANSPOSE of groups of dimensions, SLICE, and a last ARG_MAX', () => {
  const cases: [shape: number[], permutation: number[]][] = [
    [
      [1, 4, 1, 5],
      [0, 3, 2, 1],
    ],
    [
      [1, 2, 3, 4],
      [0, 3, 1, 2],
    ],
    [
      [1, 2, 3, 4],
      [0, 2, 3, 1],
    ],
  ];
  for (const [shape, permutation] of cases) {
    const to = permutation.map((axis) => shape[axis]!);
    const tensors = [{ shape }, int32Tensor(permutation), { shape: to }];
    check(tensors, { code: OP.TRANSPOSE, inputs: [0, 1], outputs: [2] }, (x) =>
      x.map((_, i) => {
        let rest = i;
        const index: number[] = [];
        for (let axis = 3; axis >= 0; axis--) {
          index[permutation[axis]!] = rest % to[axis]!;
          rest = Math.floor(rest / to[axis]!);
        }
        return x[index.reduce((at, part, axis) => at * shape[axis]! + part, 0)]!;
      }),
    );
  }
  const sliced = [
    { shape: [1, 4, 6] },
    int32Tensor([0, 1, 2]),
    int32Tensor([1, 2, -1]),
    { shape: [1, 2, 4] },
  ];
  check(sliced, { code: OP.SLICE, inputs: [0, 1, 2], outputs: [3] }, (x) =>
    [8, 9, 10, 11, 14, 15, 16, 17].map((at) => x[at]!),
  );
  const logits = [
    { shape: [1, 9] },
    { shape: [1, 9], scale: 1 / 256, zeroPoint: -128 },
    int32Tensor([1]),
    { shape: [1], type: 2 },
  ];
  const { network } = importTflite(
    tfliteModel(logits, [
      { code: OP.SOFTMAX, inputs: [0], outputs: [1], options: { 0: fb.f32(1) } },
      { code: OP.ARG_MAX, inputs: [1, 2], outputs: [3] },
    ]),
  );
  assert.equal(network.tensors[network.output]!.shape, [9]);
});

test('small networks of the usual kinds, as .onnx and as .tflite: every answer is the oracle’s', () => {
  for (const file of [mobileNet(), residualNet(), temporalNet()]) {
    const { shape } = importOnnx(file).graph.tensors[0]!;
    const size = elementCount({ shape });
    const data = smoothInputs(12, size);
    const { network } = importModel(file, { data: { dtype: 'float32', shape: [12, ...shape], data } });
    const again = importModel(writeTflite(network)).network;
    for (const one of [network, again]) {
      const image = readImage(compileUnproved(one));
      const made = makeDevice(image);
      for (let i = 0; i < 4; i++) {
        const input = quantizeValues(
          data.subarray(i * size, (i + 1) * size),
          one.tensors[one.input]!,
        ) as Int8Array;
        const { answer } = completeJob(made, image, { ticket: i + 1, input }, {}, i > 0);
        assert.equal([...answer], [...runOracle(one, input)[one.output]!], `${i}`);
      }
    }
    // What the file said is what was written, up to how float32 holds scales.
    const kinds = (one: QuantizedNetwork): string =>
      one.ops
        .map(({ kind }) => kind)
        .filter((kind) => kind !== 'reshape' && kind !== 'pad')
        .join();
    assert.is(kinds(again), kinds(network));
  }
});

test('ranges, equalization and corrected biases: each network stays near its float original', () => {
  const file = residualNet();
  const { graph } = importOnnx(file);
  const { shape } = graph.tensors[0]!;
  const size = elementCount({ shape });
  const data = smoothInputs(24, size);
  const noise = (quantize: ImportOptions['quantize']): number => {
    const { network } = importModel(file, {
      data: { dtype: 'float32', shape: [24, ...shape], data },
      ...(quantize ? { quantize } : {}),
    });
    const input = network.tensors[network.input]!;
    let sum = 0;
    for (let i = 0; i < 8; i++) {
      const x = data.subarray(i * size, (i + 1) * size);
      const y = runOracle(network, quantizeValues(x, input))[network.output]!;
      const { scale, zeroPoint } = network.tensors[network.output]!;
      evaluate(graph, x)[graph.output]!.forEach((real, j) => {
        sum += ((y[j]! - zeroPoint) * scale - real) ** 2;
      });
    }
    return sum;
  };
  const all = (['max', 'percentile', 'mse'] as const).map((ranges) => noise({ ranges }));
  for (const one of all) assert.ok(one < 0.03, `${all}`);
  assert.is(noise(undefined), all[2]);
  const { graph: equalized, pairs } = equalizeGraph(graph);
  assert.is(pairs, 3);
  const sample = data.subarray(0, size);
  const [a, b] = [graph, equalized].map((one) => evaluate(one, sample)[one.output]!) as [
    Float64Array,
    Float64Array,
  ];
  a.forEach((value, i) => assert.ok(Math.abs(value - b[i]!) < 1e-9, `${b} for ${a}`));
  assert.ok(noise({ equalize: true }) < 4 * all[2]!);
});

test('a range of many small values and one large: mse and percentile cut it off, max does not', () => {
  const values = Float64Array.from({ length: 40_000 }, (_, i) => (i === 0 ? 100 : Math.sin(i)));
  const graph: FloatGraph = {
    tensors: [{ shape: [40_000] }, { shape: [40_000] }],
    ops: [{ kind: 'unary', name: 'same', inputs: [0], output: 1, f: (x) => x }],
    input: 0,
    output: 1,
  };
  const high = (ranges: 'max' | 'percentile' | 'mse'): number => {
    const { tensors } = quantizeGraph(graph, { name: 'outlier', samples: [values], ranges });
    return (127 - tensors[1]!.zeroPoint) * tensors[1]!.scale;
  };
  assert.ok(high('max') > 95);
  assert.ok(high('percentile') < 2);
  assert.ok(high('mse') < 95, `${high('mse')}`);
});

test('ONNX: the difference of two activations, a last ArgMax', () => {
  const nodes = [
    { op: 'Relu', inputs: ['x'], outputs: ['r'] },
    { op: 'Sub', inputs: ['r', 'x'], outputs: ['d'] },
    { op: 'ArgMax', inputs: ['d'], outputs: ['y'], integers: { axis: 1 } },
  ];
  const data = waves(80, 5);
  const { network } = importModel(onnxModel([1, 8], nodes, {}), {
    data: { dtype: 'float32', shape: [10, 8], data },
  });
  const { x, y, step } = device(
    network,
    quantizeValues(data.subarray(0, 8), network.tensors[network.input]!) as Int8Array,
  );
  x.forEach((value, i) =>
    assert.ok(Math.abs(y[i]! - Math.max(0, -value)) <= 2 * step, `${y[i]} for ${value}`),
  );
});

test.run();
