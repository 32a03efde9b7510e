// What users hand over: .npy files, well-formed and not, and their way to a model's input.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countClamped, modelInputs } from '../host/data/model-input.js';
import { type NpyArray, type NpyType, readNpy, writeNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { shippedImage } from '../host/demo/demo.js';
import { BrownoutError } from '../host/error.js';
import { firstDifference } from '../host/simulator/equality.js';
import { readImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';

const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;
const DTYPES = Object.keys(ARRAYS) as NpyType[];

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** A .npy file around a header dictionary, as any writer may pad it. */
function npyFile(dictionary: string, data: Uint8Array, version = 1): Uint8Array {
  const size = dictionary.length;
  const sizes = version === 1 ? [size & 255, size >> 8] : [size & 255, size >> 8, 0, 0];
  return Uint8Array.from([...bytesOf('\x93NUMPY'), version, 0, ...sizes, ...bytesOf(dictionary), ...data]);
}

const raw = ({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBufferLike>): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Equal bytes; a failure names the first that differs. */
function sameBytes(found: ArrayBufferView, expected: ArrayBufferView, what: string): void {
  const at = firstDifference(raw(found), raw(expected));
  if (at >= 0)
    assert.unreachable(`${what}: byte ${at} differs, ${found.byteLength} for ${expected.byteLength} bytes`);
}

/** The code of the error that `action` must throw. */
function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof BrownoutError)) throw error;
    for (const text of [error.found, error.expected, error.hint]) assert.ok(text.length > 0, error.code);
    return error.code;
  }
  return 'no error';
}

test('what we write is what numpy.save writes, byte for byte', () => {
  // np.save(f, np.array([1, -2, 3], dtype=np.int8)), NumPy 2.4.
  const vector = `\x93NUMPY\x01\x00v\x00{'descr': '|i1', 'fortran_order': False, 'shape': (3,), }`;
  const data = new Int8Array([1, -2, 3]);
  assert.equal(
    writeNpy({ dtype: 'int8', shape: [3], data }),
    bytesOf(`${vector}${' '.repeat(60)}\n\x01\xfe\x03`),
  );
  // np.save(f, np.array([[0.5], [-1]], dtype='<f4'))
  const matrix = `\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }`;
  assert.equal(
    writeNpy({ dtype: 'float32', shape: [2, 1], data: new Float32Array([0.5, -1]) }),
    bytesOf(`${matrix}${' '.repeat(58)}\n\x00\x00\x00\x3f\x00\x00\x80\xbf`),
  );
  // np.save(f, np.float64(1.5))
  const scalar = `\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (), }`;
  assert.equal(
    writeNpy({ dtype: 'float64', shape: [], data: new Float64Array([1.5]) }),
    bytesOf(`${scalar}${' '.repeat(62)}\n\x00\x00\x00\x00\x00\x00\xf8\x3f`),
  );
});

test('every type comes back bit for bit, from any place in memory and from a Buffer', () => {
  const random = new Random(5);
  for (const dtype of DTYPES) {
    const bits = Uint8Array.from({ length: 2 * 3 * 8 }, () => random.uint32());
    const data = new ARRAYS[dtype](bits.buffer).slice(0, 6);
    const file = writeNpy({ dtype, shape: [2, 3], data });
    assert.is(file.length % 64, data.byteLength % 64, 'data starts at a multiple of 64');
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    for (const bytes of [file, shifted.subarray(3), Buffer.from(file)]) {
      const array = readNpy(bytes);
      assert.is(array.dtype, dtype);
      assert.equal(array.shape, [2, 3]);
      assert.instance(array.data, ARRAYS[dtype]);
      sameBytes(array.data, data, dtype);
    }
  }
});

test('an image may come in a Buffer, which the run leaves as it was', () => {
  const { file } = shippedImage();
  const buffer = Buffer.from(file);
  sameBytes(readImage(buffer).sample!, shippedImage().sample!, 'its sample');
  assert.equal(run(buffer), run(file));
  sameBytes(buffer, file, 'the file');
});

test('versions 1 to 3 and any spacing are read', () => {
  for (const version of [1, 2, 3]) {
    for (const dictionary of [
      "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }\n",
      "{'shape': (2,), 'fortran_order': False, 'descr': '<i2'}",
      "{'descr':'<i2','fortran_order':False,'shape':(2)}   \n",
    ]) {
      const array = readNpy(npyFile(dictionary, Uint8Array.of(1, 0, 255, 255), version));
      assert.equal(array, { dtype: 'int16', shape: [2], data: new Int16Array([1, -1]) });
    }
  }
  const scalar = "{'descr': '|u1', 'fortran_order': False, 'shape': ()}";
  assert.equal(readNpy(npyFile(scalar, Uint8Array.of(9))).shape, []);
  const empty = "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3)}";
  assert.is(readNpy(npyFile(empty, new Uint8Array())).data.length, 0);
});

