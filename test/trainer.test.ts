// Training at the desk: that it learns, repeats itself to the byte, and refuses what does not fit.
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Desk } from '../host/compress/desk-module.js';
import { type FloatNetwork, parameterCount } from '../host/compress/float-network.js';
import { accuracy, forward } from '../host/compress/forward.js';
import { initialise } from '../host/compress/initialise.js';
import { hasWeights } from '../host/compress/layers.js';
import { train, type TrainingOptions } from '../host/compress/train.js';
import { Random } from '../host/math/random.js';
import { digitsNetwork, digitsTraining } from '../samples/digits.js';
import { splitDigits } from '../samples/mnist.js';

/** Each image is one of four gratings, with noise. */
function gratings(count: number, seed: number): { inputs: Float32Array; labels: Uint8Array } {
  const random = new Random(seed);
  const labels = Uint8Array.from({ length: count }, () => random.integer(4));
  const inputs = Float32Array.from({ length: count * 64 }, (_, index) => {
    const [y, x] = [Math.floor(index / 8) % 8, index % 8];
    const phase = [x, y, x + y, x - y + 8][labels[Math.floor(index / 64)]!]!;
    return (phase % 4 < 2 ? 1 : 0) + random.uniform(-0.6, 0.6);
  });
  return { inputs, labels };
}

function tinyNetwork(seed: number): FloatNetwork {
  const stride = { strideHeight: 1, strideWidth: 1 } as const;
  return initialise(
    {
      inputShape: [8, 8, 1],
      layers: [
        {
          kind: 'conv2d',
          name: 'conv',
          inChannels: 1,
          outChannels: 4,
          kernelHeight: 3,
          kernelWidth: 3,
          ...stride,
          padding: 'same',
          activation: 'relu',
        },
        { kind: 'maxPool2d', name: 'pool', poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 },
        { kind: 'circulant', name: 'fc1', inputs: 64, outputs: 32, blockSize: 8, activation: 'relu' },
        { kind: 'dense', name: 'fc2', inputs: 32, outputs: 4, activation: 'none' },
      ],
    },
    seed,
  );
}

const tinyTraining: TrainingOptions = {
  seed: 1,
  epochs: 12,
  batchSize: 32,
  optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
  learningRate: 0.004,
  warmupEpochs: 1,
  decay: 'cosine',
  weightDecay: 0.01,
  augmentation: { shiftPixels: 1, rotationRadians: 0.1, shear: 0.05, scale: 0.1 },
};

