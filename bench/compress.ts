// `node dist/bench/compress.js [task…] [--seeds 1,2,3]`: what compression keeps of accuracy, over seeds of parent and compression
// alike; the ways of structured training at the smallest structure; 4-bit weights against 8. Needs BROWNOUT_DATA. Long: minutes
// a task and seed.
import { compress } from '../host/compress/compress.js';
import { settingsOf } from '../host/compress/compress-options.js';
import type { FloatNetwork, LabelledData } from '../host/compress/float-network.js';
import { accuracy } from '../host/compress/forward.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import { Journal } from '../host/compress/journal.js';
import { hasWeights } from '../host/compress/layers.js';
import { roundingOf, scoreTrial, trainingOptions, trainStep } from '../host/compress/recipe.js';
import { trainStructured } from '../host/compress/structured.js';
import type { Choices } from '../host/compress/transform.js';
import { table } from '../host/report/text.js';
import type { Split } from '../samples/datasets.js';
import { TASKS, type Task, trainParent } from '../samples/tasks.js';

/** Epochs of each way of structured training, and of training with rounding for the comparison of widths. */
const STRUCTURED_EPOCHS = 8;
const WIDTH_EPOCHS = 5;

/** Figures of one seed, by name: accuracies in percent, sizes, seconds. */
type Figures = Record<string, number>;

/** Processor time since the start, all threads: others on the machine do not count. */
const seconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Test accuracy of the ways to the smallest structure. */
function compareMethods(task: Task, parent: FloatNetwork, data: Split, seed: number): Figures {
  const settings = settingsOf(parent, { ...task.compression, data: data.training, test: data.test, seed });
  const step = {
    journal: new Journal(''),
    key: task.name,
    data: settings.training,
    recipe: settings.recipe,
    parent,
  };
  const results = trainStructured(step, task.tightest, ['one-shot', 'projected', 'direct', 'admm'], {
    epochs: STRUCTURED_EPOCHS,
    validation: settings.validation,
    metric: settings.metric,
  });
  return Object.fromEntries(
    results.map(({ method, network }) => [`tightest, ${method}, %`, accuracy(network, data.test) * 100]),
  );
}

/** Test accuracy of the parent with all weights of so many bits, in the device's integers. */
function compareWidths(task: Task, parent: FloatNetwork, data: Split, seed: number): Figures {
  const { recipe, training } = settingsOf(parent, {
    ...task.compression,
    data: data.training,
    test: data.test,
    seed,
  });
  const score = (bits: 8 | 4, test: LabelledData): number => {
    const choices: Choices = Object.fromEntries(
      parent.layers.flatMap((layer) => (hasWeights(layer) ? [[layer.name, { bits }]] : [])),
    );
    const options = trainingOptions(recipe, WIDTH_EPOCHS, {
      parent,
      rounding: roundingOf(recipe, choices),
      share: 0.4,
    });
    return scoreTrial(trainStep(new Journal(''), `${bits}`, parent, training, options), test).accuracy * 100;
  };
  return { 'int8 weights, %': score(8, data.test), 'int4 weights, %': score(4, data.test) };
}

function runSeed(task: Task, data: Split, seed: number): Figures {
  const started = seconds();
  const parent = foldBatchNorm(trainParent(task, data, seed));
  const parentSeconds = seconds() - started;
  const { report } = compress(parent, {
    ...task.compression,
    data: data.training,
    test: data.test,
    name: task.name,
    seed,
  });
  const total = seconds() - started;
  const { before, after } = report;
  const choices = report.layers.map(({ layer, choice }) => `${layer} ${JSON.stringify(choice)}`).join(' ');
  console.error(
    `${task.name}, seed ${seed}: ${choices}; won: ${report.methods.find(({ chosen }) => chosen)!.method}`,
  );
  return {
    'float parent, %': before.accuracy * 100,
    'compressed, device integers, %': after.accuracy * 100,
    'points lost': (before.accuracy - after.accuracy) * 100,
    'weights and tables, B': after.weightBytes,
    'whole image in flash, B': after.cost!.flashBytes,
    'float weight bytes over these': before.weightBytes / after.weightBytes,
    'energy before, mJ, simulated': (before.cost?.energyUj ?? Number.NaN) / 1000,
    'energy after, mJ, simulated': after.cost!.energyUj / 1000,
    'training the parent, processor s': parentSeconds,
    'with compressing it, processor s': total,
    ...compareWidths(task, parent, data, seed),
    ...compareMethods(task, parent, data, seed),
  };
}

/** Mean and deviation over seeds. */
function summary(runs: readonly Figures[]): string[][] {
  return Object.keys(runs[0]!).map((name) => {
    const values = runs.map((run) => run[name]!);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / Math.max(1, values.length - 1));
    return [
      name,
      mean.toFixed(2),
      `± ${deviation.toFixed(2)}`,
      values.map((value) => value.toFixed(2)).join(' '),
    ];
  });
}

const given = process.argv.slice(2);
const at = given.indexOf('--seeds');
const seeds = (at < 0 ? '1,2,3' : (given[at + 1] ?? '')).split(',').map(Number);
const names = at < 0 ? given : given.filter((_, i) => i !== at && i !== at + 1);
for (const task of TASKS.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const data = task.data();
  const runs = seeds.map((seed) => {
    const figures = runSeed(task, data, seed);
    console.error(JSON.stringify({ task: task.name, seed, ...figures }));
    return figures;
  });
  console.log(`${task.name}, ${seeds.length} seeds: mean ± deviation, and each\n${table(summary(runs))}\n`);
}
