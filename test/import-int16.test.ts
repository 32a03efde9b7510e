// Operators of .tflite files of int16, by TensorFlow Lite Micro's own answers (tflite_micro 0.dev20261023182759).
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../host/compile/compile.js';
import { importModel } from '../host/import/import-model.js';
import { crc32 } from '../host/model/crc32.js';
import { logisticLookup, lookUp, tanhLookup } from '../host/model/lookup.js';
import { readImage } from '../host/model/image.js';
import { Random } from '../host/math/random.js';
import { littleEndian } from '../host/model/values.js';
import { run } from '../host/run/run.js';
import * as fb from '../samples/tflite/flatbuffer-writer.js';
import { int32Tensor, OP, tfliteModel } from '../samples/tflite/model.js';
import { compileUnproved } from './util/compile.js';
import { lookupOracle } from './util/fixed-point-oracle.js';

const CODES = { LOGISTIC: 14, TANH: 28 };
const ALL = Int16Array.from({ length: 65536 }, (_, i) => i - 32768);

/** CRC-32 of what TFLM makes of all int16, by the scale of the input: a power of two, next to one, and others. */
const ANSWERS: [scale: number, logistic: number, tanh: number][] = [
  [2 ** -12, 0x928f0a46, 0xabdd53cc],
  [2 ** -11, 0xb68dba64, 0x20f0f708],
  [2 ** -10, 0xba899640, 0x93ee576e],
  [2 ** -13, 0x5179f571, 0x931c6619],
  [2 ** -15, 0xfda51581, 0xc3723410],
  [1.0005 / 4096, 0x928f0a46, 0xabdd53cc],
  [1.002 / 4096, 0x0f0ab350, 0xf2df4ece],
  [1 / 3000, 0xac292546, 0x46f0174f],
  [0.0007, 0x8cf5e9fd, 0x23392ec6],
  [0.01, 0xeba21560, 0x3f149fbf],
  [0.3, 0x12654f6e, 0xfced2c5d],
  [1, 0x62599a46, 0xe39b61cd],
  [2.6, 0xd42fcdeb, 0x14641cf6],
  [1e-5, 0x24f1cc0d, 0xa7b52ac5],
  [1e-7, 0x540ebda1, 0x7cd95bdb],
];

for (const name of ['LOGISTIC', 'TANH'] as const) {
  test(`${name} of every int16 is TFLM's`, () => {
    for (const [scale, logistic, tanh] of ANSWERS) {
      const body = (name === 'TANH' ? tanhLookup : logisticLookup)(Math.fround(scale));
      const found = ALL.map((q) => lookupOracle({ ...body, name }, q));
      assert.is(crc32(littleEndian(found)), name === 'TANH' ? tanh : logistic, `scale ${scale}`);
      // What the desk takes it for in reals is the same.
      for (const q of [-32768, -4097, -1, 0, 1, 2730, 32767])
        assert.is(lookUp(body, q), found[q + 32768], `${q} of scale ${scale}`);
    }
  });

  test(`${name} of int16 in a file, on the device`, () => {
    const [scale, logistic, tanh] = ANSWERS[7]!;
    const file = tfliteModel(
      [
        { shape: [1, 4096], type: 7, scale },
        { shape: [1, 4096], type: 7, scale: 2 ** -15 },
      ],
      [{ code: CODES[name], inputs: [0], outputs: [1] }],
    );
    const { network, preprocessing } = importModel(file);
    const image = readImage(compileUnproved(network, { preprocessing }));
    const { outputs } = run(image, { input: { dtype: 'int16', shape: [16, 4096], data: ALL } });
    assert.is(crc32(littleEndian(Int16Array.from(outputs.flat()))), name === 'TANH' ? tanh : logistic);
  });
}

const SHAPE = [1, 4, 4, 3];
const map = (scale: number) => ({ shape: SHAPE, type: 7, scale });
const bytesOf = (...values: number[]) => littleEndian(Int16Array.from(values));

