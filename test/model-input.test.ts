// From arrays and files to a model's input: what is codes and what is reals, shapes, ranges, labels.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countClamped, type InputArray, modelInputs, realInputs } from '../host/data/model-input.js';
import { type NpyArray, readNpy, writeNpy } from '../host/data/npy.js';
import { NPY_TYPES, type NpyType } from '../host/data/npy-types.js';
import { readSamples } from '../host/data/samples.js';
import { shippedImage } from '../host/demo/demo.js';
import { Random } from '../host/math/random.js';
import { run } from '../host/run/run.js';
import { codeOf } from './util/failure.js';
import { npz } from './util/npz-writer.js';

const shippedFile = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../checkpoints/${name}`, import.meta.url)));

test('floats are quantized as the image says, int8 is taken as it is', () => {
  const image = shippedImage();
  const { scale, zeroPoint, shape } = image.metadata.input;
  const floats = Float64Array.from({ length: 784 }, (_, i) => (i % 256) / 255);
  const expected = Int8Array.from(floats, (x) => Math.round(x / scale) + zeroPoint);
  const [fromDoubles] = modelInputs({ dtype: 'float64', shape: [28, 28, 1], data: floats }, image);
  const [fromFloats] = modelInputs(
    { dtype: 'float32', shape: [28, 28, 1], data: Float32Array.from(floats) },
    image,
  );
  assert.equal(fromDoubles, expected);
  assert.equal(fromFloats, expected);
  assert.equal(modelInputs({ dtype: 'int8', shape: [...shape], data: expected }, image), [expected]);
});

test('a leading dimension is a batch, of any size but none', () => {
  const image = shippedImage();
  const random = new Random(3);
  const data = Int8Array.from({ length: 3 * 784 }, () => random.uint32());
  const samples = modelInputs({ dtype: 'int8', shape: [3, 28, 28, 1], data }, image);
  assert.equal(
    samples,
    [0, 1, 2].map((i) => data.slice(i * 784, (i + 1) * 784)),
  );
  const none = { dtype: 'int8' as const, shape: [0, 28, 28, 1], data: new Int8Array() };
  assert.throws(() => modelInputs(none, image), /E_INPUT_SHAPE/);
});

test('inputs of another shape, type or scale are refused', () => {
  const image = shippedImage();
  const code = (dtype: NpyType, shape: number[], value: number, fill = 0): string => {
    const data = NPY_TYPES[dtype].array(shape.reduce((product, size) => product * size, 1)).fill(fill);
    data[data.length - 1] = value;
    return codeOf(() => modelInputs({ dtype, shape, data }, image));
  };
  for (const shape of [
    [783],
    [56, 14],
    [28, 28, 2],
    [2, 2, 28, 28, 1],
    [1, 27, 28, 1],
    [2, 28, 14],
    [28, 1, 27],
  ]) {
    assert.is(code('float32', shape, 0), 'E_INPUT_SHAPE', `${shape}`);
  }
  assert.is(
    codeOf(() => modelInputs({ dtype: 'int8', shape: [], data: new Int8Array(1) }, image)),
    'E_INPUT_SHAPE',
  );
  // Integers of another type are reals, and no codes: they must fit.
  for (const dtype of ['uint8', 'int16', 'int32', 'uint32', 'int64', 'uint64'] as const) {
    assert.is(code(dtype, [28, 28, 1], 1), 'no error', dtype);
    assert.is(code(dtype, [28, 28, 1], 2), 'E_INPUT_RANGE', dtype);
  }
  for (const value of [Number.NaN, Infinity, -Infinity]) {
    assert.is(code('float64', [28, 28, 1], value), 'E_INPUT_RANGE', `${value}`);
    assert.is(code('float32', [2, 28, 28, 1], value), 'E_INPUT_RANGE', `${value} in a batch`);
  }
  // Dimensions of 1 left out or added, and flat samples.
  for (const shape of [[784], [28, 28], [1, 28, 28], [3, 28, 28], [3, 784], [1, 28, 1, 28, 1]])
    assert.is(code('float32', shape, 0), 'no error', `${shape}`);
  for (const value of [0, 1, 1.005, -0.02, 255])
    assert.is(code('float64', [28, 28, 1], value), 'no error', `${value}`);
});

test('one rule says what is codes and what is reals, and a word of one’s own goes before it', () => {
  const image = shippedImage();
  const { scale, zeroPoint } = image.metadata.input;
  const codes = Int8Array.from({ length: 784 }, (_, i) => (i % 256) - 128);
  const shape = [28, 28, 1];
  const reals = Float64Array.from(codes, (code) => (code - zeroPoint) * scale);
  const own: InputArray = { dtype: 'int8', shape, data: codes };
  assert.equal(modelInputs(own, image), [codes]);
  assert.equal(modelInputs({ dtype: 'float64', shape, data: reals }, image), [codes]);
  // The same codes in other types, which say that they are.
  for (const dtype of ['int64', 'float32', 'float64', 'int16'] as const) {
    const data = NPY_TYPES[dtype].array(784);
    data.set(codes);
    assert.equal(modelInputs({ dtype, shape, data, as: 'codes' }, image), [codes], dtype);
  }
  const off: InputArray = { dtype: 'float32', shape, data: new Float32Array(784).fill(0.5), as: 'codes' };
  assert.is(
    codeOf(() => modelInputs(off, image)),
    'E_INPUT_TYPE',
  );
  // Ones and zeros of int8 that are what the model was trained on.
  const ones = Int8Array.from({ length: 784 }, (_, i) => i % 2);
  const [said] = modelInputs({ dtype: 'int8', shape, data: ones, as: 'reals' }, image);
  assert.equal(
    said,
    Int8Array.from(ones, (x) => Math.round(x / scale) + zeroPoint),
  );
  // Before there is an image there are no codes: what would be codes later is not reals without a word.
  for (const dtype of ['int8', 'int16'] as const) {
    const array: InputArray = { dtype, shape: [784], data: NPY_TYPES[dtype].array(784) };
    assert.is(
      codeOf(() => realInputs(array, shape)),
      'E_INPUT_AS',
      dtype,
    );
    assert.is(realInputs({ ...array, as: 'reals' }, shape).length, 1);
  }
  assert.is(
    codeOf(() => realInputs({ dtype: 'float32', shape, data: new Float32Array(784), as: 'codes' }, shape)),
    'E_INPUT_AS',
  );
  assert.is(
    codeOf(() =>
      realInputs({ dtype: 'float32', shape: [784], data: new Float32Array(784).fill(Number.NaN) }, shape),
    ),
    'E_INPUT_RANGE',
  );
});

test('readSamples: codes, labels and what was read, from a path or bytes, as an image takes them', () => {
  const image = shippedImage();
  const samples = readNpy(shippedFile('digits-samples.npy'));
  const labels = readNpy(shippedFile('digits-labels.npy'));
  const count = labels.data.length;
  const y: NpyArray = { dtype: 'int64', shape: [count], data: Float64Array.from(labels.data) };
  const { scale, zeroPoint } = image.metadata.input;
  const x: NpyArray = {
    dtype: 'float32',
    shape: samples.shape,
    data: Float32Array.from(samples.data as Int8Array, (code) => (code - zeroPoint) * scale),
  };
  for (const [file, as, dtype] of [
    [npz({ x: samples, y }, 8), 'codes', 'int8'],
    [npz({ x, y }), 'reals', 'float32'],
  ] as const) {
    const { inputs, labels: found, read } = readSamples(file, image);
    assert.equal(read, { format: 'npz', dtype, as });
    assert.equal([...found!], [...labels.data]);
    assert.is(inputs.length, count);
    inputs.forEach((input, i) => {
      assert.equal(input, (samples.data as Int8Array).subarray(i * 784, (i + 1) * 784), `sample ${i}`);
    });
  }
  const both = npz({
    x: samples,
    y,
    x_test: { ...samples, shape: [1, 784], data: samples.data.slice(0, 784) },
    y_test: { ...y, shape: [1], data: y.data.slice(0, 1) },
  });
  assert.is(readSamples(both, image, { set: 'test' }).inputs.length, 1);
  assert.is(readSamples(both, image).inputs.length, count);
  const path = fileURLToPath(new URL('../../checkpoints/digits-samples.npy', import.meta.url));
  const labelled = readSamples(path, image, { labels: shippedFile('digits-labels.npy') });
  assert.equal([labelled.inputs.length, [...labelled.labels!]], [count, [...labels.data]]);
  assert.is(
    codeOf(() =>
      readSamples(path, image, { labels: writeNpy({ dtype: 'uint8', shape: [2], data: new Uint8Array(2) }) }),
    ),
    'E_LABEL',
  );
});

test('values outside the range are clamped as TFLite does, counted, and warned of where they are many', () => {
  const image = shippedImage();
  const data = new Float32Array(784);
  data.set([-0.5, 1.5, 300, 1.0001], 0);
  const few: NpyArray = { dtype: 'float32', shape: [28, 28, 1], data };
  const { scale, zeroPoint } = image.metadata.input;
  const [values] = modelInputs(few, image);
  const expected = [-0.5, 1.5, 300, 1.0001].map((x) =>
    Math.max(-128, Math.min(127, Math.round(x / scale) + zeroPoint)),
  );
  assert.equal([...values!.subarray(0, 4)], expected);
  assert.equal(countClamped(few, image), { clamped: 3, values: 784 });
  const many = countClamped({ ...few, data: new Float32Array(784).fill(255) }, image);
  assert.is(many.clamped, 784);
  assert.match(many.warning!, /^100 % .* outside 0 to 1/);
  assert.is(run(image, { input: few }).clamped, 3);
});

test.run();
