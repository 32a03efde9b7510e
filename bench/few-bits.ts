// `node dist/bench/few-bits.js [network…] [--seeds 1,2,3] [--epochs 40] [--held]`: networks in a few thousand bytes, trained with
// rounding from the first epoch, from random weights; accuracy in the device's integers. `--held` trains on what `compress` would
// train on, and reports on what it would hold back: choices are made by it. Needs BROWNOUT_DATA; half a minute of a core a
// network and seed.
import { readImage } from '../host/model/image.js';
import { compile } from '../host/compile/compile.js';
import { settingsOf } from '../host/compress/compress-options.js';
import { type Architecture, parameterCount } from '../host/compress/float-network.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import { initialise } from '../host/compress/initialise.js';
import { hasWeights, type LayerShape, tensorShapes } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import { integerAnswers, scoreOutputs } from '../host/compress/recipe.js';
import { rangeOf } from '../host/compress/rounding.js';
import { Training, type TrainingOptions } from '../host/compress/train.js';
import type { WeightBits } from '../host/model/weight-types.js';
import { table } from '../host/report/text.js';
import type { Split } from '../samples/datasets.js';
import { TASKS, type Task } from '../samples/tasks.js';

/** A network: two convolutions, dense layers between, the last one; outputs of each, and bits of its weights. */
interface Few {
  name: string;
  task: string;
  outputs: readonly number[];
  bits: readonly WeightBits[];
}

/** Kernels and pools of a task's convolutions, and the recipe that its networks are trained by. */
interface Shape {
  kernels: readonly (readonly [number, number])[];
  pool: readonly [number, number];
  padding: 'valid' | 'same';
  recipe: Partial<TrainingOptions> & { learningRate: number; batchSize: number; weightDecay: number };
}

const SHAPES: Record<string, Shape> = {
  digits: {
    ...{ kernels: Array.from({ length: 2 }, () => [5, 5] as const), pool: [2, 2], padding: 'valid' },
    recipe: { batchSize: 64, learningRate: 0.01, weightDecay: 0.05 },
  },
};

const NETWORKS: readonly Few[] = [
  { name: 'a', task: 'digits', outputs: [8, 24, 48, 10], bits: [8, 2, 2, 4] },
  { name: 'b', task: 'digits', outputs: [6, 16, 32, 10], bits: [8, 2, 2, 2] },
  { name: 'c', task: 'digits', outputs: [6, 16, 16, 10], bits: [4, 2, 2, 2] },
  { name: 'd', task: 'digits', outputs: [4, 12, 12, 10], bits: [4, 2, 2, 2] },
];

const taskOf = (few: Few): Task => TASKS.find(({ name }) => name === few.task)!;

function architectureOf(few: Few): Architecture {
  const { kernels, pool, padding } = SHAPES[few.task]!;
  const { inputShape } = taskOf(few).architecture;
  const layers: LayerShape[] = [];
  const norm = (name: string, channels: number): void => {
    layers.push({ kind: 'batchNorm', name: `${name}norm`, channels, activation: 'relu' });
  };
  kernels.forEach(([kernelHeight, kernelWidth], i) => {
    const kernel = { kernelHeight, kernelWidth, strideHeight: 1, strideWidth: 1, padding };
    const inChannels = i === 0 ? inputShape[2]! : few.outputs[i - 1]!;
    const channels = { inChannels, outChannels: few.outputs[i]! };
    layers.push({ kind: 'conv2d', name: `conv${i}`, ...kernel, ...channels, activation: 'none' });
    const window = { poolHeight: pool[0], poolWidth: pool[1], strideHeight: pool[0], strideWidth: pool[1] };
    layers.push({ kind: 'maxPool2d', name: `pool${i}`, ...window });
    norm(`conv${i}`, few.outputs[i]!);
  });
  few.outputs.slice(2).forEach((outputs, i, all) => {
    const inputs = tensorShapes(inputShape, layers)
      .at(-1)!
      .reduce((a, b) => a * b);
    layers.push({ kind: 'dense', name: `fc${i}`, inputs, outputs, activation: 'none' });
    if (i < all.length - 1) norm(`fc${i}`, outputs);
  });
  return { inputShape, layers };
}

