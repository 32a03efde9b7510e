// `node dist/bench/wide.js [task…] [--seeds 1,2,3] [--held 0] [--only TEXT]`: networks whose dense layers are wide, in two ways:
// dense with few bits and pruned, or block-circulant, by projection, by ADMM and from random weights. Bytes, simulated energy of
// three devices, accuracy in the device's integers; then the least that either way takes within 0.3 points of the best circulant
// network. `--only TEXT`: the rows with it in their name, or one of several, A|B. Needs BROWNOUT_DATA; some five minutes of a core a task and seed.
import type { FloatNetwork } from '../host/compress/float-network.js';
import { deviceCost } from '../host/compress/device-cost.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import { initialise } from '../host/compress/initialise.js';
import { hasWeights } from '../host/compress/layers.js';
import type { Recipe } from '../host/compress/recipe.js';
import { rangeOf } from '../host/compress/rounding.js';
import { train } from '../host/compress/train.js';
import type { Choices } from '../host/compress/transform.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import type { WeightBits } from '../host/model/weight-types.js';
import { table } from '../host/report/text.js';
import type { Split } from '../samples/datasets.js';
import { TASKS } from '../samples/tasks.js';
import {
  architectureOf,
  type Convolutions,
  dataOf,
  meanAndDeviation,
  optionsOf,
  type Result,
  resultOf,
  type ScratchRecipe,
  structuredAndRounded,
  trainRounded,
} from './from-scratch.js';

/** A task with the outputs of its convolutions, those of its dense layers at full width, and how it is trained. */
interface Wide {
  name: string;
  task: string;
  convolutions: Omit<Convolutions, 'inputShape'>;
  channels: readonly number[];
  dense: readonly number[];
  recipe: ScratchRecipe;
}

const motion = { epochs: 16, batchSize: 32, learningRate: 0.005, weightDecay: 0.1, mixup: 0.5 };

const WIDE: readonly Wide[] = [
  {
    ...{ name: 'keywords', task: 'keywords', channels: [4, 8], dense: [512, 256, 128, 10] },
    convolutions: { kernels: [[8, 8] as const, [8, 8] as const], pool: [2, 2], padding: 'valid' },
    recipe: { epochs: 40, batchSize: 16, learningRate: 0.005, weightDecay: 0.05 },
  },
  {
    ...{ name: 'har', task: 'har', channels: [16, 64], dense: [512, 512, 6] },
    convolutions: { kernels: [[9, 1] as const, [5, 1] as const], pool: [4, 1], padding: 'same' },
    recipe: motion,
  },
  {
    // Windows as they come: all the work is in wide layers.
    ...{ name: 'har-mlp', task: 'har', channels: [], dense: [512, 512, 6] },
    convolutions: { kernels: [], padding: 'same' },
    recipe: motion,
  },
];

type Way = 'dense' | 'direct' | 'projected' | 'admm';

/** Dense layers at a share of their width with so many bits, or circulant blocks of a size, reached in some way. */
interface Variant {
  way: Way;
  share: number;
  blockSize: number;
  bits: WeightBits;
}

const dense = (share: number, bits: WeightBits): Variant => ({ way: 'dense', blockSize: 1, share, bits });
const circulant = (way: Way, blockSize: number, share = 1, bits: WeightBits = 8): Variant => ({
  ...{ way, blockSize, share, bits },
});

const VARIANTS: readonly Variant[] = [
  ...[dense(1, 8), dense(1 / 4, 8), dense(1 / 8, 8), dense(1 / 16, 8)],
  ...[dense(1 / 4, 4), dense(1 / 8, 4), dense(1 / 16, 4)],
  ...[dense(1, 2), dense(1 / 4, 2), dense(1 / 8, 2), dense(1 / 16, 2)],
  ...[dense(1, 1), dense(1 / 4, 1), dense(1 / 8, 1)],
  ...[circulant('direct', 64), circulant('direct', 32, 1 / 4), circulant('direct', 64, 1 / 4)],
  ...[circulant('projected', 64), circulant('admm', 64)],
  ...[circulant('direct', 16), circulant('direct', 32), circulant('direct', 128)],
  ...([4, 2] as const).flatMap((bits) => [
    ...[circulant('direct', 64, 1, bits), circulant('direct', 32, 1, bits)],
    ...[circulant('direct', 32, 1 / 4, bits), circulant('direct', 16, 1 / 4, bits)],
  ]),
];

