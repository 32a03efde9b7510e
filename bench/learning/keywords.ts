// Spoken digits, leaving one speaker out: a small network learns the other four, then a few labelled words of this one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from '../../host/compress/float-network.js';
import { initialise } from '../../host/compress/initialise.js';
import { quantize } from '../../host/compress/quantize.js';
import { train } from '../../host/compress/train.js';
import { readNpy } from '../../host/data/npy.js';
import type { Sample } from '../../host/learning/mirror.js';
import type { LearnOptions } from '../../host/learning/spec.js';
import { Random } from '../../host/math/random.js';
import { quantizeValues } from '../../host/model/affine.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';
import { spokenData } from '../../samples/datasets.js';
import { draw, mean, type Method, prototype, sums, unadapted } from './methods.js';

const [SIZE, DIGITS] = [54, 10];
const PIXELS = SIZE * SIZE;
export const WORDS = [5, 10];
const DRAWS = 4;
/** Words of other speakers, for what sums begin with. */
const FACTORY = 400;
const LEAST_TRAINING_INDEX = 5;

interface Spoken {
  inputs: Float32Array;
  labels: Uint8Array;
  speakers: Uint8Array;
}

/** All recordings: those to train on first, then those of the set's own test. */
function readSpoken(folder: string): Spoken {
  const { training, test } = spokenData();
  const meta = readNpy(new Uint8Array(readFileSync(join(folder, 'fsdd', 'meta_i32_Nx5.npy')))).data;
  const rows = Array.from({ length: meta.length / 5 }, (_, row) => meta.subarray(5 * row, 5 * row + 5));
  const trains = rows.filter((row) => row[2]! >= LEAST_TRAINING_INDEX);
  const inOrder = [...trains, ...rows.filter((row) => !trains.includes(row))];
  const inputs = new Float32Array(inOrder.length * PIXELS);
  inputs.set(training.inputs);
  inputs.set(test.inputs, training.inputs.length);
  return {
    inputs,
    labels: Uint8Array.from(inOrder, ([digit]) => digit!),
    speakers: Uint8Array.from(inOrder, ([, speaker]) => speaker!),
  };
}

const layer = { kind: 'conv2d', padding: 'valid', activation: 'relu' } as const;
const pool = { kind: 'maxPool2d', poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 } as const;

/** 54×54 → 25×25×8 → 12×12 → 10×10×16 → 5×5 → 64 → 10. */
const ARCHITECTURE: Architecture = {
  inputShape: [SIZE, SIZE, 1],
  layers: [
    {
      ...layer,
      ...{ name: 'conv1', inChannels: 1, outChannels: 8 },
      ...{ kernelHeight: 5, kernelWidth: 5, strideHeight: 2, strideWidth: 2 },
    },
    { ...pool, name: 'pool1' },
    {
      ...layer,
      ...{ name: 'conv2', inChannels: 8, outChannels: 16 },
      ...{ kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1 },
    },
    { ...pool, name: 'pool2' },
    { kind: 'dense', name: 'fc1', inputs: 400, outputs: 64, activation: 'relu' },
    { kind: 'dense', name: 'fc2', inputs: 64, outputs: DIGITS, activation: 'none' },
  ],
};

function pretrain({ inputs, labels, speakers }: Spoken, left: number): QuantizedNetwork {
  const chosen = [...speakers.keys()].filter((i) => speakers[i] !== left);
  const data = {
    inputs: new Float32Array(chosen.length * PIXELS),
    labels: Uint8Array.from(chosen, (i) => labels[i]!),
  };
  chosen.forEach((from, to) => {
    data.inputs.set(inputs.subarray(from * PIXELS, (from + 1) * PIXELS), to * PIXELS);
  });
  const network = train(initialise(ARCHITECTURE, 1), data, {
    seed: 1,
    epochs: 16,
    batchSize: 32,
    optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
    learningRate: 0.002,
    warmupEpochs: 1,
    decay: 'cosine',
    weightDecay: 0.05,
  });
  const count = 400;
  const calibration = data.inputs.slice(0, count * PIXELS);
  return quantize(network, { name: 'words', calibration, count, minimum: -2, maximum: 2 });
}

function samplesOf(
  network: QuantizedNetwork,
  { inputs, labels, speakers }: Spoken,
  speaker: number,
): Sample[] {
  const spec = network.tensors[network.input]!;
  return [...speakers.keys()]
    .filter((i) => speakers[i] === speaker)
    .map((i) => {
      const input = quantizeValues(inputs.subarray(i * PIXELS, (i + 1) * PIXELS), spec) as Int8Array;
      return { input, label: labels[i]! };
    });
}

export interface KeywordsResult {
  speakers: number[];
  /** By method, then number of labelled words of each class: the share right, one a speaker. */
  methods: { name: string; shares: number[][] }[];
}

/** Prior and ridge are the defaults: with five speakers there is nobody to tune on. */
export function benchKeywords(folder: string): KeywordsResult {
  const spoken = readSpoken(folder);
  const speakers = [...new Set(spoken.speakers)].sort((a, b) => a - b);
  const methods = new Map<string, number[][]>();
  for (const speaker of speakers) {
    const network = pretrain(spoken, speaker);
    const others = speakers.filter((one) => one !== speaker);
    const data = others.flatMap((one) =>
      draw(new Random(6), samplesOf(network, spoken, one), FACTORY / others.length),
    );
    const bySums: LearnOptions = { layers: 'sums', late: false, data };
    const all: Method[] = [
      unadapted(network),
      prototype(network),
      sums('sums', network, bySums),
      sums('sums, prior 1, ridge 1', network, { ...bySums, prior: 1, ridge: 1 }),
    ];
    const own = samplesOf(network, spoken, speaker);
    for (const { name, run } of all) {
      const shares = WORDS.map((words) =>
        mean(
          Array.from({ length: DRAWS }, (_, i) => {
            const stream = draw(new Random(3000 + i), own, words * DIGITS);
            return run(
              stream,
              own.filter((sample) => !stream.includes(sample)),
              i + 1,
            );
          }),
        ),
      );
      console.error(`speaker ${speaker} ${name}: ${shares.map((share) => share.toFixed(3)).join(' ')}`);
      const rows = methods.get(name) ?? WORDS.map(() => []);
      shares.forEach((share, i) => rows[i]!.push(share));
      methods.set(name, rows);
    }
  }
  return { speakers, methods: [...methods].map(([name, shares]) => ({ name, shares })) };
}
