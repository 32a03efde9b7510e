// The place of the largest, classes, running sums, branches; and .tflite files of integers with operators that are made of others.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { argMax } from '../host/import/arg-max.js';
import { evaluate } from '../host/import/float-graph.js';
import { wholeNumbers } from '../host/import/fine-steps.js';
import { importModel, type ImportedModel } from '../host/import/import-model.js';
import { NetworkBuilder } from '../host/import/network-builder.js';
import { importOnnx } from '../host/import/onnx/import-onnx.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';
import { verify } from '../host/verify/verify.js';
import { between, int8s } from '../samples/networks.js';
import * as fb from '../samples/tflite/flatbuffer-writer.js';
import { int32Tensor, OP, tfliteModel, type TfliteTensor } from '../samples/tflite/model.js';
import { compileUnproved } from './util/compile.js';
import { dilated, onnxModel, type TestConstant, type TestNode } from './util/models.js';

/** Shapes of each kind; 20,000 where a long run asks for them. */
const SHAPES = Number(process.env['BROWNOUT_SHAPES'] ?? 8);
const BOOL = 6;
const FLOAT = 0;

const integers = (...values: number[]): TestConstant => ({
  shape: [values.length],
  values: BigInt64Array.from(values, BigInt),
});
const reals = (shape: number[], ...values: number[]): TestConstant => ({
  shape,
  values: Float32Array.from(values),
});

/** What a model of one input makes of reals; maps lie channels last. */
function answer(file: Uint8Array, x: readonly number[]): number[] {
  const { graph, channelsFirst } = importOnnx(file);
  const channels = graph.tensors[graph.input]!.shape.at(-1)!;
  const size = x.length / channels;
  const stored = x.map((_, i) => x[(i % channels) * size + Math.floor(i / channels)]!);
  return Array.from(evaluate(graph, channelsFirst ? stored : x)[graph.output]!);
}

test(`the row of the largest, the first of equals, exact: ${SHAPES} random shapes`, () => {
  for (let seed = 1; seed <= SHAPES; seed++) {
    const random = new Random(seed);
    const [depth, columns] = [seed === 1 ? 255 : between(random, 1, 12), between(random, 1, 6)];
    const builder = new NetworkBuilder();
    const zeroPoint = between(random, -128, 127);
    const input = builder.tensor({ shape: [depth, 1, columns], scale: random.uniform(0.001, 3), zeroPoint });
    const { network } = builder.finish('places', input, argMax(builder, input, [columns]));
    // Few values, so that many are equal; the ends among them.
    const data = int8s(random, depth * columns).map((q) => [-128, 127, -1, 0, 1, q][Math.abs(q) % 6]!);
    const array = { dtype: 'int8' as const, shape: [1, depth, 1, columns], data };
    const [found] = run(compileUnproved(network), { input: array }).outputs;
    const expected = Array.from({ length: columns }, (_, column) => {
      const all = Array.from({ length: depth }, (__, row) => data[row * columns + column]!);
      return all.indexOf(Math.max(...all)) - 128;
    });
    assert.equal(found, expected, `seed ${seed}`);
  }
});

test('ArgMax, ArgMin, OneHot along dimensions', () => {
  const x = [3, 1, 2, -5, 7, 7, 0, 0, -1, 4, -4, 4];
  const at = (op: string, axis: number, keepdims: number): number[] =>
    answer(
      onnxModel(
        [1, 3, 4],
        [
          { op: 'Neg', inputs: ['x'], outputs: ['n'] },
          { op: 'Neg', inputs: ['n'], outputs: ['m'] },
          { op, inputs: ['m'], outputs: ['i'], integers: { axis, keepdims } },
          { op: 'Mul', inputs: ['i', 'one'], outputs: ['y'] },
        ],
        { one: reals([], 1) },
      ),
      x,
    );
  assert.equal(at('ArgMax', 2, 1), [0, 0, 1]);
  assert.equal(at('ArgMax', -2, 0), [1, 1, 0, 2]);
  assert.equal(at('ArgMin', 1, 0), [2, 0, 2, 0]);
  const nodes: TestNode[] = [
    { op: 'ArgMax', inputs: ['x'], outputs: ['i'], integers: { axis: 2, keepdims: 0 } },
    { op: 'OneHot', inputs: ['i', 'depth', 'values'], outputs: ['h'], integers: { axis: 1 } },
    { op: 'Mul', inputs: ['h', 'two'], outputs: ['y'] },
  ];
  const constants = { depth: integers(3), values: reals([2], -1, 4), two: reals([], 2) };
  // Rows' classes are 0, 0, 1: [1, class, row].
  assert.equal(answer(onnxModel([1, 3, 4], nodes, constants), x), [8, 8, -2, -2, -2, 8, -2, -2, -2]);
});