const nameOf = ({ way, share, blockSize, bits }: Variant): string =>
  `${way === 'dense' ? `dense, ${bits} bits` : `circulant, k = ${blockSize}, ${bits} bits, ${way}`}, ${share === 1 ? 'full width' : `width 1/${1 / share}`}`;

/** Bits of all layers: convolutions 8 and 2, the last layer 4 (8 beside dense layers of 8). */
function bitsOf({ channels, dense: widths }: Wide, { bits, blockSize }: Variant): WeightBits[] {
  const all8 = bits === 8 && blockSize === 1;
  const convolutions = channels.map((_, i): WeightBits => (all8 || i === 0 ? 8 : 2));
  return [
    ...convolutions,
    ...widths.map((_, i): WeightBits => (i < widths.length - 1 ? bits : all8 ? 8 : 4)),
  ];
}

/** The way over a trained float network of the full width: as `compress` does it, in as many epochs again. */
function fromParent(
  wide: Wide,
  variant: Variant,
  parent: FloatNetwork,
  data: Split,
  seed: number,
): QuantizedNetwork {
  const { recipe: own } = wide;
  const recipe: Recipe = {
    ...{ seed, distillation: 0, ranges: 'learned', inputRange: rangeOf(data.training.inputs) },
    ...own,
    augmentation: TASKS.find(({ name }) => name === wide.task)!.compression.augmentation!,
  };
  const weighted = parent.layers.filter(hasWeights);
  const bits = bitsOf(wide, variant);
  const isCirculant = (i: number): boolean => i >= wide.channels.length && i < weighted.length - 1;
  const choices: Choices = Object.fromEntries(
    weighted.map(({ name }, i) => [
      name,
      { bits: bits[i]!, ...(isCirculant(i) ? { blockSize: variant.blockSize } : {}) },
    ]),
  );
  const method = variant.way as 'projected' | 'admm';
  return structuredAndRounded(parent, choices, method, data.training, recipe, own.epochs);
}

const DEVICES = ['cortex-m4-generic', 'msp430fr5994', 'msp430fr5994-lea'] as const;

interface Measured extends Result {
  /** By device, simulated. */
  energyUj: number[];
}

function measure(
  wide: Wide,
  variant: Variant,
  parent: () => FloatNetwork,
  data: Split,
  seed: number,
): Measured {
  const { inputShape } = TASKS.find(({ name }) => name === wide.task)!.architecture;
  const augmentation = TASKS.find(({ name }) => name === wide.task)!.compression.augmentation!;
  const bits = bitsOf(wide, variant);
  const widths = wide.dense.map((count, i, all) => (i < all.length - 1 ? count * variant.share : count));
  const architecture = architectureOf(
    { ...wide.convolutions, inputShape },
    [...wide.channels, ...widths],
    variant.blockSize,
  );
  const options = optionsOf({ ...wide.recipe, augmentation }, seed);
  const network =
    variant.way === 'dense' || variant.way === 'direct'
      ? trainRounded(architecture, bits, data.training, options)
      : fromParent(wide, variant, parent(), data, seed);
  const { image: _, ...result } = resultOf(network, bits, data.test);
  const energyUj = DEVICES.map((device) => deviceCost(network, { device, capacitorUf: 10_000 }).energyUj);
  return { ...result, energyUj };
}

const given = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = given.indexOf(name);
  return at < 0 ? undefined : given.splice(at, 2)[1]!;
};
const seeds = (option('--seeds') ?? '1,2,3').split(',').map(Number);
const held = option('--held');
const only = option('--only') ?? '';