test('what is no such file is refused, and at every length a truncated one', () => {
  const header = (descr: string, order: string, shape: string): Uint8Array =>
    npyFile(`{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`, Uint8Array.of(1, 2, 3, 4));
  const refused: Record<string, Uint8Array> = {
    'big-endian': header("'>i4'", 'False', '(1,)'),
    complex: header("'<c8'", 'False', '(1,)'),
    structured: header("[('a', '<i4')]", 'False', '(1,)'),
    object: header("'|O'", 'False', '(1,)'),
    'a name every object has': header("'constructor'", 'False', '(1,)'),
    'its prototype': header("'__proto__'", 'False', '(1,)'),
    'Fortran order': header("'<i4'", 'True', '(1,)'),
    'a larger shape': header("'<i4'", 'False', '(2,)'),
    'a smaller shape': header("'|i1'", 'False', '(3,)'),
    'a huge shape': header("'|i1'", 'False', `(${'9'.repeat(400)},)`),
    'an infinite shape of nothing': header("'|i1'", 'False', `(0, ${'9'.repeat(400)})`),
    'a negative size': header("'|i1'", 'False', '(-4,)'),
    'two sizes without a comma': header("'|i1'", 'False', '(2 2)'),
    'no shape': npyFile("{'descr': '|i1', 'fortran_order': False}", Uint8Array.of(1)),
    'version 4': npyFile("{'descr': '|i1', 'fortran_order': False, 'shape': (1,)}", Uint8Array.of(1), 4),
    'an image': shippedImage().file,
    nothing: new Uint8Array(),
  };
  for (const [name, file] of Object.entries(refused))
    assert.is(
      codeOf(() => readNpy(file)),
      'E_NPY',
      name,
    );
  const whole = writeNpy({ dtype: 'float32', shape: [5], data: new Float32Array(5) });
  for (let length = 0; length < whole.length; length++) {
    assert.is(
      codeOf(() => readNpy(whole.subarray(0, length))),
      'E_NPY',
      `${length} bytes`,
    );
  }
  assert.is(
    codeOf(() => readNpy(Uint8Array.from([...whole, 0]))),
    'E_NPY',
    'a byte more',
  );
});

const TOKENS = [
  "'",
  '(',
  ')',
  ',',
  ' ',
  '\n',
  '0',
  '9',
  '-',
  'e',
  '|i1',
  '<f8',
  '>f4',
  'False',
  'True',
  'shape',
];

/** Between one and four edits somewhere in the file, most of them in its header. */
function mutate(random: Random, file: Uint8Array): Uint8Array {
  let bytes = [...file];
  for (let edits = 1 + random.integer(4); edits > 0; edits--) {
    const at = random.integer(Math.min(bytes.length, random.integer(4) ? 80 : bytes.length) || 1);
    const kind = random.integer(5);
    if (kind === 0) bytes[at] = random.integer(256);
    else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8));
    else if (kind === 2) bytes.splice(at, 1 + random.integer(8));
    else if (kind === 3)
      bytes.splice(at, random.integer(6), ...bytesOf(TOKENS[random.integer(TOKENS.length)]!));
    else bytes = [...bytes.slice(0, at), ...bytes.slice(Math.max(0, at - random.integer(40)))];
  }
  return Uint8Array.from(bytes);
}

function checkArray({ dtype, shape, data }: NpyArray): void {
  assert.instance(data, ARRAYS[dtype]);
  for (const size of shape) assert.ok(Number.isSafeInteger(size) && size >= 0, `size ${size}`);
  assert.is(
    data.length,
    shape.reduce((product, size) => product * size, 1),
  );
}

test('20,000 damaged files give E_NPY or a whole array, nothing else', () => {
  const random = new Random(20_000);
  const seeds = DTYPES.map((dtype) => writeNpy({ dtype, shape: [2, 3], data: new ARRAYS[dtype](6).fill(7) }));
  let valid = 0;
  for (let i = 0; i < 20_000; i++) {
    const file = mutate(random, seeds[i % seeds.length]!);
    try {
      checkArray(readNpy(file));
      valid++;
    } catch (error) {
      const known = error instanceof BrownoutError && error.code === 'E_NPY';
      if (!known) assert.unreachable(`mutation ${i}: ${(error as Error).stack}`);
    }
  }
  assert.ok(valid > 100 && valid < 15_000, `${valid} valid files: the mutations do not bite`);
});

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

test('a leading dimension is a batch, of any size', () => {
  const image = shippedImage();
  const random = new Random(3);
  const data = Int8Array.from({ length: 3 * 784 }, () => random.uint32());
  const samples = modelInputs({ dtype: 'int8', shape: [3, 28, 28, 1], data }, image);
  assert.equal(
    samples,
    [0, 1, 2].map((i) => data.slice(i * 784, (i + 1) * 784)),
  );
  const none = modelInputs({ dtype: 'int8', shape: [0, 28, 28, 1], data: new Int8Array() }, image);
  assert.equal(none, []);
});

test('inputs of another shape, type or scale are refused', () => {
  const image = shippedImage();
  const code = (dtype: NpyType, shape: number[], value: number, fill = 0): string => {
    const data = new ARRAYS[dtype](shape.reduce((product, size) => product * size, 1)).fill(fill);
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
  for (const dtype of ['uint8', 'int16', 'int32'] as const) {
    assert.is(code(dtype, [28, 28, 1], 0), 'E_INPUT_TYPE', dtype);
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
