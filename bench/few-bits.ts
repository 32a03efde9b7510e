// `node dist/bench/few-bits.js [network or task…] [--seeds 1,2,3] [--epochs N] [--held 0] [--speaker 0]`: networks in a few thousand bytes,
// trained with rounding from the first epoch, from random weights; accuracy in the device's integers; "float" is the task's
// parent. `--held N` leaves the test inputs alone: every fifth person, recording or image from N on of those to train on is
// reported on instead. Choices are made by it. `--speaker N`, 0 … 4, of keywords: all recordings of that speaker, who is left out
// of those to train on. Needs BROWNOUT_DATA; some ten seconds of a core a network and seed.
import { parameterCount } from '../host/compress/float-network.js';
import { accuracy as accuracyOf } from '../host/compress/forward.js';
import { initialise } from '../host/compress/initialise.js';
import { withSigns } from '../host/compress/signs.js';
import { countJob } from '../host/firmware/count-on-board.js';
import { boardCalled } from '../host/firmware/targets.js';
import { readImage } from '../host/model/image.js';
import type { WeightBits } from '../host/model/weight-types.js';
import { count, table } from '../host/report/text.js';
import { type Split, spokenData } from '../samples/datasets.js';
import { TASKS, type Task, trainParent } from '../samples/tasks.js';
import {
  architectureOf,
  type Convolutions,
  dataOf,
  meanAndDeviation,
  optionsOf,
  type Result,
  resultOf,
  type ScratchRecipe,
  trainRounded,
} from './from-scratch.js';

/** A network: two convolutions, dense layers between, the last one; outputs of each, and bits of its weights. */
interface Few {
  name: string;
  shape: string;
  outputs: readonly number[];
  bits: readonly WeightBits[];
  /** Activations between layers are −1 and 1. */
  signs?: true;
}

/** The task, convolutions of a network, and the recipe that it is trained by. */
interface Shape extends Omit<Convolutions, 'inputShape'> {
  task: string;
  recipe: ScratchRecipe;
}

const twice = <T>(one: T): readonly T[] => [one, one];
const digitsRecipe = { epochs: 40, batchSize: 64, learningRate: 0.01, weightDecay: 0.05 };

const SHAPES: Record<string, Shape> = {
  digits: {
    ...{ task: 'digits', kernels: twice([5, 5]), pool: [2, 2], padding: 'valid', recipe: digitsRecipe },
  },
  // With activations of −1 and 1 a higher rate was better (docs/FRONTIER.md).
  signs: {
    ...{ task: 'digits', kernels: twice([5, 5]), pool: [2, 2], padding: 'valid' },
    recipe: { ...digitsRecipe, learningRate: 0.02 },
  },
  // Each pixel is read by one window: few instructions.
  strided: { task: 'digits', kernels: [[4, 4]], stride: 4, padding: 'same', recipe: digitsRecipe },
  // Each pair of rows is one pixel of 56 channels, as it lies in memory: the same few outputs of each pair, then dense layers.
  rows: {
    ...{ task: 'digits', seenAs: [14, 1, 56], kernels: [[1, 1]], padding: 'valid' },
    recipe: {
      ...{ ...digitsRecipe, epochs: 120, weightDecay: 0.02 },
      augmentation: { shiftPixels: 1.2, rotationRadians: 0.12, shear: 0.1, scale: 0.08 },
    },
  },
  har: {
    ...{ task: 'har', kernels: [[9, 1] as const, [5, 1] as const], pool: [4, 1], padding: 'same' },
    recipe: { epochs: 15, batchSize: 32, learningRate: 0.005, weightDecay: 0.1, mixup: 0.5 },
  },
  keywords: {
    ...{ task: 'keywords', kernels: twice([8, 8]), pool: [2, 2], padding: 'valid' },
    recipe: { epochs: 40, batchSize: 16, learningRate: 0.005, weightDecay: 0.05 },
  },
};

const NETWORKS: readonly Few[] = [
  { name: 'a', shape: 'digits', outputs: [8, 24, 48, 10], bits: [8, 2, 2, 2] },
  { name: 'b', shape: 'digits', outputs: [6, 16, 32, 10], bits: [8, 2, 2, 2] },
  { name: 'c', shape: 'digits', outputs: [6, 16, 16, 10], bits: [4, 2, 2, 2] },
  { name: 'd', shape: 'digits', outputs: [4, 12, 12, 10], bits: [4, 2, 2, 2] },
  { name: 'signs', shape: 'signs', outputs: [8, 24, 48, 10], bits: [8, 1, 1, 8], signs: true },
  { name: 'ones', shape: 'digits', outputs: [8, 24, 48, 10], bits: [8, 1, 1, 8] },
  { name: 'quick', shape: 'strided', outputs: [8, 24, 10], bits: [8, 8, 8] },
  { name: 'rows', shape: 'rows', outputs: [8, 62, 10], bits: [8, 8, 8] },
  { name: 'har-40', shape: 'har', outputs: [24, 32, 64, 64, 6], bits: [8, 2, 2, 2, 4] },
  { name: 'har-60', shape: 'har', outputs: [16, 24, 48, 32, 6], bits: [8, 2, 2, 2, 4] },
  { name: 'har-12', shape: 'har', outputs: [12, 24, 32, 32, 6], bits: [8, 2, 2, 2, 4] },
  { name: 'har-80', shape: 'har', outputs: [16, 24, 32, 32, 6], bits: [4, 2, 2, 2, 4] },
  { name: 'har-quick', shape: 'har', outputs: [16, 24, 32, 32, 6], bits: [8, 8, 2, 2, 4] },
  { name: 'keywords-quick', shape: 'keywords', outputs: [4, 8, 96, 64, 32, 10], bits: [8, 8, 2, 2, 2, 4] },
  { name: 'keywords-80', shape: 'keywords', outputs: [4, 8, 96, 64, 32, 10], bits: [8, 2, 2, 2, 2, 4] },
];

