// Several inputs and outputs, and state: by name, from the file to the answer.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { givenSamples } from '../host/data/given-inputs.js';
import type { NpyArray } from '../host/data/npy.js';
import { importModel } from '../host/import/import-model.js';
import { readImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';
import * as fb from '../samples/tflite/flatbuffer-writer.js';
import { int32Tensor, OP, tfliteModel } from '../samples/tflite/model.js';
import { compileUnproved } from './util/compile.js';
import { sumOfTwo } from './util/sum-of-two.js';

const FLOAT = 0;
const SPLIT = 49;

test('two outputs of integers: each with its own scale, names and shapes, and the table of the header', () => {
  const half = { shape: [1, 3], scale: 0.1, zeroPoint: 5 };
  const tensors = [{ shape: [1, 6], scale: 0.1, zeroPoint: 5 }, int32Tensor([1]), half, half];
  const file = tfliteModel(tensors, [
    { code: SPLIT, inputs: [1, 0], outputs: [2, 3], options: { 0: fb.i32(2) } },
  ]);
  const image = readImage(compileUnproved(importModel(file).network));
  const data = Int8Array.of(1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6);
  const { named } = run(image, { input: { dtype: 'int8', shape: [2, 6], data } });
  assert.equal(
    named!.map(({ name, shape, scale, zeroPoint, outputs }) => [
      name,
      shape,
      Math.fround(scale),
      zeroPoint,
      outputs,
    ]),
    [
      [
        't2',
        [3],
        Math.fround(0.1),
        5,
        [
          [1, 2, 3],
          [-1, -2, -3],
        ],
      ],
      [
        't3',
        [3],
        Math.fround(0.1),
        5,
        [
          [4, 5, 6],
          [-4, -5, -6],
        ],
      ],
    ],
  );
  assert.equal(
    image.tensors.outputs.map(({ bytes }) => bytes),
    [3, 3],
  );
});

test('two outputs of a float model, quantized here', () => {
  const float = (shape: number[]) => ({ shape, type: FLOAT });
  const factor = new Uint8Array(Float32Array.of(2).buffer);
  const tensors = [
    float([1, 4]),
    { ...float([1]), data: factor },
    float([1, 4]),
    int32Tensor([1]),
    float([1, 2]),
    float([1, 2]),
  ];
  const file = tfliteModel(tensors, [
    { code: OP.MUL, inputs: [0, 1], outputs: [2], options: { 0: fb.i8(0) } },
    { code: SPLIT, inputs: [3, 2], outputs: [4, 5], options: { 0: fb.i32(2) } },
  ]);
  const data: NpyArray = {
    dtype: 'float32',
    shape: [2, 4],
    data: Float32Array.of(-1, 0.5, 0.25, 1, 1, -0.5, 0, -1),
  };
  const { network, preprocessing } = importModel(file, { data });
  const { named } = run(compileUnproved(network, { preprocessing }), { input: data });
  const reals = named!.map(({ outputs, scale, zeroPoint }) =>
    outputs.map((row) => row.map((q) => (q - zeroPoint) * scale)),
  );
  const expected = [
    [
      [-2, 1],
      [2, -1],
    ],
    [
      [0.5, 2],
      [0, -2],
    ],
  ];
  reals.flat(2).forEach((real, i) => assert.ok(Math.abs(real - expected.flat(2)[i]!) < 0.05, `${reals}`));
});

test('arrays of other names, or of uneven numbers of samples, are refused', () => {
  const image = readImage(compileUnproved(sumOfTwo()));
  const samples = (count: number): NpyArray => ({
    dtype: 'int8',
    shape: [count, 2],
    data: new Int8Array(count * 2),
  });
  assert.throws(() => givenSamples({ inputs: { x: samples(1) } }, image), /E_INPUT_NAME/);
  assert.throws(() => givenSamples({ inputs: { x: samples(1), total: samples(2) } }, image), /E_INPUT_SHAPE/);
  assert.throws(() => givenSamples({ input: samples(1) }, image), /E_INPUT_NAME/);
  assert.throws(() => givenSamples({ input: samples(1), inputs: { x: samples(1) } }, image), /E_INPUT_NAME/);
  const { samples: both } = givenSamples({ inputs: { total: samples(2), x: samples(2) } }, image)!;
  assert.is(both.length, 2);
});

for (const rank of [1, 2])
  test(`SVDF of rank ${rank}: the memory of the last steps, against sums of its definition`, () => {
    const [inputs, units, steps] = [5, 3, 4];
    const filters = units * rank;
    const some = (count: number, seed: number): Int8Array =>
      Int8Array.from({ length: count }, (_, i) => ((i * 53 + seed * 29) % 251) - 125);
    const bytes = (values: Int8Array): Uint8Array => new Uint8Array(values.buffer);
    const [feature, time] = [some(inputs * filters, 1), some(filters * steps, 2)];
    const bias = [40, -70, 15];
    const tensors = [
      { shape: [1, inputs], scale: 0.02, zeroPoint: 7 },
      { shape: [filters, inputs], scale: 0.01, data: bytes(feature) },
      { shape: [filters, steps], scale: 0.01, data: bytes(time) },
      { shape: [units], type: 2, data: new Uint8Array(Int32Array.from(bias).buffer) },
      { shape: [1, filters * steps], scale: 0.04, zeroPoint: -9, variable: true },
      { shape: [1, units], scale: 0.05, zeroPoint: 3 },
    ];
    const file = tfliteModel(tensors, [
      { code: 27, inputs: [0, 1, 2, 3, 4], outputs: [5], options: { 0: fb.i32(rank), 1: fb.i8(0) } },
    ]);
    const data = some(8 * inputs, 3);
    const { outputs } = run(compileUnproved(importModel(file).network), {
      input: { dtype: 'int8', shape: [8, inputs], data },
    });
    const memory = Array.from({ length: filters }, () => new Array<number>(steps).fill(0));
    const int8 = (q: number): number => Math.max(-128, Math.min(127, q));
    outputs.forEach((row, step) => {
      memory.forEach((held, f) => {
        let sum = 0;
        for (let i = 0; i < inputs; i++) sum += feature[f * inputs + i]! * (data[step * inputs + i]! - 7);
        const newest = int8(Math.round((sum * 0.02 * 0.01) / 0.04) - 9) + 9;
        memory[f] = [...held.slice(1), newest];
      });
      row.forEach((found, unit) => {
        let total = bias[unit]!;
        for (let f = unit * rank; f < (unit + 1) * rank; f++)
          total += memory[f]!.reduce((dot, value, t) => dot + value * time[f * steps + t]!, 0);
        const expected = int8(Math.round((total * 0.04 * 0.01) / 0.05) + 3);
        assert.ok(Math.abs(found - expected) <= 1, `step ${step}, unit ${unit}: ${found} for ${expected}`);
      });
    });
  });

test.run();
