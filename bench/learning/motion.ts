// MotionSense, leaving one subject out: a small network learns the other subjects, then a few labelled windows of this one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Architecture, FloatNetwork } from '../../host/compress/float-network.js';
import { initialise } from '../../host/compress/initialise.js';
import { quantize } from '../../host/compress/quantize.js';
import { train } from '../../host/compress/train.js';
import { quantizeValues } from '../../host/model/affine.js';
import { readNpy } from '../../host/data/npy.js';
import { Random } from '../../host/math/random.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';
import type { Sample } from '../../host/learning/mirror.js';
import type { LearnOptions } from '../../host/learning/spec.js';
import { draw, float, integer, mean, type Method, prototype, sums, tunedSums, unadapted } from './methods.js';

const [STEPS, CHANNELS, ACTIVITIES, SUBJECTS] = [128, 6, 6, 18];
const WINDOW = STEPS * CHANNELS;
export const SHOTS = [1, 5, 10];
const LABELS = SHOTS.map((shots) => shots * ACTIVITIES);
/** Draws of labelled windows a subject. */
const DRAWS = 2;
/** Windows of each activity of each subject that the network was trained on, for the prior of a head by sums. */
const FACTORY = 15;
/** All layers: the network has 7,000 weights. */
const LEARNABLE: LearnOptions = { layers: 'all', late: false, replay: 3, ring: 32 };

interface Windows {
  /** [count][128][1][6], acceleration in 2 g, rotation in 8 rad/s. */
  inputs: Float32Array;
  labels: Uint8Array;
  subjects: Uint8Array;
}

function readWindows(folder: string): Windows {
  const file = (name: string): Buffer => readFileSync(join(folder, 'motionsense', name));
  const bytes = (name: string): Uint8Array => readNpy(new Uint8Array(file(name))).data as Uint8Array;
  const windows = readNpy(new Uint8Array(gunzipSync(file('windows_i16_Nx128x6.npy.gz')))).data;
  const inputs = Float32Array.from(windows, (v, i) => v / (i % CHANNELS < 3 ? 4096 : 8192));
  return { inputs, labels: bytes('label_u8.npy'), subjects: bytes('subject_u8.npy') };
}

const conv = {
  kind: 'conv2d',
  kernelWidth: 1,
  strideWidth: 1,
  padding: 'valid',
  activation: 'relu',
} as const;
const pool = { kind: 'maxPool2d', poolHeight: 2, poolWidth: 1, strideHeight: 2, strideWidth: 1 } as const;

/** Convolutions over time: 128×6 → 62×12 → 29×16 → 14×16 → 12×24 → 6×24 → 32 → 6. */
const ARCHITECTURE: Architecture = {
  inputShape: [STEPS, 1, CHANNELS],
  layers: [
    { ...conv, name: 'conv1', inChannels: 6, outChannels: 12, kernelHeight: 5, strideHeight: 2 },
    { ...conv, name: 'conv2', inChannels: 12, outChannels: 16, kernelHeight: 5, strideHeight: 2 },
    { ...pool, name: 'pool1' },
    { ...conv, name: 'conv3', inChannels: 16, outChannels: 24, kernelHeight: 3, strideHeight: 1 },
    { ...pool, name: 'pool2' },
    { kind: 'dense', name: 'fc1', inputs: 144, outputs: 32, activation: 'relu' },
    { kind: 'dense', name: 'fc2', inputs: 32, outputs: ACTIVITIES, activation: 'none' },
  ],
};

function pretrain({ inputs, labels, subjects }: Windows, left: readonly number[]): QuantizedNetwork {
  const chosen = [...subjects.keys()].filter((i) => !left.includes(subjects[i]!));
  const data = {
    inputs: new Float32Array(chosen.length * WINDOW),
    labels: Uint8Array.from(chosen, (i) => labels[i]!),
  };
  chosen.forEach((from, to) => {
    data.inputs.set(inputs.subarray(from * WINDOW, (from + 1) * WINDOW), to * WINDOW);
  });
  const network: FloatNetwork = train(initialise(ARCHITECTURE, 1), data, {
    seed: 1,
    epochs: 12,
    batchSize: 32,
    optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
    learningRate: 0.003,
    warmupEpochs: 1,
    decay: 'cosine',
    weightDecay: 0.05,
  });
  const count = 1000;
  const calibration = new Float32Array(count * WINDOW);
  for (let i = 0; i < count; i++) {
    const from = Math.floor((i * chosen.length) / count) * WINDOW;
    calibration.set(data.inputs.subarray(from, from + WINDOW), i * WINDOW);
  }
  return quantize(network, { name: 'motion', calibration, count, minimum: -1, maximum: 1 });
}