const taskOf = (few: Few): Task => TASKS.find(({ name }) => name === SHAPES[few.shape]!.task)!;

/** A network trained and scored in the device's integers; `epochs`: others than the recipe's. */
function run(few: Few, data: Split, { seed, epochs }: { seed: number; epochs?: number }): Result {
  const task = taskOf(few);
  const { recipe, ...convolutions } = SHAPES[few.shape]!;
  const { inputShape } = task.architecture;
  const own = { ...recipe, ...(epochs === undefined ? {} : { epochs }) };
  const options = optionsOf({ augmentation: task.compression.augmentation!, ...own }, seed);
  const plain = architectureOf({ ...convolutions, inputShape }, few.outputs);
  const architecture = few.signs ? { ...plain, layers: withSigns(plain.layers) } : plain;
  return resultOf(trainRounded(architecture, few.bits, data.training, options), few.bits, data.test);
}

/** The task's float network, as its recipe trains it. */
function runParent(task: Task, data: Split, { seed, epochs }: { seed: number; epochs?: number }): Result {
  const own = epochs === undefined ? task : { ...task, training: { ...task.training, epochs } };
  const parent = trainParent(own, data, seed);
  return { accuracy: accuracyOf(parent, data.test) * 100, bytes: 4 * parameterCount(parent), meanBits: 32 };
}

const given = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = given.indexOf(name);
  return at < 0 ? undefined : given.splice(at, 2)[1]!;
};
const seeds = (option('--seeds') ?? '1,2,3').split(',').map(Number);
const epochs = option('--epochs');
const held = option('--held');
const speaker = option('--speaker');
const names = given.filter((name) => !name.startsWith('--'));

/** Instructions of a whole inference on an emulated Cortex-M4, commits among them. */
async function instructions(image: Uint8Array | undefined): Promise<string> {
  if (!image || !given.includes('--count')) return '';
  const { submit, run: ran } = await countJob(readImage(image), boardCalled('qemu-mps2-an386'));
  return count(submit + ran);
}

/** A row of the table: the results of a network by seed; `parent`: those of the float network, if it was trained. */
async function rowOf(
  name: string,
  floats: number,
  results: readonly Result[],
  parent: readonly Result[] = [],
): Promise<string[]> {
  const meanOf = (all: readonly Result[]): [number, number] =>
    meanAndDeviation(all.map(({ accuracy }) => accuracy));
  const [mean, deviation] = meanOf(results);
  const points = parent.length > 0 ? mean - meanOf(parent)[0] : undefined;
  const { bytes, meanBits, image } = results[0]!;
  return [
    name,
    `${bytes} B`,
    `${(floats / bytes).toFixed(0)} ×`,
    meanBits.toFixed(2),
    `${mean.toFixed(2)} ± ${deviation.toFixed(2)} %`,
    results.map(({ accuracy }) => accuracy.toFixed(2)).join(' / '),
    points === undefined ? '' : `${points.toFixed(2)} points`,
    await instructions(image),
  ];
}

const rows: string[][] = [];
for (const task of TASKS.filter(({ name }) => speaker === undefined || name === 'keywords')) {
  const named = (name: string): boolean =>
    names.length === 0 || names.includes(name) || names.includes(task.name);
  const floats = 4 * parameterCount(initialise(task.architecture, 1));
  const data = speaker === undefined ? dataOf(task, held) : spokenData(Number(speaker));
  let parent: Result[] | undefined;
  const measure = async (name: string, label: string, one: (seed: number) => Result): Promise<void> => {
    if (!named(name)) return;
    const results = seeds.map((seed) => {
      const result = one(seed);
      const { image: _, ...shown } = result;
      console.error(JSON.stringify({ name, seed, held, speaker, ...shown }));
      return result;
    });
    rows.push(await rowOf(label, floats, results, parent));
    parent ??= name.endsWith('-float') ? results : undefined;
  };
  const asked = (seed: number): { seed: number; epochs?: number } => ({
    seed,
    ...(epochs === undefined ? {} : { epochs: Number(epochs) }),
  });
  await measure(`${task.name}-float`, `${task.name}, float`, (seed) => runParent(task, data, asked(seed)));
  for (const few of NETWORKS.filter((one) => taskOf(one) === task)) {
    const label = `${few.name}: ${few.outputs.map((count, i) => `${count}@${few.bits[i]}`).join(', ')}${few.signs ? ', signs between' : ''}`;
    await measure(few.name, label, (seed) => run(few, data, asked(seed)));
  }
}
console.log(
  `${speaker !== undefined ? `Recordings of speaker ${speaker}` : held === undefined ? 'Test inputs' : 'Held-back inputs'}. "6@8": outputs @ bits; bytes of weights, biases, scales and tables; ` +
    'float bytes of the task’s network over these; mean bits of a weight; mean ± deviation; by seed; against the float network, if it was trained too; with `--count`: ' +
    'instructions of an inference on an emulated Cortex-M4',
);
console.log(table(rows));