test('running sums along any dimension, either way, with and without the element itself', () => {
  const x = [1, 2, 3, 4, 5, 6];
  const sums = (axis: number, exclusive: number, reverse: number): number[] =>
    answer(
      onnxModel(
        [1, 2, 3],
        [{ op: 'CumSum', inputs: ['x', 'a'], outputs: ['y'], integers: { exclusive, reverse } }],
        {
          a: integers(axis),
        },
      ),
      x,
    );
  assert.equal(sums(2, 0, 0), [1, 3, 6, 4, 9, 15]);
  assert.equal(sums(-2, 0, 0), [1, 2, 3, 5, 7, 9]);
  assert.equal(sums(2, 1, 0), [0, 1, 3, 0, 4, 9]);
  assert.equal(sums(2, 0, 1), [6, 5, 3, 15, 11, 6]);
  assert.equal(sums(2, 1, 1), [5, 3, 0, 11, 6, 0]);
});

test('LRN, logarithms of sums, the triangle of a constant, products of constants', () => {
  const x = [0.5, -1, 2, 0.25, 1.5, -0.75];
  const near = (found: number[], expected: number[]): void => {
    assert.is(found.length, expected.length);
    found.forEach((value, i) =>
      assert.ok(Math.abs(value - expected[i]!) < 1e-5, `${i}: ${value} for ${expected[i]}`),
    );
  };
  const lrn: TestNode = {
    op: 'LRN',
    inputs: ['x'],
    outputs: ['y'],
    integers: { size: 3 },
    reals: { alpha: 0.6, beta: 0.5, bias: 2 },
  };
  const channels = (c: number): number => [c - 1, c, c + 1].reduce((sum, at) => sum + (x[at] ?? 0) ** 2, 0);
  near(
    answer(onnxModel([1, 6, 1], [lrn], {}), x),
    x.map((value, c) => value / Math.sqrt(2 + 0.2 * channels(c))),
  );
  const logs: TestNode = {
    op: 'ReduceLogSumExp',
    inputs: ['x'],
    outputs: ['y'],
    integers: { axes: [2], keepdims: 0 },
  };
  const rows = [x.slice(0, 3), x.slice(3)];
  near(
    answer(onnxModel([1, 2, 3], [logs], {}), x),
    rows.map((row) => Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0))),
  );
  const masked: TestNode[] = [
    { op: 'Trilu', inputs: ['w', 'k'], outputs: ['t'], integers: { upper: 0 } },
    {
      op: 'Gemm',
      inputs: ['t', 'v', 'b'],
      outputs: ['p'],
      integers: { transB: 1 },
      reals: { alpha: 2, beta: 3 },
    },
    { op: 'MatMul', inputs: ['x', 'p'], outputs: ['y'] },
  ];
  const constants = {
    w: reals([2, 2], 1, 2, 3, 4),
    k: integers(0),
    v: reals([2, 2], 1, 0, 1, 1),
    b: reals([2], 1, -1),
  };
  // [[1, 0], [3, 4]] · [[1, 1], [0, 1]] · 2 + 3 · [1, −1]
  near(answer(onnxModel([1, 2], masked, constants), [1, 10]), [5 + 90, -1 + 110]);
});

