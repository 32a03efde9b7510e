// `node dist/bench/autoencoder.js [--seeds 1,2,3] [--only TEXT]`: an autoencoder in the shape of MLPerf Tiny's anomaly detection, nine
// hidden layers, the middle one of 8, over windows of motion. It learns walking, of subjects 1 to 14; what subjects 15 to 18 do
// else is the anomaly, told by the mean squared error of what comes out. Wide layers dense in few bits, or circulant, by
// projection, by ADMM and from random weights: bytes, simulated energy of two devices, area under the ROC curve in the
// device's integers. Needs BROWNOUT_DATA; some ten seconds of a core a row and seed.
import { compile } from '../host/compile/compile.js';
import { deviceCost } from '../host/compress/device-cost.js';
import type { Architecture, FloatNetwork, LabelledData } from '../host/compress/float-network.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import { withBatchNorm } from '../host/compress/from-scratch.js';
import { initialise } from '../host/compress/initialise.js';
import type { LayerShape } from '../host/compress/layers.js';
import { measure } from '../host/compress/metrics.js';
import { integerAnswers, type Recipe } from '../host/compress/recipe.js';
import { rangeOf } from '../host/compress/rounding.js';
import { train } from '../host/compress/train.js';
import type { Choices } from '../host/compress/transform.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import type { WeightBits } from '../host/model/weight-types.js';
import { count, table } from '../host/report/text.js';
import { motionData } from '../samples/datasets.js';
import { meanAndDeviation, optionsOf, structuredAndRounded, trainRounded } from './from-scratch.js';

const WALKING = 2;
const INPUTS = 128 * 6;
const DEVICES = ['cortex-m4-generic', 'msp430fr5994'] as const;
const RECIPE = { epochs: 40, batchSize: 32, learningRate: 0.003, weightDecay: 0.02 };
/** Of circulant layers from random weights, which in 40 epochs get no further than the mean window, normalised or not. */
const FROM_RANDOM = { ...RECIPE, epochs: 120, learningRate: 0.01 };

/** Width and bits of the wide layers, or their circulant blocks and how they are come to. */
interface Variant {
  way: 'dense' | 'direct' | 'projected' | 'admm';
  width: number;
  bits: WeightBits;
  blockSize: number;
}

const dense = (width: number, bits: WeightBits): Variant => ({ way: 'dense', width, bits, blockSize: 1 });
const circulant = (way: Variant['way'], width: number, blockSize: number, bits: WeightBits = 8): Variant => ({
  ...{ way, width, bits, blockSize },
});

const VARIANTS: readonly Variant[] = [
  ...[dense(128, 8), dense(64, 8), dense(32, 8), dense(16, 8), dense(128, 4), dense(64, 4)],
  ...[dense(128, 2), dense(64, 2), dense(32, 2), dense(128, 1), dense(64, 1)],
  ...[circulant('direct', 128, 16), circulant('direct', 128, 64), circulant('direct', 256, 64)],
  ...[circulant('projected', 128, 16), circulant('admm', 128, 16)],
  ...([4, 2] as const).flatMap((bits) => [
    ...[circulant('direct', 128, 16, bits), circulant('direct', 128, 32, bits)],
    ...[circulant('admm', 128, 16, bits), circulant('admm', 128, 32, bits)],
  ]),
];

const nameOf = ({ way, width, bits, blockSize }: Variant): string =>
  way === 'dense'
    ? `dense, ${bits} bits, ${width}`
    : `circulant, k = ${blockSize}, ${bits} bits, ${width}, ${way}`;

/** Whether a layer is wide at both ends. */
const isWide = (inputs: number, outputs: number): boolean => Math.min(inputs, outputs) > 8;

function architectureOf({ width, blockSize }: Variant): Architecture {
  const sizes = [INPUTS, width, width, width, width, 8, width, width, width, width, INPUTS];
  const layers = sizes.slice(1).map((outputs, i): LayerShape => {
    const inputs = sizes[i]!;
    const own = {
      name: `fc${i}`,
      inputs,
      outputs,
      activation: i === 9 ? ('none' as const) : ('relu' as const),
    };
    const blocks = blockSize > 1 && isWide(inputs, outputs);
    return blocks ? { kind: 'circulant', ...own, blockSize } : { kind: 'dense', ...own };
  });
  return withBatchNorm({ inputShape: [INPUTS], layers });
}

/** The wide layers' bits; those at the middle have 8. */
const bitsOf = (variant: Variant): WeightBits[] =>
  Array.from({ length: 10 }, (_, i): WeightBits => (i === 4 || i === 5 ? 8 : variant.bits));

