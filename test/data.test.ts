// What users hand over: .npy files, well-formed and not, and their way to a model's input.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NpyArray, readNpy, writeNpy } from '../host/data/npy.js';
import type { NpyType } from '../host/data/npy-types.js';
import { Random } from '../host/math/random.js';
import { shippedImage } from '../host/demo/demo.js';
import { BrownoutError } from '../host/error.js';
import { firstDifference } from '../host/simulator/equality.js';
import { readImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';
import { readSets } from '../host/data/samples.js';
import { codeOf } from './util/failure.js';
import { zip } from './util/npz-writer.js';

/** What holds each type in memory. */
const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: Float64Array,
  uint64: Float64Array,
  float16: Float32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;
const DTYPES = Object.keys(ARRAYS) as NpyType[];

/** Any value that a type has. */
function anyValue(random: Random, dtype: NpyType): number {
  const bits = random.uint32();
  const wide = Math.floor(bits * 2 ** 20 + (random.uint32() >>> 12));
  switch (dtype) {
    case 'bool':
      return bits & 1;
    case 'int64':
      return bits & 1 ? -wide : wide;
    case 'uint64':
      return wide;
    case 'float16': {
      const size = ((bits >>> 1) & 1023) * 2 ** (random.integer(40) - 24);
      return (bits & 1 ? -1 : 1) * Math.min(size, 65504);
    }
    case 'int8':
    case 'uint8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
    case 'float32':
    case 'float64':
      return ARRAYS[dtype].of(dtype.startsWith('float') ? (bits - 2 ** 31) / 7e5 : bits)[0]!;
  }
}

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
    const data = new ARRAYS[dtype](6);
    for (let i = 0; i < 6; i++) data[i] = anyValue(random, dtype);
    const file = writeNpy({ dtype, shape: [2, 3], data });
    const bytes = Number(/\d+/.exec(dtype)?.[0] ?? 8) / 8;
    assert.is(file.length, 128 + 6 * bytes, 'data starts at a multiple of 64');
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
    complex: header("'<c8'", 'False', '(1,)'),
    structured: header("[('a', '<i4')]", 'False', '(1,)'),
    object: header("'|O'", 'False', '(1,)'),
    'a name every object has': header("'constructor'", 'False', '(1,)'),
    'its prototype': header("'__proto__'", 'False', '(1,)'),
    'no order': header("'<i4'", 'Maybe', '(1,)'),
    'extended floats': header("'<f16'", 'False', '(1,)'),
    texts: header("'<U1'", 'False', '(1,)'),
    times: header("'<M8[ns]'", 'False', '(1,)'),
    'a bool of 2': header("'|b1'", 'False', '(4,)'),
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

test('big-endian and Fortran order are read to the same values', () => {
  const dictionary = (descr: string, order: string): string =>
    `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (2, 3), }`;
  // [[1, 2, 3], [4, 5, 6]], column by column.
  const columns = Uint8Array.of(0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6);
  assert.equal(readNpy(npyFile(dictionary('>i2', 'True'), columns)), {
    dtype: 'int16',
    shape: [2, 3],
    data: Int16Array.of(1, 2, 3, 4, 5, 6),
  });
  const deep = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }";
  const { data } = readNpy(
    npyFile(
      deep,
      Uint8Array.from({ length: 24 }, (_, i) => i),
    ),
  );
  // Element [a][b][c] is stored at a + 2 b + 6 c.
  data.forEach((value, i) => {
    const [a, b, c] = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4] as const;
    assert.is(value, a + 2 * b + 6 * c);
  });
});

test('64-bit integers are exact, and refused where no number can hold them', () => {
  const file = (descr: string, ...values: bigint[]): Uint8Array => {
    const data = new DataView(new ArrayBuffer(values.length * 8));
    values.forEach((value, i) => {
      data.setBigInt64(i * 8, BigInt.asIntN(64, value), true);
    });
    const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${values.length},), }`;
    return npyFile(header, new Uint8Array(data.buffer));
  };
  const most = 2n ** 53n - 1n;
  assert.equal(readNpy(file('<i8', most, -most, 0n)).data, Float64Array.of(Number(most), -Number(most), 0));
  for (const bytes of [file('<i8', 5n, most + 1n), file('<i8', -most - 2n), file('<u8', 2n ** 64n - 1n)])
    assert.is(
      codeOf(() => readNpy(bytes)),
      'E_NPY',
    );
});

test('halves are read to what IEEE 754 says, all 65,536 of them, and written back', () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const header = "{'descr': '<f2', 'fortran_order': False, 'shape': (65536,), }";
  const { data } = readNpy(npyFile(header, raw(bits)));
  data.forEach((value, i) => {
    // By way of the double that has the same fields.
    const [sign, exponent, fraction] = [i >> 15, (i >> 10) & 31, i & 1023] as const;
    const normal = (1 + fraction / 1024) * 2 ** (exponent - 15);
    const size =
      exponent === 31 ? (fraction ? Number.NaN : Infinity) : exponent ? normal : fraction * 2 ** -24;
    if (!Object.is(value, sign ? -size : size)) assert.unreachable(`${i}: ${value}, expected ${size}`);
  });
  const again = readNpy(writeNpy({ dtype: 'float16', shape: [65536], data }));
  sameBytes(again.data, data, 'written');
  // Between two halves: to the nearest, ties to even.
  const between = Float32Array.of(1 + 1 / 2048, 1 + 3 / 2048, 1.0006, 65519, 65520, 2 ** -25, 2 ** -24 * 1.5);
  const rounded = readNpy(writeNpy({ dtype: 'float16', shape: [7], data: between })).data;
  assert.equal([...rounded], [1, 1 + 2 / 1024, 1 + 1 / 1024, 65504, Infinity, 0, 2 ** -23]);
});

test('names of classes count in the same order in both sets of a .npz', () => {
  const texts = (names: string): Uint8Array =>
    npyFile(
      `{'descr': '<U1', 'fortran_order': False, 'shape': (${names.length},), }`,
      new Uint8Array(Uint32Array.from(names, (name) => name.charCodeAt(0)).buffer),
    );
  const samples = (count: number): Uint8Array =>
    writeNpy({ dtype: 'float32', shape: [count, 1], data: new Float32Array(count) });
  const path = join(mkdtempSync(join(tmpdir(), 'brownout-data-')), 'sets.npz');
  const arrays = { x: samples(4), y: texts('bcab'), x_test: samples(2), y_test: texts('cb') };
  writeFileSync(
    path,
    zip(Object.entries(arrays).map(([name, content]) => ({ name: `${name}.npy`, content }))),
  );
  const { training, test: tested } = readSets(path);
  // By itself the test set would have b as 0.
  assert.equal(
    [[...training.labels], [...tested!.labels]],
    [
      [1, 2, 0, 1],
      [2, 1],
    ],
  );
  rmSync(dirname(path), { recursive: true });
});

test.run();