test('an If whose condition is known is the branch that is taken', () => {
  const squeeze = { nodes: [{ op: 'Squeeze', inputs: ['x', 'a'], outputs: ['s'] }], outputs: ['s'] };
  const same = { nodes: [{ op: 'Mul', inputs: ['x', 'two'], outputs: ['m'] }], outputs: ['m'] };
  for (const size of [1, 2]) {
    const nodes: TestNode[] = [
      { op: 'Shape', inputs: ['x'], outputs: ['n'] },
      { op: 'Gather', inputs: ['n', 'i'], outputs: ['size'] },
      { op: 'Equal', inputs: ['size', 'one'], outputs: ['is'] },
      { op: 'If', inputs: ['is'], outputs: ['c'], graphs: { then_branch: squeeze, else_branch: same } },
      { op: 'Neg', inputs: ['c'], outputs: ['y'] },
    ];
    const constants = { i: integers(1), one: integers(1), a: integers(1), two: reals([], 2) };
    const x = Array.from({ length: size * 3 }, (_, i) => i + 1);
    const found = answer(onnxModel([1, size, 3], nodes, constants), x);
    assert.equal(
      found,
      x.map((value) => (size === 1 ? -value : -2 * value)),
    );
  }
});

test('an LSTM whose cell is clipped, as files of TensorFlow Lite have it', () => {
  const [w, r] = [
    [0.9, -0.4, 1.5, 2],
    [0.3, 0.2, -0.5, 1],
  ];
  const constants = { w: reals([1, 4, 1], ...w!), r: reals([1, 4, 1], ...r!) };
  const x = [1, 0.5, -2];
  const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
  for (const bound of [0, 0.2]) {
    const node: TestNode = {
      op: 'LSTM',
      inputs: ['x', 'w', 'r'],
      outputs: ['y'],
      integers: { hidden_size: 1 },
      reals: { cell_clip: bound },
    };
    let [h, c] = [0, 0];
    const expected = x.map((value) => {
      const [i, o, f, g] = w!.map((weight, gate) => weight * value + r![gate]! * h);
      c = sigmoid(f!) * c + sigmoid(i!) * Math.tanh(g!);
      if (bound > 0) c = Math.max(-Math.fround(bound), Math.min(Math.fround(bound), c));
      h = sigmoid(o!) * Math.tanh(c);
      return h;
    });
    answer(onnxModel([3, 1, 1], [node], constants), x).forEach((found, i) =>
      assert.ok(
        Math.abs(found - expected[i]!) < 1e-6,
        `bound ${bound}, step ${i}: ${found} for ${expected[i]}`,
      ),
    );
  }
});

test('an open length: 1 where every step is by itself, and the notes say so; named where a window slides', () => {
  const nodes: TestNode[] = [
    { op: 'Unsqueeze', inputs: ['x', 'a'], outputs: ['u'] },
    { op: 'Tanh', inputs: ['u'], outputs: ['t'] },
    { op: 'Squeeze', inputs: ['t', 'a'], outputs: ['y'] },
  ];
  const { notes } = importOnnx(onnxModel([0, 6], nodes, { a: integers(0) }));
  assert.match(notes.join(), /"x" of any length taken as of 1: name another by --shape 20,6/);
  const sliding = [
    ...nodes,
    { op: 'MaxPool', inputs: ['u'], outputs: ['z'], integers: { kernel_shape: [3] } },
  ];
  assert.throws(() => importOnnx(onnxModel([0, 6], sliding, { a: integers(0) })), /--shape 20,6/);
});

test('whole numbers of int16, exact at every step', () => {
  const data = Int16Array.from({ length: 4096 }, (_, i) => (i - 2048) * 16 + [0, 1, -1, 8][i % 4]!);
  const steps = { floor: Math.floor, ceil: Math.ceil, truncate: Math.trunc, round: Math.round } as const;
  for (const [name, f] of Object.entries(steps)) {
    const builder = new NetworkBuilder();
    const input = builder.tensor({ shape: [4096], scale: 2 ** -7, zeroPoint: 0, dtype: 'int16' });
    const output = { shape: [4096], scale: 1, zeroPoint: 20 };
    const made = wholeNumbers(builder, input, name as keyof typeof steps, output);
    const { network } = builder.finish('steps', input, made);
    const [found] = run(compileUnproved(network, { capacitorUf: 470 }), {
      input: { dtype: 'int16', shape: [1, 4096], data },
    }).outputs;
    data.forEach((q, i) => {
      const value = q / 128;
      // Halves may go either way where nothing else says so.
      if (name === 'round' && Math.abs(value % 1) === 0.5) return;
      assert.is(found![i], Math.max(-128, Math.min(127, f(value) + 20)), `${name} of ${value}`);
    });
  }
});