/** Operators on maps of int16, and the CRC-32 of what TFLM makes of `drawn`; of EXP, TFLite 2.21's reference kernel. */
const OPERATORS: Record<string, { file: Uint8Array; answer: number }> = {
  LEAKY_RELU: {
    file: tfliteModel(
      [map(0.0031), map(0.0017)],
      [{ code: OP.LEAKY_RELU, inputs: [0], outputs: [1], options: { 0: fb.f32(0.3) } }],
    ),
    answer: 0x5a8e5638,
  },
  PRELU: {
    file: tfliteModel(
      [
        map(0.0031),
        { shape: [1, 1, 3], scale: 0.009, zeroPoint: -20, data: Int8Array.of(-128, 3, 127) },
        map(0.0027),
      ],
      [{ code: 54, inputs: [0, 1], outputs: [2] }],
    ),
    answer: 0x7fa2d271,
  },
  ABS: {
    file: tfliteModel([map(0.0031), map(0.0047)], [{ code: 101, inputs: [0], outputs: [1] }]),
    answer: 0x1fdf63f7,
  },
  MINIMUM: {
    file: tfliteModel(
      [map(0.0031), map(0.0031), map(0.0031)],
      [
        { code: OP.LEAKY_RELU, inputs: [0], outputs: [1], options: { 0: fb.f32(-0.3) } },
        { code: 57, inputs: [0, 1], outputs: [2] },
      ],
    ),
    answer: 0x8e3ebde5,
  },
  'MAXIMUM, with a constant': {
    file: tfliteModel(
      [map(0.0031), { shape: [1], type: 7, scale: 0.0031, data: bytesOf(-1234) }, map(0.0031)],
      [{ code: 55, inputs: [0, 1], outputs: [2] }],
    ),
    answer: 0x399a123e,
  },
  SUM: {
    file: tfliteModel(
      [map(0.0031), int32Tensor([1, 2]), { ...map(0.021), shape: [1, 1, 1, 3] }],
      [{ code: 74, inputs: [0, 1], outputs: [2], options: { 0: fb.i8(1) } }],
    ),
    answer: 0x00a8dec7,
  },
  SQUARED_DIFFERENCE: {
    file: tfliteModel(
      [map(0.0031), map(0.0059), map(0.7)],
      [
        { code: OP.LEAKY_RELU, inputs: [0], outputs: [1], options: { 0: fb.f32(0.6) } },
        { code: 99, inputs: [0, 1], outputs: [2] },
      ],
    ),
    answer: 0x6b63a131,
  },
  EXP: {
    file: tfliteModel([map(0.00011), map(0.0014)], [{ code: 47, inputs: [0], outputs: [1] }]),
    answer: 0xee49dc1d,
  },
};

/** Values of the whole of int16, its ends among them. */
const drawn = (count: number): Int16Array => {
  const random = new Random(22);
  return Int16Array.from({ length: count }, (_, i) => [-32768, 32767, 0][i] ?? random.integer(65536) - 32768);
};

for (const [name, { file, answer }] of Object.entries(OPERATORS))
  test(`${name} of int16 is the reference's`, () => {
    const { network, preprocessing } = importModel(file, { reference: 'tflm' });
    const image = readImage(compileUnproved(network, { preprocessing }));
    const data = drawn(20 * 48);
    const { outputs } = run(image, { input: { dtype: 'int16', shape: [20, ...SHAPE.slice(1)], data } });
    assert.is(crc32(littleEndian(Int16Array.from(outputs.flat()))), answer);
  });

/** Of int8, by way of int16. */
const NARROW: Record<string, { file: Uint8Array; answer: number }> = {
  SQUARED_DIFFERENCE: {
    file: tfliteModel(
      [
        { shape: SHAPE, scale: 0.031, zeroPoint: -7 },
        { shape: SHAPE, scale: 0.043, zeroPoint: 21 },
        { shape: SHAPE, scale: 0.09, zeroPoint: -128 },
      ],
      [
        { code: OP.LEAKY_RELU, inputs: [0], outputs: [1], options: { 0: fb.f32(0.7) } },
        { code: 99, inputs: [0, 1], outputs: [2] },
      ],
    ),
    answer: 0x293147a1,
  },
  'QUANTIZE to int16 and back': {
    file: tfliteModel(
      [
        { shape: SHAPE, scale: 0.031, zeroPoint: -7 },
        { shape: SHAPE, scale: 0.029, zeroPoint: -9 },
        map(0.00017),
        { shape: SHAPE, scale: 0.033, zeroPoint: 40 },
      ],
      [
        { code: OP.LEAKY_RELU, inputs: [0], outputs: [1], options: { 0: fb.f32(0.7) } },
        { code: 114, inputs: [1], outputs: [2] },
        { code: 114, inputs: [2], outputs: [3] },
      ],
    ),
    answer: 0xf40b4c42,
  },
};

for (const [name, { file, answer }] of Object.entries(NARROW))
  test(`${name} of int8 is TFLM's`, () => {
    const { network, preprocessing } = importModel(file, { reference: 'tflm' });
    // Proved, as images are: int8 and int16 in one.
    const image = readImage(compile(network, { preprocessing }));
    const data = Int8Array.from(drawn(20 * 48), (q) => q >> 8);
    const { outputs } = run(image, { input: { dtype: 'int8', shape: [20, ...SHAPE.slice(1)], data } });
    assert.is(crc32(littleEndian(Int8Array.from(outputs.flat()))), answer);
  });

test('a logarithm of int16 that a table of 512 does not hold is refused, and says by how much', () => {
  const file = tfliteModel([map(0.0001), map(0.0003)], [{ code: 73, inputs: [0], outputs: [1] }]);
  assert.throws(() => importModel(file), /LOG of int16, off by \d+ steps/);
});

test('LOGISTIC of int16 whose multiplier TFLM cannot hold, or into another scale, is refused by name', () => {
  for (const [scale, to] of [
    [3, 2 ** -15],
    [0.001, 2 ** -14],
  ] as const) {
    const file = tfliteModel(
      [
        { shape: [1, 4], type: 7, scale },
        { shape: [1, 4], type: 7, scale: to },
      ],
      [{ code: CODES.LOGISTIC, inputs: [0], outputs: [1] }],
    );
    assert.throws(() => importModel(file), /LOGISTIC/);
  }
});

test.run();
