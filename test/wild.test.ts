// Models that people deploy, against the answers of the runtimes they were made for. Read through BROWNOUT_DATA (wild/).
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { givenPorts } from '../host/data/given-inputs.js';
import { type NpyArray, readNpy } from '../host/data/npy.js';
import { BrownoutError } from '../host/error.js';
import { importModel, type ImportOptions } from '../host/import/import-model.js';
import { readImage } from '../host/model/image.js';
import { run, type RunResult } from '../host/run/run.js';
import { compileUnproved } from './util/compile.js';

const folder = process.env['BROWNOUT_DATA'];
const wild = (name: string): string => join(folder ?? '', 'wild', name);
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
const array = (path: string): NpyArray | undefined => (existsSync(path) ? readNpy(bytesOf(path)) : undefined);

/** Imports a model of the folder, float ones by the samples beside it, and runs it on its inputs. */
function answers(file: string, options: ImportOptions = {}): RunResult {
  const path = wild(file);
  const stem = path.replace(/\.\w+$/, '');
  const input = array(`${stem}.in.npy`)!;
  const data = array(`${stem}.calib.npy`) ?? input;
  const { network, preprocessing } = importModel(bytesOf(path), {
    name: basename(stem),
    beside: (name) => bytesOf(join(dirname(path), name)),
    ...(data.dtype === 'float32' ? { data } : {}),
    ...options,
  });
  return run(compileUnproved(network, { preprocessing, capacitorUf: 470 }), { input });
}

/** Signal over noise in dB. */
function ratio(file: string, options?: ImportOptions): number {
  const expected = array(wild(file).replace(/\.\w+$/, '.out.npy'))!.data;
  const { outputs, scale, zeroPoint } = answers(file, options);
  const found = outputs.flat();
  assert.is(found.length, expected.length, `${file}: number of values`);
  let [signal, noise] = [0, 0];
  found.forEach((q, i) => {
    signal += expected[i]! ** 2;
    noise += ((q - zeroPoint) * scale - expected[i]!) ** 2;
  });
  return 10 * Math.log10(signal / noise);
}

/** Models of several inputs or outputs, or of integers, whose answers are TFLite Micro's bit for bit. */
const EQUAL: [file: string, what: string][] = [
  ['mlon-rnnoise.tflite', 'four inputs, five outputs, SPLIT, SPLIT_V, UNPACK, PACK, TANH'],
  ['tflm-simple-add.tflite', 'two inputs'],
  ['seanet-add0.tflite', 'two inputs of int16'],
  ['mltk-fingerprint.tflite', 'a mean of 1,764 pixels'],
  ['te-detection.tflite', 'three outputs, RESIZE_NEAREST_NEIGHBOR'],
  ['seanet-leaky_relu0.tflite', 'LEAKY_RELU of int16'],
  ['seanet-sub0.tflite', 'two inputs of int16 that broadcast, SUB'],
  ['seanet-transpose_conv4.tflite', 'a shape as an input, TRANSPOSE_CONV of int16'],
  ['tflm-mnist-lstm-int8.tflite', 'UNIDIRECTIONAL_SEQUENCE_LSTM, its state begun anew with every sample'],
  ['mww2-vad.tflite', 'variables that are kept for 60 steps, a uint8 answer'],
];

/** The arrays of a model's inputs or outputs: one, or several by number. */
function arraysOf(stem: string, what: 'in' | 'out'): NpyArray[] {
  const one = array(`${stem}.${what}.npy`);
  const list: NpyArray[] = one ? [one] : [];
  for (let i = 0; !one; i++) {
    const found = array(`${stem}.${what}${i}.npy`);
    if (!found) break;
    list.push(found);
  }
  return list;
}

function checkEqual(file: string): void {
  const stem = wild(file).replace(/\.\w+$/, '');
  const { network, preprocessing, notes } = importModel(bytesOf(wild(file)));
  assert.equal(
    notes.map((note) => note.split(':')[0]),
    file.includes('lstm') ? ['LSTM'] : [],
    'what a user should know',
  );
  // Checking the plan of the largest takes more than a charge of 100 µF.
  const image = readImage(compileUnproved(network, { preprocessing, capacitorUf: 470 }));
  const inputs = arraysOf(stem, 'in');
  const ports = image.metadata.inputs && givenPorts(image);
  const result = ports
    ? run(image, { inputs: Object.fromEntries(ports.map(({ name }, i) => [name, inputs[i]!])) })
    : run(image, { input: inputs.at(-1)! });
  const expected = arraysOf(stem, 'out');
  const found = result.named ?? [result];
  assert.is(found.length, expected.length, file);
  expected.forEach(({ data, dtype }, i) => {
    const { outputs, scale, zeroPoint } = found[i]!;
    const values = outputs.flat();
    // Floats are what a last DEQUANTIZE makes of integers.
    const exact =
      dtype === 'float32' ? values.map((q) => Math.fround((q - zeroPoint) * Math.fround(scale))) : values;
    assert.equal(exact, Array.from(data), `${file}, output ${i}`);
  });
}

