// xray on public models: none is called faulty, and planted faults are found. Read in place through BROWNOUT_DATA.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NpyArray, readNpy } from '../host/data/npy.js';
import { importModel } from '../host/import/import-model.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { xray, type XrayOutput } from '../host/xray/xray.js';
import { compileUnproved } from './util/compile.js';
import * as plant from './util/plant.js';

const folder = process.env['BROWNOUT_DATA'];
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(`${folder}/${path}`));
const int8 = (path: string, shape: number[]): NpyArray => {
  const data = new Int8Array(bytesOf(path));
  return { dtype: 'int8', shape: [data.length / shape.reduce((a, b) => a * b), ...shape], data };
};
const features = (): NpyArray => {
  const raw = readNpy(new Uint8Array(gunzipSync(bytesOf('kws/mfcc_i8_500x49x10.npy.gz')))).data;
  const data = Float32Array.from(raw.slice(0, 60 * 490), (q) => (q - 83) * 0.584703);
  return { dtype: 'float32', shape: [60, 49, 10, 1], data };
};

function look(network: QuantizedNetwork, reference: Uint8Array, data: NpyArray): XrayOutput {
  return xray(compileUnproved(network, { nvmBytes: 1 << 23 }), { reference, data, samples: 4 });
}

function expectFault(
  network: QuantizedNetwork,
  at: number,
  reference: Uint8Array,
  data: NpyArray,
  faulty: QuantizedNetwork,
  cause: string,
): void {
  const [fault] = look(faulty, reference, data).faults;
  assert.equal([fault?.layer, fault?.cause], [network.ops[at]!.name, cause], fault?.summary);
}

/** All eight, each in the middle of the network. */
function plantAll(network: QuantizedNetwork, reference: Uint8Array, data: NpyArray): void {
  const middle = (...kinds: Parameters<typeof plant.opsOf>[1][]): number | undefined => {
    const all = plant.opsOf(network, ...kinds);
    return all[all.length >> 1];
  };
  const weighted = middle('conv2d', 'depthwiseConv2d', 'dense')!;
  const expect = (at: number | undefined, faulty: (at: number) => QuantizedNetwork, cause: string): void => {
    if (at !== undefined) expectFault(network, at, reference, data, faulty(at), cause);
  };
  expect(middle('conv2d'), (at) => plant.swapChannels(network, at), 'channel-order');
  expect(weighted, (at) => plant.shiftZeroPoint(network, at, 20), 'zero-point');
  expect(weighted, (at) => plant.scaleLayer(network, at, 1), 'scale');
  expect(weighted, (at) => plant.narrowRange(network, at, 8), 'saturation');
  expect(weighted, (at) => plant.truncateWeights(network, at, 0.6), 'truncated-weights');
  expect(middle('dense'), (at) => plant.transposeDense(network, at), 'transposed-dense');
  expect(middle('depthwiseConv2d'), (at) => plant.changePadding(network, at, [0, 0]), 'padding');
  const raw = { ...data, data: (data.data as Float32Array).map((x) => x * 4) };
  const [fault] = look(network, reference, raw).faults;
  assert.equal([fault?.layer, fault?.cause], ['input', 'input-scaling'], fault?.summary);
}

if (folder && existsSync(`${folder}/models`)) {
  test('models of TensorFlow Lite as they are have no fault', () => {
    const models: [string, NpyArray][] = [
      ['kws_ref_model', features()],
      ['ad01_int8', int8('models/golden/ad_int8_in_192x640.bin', [640])],
      ['hello_world_int8', int8('models/golden/hello_world_int8_in.bin', [1])],
      ['micro_speech_quantized', int8('models/golden/micro_speech_int8_in.bin', [1960])],
      ['person_detect', int8('models/golden/person_detect_int8_in.bin', [96, 96, 1])],
    ];
    for (const [name, data] of models) {
      const file = bytesOf(`models/${name}.tflite`);
      assert.equal(look(importModel(file).network, file, data).faults, [], name);
    }
  });
  test('keyword spotting, TensorFlow Lite: eight faults', () => {
    const file = bytesOf('models/kws_ref_model.tflite');
    plantAll(importModel(file).network, file, features());
  });
  test('keyword spotting, ONNX quantized here: sound, and eight faults', () => {
    const file = bytesOf('models/kws_ref_model_float32.onnx');
    const data = features();
    const { network } = importModel(file, { data });
    assert.equal(look(network, file, data).faults, []);
    plantAll(network, file, data);
  });
  test('the int8 model held against the float one it was made from', () => {
    const published = importModel(bytesOf('models/kws_ref_model.tflite')).network;
    const { layers, faults } = look(published, bytesOf('models/kws_ref_model_float32.onnx'), features());
    assert.ok(layers.every(({ reference }) => reference !== undefined));
    console.log(faults.map(({ layer, summary }) => `${layer}: ${summary}`).join('\n'));
  });
} else {
  console.log('skipped: x-ray of public models: set BROWNOUT_DATA to the folder that holds models/');
  test.skip('x-ray of public models', () => {});
}

test.run();