function bytes(network: FloatNetwork): Buffer {
  const parameters = network.layers.flatMap((layer) =>
    hasWeights(layer) ? [layer.weights, layer.bias] : [],
  );
  return Buffer.concat(
    parameters.map((values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
  );
}

test('training learns, with either optimizer', () => {
  const held = gratings(200, 2);
  for (const recipe of [
    tinyTraining,
    { ...tinyTraining, optimizer: { kind: 'momentum', momentum: 0.9 }, learningRate: 0.02, decay: 'linear' },
  ] as const) {
    const losses: number[] = [];
    const network = train(tinyNetwork(1), gratings(400, 1), {
      ...recipe,
      onEpoch: ({ loss }) => losses.push(loss),
    });
    assert.is(losses.length, recipe.epochs);
    assert.ok(losses.at(-1)! < losses[0]! / 3, `loss fell from ${losses[0]} only to ${losses.at(-1)}`);
    assert.ok(accuracy(network, held) > 0.95, `accuracy ${accuracy(network, held)}`);
  }
});

test('one seed gives one result to the byte; another seed another; the argument is left alone', () => {
  const data = gratings(150, 1);
  const start = tinyNetwork(1);
  const before = bytes(start);
  const [first, second, other] = [1, 1, 2].map((seed) =>
    bytes(train(start, data, { ...tinyTraining, epochs: 2, seed })),
  );
  assert.ok(first!.equals(second!));
  // Made on x86-64, Node 20; every engine must give it. It changes only with the kernels, the order of sums or the draws.
  assert.is(
    createHash('sha256').update(first!).digest('hex'),
    'b69814f1d91b5771a8935d3223d3309377189802456bb91148a7c67a16d75219',
  );
  assert.not.ok(first!.equals(other!));
  assert.ok(bytes(start).equals(before));
});

test('forward gives each row the same bits alone and in company, and a result per layer', () => {
  const network = tinyNetwork(3);
  const { inputs } = gratings(130, 4);
  const { outputs, activations } = forward(network, inputs, 130);
  assert.equal(
    activations.map((values) => values.length / 130),
    [256, 64, 32, 4],
  );
  assert.is(activations.at(-1), outputs);
  for (const row of [0, 63, 64, 129]) {
    const alone = forward(network, inputs.slice(row * 64, (row + 1) * 64), 1).outputs;
    assert.equal(alone, outputs.slice(row * 4, (row + 1) * 4));
  }
});

test('warp shifts, rotates and scales about the centre', () => {
  const desk = new Desk();
  const image = Float32Array.from({ length: 25 }, (_, index) => index + 1);
  const from = desk.place(image);
  const to = desk.allocate(100);
  const workspace = desk.allocate(desk.kernels.warpWorkspaceSize(5, 5));
  const warped = (angle: number, shear: number, scale: number, shiftX: number, shiftY: number): number[] => {
    desk.kernels.warp(from, to, 5, 5, 1, angle, shear, scale, shiftX, shiftY, workspace, 0);
    return [...desk.floats(to, 25)].map((value) => Math.round(value * 1000) / 1000);
  };
  const moved = (source: (x: number, y: number) => [number, number]): number[] =>
    Array.from({ length: 25 }, (_, index) => {
      const [x, y] = source(index % 5, Math.floor(index / 5));
      return x < 0 || x > 4 || y < 0 || y > 4 ? 0 : 5 * y + x + 1;
    });
  assert.equal(warped(0, 0, 1, 0, 0), [...image]);
  assert.equal(
    warped(0, 0, 1, 2, -1),
    moved((x, y) => [x - 2, y + 1]),
  );
  assert.equal(
    warped(Math.PI / 2, 0, 1, 0, 0),
    moved((x, y) => [y, 4 - x]),
  );
  assert.equal(
    warped(0, 1, 1, 0, 0),
    moved((x, y) => [x + y - 2, y]),
  );
  assert.equal(
    warped(0, 0, 2, 0, 0),
    moved((x, y) => [1 + x / 2, 1 + y / 2]),
  );
});

test('an elastic warp moves points smoothly and within its limit, by its field; one seed, one field', () => {
  const desk = new Desk();
  const [height, width, most] = [12, 16, 1.5];
  const size = height * width;
  const fields = [7, 7, 8].map((seed) => {
    const field = desk.allocate(8 * size);
    desk.kernels.elasticField(field, height, width, 4, most, seed);
    return { field, values: [...desk.floats(field, 2 * size)] };
  });
  assert.equal(fields[0]!.values, fields[1]!.values);
  assert.not.equal(fields[0]!.values, fields[2]!.values);
  const { field, values } = fields[0]!;
  assert.ok(values.every((move) => Math.abs(move) <= most));
  assert.ok(Math.max(...values.map(Math.abs)) > most / 2);
  // At most three halves of a step between two points of the grid, a pixel.
  values.forEach((move, i) => {
    if (i % width > 0) assert.ok(Math.abs(move - values[i - 1]!) <= (2 * most * 1.5) / 4 + 1e-5);
  });
  // A plane is looked up where the field says: its values are the places, inside the image.
  for (const channels of [1, 2]) {
    const plane = (axis: 0 | 1): Float32Array =>
      Float32Array.from({ length: size * channels }, (_, i) => {
        const at = Math.floor(i / channels);
        return axis === 0 ? at % width : Math.floor(at / width);
      });
    for (const axis of [0, 1] as const) {
      const [from, to] = [desk.place(plane(axis)), desk.allocate(4 * size * channels)];
      const workspace = desk.allocate(desk.kernels.warpWorkspaceSize(height, width));
      desk.kernels.warp(from, to, height, width, channels, 0, 0, 1, 0, 0, workspace, field);
      const warped = desk.floats(to, size * channels);
      for (let y = 2; y < height - 2; y++) {
        for (let x = 2; x < width - 2; x++) {
          const at = y * width + x;
          const expected = (axis === 0 ? x : y) + values[axis * size + at]!;
          assert.ok(Math.abs(warped[at * channels]! - expected) < 1e-4);
        }
      }
    }
  }
});

test('sizes that do not fit are errors', () => {
  const network = tinyNetwork(1);
  const labels = Uint8Array.of(4);
  assert.throws(() => train(network, { inputs: new Float32Array(64), labels }, tinyTraining), /label 4/);
  assert.throws(
    () => forward({ ...network, inputShape: [8, 4, 1] }, new Float32Array(32), 1),
    /fc1 .circulant. with an input/,
  );
  assert.throws(() => forward(network, new Float32Array(65), 1), /65 input values/);
  assert.throws(
    () => train(network, { inputs: new Float32Array(64), labels: new Uint8Array(2) }, tinyTraining),
    /2 labels/,
  );
});

test('the digits split is 2,000 held out, the last 200 of each digit, and learning starts', () => {
  const { training, heldOut } = splitDigits();
  assert.is(heldOut.labels.length, 2000);
  assert.is(training.labels.length, 8000);
  assert.equal(heldOut.labels[399], 1);
  const start = initialise(digitsNetwork(128), 1);
  assert.is(parameterCount(start), 6 * 26 + 16 * 151 + 2 * 2 * 128 + 256 + 10 * 257);
  const few = Uint32Array.from({ length: 1000 }, (_, index) => index * 8);
  const sample = {
    inputs: Float32Array.from(
      { length: 1000 * 784 },
      (_, at) => training.inputs[few[Math.floor(at / 784)]! * 784 + (at % 784)]!,
    ),
    labels: Uint8Array.from(few, (index) => training.labels[index]!),
  };
  const network = train(start, sample, { ...digitsTraining, epochs: 4 });
  assert.ok(accuracy(network, heldOut) > 0.85, `accuracy ${accuracy(network, heldOut)}`);
});

test.run();
