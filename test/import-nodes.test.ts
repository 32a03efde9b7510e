// ONNX nodes that are made of others, against naive loops written from their definitions; products of integers to the bit.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { product } from '../host/import/matmul.js';
import { NetworkBuilder } from '../host/import/network-builder.js';
import { evaluate } from '../host/import/float-graph.js';
import { importModel } from '../host/import/import-model.js';
import { importOnnx } from '../host/import/onnx/import-onnx.js';
import { Random } from '../host/math/random.js';
import { elementCount, quantizeMultiplier } from '../host/model/quantized-network.js';
import { importTflite } from '../host/import/tflite/import-tflite.js';
import * as fb from '../samples/tflite/flatbuffer-writer.js';
import { tfliteModel } from '../samples/tflite/model.js';
import { readImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';
import { between, int8s } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { requantizeOracle } from './util/oracle.js';
import { onnxModel, type TestConstant, type TestNode } from './util/models.js';

/** Shapes of each node; 20,000 where a long run asks for them. */
const SHAPES = Number(process.env['BROWNOUT_SHAPES'] ?? 12);

type Reals = ArrayLike<number>;

/** Holds what an ONNX model of float makes of random reals to `expected`. */
function check(
  what: string,
  shape: number[],
  nodes: TestNode[],
  constants: Record<string, TestConstant>,
  expected: (x: Reals) => Reals,
  random: Random,
): void {
  const { graph, channelsFirst } = importOnnx(onnxModel(shape, nodes, constants));
  const x = Float64Array.from({ length: elementCount({ shape }) }, () => Math.fround(random.uniform(-2, 2)));
  // Maps lie channels last.
  const [, channels = 1, ...pixels] = shape;
  const size = elementCount({ shape: pixels });
  const stored = channelsFirst ? x.map((_, i) => x[(i % channels) * size + Math.floor(i / channels)]!) : x;
  const found = evaluate(graph, stored)[graph.output]!;
  const wanted = expected(x);
  assert.is(found.length, wanted.length, what);
  found.forEach((value, i) => {
    assert.ok(
      Math.abs(value - wanted[i]!) < 1e-4 * (1 + Math.abs(wanted[i]!)),
      `${what}: ${i}: ${value} for ${wanted[i]}`,
    );
  });
}

const reals = (random: Random, shape: number[]): TestConstant => ({
  shape,
  values: Float32Array.from({ length: elementCount({ shape }) }, () => random.uniform(-1, 1)),
});
const integers = (...values: number[]): TestConstant => ({
  shape: [values.length],
  values: BigInt64Array.from(values, BigInt),
});

function sweep(name: string, one: (random: Random, what: string) => void): void {
  test(`${name}: ${SHAPES} random shapes`, () => {
    for (let seed = 1; seed <= SHAPES; seed++) one(new Random(seed), `seed ${seed}`);
  });
}

sweep('products of int8 with any zero points are exact', (random, what) => {
  const [rows, depth, outputs] = [between(random, 1, 6), between(random, 1, 9), between(random, 1, 7)];
  const zero = (): number => [-128, 127, 0, between(random, -128, 127)][random.integer(4)]!;
  const builder = new NetworkBuilder();
  const [za, zb] = [zero(), zero()];
  const whole = { shape: [(rows + outputs) * depth], scale: 1, zeroPoint: 0 };
  const input = builder.tensor(whole);
  const part = (start: number, count: number, zeroPoint: number): number => {
    const body = { kind: 'slice' as const, name: 'part', axis: 0, start };
    const made = builder.add(body, [input], { ...whole, shape: [count * depth] });
    return builder.reinterpret(made, { shape: [count, depth], scale: 1, zeroPoint });
  };
  const body = {
    name: 'matmul',
    multipliers: Int32Array.of(between(random, 2 ** 30, 2 ** 31 - 1)),
    shifts: Int32Array.of(-between(random, 6, 10)),
    clampMin: -128,
    clampMax: 127,
  };
  const zo = between(random, -128, 127);
  const tensors = [part(0, rows, za), part(rows * depth, outputs, zb)] as const;
  const made = product(builder, tensors, depth, { shape: [], scale: 1, zeroPoint: zo }, body);
  const { network } = builder.finish('products', input, made);
  const data = int8s(random, (rows + outputs) * depth);
  const image = readImage(compileUnproved(network));
  const [found] = run(image, { input: { dtype: 'int8', shape: [1, data.length], data } }).outputs;
  const expected = Array.from({ length: rows * outputs }, (_, i) => {
    const [m, n] = [Math.floor(i / outputs), i % outputs];
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += (data[m * depth + k]! - za) * (data[(rows + n) * depth + k]! - zb);
    return requantizeOracle(sum, { ...body, bias: new Int32Array(1) }, 0, zo);
  });
  assert.equal(found, expected, `${what}: zero points ${za}, ${zb}`);
});

sweep('BATCH_MATMUL of int8, to the bit', (random, what) => {
  const [count, size] = [between(random, 1, 3), between(random, 1, 5)];
  const [za, zo] = [[-128, 0, between(random, -128, 127)][random.integer(3)]!, between(random, -60, 60)];
  const [left, right] = [random.integer(2), random.integer(2)];
  const shape = [1, count, size, size];
  const tensors = [
    { shape, scale: 0.05, zeroPoint: za },
    { shape, scale: 2, zeroPoint: zo },
  ];
  const options = { 0: fb.i8(left), 1: fb.i8(right) };
  const { network } = importTflite(
    tfliteModel(tensors, [{ code: 126, inputs: [0, 0], outputs: [1], options }]),
  );
  const data = int8s(random, count * size * size);
  const [found] = run(compileUnproved(network), {
    input: { dtype: 'int8', shape: [1, ...shape.slice(1)], data },
  }).outputs;
  const at = (matrix: number, row: number, column: number, turned: number): number =>
    data[matrix * size * size + (turned ? column * size + row : row * size + column)]! - za;
  const { multiplier, shift } = quantizeMultiplier((Math.fround(0.05) * Math.fround(0.05)) / 2);
  const body = {
    multipliers: Int32Array.of(multiplier),
    shifts: Int32Array.of(shift),
    clampMin: -128,
    clampMax: 127,
  };
  const expected = Array.from(data, (_, i) => {
    const [matrix, row, column] = [Math.floor(i / size / size), Math.floor(i / size) % size, i % size];
    let sum = 0;
    for (let k = 0; k < size; k++) sum += at(matrix, row, k, left) * at(matrix, k, column, right);
    return requantizeOracle(sum, { ...body, bias: new Int32Array(1) }, 0, zo);
  });
  assert.equal(found, expected, what);
});

sweep('MatMul of two activations, of several heads', (random, what) => {
  const [heads, tokens, depth] = [between(random, 1, 3), between(random, 1, 5), between(random, 1, 4)];
  const nodes: TestNode[] = [
    { op: 'Reshape', inputs: ['x', 's'], outputs: ['q'] },
    { op: 'Transpose', inputs: ['q'], outputs: ['a'], integers: { perm: [0, 2, 1, 3] } },
    { op: 'Transpose', inputs: ['q'], outputs: ['b'], integers: { perm: [0, 2, 3, 1] } },
    { op: 'MatMul', inputs: ['a', 'b'], outputs: ['y'] },
  ];
  const at = (x: Reals, token: number, head: number, d: number): number =>
    x[(token * heads + head) * depth + d]!;
  const expected = (x: Reals): number[] =>
    Array.from({ length: heads * tokens * tokens }, (_, i) => {
      const [head, m, n] = [Math.floor(i / tokens / tokens), Math.floor(i / tokens) % tokens, i % tokens];
      let sum = 0;
      for (let d = 0; d < depth; d++) sum += at(x, m, head, d) * at(x, n, head, d);
      return sum;
    });
  check(what, [1, tokens, heads * depth], nodes, { s: integers(1, tokens, heads, depth) }, expected, random);
});

sweep('LayerNormalization', (random, what) => {
  const [rows, depth] = [between(random, 1, 5), between(random, 2, 9)];
  const constants = { g: reals(random, [depth]), b: reals(random, [depth]) };
  const expected = (x: Reals): number[] =>
    Array.from({ length: rows * depth }, (_, i) => {
      const row = Array.from({ length: depth }, (_, d) => x[Math.floor(i / depth) * depth + d]!);
      const mean = row.reduce((sum, value) => sum + value, 0) / depth;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / depth;
      const [gamma, beta] = [constants.g.values[i % depth], constants.b.values[i % depth]] as [
        number,
        number,
      ];
      return ((x[i]! - mean) / Math.sqrt(variance + 0.01)) * gamma + beta;
    });
  const node: TestNode = {
    op: 'LayerNormalization',
    inputs: ['x', 'g', 'b'],
    outputs: ['y'],
    reals: { epsilon: 0.01 },
  };
  check(what, [1, rows, depth], [node], constants, expected, random);
});

sweep('ConvTranspose: every pixel adds its weights to the map', (random, what) => {
  const [inputs, height, width, kernel] = [
    between(random, 1, 3),
    between(random, 1, 4),
    between(random, 1, 4),
    between(random, 1, 4),
  ];
  const [outputs, stride, dilation] = [between(random, 1, 3), between(random, 1, 3), between(random, 1, 2)];
  const reach = (kernel - 1) * dilation;
  const pad = Math.min(
    random.integer(2),
    reach,
    Math.floor(((Math.min(height, width) - 1) * stride + reach) / 2),
  );
  const [rows, columns] = [height, width].map((size) => (size - 1) * stride + reach + 1 - 2 * pad) as [
    number,
    number,
  ];
  const w = reals(random, [inputs, outputs, kernel, kernel]);
  const expected = (x: Reals): Float64Array => {
    const y = new Float64Array(outputs * rows * columns);
    for (let c = 0; c < inputs; c++)
      for (let i = 0; i < height * width; i++)
        for (let o = 0; o < outputs; o++)
          for (let tap = 0; tap < kernel * kernel; tap++) {
            const row = Math.floor(i / width) * stride + Math.floor(tap / kernel) * dilation - pad;
            const column = (i % width) * stride + (tap % kernel) * dilation - pad;
            if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
            const weight = Number(w.values[(c * outputs + o) * kernel * kernel + tap]!);
            y[(o * rows + row) * columns + column]! += x[c * height * width + i]! * weight;
          }
    return y;
  };
  const node: TestNode = {
    op: 'ConvTranspose',
    inputs: ['x', 'w'],
    outputs: ['y'],
    integers: { strides: [stride, stride], dilations: [dilation, dilation], pads: [pad, pad, pad, pad] },
  };
  check(what, [1, inputs, height, width], [node], { w }, expected, random);
});

for (const mode of ['nearest', 'linear'] as const) {
  sweep(`Resize, ${mode}, half pixels`, (random, what) => {
    const [channels, height, width] = [between(random, 1, 3), between(random, 1, 6), between(random, 1, 6)];
    const [rows, columns] = [between(random, 1, 9), between(random, 1, 9)];
    const axis = (size: number, to: number, i: number): [number, number][] => {
      const at = ((i + 0.5) * size) / to - 0.5;
      const inside = (n: number): number => Math.max(0, Math.min(size - 1, n));
      if (mode === 'nearest') return [[inside(Math.ceil(at - 0.5)), 1]];
      const low = Math.floor(at);
      return [
        [inside(low), 1 - (at - low)],
        [inside(low + 1), at - low],
      ];
    };
    const expected = (x: Reals): number[] =>
      Array.from({ length: channels * rows * columns }, (_, i) => {
        const [c, row, column] = [
          Math.floor(i / rows / columns),
          Math.floor(i / columns) % rows,
          i % columns,
        ];
        let sum = 0;
        for (const [y, a] of axis(height, rows, row))
          for (const [z, b] of axis(width, columns, column)) sum += x[(c * height + y) * width + z]! * a * b;
        return sum;
      });
    const node: TestNode = { op: 'Resize', inputs: ['x', '', '', 's'], outputs: ['y'], texts: { mode } };
    check(
      what,
      [1, channels, height, width],
      [node],
      { s: integers(1, channels, rows, columns) },
      expected,
      random,
    );
  });
}

sweep('ReduceMax, ReduceMin, ReduceL1 and ReduceL2 of any dimensions', (random, what) => {
  const shape = [1, between(random, 1, 4), between(random, 1, 4), between(random, 1, 4)];
  const axes = [1, 2, 3].filter(() => random.integer(2));
  const to = shape.map((size, axis) => (axes.includes(axis) || axes.length === 0 ? 1 : size));
  const f = {
    ReduceMax: (list: number[]) => Math.max(...list),
    ReduceMin: (list: number[]) => Math.min(...list),
    ReduceL1: (list: number[]) => list.reduce((sum, value) => sum + Math.abs(value), 0),
    ReduceL2: (list: number[]) => Math.sqrt(list.reduce((sum, value) => sum + value * value, 0)),
  };
  for (const [op, make] of Object.entries(f)) {
    const expected = (x: Reals): number[] => {
      const lists = Array.from({ length: elementCount({ shape: to }) }, (): number[] => []);
      Array.from(x).forEach((value, i) => {
        let [rest, at, step] = [i, 0, 1];
        for (let axis = 3; axis >= 0; axis--) {
          if (to[axis] !== 1) at += (rest % shape[axis]!) * step;
          step *= to[axis]!;
          rest = Math.floor(rest / shape[axis]!);
        }
        lists[at]!.push(value);
      });
      return lists.map(make);
    };
    const node: TestNode = { op, inputs: ['x'], outputs: ['y'], integers: axes.length > 0 ? { axes } : {} };
    check(`${op} ${what}`, shape, [node], {}, expected, random);
  }
});

test('blocks of pixels to channels and back; copies along dimensions; extremes and quotients of two activations', () => {
  const random = new Random(1);
  const back: TestNode[] = [
    { op: 'SpaceToDepth', inputs: ['x'], outputs: ['d'], integers: { blocksize: 2 } },
    { op: 'DepthToSpace', inputs: ['d'], outputs: ['y'], integers: { blocksize: 2 } },
  ];
  check('there and back', [1, 3, 4, 6], back, {}, (x) => x, random);
  const copied: TestNode[] = [{ op: 'Tile', inputs: ['x', 'n'], outputs: ['y'] }];
  const twice = (x: Reals): number[] =>
    Array.from({ length: 12 }, (_, i) => x[(i % 3) + 3 * (Math.floor(i / 3) % 2)]!);
  check('Tile', [1, 2, 3], copied, { n: integers(1, 2, 1) }, twice, random);
  const pairs = { Max: Math.max, Min: Math.min, Div: (a: number, b: number) => a / b };
  for (const [op, f] of Object.entries(pairs)) {
    const nodes: TestNode[] = [
      { op: 'Exp', inputs: ['x'], outputs: ['e'] },
      { op, inputs: ['x', 'e'], outputs: ['y'] },
    ];
    check(op, [1, 7], nodes, {}, (x) => Array.from(x, (value) => f(value, Math.exp(value))), random);
  }
});

/** An LSTM or a GRU from its definition: the state after each step. */
function recurrence(
  op: 'LSTM' | 'GRU',
  x: Reals,
  [w, r, b]: readonly [Reals, Reals, Reals],
  { steps, depth, size, late }: { steps: number; depth: number; size: number; late: boolean },
): number[] {
  const gates = op === 'LSTM' ? 4 : 3;
  const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
  let [h, c] = [new Array<number>(size).fill(0), new Array<number>(size).fill(0)];
  const all: number[] = [];
  for (let t = 0; t < steps; t++) {
    const input = (gate: number, u: number): number => {
      const o = gate * size + u;
      return Array.from({ length: depth }, (_, i) => w[o * depth + i]! * x[t * depth + i]!).reduce(
        (a, v) => a + v,
        b[o]!,
      );
    };
    const back = (gate: number, u: number, from: number[]): number => {
      const o = gate * size + u;
      return from.reduce((a, v, i) => a + r[o * size + i]! * v, b[gates * size + o]!);
    };
    const units = [...h.keys()];
    if (op === 'LSTM') {
      const [i, o, f] = [0, 1, 2].map((g) => units.map((u) => sigmoid(input(g, u) + back(g, u, h)))) as [
        number[],
        number[],
        number[],
      ];
      c = units.map((u) => f[u]! * c[u]! + i[u]! * Math.tanh(input(3, u) + back(3, u, h)));
      h = units.map((u) => o[u]! * Math.tanh(c[u]!));
    } else {
      const [z, reset] = [0, 1].map((g) => units.map((u) => sigmoid(input(g, u) + back(g, u, h)))) as [
        number[],
        number[],
      ];
      const gated = units.map((u) => reset[u]! * h[u]!);
      const rest = (u: number): number => (late ? reset[u]! * back(2, u, h) : back(2, u, gated));
      h = units.map((u) => (1 - z[u]!) * Math.tanh(input(2, u) + rest(u)) + z[u]! * h[u]!);
    }
    all.push(...h);
  }
  return all;
}

sweep('LSTM and GRU, with the reset gate before and after the product', (random, what) => {
  for (const [op, late] of [
    ['LSTM', false],
    ['GRU', false],
    ['GRU', true],
  ] as const) {
    const [steps, depth, size] = [between(random, 1, 5), between(random, 1, 4), between(random, 1, 5)];
    const width = (op === 'LSTM' ? 4 : 3) * size;
    const constants = {
      w: reals(random, [1, width, depth]),
      r: reals(random, [1, width, size]),
      b: reals(random, [1, 2 * width]),
    };
    const node: TestNode = {
      op,
      inputs: ['x', 'w', 'r', 'b'],
      outputs: ['s'],
      integers: { hidden_size: size, ...(late ? { linear_before_reset: 1 } : {}) },
    };
    const flat: TestNode = { op: 'Reshape', inputs: ['s', 'n'], outputs: ['y'] };
    const plain = ({ values }: TestConstant): Reals => Array.from(values, Number);
    const parts = [plain(constants.w), plain(constants.r), plain(constants.b)] as const;
    const expected = (x: Reals): number[] => recurrence(op, x, parts, { steps, depth, size, late });
    check(
      `${op} ${what}`,
      [steps, 1, depth],
      [node, flat],
      { ...constants, n: integers(1, steps * size) },
      expected,
      random,
    );
  }
});

test('a GRU of 16 steps, quantized: near to the float model, its weights once in the image', () => {
  const random = new Random(5);
  const [steps, depth, size] = [16, 6, 24];
  const constants = {
    w: reals(random, [1, 3 * size, depth]),
    r: reals(random, [1, 3 * size, size]),
    b: reals(random, [1, 6 * size]),
    n: integers(1, size),
  };
  const nodes: TestNode[] = [
    { op: 'Transpose', inputs: ['x'], outputs: ['t'], integers: { perm: [1, 0, 2] } },
    {
      op: 'GRU',
      inputs: ['t', 'w', 'r', 'b'],
      outputs: ['s', 'h'],
      integers: { hidden_size: size, linear_before_reset: 1 },
    },
    { op: 'Reshape', inputs: ['h', 'n'], outputs: ['y'] },
  ];
  const file = onnxModel([1, steps, depth], nodes, constants);
  const data = Float32Array.from({ length: 12 * steps * depth }, () => random.uniform(-1, 1));
  const samples = { dtype: 'float32' as const, shape: [12, steps, depth], data };
  const { network, preprocessing } = importModel(file, { data: samples });
  const image = readImage(compileUnproved(network, { preprocessing, capacitorUf: 2200 }));
  assert.ok(image.constants.bytes < 3 * size * (depth + size) + 90_000, `${image.constants.bytes} bytes`);
  const { outputs, scale, zeroPoint } = run(image, { input: samples });
  const { graph } = importOnnx(file);
  let [signal, noise] = [0, 0];
  outputs.forEach((row, i) => {
    const real = evaluate(graph, data.subarray(i * steps * depth, (i + 1) * steps * depth))[graph.output]!;
    row.forEach((q, at) => {
      signal += real[at]! ** 2;
      noise += ((q - zeroPoint) * scale - real[at]!) ** 2;
    });
  });
  assert.ok(10 * Math.log10(signal / noise) > 25, `${10 * Math.log10(signal / noise)} dB`);
});

test('a block of a transformer, quantized: near to the float model', () => {
  const random = new Random(3);
  const depth = 8;
  const constants = {
    g: reals(random, [depth]),
    w: reals(random, [depth, depth]),
    v: reals(random, [depth, depth]),
    h: { shape: [], values: Float32Array.of(0.3) },
  };
  const nodes: TestNode[] = [
    { op: 'LayerNormalization', inputs: ['x', 'g'], outputs: ['n'] },
    { op: 'MatMul', inputs: ['n', 'w'], outputs: ['q'] },
    { op: 'MatMul', inputs: ['n', 'v'], outputs: ['k'] },
    { op: 'Transpose', inputs: ['k'], outputs: ['t'], integers: { perm: [0, 2, 1] } },
    { op: 'MatMul', inputs: ['q', 't'], outputs: ['s'] },
    { op: 'Mul', inputs: ['s', 'h'], outputs: ['a'] },
    { op: 'Softmax', inputs: ['a'], outputs: ['p'] },
    { op: 'MatMul', inputs: ['p', 'n'], outputs: ['o'] },
    { op: 'Add', inputs: ['x', 'o'], outputs: ['y'] },
  ];
  const file = onnxModel([1, 6, depth], nodes, constants);
  const data = Float32Array.from({ length: 16 * 6 * depth }, () => random.uniform(-2, 2));
  const samples = { dtype: 'float32' as const, shape: [16, 6, depth], data };
  const { network, preprocessing } = importModel(file, { data: samples });
  const { outputs, scale, zeroPoint } = run(compileUnproved(network, { preprocessing, capacitorUf: 470 }), {
    input: samples,
  });
  const { graph } = importOnnx(file);
  let [signal, noise] = [0, 0];
  outputs.forEach((row, i) => {
    const real = evaluate(graph, data.subarray(i * 6 * depth, (i + 1) * 6 * depth))[graph.output]!;
    row.forEach((q, at) => {
      signal += real[at]! ** 2;
      noise += ((q - zeroPoint) * scale - real[at]!) ** 2;
    });
  });
  assert.ok(10 * Math.log10(signal / noise) > 30, `${10 * Math.log10(signal / noise)} dB`);
});

test('as tf2onnx writes them: a Gemm whose third input is computed, an Erfc', () => {
  const random = new Random(5);
  const [v, w] = [reals(random, [4, 3]), reals(random, [4, 3])];
  const nodes = [
    { op: 'MatMul', inputs: ['x', 'v'], outputs: ['a'] },
    { op: 'Gemm', inputs: ['x', 'w', 'a'], outputs: ['b'] },
    { op: 'Erf', inputs: ['b'], outputs: ['e'] },
    { op: 'Erfc', inputs: ['b'], outputs: ['c'] },
    { op: 'Add', inputs: ['e', 'c'], outputs: ['one'] },
    { op: 'Mul', inputs: ['one', 'b'], outputs: ['y'] },
  ];
  const at = ({ values }: TestConstant, i: number, o: number): number => Number(values[i * 3 + o]);
  const expected = (x: Reals): number[] =>
    [0, 1, 2].map((o) => [0, 1, 2, 3].reduce((sum, i) => sum + x[i]! * (at(v, i, o) + at(w, i, o)), 0));
  check('Gemm', [1, 4], nodes, { v, w }, expected, random);
});

test('a constant that would take seconds to compute is refused', () => {
  const nodes = [
    { op: 'Gather', inputs: ['t', 'i'], outputs: ['g'] },
    { op: 'Add', inputs: ['x', 'g'], outputs: ['y'] },
  ];
  const t: TestConstant = { shape: [1, 4096], values: new Float32Array(4096) };
  const file = onnxModel([1, 4], nodes, { t, i: integers(...new Array<number>(2048).fill(0)) });
  assert.throws(() => importOnnx(file), /8388608 values that are known/);
  const wide = onnxModel([1, 4], [{ op: 'Expand', inputs: ['x', 'n'], outputs: ['y'] }], {
    n: integers(1, 2 ** 31 - 1),
  });
  assert.throws(() => importOnnx(wide), /fewer elements/);
});

test.run();