/** Points of accuracy that count as none. */
const EQUAL = 0.3;

/** A variant's mean figures over seeds. */
interface Row {
  variant: Variant;
  accuracy: number;
  deviation: number;
  bytes: number;
  energyUj: number[];
}

/** The least that rows of either way take of something, of those as accurate as `least`. */
function cheapest(rows: readonly Row[], least: number, of: (row: Row) => number): Row | undefined {
  const able = rows.filter(({ accuracy }) => accuracy >= least);
  return able.reduce<Row | undefined>((best, row) => (best && of(best) <= of(row) ? best : row), undefined);
}

function compare(rows: readonly Row[]): string[][] {
  const isDense = ({ variant }: Row): boolean => variant.way === 'dense';
  const circulants = rows.filter((row) => !isDense(row));
  const least = Math.max(...circulants.map(({ accuracy }) => accuracy)) - EQUAL;
  const measures: [string, (row: Row) => number][] = [
    ['bytes', ({ bytes }) => bytes],
    ...DEVICES.map((device, i): [string, (row: Row) => number] => [device, ({ energyUj }) => energyUj[i]!]),
  ];
  return measures.map(([what, of]) => {
    const [ours, theirs] = [circulants, rows.filter(isDense)].map((own) => cheapest(own, least, of));
    if (!theirs) return [what, nameOf(ours!.variant), `no dense one has ${least.toFixed(2)} %`, ''];
    return [what, nameOf(ours!.variant), nameOf(theirs.variant), `${(of(theirs) / of(ours!)).toFixed(2)} ×`];
  });
}

for (const wide of WIDE.filter(({ name }) => given.length === 0 || given.includes(name))) {
  const task = TASKS.find(({ name }) => name === wide.task)!;
  const data = dataOf(task, held);
  const shape = { ...wide.convolutions, inputShape: task.architecture.inputShape };
  const full = architectureOf(shape, [...wide.channels, ...wide.dense]);
  const augmentation = task.compression.augmentation!;
  const parents = new Map<number, FloatNetwork>();
  const parentOf = (seed: number): FloatNetwork => {
    const half = { ...wide.recipe, augmentation, epochs: Math.ceil(wide.recipe.epochs / 2) };
    const parent =
      parents.get(seed) ?? foldBatchNorm(train(initialise(full, seed), data.training, optionsOf(half, seed)));
    parents.set(seed, parent);
    return parent;
  };
  const asked = VARIANTS.filter((variant) => only.split('|').some((text) => nameOf(variant).includes(text)));
  const rows = asked.map((variant): Row => {
    const results = seeds.map((seed) => measure(wide, variant, () => parentOf(seed), data, seed));
    const [accuracy, deviation] = meanAndDeviation(results.map((one) => one.accuracy));
    const { bytes, energyUj } = results[0]!;
    const row = { variant, accuracy, deviation, bytes, energyUj };
    console.error(JSON.stringify({ task: wide.name, held, ...row }));
    return row;
  });
  const cells = rows.map(({ variant, accuracy, deviation, bytes, energyUj }) => [
    nameOf(variant),
    `${bytes} B`,
    ...energyUj.map((uj) => uj.toFixed(0)),
    `${accuracy.toFixed(2)} ± ${deviation.toFixed(2)} %`,
  ]);
  const heading = [
    'dense layers',
    'bytes',
    ...DEVICES.map((device) => `${device}, µJ, simulated`),
    'accuracy',
  ];
  console.log(`${wide.name}, ${held === undefined ? 'test' : 'held-back'} inputs, seeds ${seeds.join(', ')}`);
  console.log(table([heading, ...cells]));
  if (only !== '') continue;
  console.log(
    `\nwithin ${EQUAL} points of the best circulant network: the least that either takes, and dense over circulant`,
  );
  console.log(`${table(compare(rows))}\n`);
}
