// Threads of the trainer: who does a part, and how many parts there are, changes no byte.
import { MessageChannel, Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Claims, type CrewData, KernelTable, newCrewMemory } from '../host/compress/crew-protocol.js';
import { Desk, type KernelCall } from '../host/compress/desk-module.js';
import type { Architecture } from '../host/compress/float-network.js';
import { initialise } from '../host/compress/initialise.js';
import { hasWeights, type LayerShape } from '../host/compress/layers.js';
import { train, type TrainingOptions } from '../host/compress/train.js';
import { Random } from '../host/math/random.js';

const stride = { strideHeight: 1, strideWidth: 1 } as const;
const two = { poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 } as const;

function conv(name: string, size: number, inChannels: number, outChannels: number): LayerShape {
  const kernel = { kernelHeight: size, kernelWidth: size, ...stride };
  return { kind: 'conv2d', name, ...kernel, inChannels, outChannels, padding: 'same', activation: 'relu' };
}

/** Every op of the trainer, large enough to be worth a thread; `deep` has more products a sum than a slice. */
const architecture: Architecture = {
  inputShape: [20, 20, 1],
  layers: [
    { ...conv('conv1', 3, 1, 10), activation: 'none' } as LayerShape,
    { kind: 'batchNorm', name: 'norm', channels: 10, activation: 'relu6' },
    { kind: 'maxPool2d', name: 'pool1', ...two },
    conv('conv2', 3, 10, 30),
    {
      kind: 'depthwiseConv2d',
      name: 'each',
      kernelHeight: 3,
      kernelWidth: 3,
      ...stride,
      inChannels: 30,
      outChannels: 30,
      padding: 'same',
      activation: 'hardTanh',
    },
    { kind: 'add', name: 'sum', other: 'conv2', activation: 'relu' },
    conv('deep', 3, 30, 16),
    conv('conv3', 3, 16, 16),
    { kind: 'maxPool2d', name: 'pool2', ...two },
    { kind: 'averagePool2d', name: 'mean', ...two, strideHeight: 1, strideWidth: 1 },
    { kind: 'circulant', name: 'fc1', inputs: 256, outputs: 192, blockSize: 16, activation: 'relu' },
    { kind: 'dropout', name: 'drop', rate: 0.2 },
    { kind: 'dense', name: 'fc2', inputs: 192, outputs: 5, activation: 'none' },
  ],
};

const random = new Random(1);
const data = {
  inputs: Float32Array.from({ length: 90 * 400 }, () => Math.max(0, random.uniform(-1, 1))),
  labels: Uint8Array.from({ length: 90 }, () => random.integer(5)),
};

const options: TrainingOptions = {
  seed: 1,
  epochs: 2,
  batchSize: 32,
  optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
  learningRate: 0.004,
  warmupEpochs: 1,
  decay: 'cosine',
  weightDecay: 0.01,
};

const ways: Record<string, Partial<TrainingOptions>> = {
  plain: {},
  'changed, blended, taught and rounded': {
    augmentation: { shiftPixels: 1, rotationRadians: 0.1, elasticPixels: 1, gain: 0.1, noise: 0.1 },
    mixup: 0.3,
    teacher: { network: initialise(architecture, 2), weight: 0.5, temperature: 2 },
    rounding: { bits: { conv1: 4, fc2: 2 }, steps: 'learned', inputRange: [0, 1] },
  },
  'by momentum, moved in time': {
    augmentation: { timeShift: 2 },
    optimizer: { kind: 'momentum', momentum: 0.9 },
  },
};

for (const [name, way] of Object.entries(ways)) {
  test(`one, two and three threads train to the same bytes: ${name}`, () => {
    const results = [1, 2, 3].map((threads) =>
      train(initialise(architecture, 1), data, { ...options, ...way, threads }).layers.flatMap((layer) =>
        hasWeights(layer) ? [layer.weights, layer.bias] : [],
      ),
    );
    const start = initialise(architecture, 1).layers.find(({ name: own }) => own === 'conv1')!;
    assert.not.equal(results[0]![0], hasWeights(start) && start.weights);
    assert.equal(results[1], results[0]);
    assert.equal(results[2], results[0]);
  });
}

test('work is cut into a part a thread, at multiples of its unit; room of one part is not that of another', () => {
  const desk = new Desk(3);
  const ranges: [number, number, number][] = [];
  const count = 1000;
  const x = desk.place(Float32Array.from({ length: count }, (_, i) => i - 500));
  const y = desk.place(new Float32Array(count));
  const before = desk.mark();
  desk.inParts(count, 64, (first, some): KernelCall[] => {
    ranges.push([first, some, desk.allocate(64)]);
    return [['relu', x + 4 * first, y + 4 * first, some]];
  });
  assert.is(desk.mark(), before);
  assert.equal(
    ranges.map(([first, some]) => [first, some]),
    [
      [0, 320],
      [320, 320],
      [640, 360],
    ],
  );
  assert.is(new Set(ranges.map(([, , room]) => room)).size, 3);
  assert.equal(
    [...desk.floats(y, count)],
    Array.from({ length: count }, (_, i) => Math.max(0, i - 500)),
  );
  desk.close();
});

test('a thread does parts that nobody else takes, job after job, of desks that it is told of', async () => {
  const memory = newCrewMemory();
  const claims = new Claims(memory.control);
  const desks = [new Desk(), new Desk()];
  const { port1, port2 } = new MessageChannel();
  const workerData: CrewData = { ...memory, module: Desk.module(), port: port2 };
  const url = new URL('../host/compress/crew-worker.js', import.meta.url);
  const worker = new Worker(url, { workerData, transferList: [port2] });
  try {
    for (let job = 0; job < 6; job++) {
      const desk = desks[job % 2]!;
      port1.postMessage({ desk: job % 2, memory: desk.memory });
      const at = desk.place(new Float32Array(4).fill(-1));
      const parts = [0, 1, 2, 3].map((i) => [['clear', at + 4 * i, 1] as const]);
      assert.ok(
        new KernelTable(desk.kernels as unknown as WebAssembly.Exports).write(parts, memory.commands),
      );
      claims.open(job % 2, parts.length);
      const until = Date.now() + 30_000;
      while (!claims.areAllDone(parts.length) && Date.now() < until)
        await new Promise((resolve) => setTimeout(resolve, 5));
      assert.ok(claims.areAllDone(parts.length));
      assert.not(claims.failed);
      assert.equal([...desk.floats(at, 4)], [0, 0, 0, 0]);
      assert.is(claims.take(), undefined);
    }
  } finally {
    await worker.terminate();
    port1.close();
  }
});

test.run();