/** Least ratio to the answers of the float model, dB. */
const NEAR: [file: string, least: number, what: string][] = [
  ['crafted/c1-CeqL.onnx', 30, 'as many channels as the map is long: turned all the same'],
  ['crafted/c10-cube.onnx', 30, 'as many channels as rows and columns'],
  ['crafted/c2-valuefloats.onnx', 30, 'a Constant of value_floats'],
  ['crafted/c3-castint.onnx', 30, 'a Cast to int32 cuts off: the layer before it makes int16'],
  ['crafted/c4-avgpad-asym.onnx', 30, 'an AveragePool whose padding counts, on one side'],
  ['crafted/c5-ceil-maxpool.onnx', 30, 'a flattened map comes back channels first'],
  ['crafted/c9-segout.onnx', 30, 'a map comes back channels first'],
  ['crafted/q1-qcdq-uint4.onnx', 30, 'a Clip of integers, unsigned of four bits'],
  ['crafted/q2-qcdq-int4.onnx', 30, 'a Clip of integers of four bits'],
  ['crafted/q3-rescale.onnx', 30, 'a DequantizeLinear of another scale'],
  ['crafted/p-seg-softmax.onnx', 30, 'a Softmax over the channels of a map'],
  ['crafted/r-tcn-chomp.onnx', 30, 'a Slice of an activation'],
  ['burnop-prelu.onnx', 30, 'PRelu'],
  ['deeploy-cct16.onnx', 35, 'a transformer: LayerNormalization, Gelu, products of two activations'],
  ['esp-dl-stream-onnx.onnx', 30, 'padding before alone, sigmoid gates, a Slice'],
  ['onnx2c-atmega-mnist.onnx', 30, 'opset 9'],
  ['rten-mnist-external/mnist.onnx', 30, 'weights in a file of their own'],
  ['tinymaix-mnist-valid-f.tflite', 30, 'float32'],
  ['te-mnist-lenet300-nobias.tflite', 30, 'LOG_SOFTMAX of floats after the last DEQUANTIZE'],
  ['mlc-ad-quant.tflite', 30, 'dynamic range: weights of int8, activations of float32'],
];

/** What ONNX Runtime 1.32 makes of 20 steps of tract-qtdnn.onnx, in steps of its output. */
const QTDNN = [
  0, 61, 127, 0, 127, 0, 0, 78, 87, 127, 0, 0, 0, 0, 0, 22, 127, 0, 46, 0, 127, 33, 0, 14, 0, 8, 66, 47, 0,
  126, 0, 0, 127, 127, 127, 0, 0, 23, 75, 118, 0, 0, 0, 33, 0, 127, 127, 0, 0, 0, 127, 127, 0, 57, 0, 0, 0,
  127, 0, 127, 0, 0, 127, 50, 127, 0, 0, 0, 54, 0, 68, 127, 0, 15, 0, 127, 108, 0, 127, 68, 0, 50, 127, 0,
  127, 0, 0, 127, 103, 127,
];

const REFUSED: [file: string, code: string, found: RegExp][] = [
  ['seanet-quantize0.tflite', 'E_NETWORK', /the input itself, quantized/],
  ['mlon-toycar-onnx.onnx', 'E_ONNX_OP', /on the integers "input_1"/],
];

if (folder && existsSync(wild(''))) {
  for (const [file, least, what] of NEAR) {
    test(`${file}: ${what}`, () => {
      const found = ratio(file);
      assert.ok(found >= least, `${found.toFixed(1)} dB, at least ${least}`);
    });
  }

  test('mlon-kws-m-qdq.onnx: every tensor has its scale: no samples', () => {
    const path = wild('mlon-kws-m-qdq.onnx');
    const { network, preprocessing } = importModel(bytesOf(path));
    assert.is(network.quantization, undefined);
    const expected = array(wild('mlon-kws-m-qdq.out.npy'))!.data;
    const input = array(wild('mlon-kws-m-qdq.in.npy'))!;
    const { outputs, scale, zeroPoint } = run(compileUnproved(network, { preprocessing }), { input });
    outputs.flat().forEach((q, i) => assert.ok(Math.abs((q - zeroPoint) * scale - expected[i]!) < 0.02));
  });

  test('tract-qtdnn.onnx: its length is open, and named; QLinearConv as ONNX Runtime has it but for ties', () => {
    const file = bytesOf(wild('tract-qtdnn.onnx'));
    assert.throws(() => importModel(file), /a sequence of a length that is known.*--shape 20,10/);
    const { network, preprocessing } = importModel(file, { shape: [20, 10] });
    const data = Float32Array.from({ length: 200 }, (_, i) => (((i * 37) % 97) - 48) / 32);
    const input = { dtype: 'float32' as const, shape: [1, 20, 10], data };
    const found = run(compileUnproved(network, { preprocessing }), { input }).outputs.flat();
    assert.is(found.length, QTDNN.length);
    const off = found.map((q, i) => Math.abs(q - QTDNN[i]!));
    // Its scales are powers of two: halves are common, and go to the even number there.
    assert.ok(off.every((steps) => steps <= 1) && off.filter((steps) => steps === 1).length <= 2, `${off}`);
  });

  for (const [file, what] of EQUAL) test(`${file}: ${what}`, () => checkEqual(file));

  for (const [file, code, found] of REFUSED) {
    test(`${file}: refused for what it is`, () => {
      try {
        importModel(bytesOf(wild(file)));
      } catch (error) {
        if (!(error instanceof BrownoutError)) throw error;
        assert.is(error.code, code);
        assert.match(error.found, found);
        assert.not.match(error.hint, /damaged/);
        return;
      }
      assert.unreachable('nothing was refused');
    });
  }
} else {
  console.log('skipped: models that people deploy: set BROWNOUT_DATA to the folder that holds wild/');
  test.skip('models that people deploy', () => {});
}

test.run();
