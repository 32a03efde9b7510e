// `node dist/bench/patterns.js [digits|keywords] [--seeds 1,2,3] [--epochs 8] [--layers conv1,conv2] [--distillation 0]`: digits or
// spoken ones by a network of 3 × 3 kernels, of which 4 of 9 blocks are kept, by projection and by ADMM, beside all nine and
// kernels cut to 2 × 2, each in as many epochs from the same float parent, whose answers have the share `--distillation` of the
// loss. Accuracy of the test inputs in the device's integers; instructions of the layers that are changed on an emulated
// Cortex-M4. Needs BROWNOUT_DATA; a minute of a core a seed.
import { compile } from '../host/compile/compile.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import { initialise } from '../host/compress/initialise.js';
import { Journal } from '../host/compress/journal.js';
import { elements } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import {
  integerAnswers,
  type Recipe,
  roundingOf,
  scoreOutputs,
  trainingOptions,
  trainStep,
} from '../host/compress/recipe.js';
import { rangeOf } from '../host/compress/rounding.js';
import { type Method, trainStructured } from '../host/compress/structured.js';
import { train } from '../host/compress/train.js';
import type { LayerChoice } from '../host/compress/transform.js';
import { countOps } from '../host/firmware/count-on-board.js';
import { boardCalled } from '../host/firmware/targets.js';
import { readImage } from '../host/model/image.js';
import type { ConvolutionMethod, QuantizedNetwork } from '../host/model/quantized-network.js';
import { count, table } from '../host/report/text.js';
import { TASKS } from '../samples/tasks.js';
import { architectureOf, meanAndDeviation, optionsOf } from './from-scratch.js';

const BOARD = 'qemu-mps2-an386';
const given = process.argv.slice(2);
const option = (name: string, otherwise: string): string => {
  const at = given.indexOf(name);
  return at < 0 ? otherwise : given[at + 1]!;
};
const seeds = option('--seeds', '1,2,3').split(',').map(Number);
const epochs = Number(option('--epochs', '8'));

const changed = option('--layers', 'conv1,conv2').split(',');
const distillation = Number(option('--distillation', '0'));

/** How convolutions are changed, and by what way the device computes them. */
interface Row {
  name: string;
  choice: LayerChoice;
  method: Method;
  convolution: ConvolutionMethod;
}

const PATTERN = { pattern: 4 / 9 };
const ROWS: readonly Row[] = [
  { name: 'all nine taps', choice: {}, method: 'projected', convolution: 'direct' },
  { name: '4 of 9 blocks, projected', choice: PATTERN, method: 'projected', convolution: 'sparse' },
  { name: '4 of 9 blocks, ADMM', choice: PATTERN, method: 'admm', convolution: 'sparse' },
  { name: 'kernels of 2 × 2', choice: { kernel: [2, 2] }, method: 'projected', convolution: 'direct' },
];

const task = TASKS.find(({ name }) => name === (given[0] === 'keywords' ? 'keywords' : 'digits'))!;
const { inputShape } = task.architecture;
const architecture = architectureOf(
  { inputShape, kernels: [3, 3, 3].map((n) => [n, n] as const), stride: 2, padding: 'same' },
  [16, 16, 32, 10],
);
const data = task.data();
/** Of spoken digits there are few. */
const few = task.name === 'keywords';
const recipe = {
  ...{ epochs, weightDecay: 0.05 },
  ...(few ? { batchSize: 16, learningRate: 0.005 } : { batchSize: 64, learningRate: 0.01 }),
};
const augmentation = few ? task.compression.augmentation! : {};

/** Instructions of the layers that are changed. */
async function instructionsOf(network: QuantizedNetwork, convolution: ConvolutionMethod): Promise<number> {
  const sample = new Int8Array(elements(inputShape)).fill(1);
  const options = { convolution, sample, arenaBytes: 32_768, capacitorUf: 1e5, verify: false } as const;
  const image = readImage(compile(network, options));
  const { ops } = await countOps(image, boardCalled(BOARD));
  return ops.reduce((sum, { enter, tiles }, at) => {
    return changed.includes(image.metadata.ops[at]!) ? sum + enter + tiles : sum;
  }, 0);
}

function trained({ choice, method }: Row, seed: number): { network: QuantizedNetwork; accuracy: number } {
  const { training, test } = data;
  const own: Recipe = {
    ...{ seed, distillation, ranges: 'learned', inputRange: rangeOf(training.inputs) },
    ...recipe,
    augmentation,
  };
  const parent = parentOf(seed);
  const choices = Object.fromEntries(changed.map((name) => [name, choice]));
  const step = { journal: new Journal(''), key: 'patterns', data: training, recipe: own, parent };
  const half = Math.ceil(epochs / 2);
  const [found] = trainStructured(step, choices, [method], {
    epochs: half,
    validation: training,
    metric: 'accuracy',
  });
  const options = trainingOptions(own, half, { parent, rounding: roundingOf(own, choices), share: 0.4 });
  const trial = trainStep(new Journal(''), 'rounded', found!.network, training, options);
  const network = quantizeAs(trial.network, trial.scheme!, 'patterns');
  return {
    network,
    accuracy: scoreOutputs(integerAnswers(network, test.inputs), test).accuracy * 100,
  };
}

const parents = new Map<number, ReturnType<typeof train>>();
function parentOf(seed: number): ReturnType<typeof train> {
  const known = parents.get(seed);
  if (known) return known;
  const parent = foldBatchNorm(
    train(initialise(architecture, seed), data.training, optionsOf({ ...recipe, augmentation }, seed)),
  );
  parents.set(seed, parent);
  return parent;
}

const rows: string[][] = [];
for (const row of ROWS) {
  const results = seeds.map((seed) => trained(row, seed));
  const accuracies = results.map(({ accuracy }) => accuracy);
  const [mean, deviation] = meanAndDeviation(accuracies);
  const instructions = await instructionsOf(results[0]!.network, row.convolution);
  rows.push([
    row.name,
    `${mean.toFixed(2)} ± ${deviation.toFixed(2)} %`,
    accuracies.map((one) => one.toFixed(2)).join(' / '),
    count(instructions),
  ]);
  console.error(rows.at(-1)!.join('; '));
}
console.log(
  `${task.name}, test inputs, seeds ${seeds.join(', ')}, ${epochs} epochs from the parent, as many before, its answers ${distillation} of the loss`,
);
console.log(table([['kernels', 'accuracy', 'by seed', `instructions of ${changed.join(', ')}`], ...rows]));
