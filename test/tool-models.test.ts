// Models as PyTorch (both exporters), scikit-learn, onnxruntime's quantizers and Keras write them, against what the runtimes they
// were made for answer. Kept in test/tool-models with the script that makes them anew (make.py).
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NpyArray, readNpy } from '../host/data/npy.js';
import { npzMembers } from '../host/data/npz.js';
import { importModel } from '../host/import/import-model.js';
import { readImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';
import { compileUnproved } from './util/compile.js';

const kept = fileURLToPath(new URL('../../test/tool-models', import.meta.url));
const bytesOf = (file: string): Uint8Array => new Uint8Array(readFileSync(join(kept, file)));

/** Least ratio to the reference, dB; 'equal': every integer. */
const MODELS: [file: string, least: number | 'equal', what: string][] = [
  ['torch-shuffle.onnx', 30, 'channels shuffled, SiLU, GELU in pieces, padding that mirrors'],
  [
    'torch-attention.onnx',
    30,
    'TorchScript: a class token joined, shapes computed with Equal, Where and Mod',
  ],
  ['torch-attention-dynamo.onnx', 30, 'dynamo: the same'],
  ['torch-choice.onnx', 28, 'Greater, Where, GroupNormalization over four values, Einsum'],
  ['torch-words.onnx', 30, 'an embedding of integers'],
  ['torch-gru.onnx', 30, 'a GRU without its last state'],
  ['sklearn-mlp.onnx', 30, 'Normalizer, labels by ArrayFeatureExtractor'],
  ['sklearn-mlp-zipmap.onnx', 30, 'the same with a ZipMap'],
  ['ort-dynamic.onnx', 25, 'ConvInteger and MatMulInteger; the reference has scales of each input'],
  ['ort-operators.onnx', 30, 'QLinearConv and its kin, integers that are moved'],
  ['keras-upsampled.tflite', 'equal', 'RESIZE_BILINEAR of int8'],
];

test('each file is in the table, and they are small', () => {
  const found = readdirSync(kept).filter((name) => !name.endsWith('.npz') && name !== 'make.py');
  assert.equal(found.sort(), MODELS.map(([file]) => file).sort());
  assert.ok(readdirSync(kept).reduce((sum, name) => sum + statSync(join(kept, name)).size, 0) < 200_000);
});

for (const [file, least, what] of MODELS) {
  test(`${file}: ${what}`, () => {
    const { member } = npzMembers(bytesOf(file.replace(/\.\w+$/, '.npz')));
    const [x, y] = ['x', 'y'].map((name) => readNpy(member(name))) as [NpyArray, NpyArray];
    const data = least === 'equal' ? {} : { data: x };
    const { network, preprocessing } = importModel(bytesOf(file), data);
    const image = readImage(compileUnproved(network, { preprocessing, capacitorUf: 1000 }));
    const { outputs, scale, zeroPoint } = run(image, { input: x });
    const found = outputs.flat();
    assert.is(found.length, y.data.length);
    if (least === 'equal') {
      assert.equal(found, Array.from(y.data));
      return;
    }
    let [signal, noise] = [0, 0];
    found.forEach((q, i) => {
      signal += y.data[i]! ** 2;
      noise += ((q - zeroPoint) * scale - y.data[i]!) ** 2;
    });
    const ratio = 10 * Math.log10(signal / noise);
    assert.ok(ratio >= least, `${ratio.toFixed(1)} dB, at least ${least}`);
  });
}

test.run();