/** A window less the mean of each channel, all of one size: what matters is how one moves, not how much. */
function evened(window: Float32Array): Float32Array {
  const means = new Float64Array(6);
  window.forEach((value, i) => {
    means[i % 6]! += value / 128;
  });
  const centred = window.map((value, i) => value - means[i % 6]!);
  const squares = centred.reduce((sum, value) => sum + value * value, 0);
  const size = 4 * Math.sqrt(squares / INPUTS) || 1;
  return centred.map((value) => Math.max(-1, Math.min(1, value / size)));
}

/** Windows of motion as an autoencoder takes them. */
function asTargets(
  { inputs, labels }: LabelledData,
  only?: number,
): LabelledData & { targets: Float32Array } {
  const members = [...labels.keys()].filter((i) => only === undefined || labels[i] === only);
  const chosen = new Float32Array(members.length * INPUTS);
  members.forEach((from, to) => {
    chosen.set(evened(inputs.subarray(from * INPUTS, (from + 1) * INPUTS)), to * INPUTS);
  });
  return { inputs: chosen, labels: new Uint8Array(members.length), targets: chosen };
}

const split = motionData();
const training = asTargets(split.training, WALKING);
const test = asTargets(split.test);
const isAnomaly = split.test.labels.map((label) => Number(label !== WALKING));

/** Area under the ROC curve of the mean squared error, in percent. */
function areaOf(outputs: Float32Array): number {
  const scores = new Float32Array(2 * isAnomaly.length);
  isAnomaly.forEach((_, window) => {
    let sum = 0;
    for (let i = window * INPUTS; i < (window + 1) * INPUTS; i++) sum += (outputs[i]! - test.inputs[i]!) ** 2;
    scores.set([-sum, sum], 2 * window);
  });
  return measure('auc', scores, isAnomaly) * 100;
}

const parents = new Map<number, FloatNetwork>();
/** The float network of full width, after half of the epochs. */
function parentOf(seed: number): FloatNetwork {
  const half = optionsOf({ ...RECIPE, epochs: RECIPE.epochs / 2 }, seed);
  const start = initialise(architectureOf(dense(128, 8)), seed);
  const parent = parents.get(seed) ?? foldBatchNorm(train(start, training, half));
  parents.set(seed, parent);
  return parent;
}

function networkOf(variant: Variant, seed: number): QuantizedNetwork {
  const { way, blockSize } = variant;
  const bits = bitsOf(variant);
  if (way === 'dense' || way === 'direct') {
    const own = way === 'direct' ? FROM_RANDOM : RECIPE;
    return trainRounded(architectureOf(variant), bits, training, optionsOf(own, seed));
  }
  const recipe: Recipe = {
    ...{ seed, distillation: 0, ranges: 'learned', inputRange: rangeOf(training.inputs) },
    ...RECIPE,
  };
  const choices: Choices = Object.fromEntries(
    bits.map((own, i) => [`fc${i}`, { bits: own, ...(i === 4 || i === 5 ? {} : { blockSize }) }]),
  );
  return structuredAndRounded(parentOf(seed), choices, way, training, recipe, RECIPE.epochs);
}

const given = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = given.indexOf(name);
  return at < 0 ? undefined : given.splice(at, 2)[1]!;
};
const seeds = (option('--seeds') ?? '1,2,3').split(',').map(Number);
const only = option('--only') ?? '';

const asked = VARIANTS.filter((variant) => only.split('|').some((text) => nameOf(variant).includes(text)));
const rows = asked.map((variant) => {
  const results = seeds.map((seed) => {
    const network = networkOf(variant, seed);
    const area = areaOf(integerAnswers(network, test.inputs));
    console.error(JSON.stringify({ variant: nameOf(variant), seed, area }));
    return { network, area };
  });
  const { network } = results[0]!;
  const { bytes } = readImage(compile(network, { verify: false })).constants;
  const energies = DEVICES.map((device) => deviceCost(network, { device, capacitorUf: 10_000 }).energyUj);
  const [mean, deviation] = meanAndDeviation(results.map(({ area }) => area));
  return [
    nameOf(variant),
    `${count(bytes)} B`,
    ...energies.map((uj) => count(Math.round(uj))),
    `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`,
  ];
});
const heading = ['wide layers', 'bytes', ...DEVICES.map((device) => `${device}, µJ, simulated`), 'AUC, %'];
console.log(`Autoencoder over ${training.labels.length} windows; seeds ${seeds.join(', ')}`);
console.log(table([heading, ...rows]));
