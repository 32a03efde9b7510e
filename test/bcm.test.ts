// A block-circulant LeNet that others trained, first-row convention: the recipe of docs/IMPORT.md. Needs BROWNOUT_DATA.
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { splitDigits } from '../samples/mnist.js';
import {
  firstColumns,
  type FloatGraph,
  type GraphOp,
  quantizeGraph,
  readImage,
  readNpy,
} from '../host/index.js';
import { quantizeValues } from '../host/model/affine.js';
import { completeJob } from '../host/simulator/app.js';
import { compileUnproved } from './util/compile.js';
import { makeDevice } from './util/devices.js';

const folder = process.env['BROWNOUT_DATA'] && `${process.env['BROWNOUT_DATA']}/models/bcm_lenet_s50`;
const read = (name: string): Float64Array => {
  return Float64Array.from(readNpy(new Uint8Array(readFileSync(`${folder}/${name}.npy`))).data);
};

/** PyTorch's [out][in][height][width] to [out][height][width][in]. */
function channelsLast(weights: Float64Array, inputs: number, taps: number): Float64Array {
  return Float64Array.from(weights, (_, i) => {
    const [channel, tap] = [i % inputs, Math.floor(i / inputs) % taps];
    return weights[(Math.floor(i / (inputs * taps)) * inputs + channel) * taps + tap]!;
  });
}

function lenet(): FloatGraph {
  const shapes = [
    [28, 28, 1],
    [24, 24, 8],
    [12, 12, 8],
    [8, 8, 25],
    [4, 4, 25],
    [16, 25],
    [25, 16],
    [400],
    [256],
    [10],
  ];
  const relu = [0, Infinity] as const;
  const window = (size: number, stride: number) => {
    return { kernel: [size, size], stride: [stride, stride], dilation: [1, 1], padding: [0, 0] } as const;
  };
  const fc1 = firstColumns(read('fc1.vector'), { blocks: 25, blockRows: 16, blockSize: 16 });
  const layers = [
    {
      kind: 'conv2d',
      name: 'conv1',
      weights: channelsLast(read('conv1.weight'), 1, 25),
      bias: read('conv1.bias'),
      window: window(5, 1),
      bounds: relu,
    },
    { kind: 'maxPool2d', name: 'pool1', window: window(2, 2) },
    {
      kind: 'conv2d',
      name: 'conv2',
      weights: channelsLast(read('conv2.weight'), 8, 25),
      bias: read('conv2.bias'),
      window: window(5, 1),
      bounds: relu,
    },
    { kind: 'maxPool2d', name: 'pool2', window: window(2, 2) },
    // PyTorch flattens channel by channel, and the blocks are channels.
    { kind: 'reshape', name: 'pixels' },
    { kind: 'transpose', name: 'channels' },
    { kind: 'reshape', name: 'flatten' },
    { kind: 'circulant', name: 'fc1', blockSize: 16, weights: fc1, bias: read('fc1.bias'), bounds: relu },
    {
      kind: 'dense',
      name: 'fc2',
      weights: read('fc2.weight'),
      bias: read('fc2.bias'),
      bounds: [-Infinity, Infinity] as const,
    },
  ];
  const ops = layers.map((layer, i) => ({ ...layer, inputs: [i], output: i + 1 })) as GraphOp[];
  return { tensors: shapes.map((shape) => ({ shape })), ops, input: 0, output: 9 };
}

if (folder && existsSync(folder)) {
  test('92 % of the last 100 of each digit', () => {
    const { heldOut, training } = splitDigits();
    const normalize = (pixel: number): number => (pixel - 0.1307) / 0.3081;
    const sample = (inputs: Float32Array, i: number): Float32Array =>
      inputs.slice(i * 784, (i + 1) * 784).map(normalize);
    const samples = Array.from({ length: 100 }, (_, i) => sample(training.inputs, i * 80));
    const network = quantizeGraph(lenet(), { name: 'bcm-lenet', samples });
    const image = readImage(compileUnproved(network));
    assert.ok(image.imageBytes < 40_000, `${image.imageBytes} bytes: circulant layers expanded`);
    const device = makeDevice(image, 'simd');
    let [correct, ticket] = [0, 0];
    for (let i = 0; i < 2000; i++) {
      // Held out are the last 200 of each digit.
      if (i % 200 < 100) continue;
      const input = quantizeValues(sample(heldOut.inputs, i), image.metadata.input);
      const { answer } = completeJob(device, image, { ticket: ++ticket, input }, {}, ticket > 1);
      if (answer.indexOf(Math.max(...answer)) === heldOut.labels[i]) correct++;
    }
    console.log(`${correct / 10} % of ${ticket} digits`);
    assert.ok(correct >= 920, `${correct} of ${ticket}`);
  });
} else {
  console.log('skipped: a foreign block-circulant LeNet: set BROWNOUT_DATA to the folder that holds models/');
  test.skip('a foreign block-circulant LeNet', () => {});
}

test.run();