interface Result {
  accuracy: number;
  loss: number;
  bytes: number;
  meanBits: number;
  seconds: number;
}

function run(few: Few, data: Split, { seed, epochs }: { seed: number; epochs: number }): Result {
  const architecture = architectureOf(few);
  const weighted = architecture.layers.filter(({ kind }) => kind === 'conv2d' || kind === 'dense');
  const bits = Object.fromEntries(weighted.map(({ name }, i) => [name, few.bits[i]!]));
  const before = process.cpuUsage();
  const training = new Training(initialise(architecture, seed), data.training, {
    ...{ seed, epochs, warmupEpochs: 1, decay: 'cosine' },
    optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
    augmentation: taskOf(few).compression.augmentation!,
    ...SHAPES[few.task]!.recipe,
    rounding: { bits, steps: 'learned', inputRange: rangeOf(data.training.inputs) },
  });
  while (!training.finished) training.runEpoch();
  const { user, system } = process.cpuUsage(before);
  const network = foldBatchNorm(training.result());
  const quantized = quantizeAs(network, training.scheme()!, few.name);
  const { accuracy, loss } = scoreOutputs(integerAnswers(quantized, data.test.inputs), data.test.labels);
  const { bytes } = readImage(compile(quantized, { verify: false })).constants;
  const counts = network.layers.flatMap((layer) => (hasWeights(layer) ? [layer.weights.length] : []));
  const total = counts.reduce((sum, count) => sum + count);
  const meanBits = counts.reduce((sum, count, i) => sum + count * few.bits[i]!, 0) / total;
  return { accuracy: accuracy * 100, loss, bytes, meanBits, seconds: (user + system) / 1e6 };
}

const given = process.argv.slice(2);
const option = (name: string, otherwise: string): string => {
  const at = given.indexOf(name);
  return at < 0 ? otherwise : given.splice(at, 2)[1]!;
};
const seeds = option('--seeds', '1,2,3').split(',').map(Number);
const epochs = Number(option('--epochs', '40'));
const held = given.includes('--held');
const names = given.filter((name) => !name.startsWith('--'));

/** Training and test inputs, or those that choices are made by. */
function dataOf(few: Few): Split {
  const data = taskOf(few).data();
  if (!held) return data;
  const network = foldBatchNorm(initialise(architectureOf(few), 1));
  const { training, validation } = settingsOf(network, { data: data.training, test: data.test });
  return { training, test: validation };
}

const rows = NETWORKS.filter(({ name }) => names.length === 0 || names.includes(name)).map((few) => {
  const data = dataOf(few);
  const results = seeds.map((seed) => {
    const result = run(few, data, { seed, epochs });
    console.error(JSON.stringify({ ...few, seed, epochs, held, ...result }));
    return result;
  });
  const mean = results.reduce((sum, { accuracy }) => sum + accuracy, 0) / results.length;
  const squares = results.reduce((sum, { accuracy }) => sum + (accuracy - mean) ** 2, 0);
  const { bytes, meanBits } = results[0]!;
  const floats = 4 * parameterCount(initialise(taskOf(few).architecture, 1));
  return [
    `${few.name}: ${few.outputs.map((count, i) => `${count}@${few.bits[i]}`).join(', ')}`,
    `${bytes} B`,
    `${(floats / bytes).toFixed(0)} ×`,
    meanBits.toFixed(2),
    `${mean.toFixed(2)} ± ${Math.sqrt(squares / Math.max(1, results.length - 1)).toFixed(2)} %`,
    results.map(({ accuracy }) => accuracy.toFixed(2)).join(' / '),
  ];
});
console.log(
  `${held ? 'Held-back' : 'Test'} inputs. "6@8": outputs @ bits; bytes of weights, biases, scales and tables; float bytes of ` +
    'the task’s network over these; mean bits of a weight; mean ± deviation; by seed',
);
console.log(table(rows));