function samplesOf(
  network: QuantizedNetwork,
  { inputs, labels, subjects }: Windows,
  subject: number,
): Sample[] {
  const spec = network.tensors[network.input]!;
  return [...subjects.keys()]
    .filter((i) => subjects[i] === subject)
    .map((i) => {
      const input = quantizeValues(inputs.subarray(i * WINDOW, (i + 1) * WINDOW), spec) as Int8Array;
      return { input, label: labels[i]! };
    });
}

export interface MotionResult {
  subjects: readonly number[];
  /** By method, then number of labelled windows of each activity: the share right, one a subject. */
  methods: { name: string; shares: number[][] }[];
}

/** Windows of subjects that the network was trained on, for the prior of a head by sums. */
function factoryOf(network: QuantizedNetwork, windows: Windows, left: readonly number[]): Sample[] {
  const trained = [...new Set(windows.subjects)].filter((one) => !left.includes(one));
  return trained.flatMap((one) =>
    draw(new Random(6), samplesOf(network, windows, one), FACTORY * ACTIVITIES),
  );
}

/**
 * The ways to adapt to `subject`, whom the network does not know. What they leave open is tuned on three more subjects, with a
 * network that knows none of the four.
 */
function methodsFor(
  windows: Windows,
  subject: number,
  names: readonly string[],
): { network: QuantizedNetwork; all: Method[] } {
  const others = [5, 10, 15].map((distance) => ((subject + distance - 1) % SUBJECTS) + 1);
  const left = [subject, ...others];
  const tried = pretrain(windows, left);
  const tuning = others.map((other) =>
    draw(new Random(5), samplesOf(tried, windows, other), 20 * ACTIVITIES),
  );
  const network = pretrain(windows, [subject]);
  const rated = (name: string, options: LearnOptions): Method =>
    integer(name, network, options, integer(name, tried, options, tuning).learningRate!);
  const bySums: LearnOptions = { layers: 'sums', late: false };
  const data = factoryOf(network, windows, [subject]);
  const tuned = (): LearnOptions => {
    const known = { ...bySums, data: factoryOf(tried, windows, left) };
    const whole = others.map((other) => samplesOf(tried, windows, other));
    return { ...tunedSums(tried, known, whole, LABELS), data };
  };
  const makers: Record<string, () => Method> = {
    none: () => unadapted(network),
    prototype: () => prototype(network),
    last: () => rated('last', { ...LEARNABLE, layers: 'last' }),
    bias: () => rated('bias', { ...LEARNABLE, layers: 'bias' }),
    ours: () => rated('ours', LEARNABLE),
    float: () => float(network, LEARNABLE, float(tried, LEARNABLE, tuning).learningRate!),
    sums: () => sums('sums', network, { ...bySums, data }),
    each: () => sums('sums, made anew for each label', network, { ...bySums, fold: 1, data }),
    tuned: () => sums('sums, tuned', network, tuned()),
  };
  const chosen = Object.entries(makers).filter(([name]) => names.length === 0 || names.includes(name));
  return { network, all: chosen.map(([, make]) => make()) };
}

/** `names`: of the methods, those that are run; none: all. */
export function benchMotion(
  folder: string,
  subjects: readonly number[],
  names: readonly string[],
): MotionResult {
  const windows = readWindows(folder);
  const methods = new Map<string, number[][]>();
  for (const subject of subjects) {
    const { network, all } = methodsFor(windows, subject, names);
    const own = samplesOf(network, windows, subject);
    for (const method of all) {
      const shares = SHOTS.map((shots) => {
        const runs = Array.from({ length: DRAWS }, (_, i) => {
          const stream = draw(new Random(2000 + i), own, shots * ACTIVITIES);
          const rest = own.filter((sample) => !stream.includes(sample));
          return method.run(stream, rest, i + 1);
        });
        return mean(runs);
      });
      console.error(
        `subject ${subject} ${method.name} (rate ${method.learningRate ?? '-'}): ${shares.map((s) => s.toFixed(3)).join(' ')}`,
      );
      const rows = methods.get(method.name) ?? SHOTS.map(() => []);
      shares.forEach((share, i) => rows[i]!.push(share));
      methods.set(method.name, rows);
    }
  }
  return { subjects, methods: [...methods].map(([name, shares]) => ({ name, shares })) };
}
