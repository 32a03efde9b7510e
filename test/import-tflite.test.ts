// TFLite models, bit for bit. Read in place through BROWNOUT_DATA; skipped where they are missing.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readNpy } from '../host/data/npy.js';
import { type ImportedTflite, importTflite } from '../host/import/tflite/import-tflite.js';
import { readImage } from '../host/model/image.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import { completeJob } from '../host/simulator/app.js';
import { compileUnproved } from './util/compile.js';
import { makeDevice } from './util/devices.js';

const folder = process.env['BROWNOUT_DATA'];
const ARENA_BYTES = 32768;

const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(`${folder}/${path}`));
const int8 = (bytes: Uint8Array): Int8Array => Int8Array.from(bytes, (byte) => (byte << 24) >> 24);
const load = (name: string): ImportedTflite => importTflite(bytesOf(`models/${name}.tflite`), { name });

/** Answers of the network on inputs one behind the other. */
function answers(network: QuantizedNetwork, inputs: Int8Array, arenaBytes = ARENA_BYTES): Int8Array {
  const image = readImage(compileUnproved(network, { arenaBytes, nvmBytes: 1 << 23 }));
  const device = makeDevice(image, 'simd');
  const size = elementCount(network.tensors[network.input]!);
  const outputs = elementCount(network.tensors[network.output]!);
  const all = new Int8Array((inputs.length / size) * outputs);
  for (let i = 0; i * size < inputs.length; i++) {
    const input = inputs.slice(i * size, (i + 1) * size);
    const { answer } = completeJob(device, image, { ticket: i + 1, input }, {}, i > 0);
    all.set(answer, i * outputs);
  }
  return all;
}

/** Every tensor that the golden file lists, each from the network up to it. */
function checkTensors(name: string, golden: string, inputs: Int8Array): void {
  const { network, tensors } = load(name);
  const entries = JSON.parse(readFileSync(`${folder}/models/golden/${golden}.bin.json`, 'utf8')) as {
    sample: number;
    tensor: number;
    offset: number;
    bytes: number;
  }[];
  const bytes = bytesOf(`models/golden/${golden}.bin`);
  const size = elementCount(network.tensors[network.input]!);
  for (const tensor of new Set(entries.map((entry) => entry.tensor))) {
    const output = tensors.get(tensor)!;
    const maker = network.ops.findIndex((op) => op.output === output);
    const expected = entries.filter((entry) => entry.tensor === tensor);
    const partial = { ...network, ops: network.ops.slice(0, maker + 1), output };
    const found = answers(partial, inputs.slice(0, size * expected.length));
    const values = expected.flatMap((entry) => [
      ...int8(bytes.subarray(entry.offset, entry.offset + entry.bytes)),
    ]);
    assert.equal([...found], values, `${name}, tensor ${tensor}`);
  }
}

function golden(name: string, input: string, output: string): void {
  const found = answers(load(name).network, int8(bytesOf(`models/golden/${input}`)));
  assert.equal([...found], [...int8(bytesOf(`models/golden/${output}`))]);
}

const features = (): Int8Array => {
  const npy = readNpy(new Uint8Array(gunzipSync(bytesOf('kws/mfcc_i8_500x49x10.npy.gz'))));
  return npy.data as Int8Array;
};

if (folder && existsSync(`${folder}/models`)) {
  test('keyword spotting: 500 answers', () => {
    const expected = readNpy(bytesOf('kws/golden_i8_500x12.npy'));
    assert.equal([...answers(load('kws_ref_model').network, features())], [...expected.data]);
  });
  test('keyword spotting: every tensor of two samples', () => {
    checkTensors('kws_ref_model', 'kws_int8_all_tensors', features());
  });
  test('anomaly detection: 192 answers', () => {
    golden('ad01_int8', 'ad_int8_in_192x640.bin', 'ad_int8_out.bin');
  });
  test('anomaly detection: every tensor of two samples', () => {
    checkTensors('ad01_int8', 'ad_int8_all_tensors', int8(bytesOf('models/golden/ad_int8_in_192x640.bin')));
  });
  test('hello world: all 256 inputs', () => {
    golden('hello_world_int8', 'hello_world_int8_in.bin', 'hello_world_int8_out.bin');
  });
  test('micro speech: 20 answers', () => {
    golden('micro_speech_quantized', 'micro_speech_int8_in.bin', 'micro_speech_int8_out.bin');
  });
  test('person detection: a person and none', () => {
    golden('person_detect', 'person_detect_int8_in.bin', 'person_detect_int8_out.bin');
  });
  test('a keyword model of SVDF: its seven memories are states; floats are named', () => {
    const { inputs, outputs, states } = load('keyword_scrambled_8bit').network;
    assert.is(states!.length, 7);
    assert.is(inputs ?? outputs, undefined);
    assert.match(refused(() => load('hello_world_float')).found, /float32/);
  });
} else {
  console.log('skipped: TFLite models: set BROWNOUT_DATA to the folder that holds models/');
  test.skip('TFLite models', () => {});
}

function refused(action: () => unknown): { found: string } {
  try {
    action();
  } catch (error) {
    return error as { found: string };
  }
  throw new Error('nothing was refused');
}

test.run();
