// ONNX models after quantization, against float and against the published int8 models. Read through BROWNOUT_DATA.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NpyArray, readNpy } from '../host/data/npy.js';
import { evaluate } from '../host/import/float-graph.js';
import { importModel } from '../host/import/import-model.js';
import { importOnnx } from '../host/import/onnx/import-onnx.js';
import { readImage } from '../host/model/image.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import { quantizeValues } from '../host/model/affine.js';
import { completeJob } from '../host/simulator/app.js';
import { compileUnproved } from './util/compile.js';
import { makeDevice } from './util/devices.js';
import { onnxModel } from './util/models.js';

const folder = process.env['BROWNOUT_DATA'];
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(`${folder}/${path}`));

/** Answers as reals. */
function answers(network: QuantizedNetwork, inputs: readonly Float32Array[]): number[][] {
  const image = readImage(compileUnproved(network, { arenaBytes: 32768 }));
  const device = makeDevice(image, 'simd');
  const { scale, zeroPoint } = image.metadata.output;
  return inputs.map((sample, i) => {
    const input = quantizeValues(sample, image.metadata.input);
    const { answer } = completeJob(device, image, { ticket: i + 1, input }, {}, i > 0);
    return Array.from(answer, (q) => (q - zeroPoint) * scale);
  });
}

const samplesOf = (data: Float32Array, size: number): Float32Array[] =>
  Array.from({ length: data.length / size }, (_, i) => data.subarray(i * size, (i + 1) * size));
const batch = (data: Float32Array, shape: number[]): NpyArray => {
  return { dtype: 'float32', shape: [data.length / elementCount({ shape }), ...shape], data };
};
const best = (row: ArrayLike<number>): number => Array.from(row).indexOf(Math.max(...Array.from(row)));

if (folder && existsSync(`${folder}/models`)) {
  test('keyword spotting, quantized here: within a point of the published int8 model', () => {
    const raw = readNpy(new Uint8Array(gunzipSync(bytesOf('kws/mfcc_i8_500x49x10.npy.gz')))).data;
    const labels = readNpy(bytesOf('kws/label_u8.npy')).data;
    const published = readNpy(bytesOf('kws/golden_i8_500x12.npy')).data;
    const features = Float32Array.from(raw, (q) => (q - 83) * 0.584703);
    const data = batch(features.slice(0, 60 * 490), [49, 10, 1]);
    const { network } = importModel(bytesOf('models/kws_ref_model_float32.onnx'), { data });
    let [ours, theirs] = [0, 0];
    answers(network, samplesOf(features, 490)).forEach((row, i) => {
      if (best(row) === labels[i]) ours++;
      if (best(published.subarray(i * 12, i * 12 + 12)) === labels[i]) theirs++;
    });
    assert.ok(ours / 500 >= theirs / 500 - 0.01, `${ours} of 500, published ${theirs}`);
  });
  test('anomaly detection, quantized here: as near to float as the published int8 model', () => {
    const published = importModel(bytesOf('models/ad01_int8.tflite')).network;
    const { scale, zeroPoint } = published.tensors[published.input]!;
    const integers = bytesOf('models/golden/ad_int8_in_192x640.bin');
    const inputs = Float32Array.from(integers, (byte) => (((byte << 24) >> 24) - zeroPoint) * scale);
    const data = batch(inputs.slice(0, 96 * 640), [640]);
    const { network } = importModel(bytesOf('models/ad01_fp32.onnx'), { data });
    const { graph } = importOnnx(bytesOf('models/ad01_fp32.onnx'));
    const samples = samplesOf(inputs, 640);
    const exact = samples.map((sample) => evaluate(graph, sample)[graph.output]!);
    // What the model is for: the error of each reconstruction.
    const anomaly = (rows: readonly ArrayLike<number>[]): number[] =>
      rows.map((row, i) => Array.from(row).reduce((sum, y, j) => sum + (y - samples[i]![j]!) ** 2, 0) / 640);
    const off = (rows: readonly ArrayLike<number>[]): number => {
      const scores = anomaly(exact);
      return (
        anomaly(rows).reduce((sum, score, i) => sum + Math.abs(score - scores[i]!) / scores[i]!, 0) / 192
      );
    };
    const [ours, theirs] = [off(answers(network, samples)), off(answers(published, samples))];
    assert.ok(ours <= theirs + 0.01, `scores off by ${ours}, published ${theirs}`);
  });
  test('a model of channels first: its flattened dense layer sees the same numbers', () => {
    const file = bytesOf('models/lenet5.onnx');
    const { graph, channelsFirst } = importOnnx(file);
    assert.is(channelsFirst, true);
    const inputs = Float32Array.from({ length: 8 * 784 }, (_, i) => ((i * 7919) % 256) / 255);
    const { network } = importModel(file, { data: batch(inputs, [1, 28, 28]) });
    const samples = samplesOf(inputs, 784);
    answers(network, samples).forEach((row, i) => {
      const exact = evaluate(graph, samples[i]!)[graph.output]!;
      const range = Math.max(...exact) - Math.min(...exact);
      row.forEach((y, j) => assert.ok(Math.abs(y - exact[j]!) < range * 0.2, `${row} for ${exact}`));
    });
  });
  test('without samples a float model is refused, and ops that are not supported are named', () => {
    const failure = (action: () => unknown): { code: string; found: string } => {
      try {
        action();
      } catch (error) {
        return error as { code: string; found: string };
      }
      throw new Error('nothing was refused');
    };
    assert.is(failure(() => importModel(bytesOf('models/lenet5.onnx'))).code, 'E_CALIBRATION');
    const nodes = [{ op: 'TopK', inputs: ['x', 'k'], outputs: ['y'] }];
    const { code, found } = failure(() => importOnnx(onnxModel([1, 4], nodes, {})));
    assert.is(code, 'E_ONNX_OP');
    assert.match(found, /node 0 TopK/);
    // Its ArgMax is in the middle.
    const { graph } = importOnnx(bytesOf('models/nodpa_onnx/har_har_cnn-single.onnx'));
    assert.ok(graph.ops.some(({ kind }) => kind === 'argMax'));
  });
} else {
  console.log('skipped: ONNX models: set BROWNOUT_DATA to the folder that holds models/');
  test.skip('ONNX models', () => {});
}

test.run();