test('a layer before Floor makes int16, and the image is proved', () => {
  const random = new Random(11);
  const weights = Float32Array.from({ length: 32 }, () => random.uniform(-1, 1));
  const nodes: TestNode[] = [
    { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
    { op: 'Floor', inputs: ['h'], outputs: ['f'] },
    { op: 'MatMul', inputs: ['f', 'turned'], outputs: ['y'] },
  ];
  const turned = reals([4, 4], -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1);
  const file = onnxModel([1, 8], nodes, { w: { shape: [8, 4], values: weights }, turned });
  const data = Float32Array.from({ length: 256 * 8 }, () => Math.round(random.uniform(-128, 127)) / 32);
  const samples = { dtype: 'float32' as const, shape: [256, 8], data };
  const { network, preprocessing } = importModel(file, { data: samples, quantize: { ranges: 'max' } });
  assert.ok(network.ops.some(({ kind }) => kind === 'convert'));
  const image = compileUnproved(network, { preprocessing });
  assert.ok(verify(readImage(image)).proved);
  const { outputs, scale, zeroPoint } = run(image, { input: samples });
  const wrong = outputs.flat().filter((q, i) => {
    let sum = 0;
    for (let k = 0; k < 8; k++) sum += data[Math.floor(i / 4) * 8 + k]! * weights[k * 4 + (i % 4)]!;
    return Math.abs((q - zeroPoint) * scale + Math.floor(sum)) > 0.5;
  });
  // Weights are of int8: what lies within their error of a step.
  assert.ok(wrong.length < 0.02 * outputs.length * 4, `${wrong.length} of ${outputs.length * 4}`);
});

test('functions of one value: arcs, hyperbolic ones, a shrink, remainders', () => {
  const x = [-3, -1, -0.6, -0.1, 0, 0.3, 0.99, 1, 2.5];
  const one = (op: string, f: (value: number) => number, values = x, more: Partial<TestNode> = {}): void => {
    const file = onnxModel([1, values.length], [{ op, inputs: ['x'], outputs: ['y'], ...more }], {
      c: reals([], 0.4),
    });
    answer(file, values).forEach((found, i) => {
      assert.ok(
        Math.abs(found - f(values[i]!)) < 1e-9 * Math.max(1, Math.abs(found)),
        `${op} of ${values[i]}: ${found}`,
      );
    });
  };
  const unit = x.filter((value) => Math.abs(value) <= 1);
  one('Atan', Math.atan);
  one('Asin', Math.asin, unit);
  one('Acos', Math.acos, unit);
  one('Tan', Math.tan);
  one('Sinh', Math.sinh);
  one('Cosh', Math.cosh);
  one('Asinh', Math.asinh);
  one('Atanh', Math.atanh, [-0.9, 0, 0.5]);
  one('Acosh', Math.acosh, [1, 2, 9]);
  const shrunk = (value: number): number => (value < -0.5 ? value + 0.25 : value > 0.5 ? value - 0.25 : 0);
  one('Shrink', shrunk, x, { reals: { lambd: 0.5, bias: 0.25 } });
  const c = Math.fround(0.4);
  one('Mod', (value) => value - c * Math.floor(value / c), x, { inputs: ['x', 'c'] });
});

const FLAT = { shape: [1, 6], scale: 0.05, zeroPoint: 3 };

/** The answers as reals, for the inputs `data` of a .tflite file. */
function device({ network, preprocessing }: ImportedModel, data: Int8Array, shape: number[]): number[] {
  const { outputs, scale, zeroPoint } = run(compileUnproved(network, { preprocessing }), {
    input: { dtype: 'int8', shape, data },
  });
  return outputs.flat().map((q) => (q - zeroPoint) * scale);
}

test('a function of floats after the last DEQUANTIZE is computed, not dropped', () => {
  const tensors: TfliteTensor[] = [
    { shape: [1, 6], scale: 0.05, zeroPoint: -128 },
    { shape: [1, 6], scale: 0.05, zeroPoint: -128 },
    { shape: [1, 6], type: FLOAT },
    { shape: [1, 6], type: FLOAT },
  ];
  const file = tfliteModel(tensors, [
    { code: OP.RELU6, inputs: [0], outputs: [1] },
    { code: 6, inputs: [1], outputs: [2] },
    { code: 75, inputs: [2], outputs: [3] },
  ]);
  const data = Int8Array.of(-128, -108, -48, -28, -100, -9);
  const found = device(importModel(file), data, [1, 6]);
  found.forEach((value, i) => {
    const real = Math.sqrt(Math.min(6, (data[i]! + 128) * 0.05));
    assert.ok(Math.abs(value - real) < 0.0072, `${value} for ${real}`);
  });
});

test('GREATER, SELECT and CAST of int8 are made of others, and the notes say so', () => {
  const tensors: TfliteTensor[] = [
    FLAT,
    { shape: [], scale: 0.05, zeroPoint: 3, data: [23] },
    { shape: [1, 6], type: BOOL },
    { shape: [], scale: 0.05, zeroPoint: 3, data: [256 - 7] },
    FLAT,
  ];
  const file = tfliteModel(tensors, [
    { code: 61, inputs: [0, 1], outputs: [2] },
    { code: 64, inputs: [2, 0, 3], outputs: [4] },
  ]);
  const model = importModel(file);
  assert.match(model.notes.at(-1)!, /not its bits: GREATER, SELECT$/);
  const data = Int8Array.of(24, 23, 22, 127, -128, 100);
  // Above 1 it stays, elsewhere −0.5.
  const expected = [1.05, -0.5, -0.5, 6.2, -0.5, 4.85];
  device(model, data, [1, 6]).forEach((value, i) =>
    assert.ok(Math.abs(value - expected[i]!) < 1e-6, `${i}: ${value}`),
  );
});

test('SPACE_TO_BATCH_ND around a convolution is a dilated one, to the bit', () => {
  const data = int8s(new Random(3), 128);
  const found = [true, false].map((around) => device(importModel(dilated(around)), data, [1, 8, 8, 2]));
  assert.equal(found[0], found[1]);
});

test('an embedding of int8 by numbers of int32', () => {
  const rows = Int8Array.from({ length: 15 }, (_, i) => i * 9 - 60);
  const tensors: TfliteTensor[] = [
    { shape: [1, 4], type: 2 },
    { shape: [5, 3], scale: 0.1, zeroPoint: 2, data: rows },
    { shape: [1, 4, 3], scale: 0.1, zeroPoint: 2 },
    int32Tensor([1]),
    { shape: [1, 3], scale: 0.05, zeroPoint: 2 },
  ];
  const { network, preprocessing } = importModel(
    tfliteModel(tensors, [
      { code: 36, inputs: [1, 0], outputs: [2], options: { 0: fb.i32(0) } },
      { code: OP.MEAN, inputs: [2, 3], outputs: [4], options: { 0: fb.i8(0) } },
    ]),
  );
  const { outputs, scale, zeroPoint } = run(compileUnproved(network, { preprocessing }), {
    input: { dtype: 'int32', shape: [1, 4], data: Int32Array.of(4, 0, 3, 3) },
  });
  const expected = [0, 1, 2].map(
    (c) => [4, 0, 3, 3].reduce((sum, row) => sum + (rows[row * 3 + c]! - 2) * 0.1, 0) / 4,
  );
  outputs
    .flat()
    .forEach((q, i) => assert.ok(Math.abs((q - zeroPoint) * scale - expected[i]!) < 0.026, `${i}`));
});

test('what will not do in reals either is refused for what it is', () => {
  const tensors: TfliteTensor[] = [
    FLAT,
    { ...FLAT, shape: [1, 2] },
    { shape: [1, 2], type: 2 },
    int32Tensor([2]),
  ];
  const file = tfliteModel(tensors, [{ code: 48, inputs: [0, 3], outputs: [1, 2] }]);
  assert.throws(() => importModel(file), /op 0 TOPK_V2/);
});

test.run();
