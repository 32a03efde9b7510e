// `node dist/bench/trainer.js [FOLDER]`: processor time of an epoch of digits, in float and with rounding, and of the same in
// another build of Brownout, FOLDER, epochs in turn: say, of a clone of f68c5d7 after `npm ci`. Then, of this build, the wall time
// with two threads as a share of that with one: it says something on two idle cores only. Needs BROWNOUT_DATA.
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Training, type TrainingOptions } from '../host/compress/train.js';
import { hasWeights } from '../host/compress/layers.js';
import { initialise } from '../host/compress/initialise.js';
import { table } from '../host/report/text.js';
import { TASKS } from '../samples/tasks.js';

const EPOCHS = 5;
const task = TASKS.find(({ name }) => name === 'digits')!;
const { training: data } = task.data();
const start = initialise(task.architecture, 1);

/** Ways of training, as another build has them too. */
const WAYS: Record<string, Partial<TrainingOptions>> = {
  'in float': {},
  'with rounding': { rounding: { inputRange: [0, 1] } },
  'with rounding and a teacher': {
    rounding: { inputRange: [0, 1] },
    teacher: { network: start, weight: 0.5, temperature: 3 },
  },
};

type Trainer = typeof Training;
const trainerOf = async (folder: string): Promise<Trainer> => {
  const path = join(resolve(folder), 'dist/host/compress/train.js');
  return ((await import(pathToFileURL(path).href)) as { Training: Trainer }).Training;
};
const folders = [join(import.meta.dirname, '../..'), ...process.argv.slice(2, 3)];
const trainers = await Promise.all(folders.map(trainerOf));

const seconds = (work: () => void): number => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
};

/** The first bytes of a hash over all parameters. */
function digest(training: Training): string {
  const hash = createHash('sha256');
  for (const layer of training.result().layers)
    if (hasWeights(layer)) hash.update(layer.weights).update(layer.bias);
  return hash.digest('hex').slice(0, 8);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

const rows = Object.entries(WAYS).map(([name, way]) => {
  const options = { ...task.training, ...way, seed: 1, epochs: EPOCHS + 1 };
  const runs = trainers.map((Trainer) => ({
    training: new Trainer(start, data, options),
    times: [] as number[],
  }));
  // The first epoch of each compiles the kernels.
  for (let epoch = 0; epoch <= EPOCHS; epoch++) {
    for (const { training, times } of runs) {
      const time = seconds(() => training.runEpoch());
      if (epoch > 0) times.push(time);
    }
  }
  const [own, other] = runs.map(({ times }) => median(times)) as [number, number?];
  const digests = runs.map(({ training }) => digest(training));
  return [
    name,
    `${own.toFixed(2)} s`,
    ...(other === undefined ? [] : [`${other.toFixed(2)} s`, `${(other / own).toFixed(2)} ×`]),
    digests[1] === undefined ? digests[0]! : digests[0] === digests[1] ? 'same bytes' : 'other bytes',
  ];
});
console.log(
  `An epoch of ${data.labels.length} digits, processor time, median of ${EPOCHS}: this build, the other`,
);
console.log(table(rows));

const threaded = Object.entries(WAYS).map(([name, way]) => {
  const runs = [1, 2].map((threads) => ({
    training: new Training(start, data, { ...task.training, ...way, seed: 1, epochs: EPOCHS + 1, threads }),
    times: [] as number[],
  }));
  for (let epoch = 0; epoch <= EPOCHS; epoch++) {
    for (const { training, times } of runs) {
      const before = performance.now();
      training.runEpoch();
      if (epoch > 0) times.push(performance.now() - before);
    }
  }
  const [alone, together] = runs.map(({ times }) => Math.min(...times)) as [number, number];
  const [one, two] = runs.map(({ training }) => digest(training));
  for (const { training } of runs) training.close();
  return [
    name,
    `${(together / alone).toFixed(2)} of the wall time`,
    one === two ? 'same bytes' : 'other bytes',
  ];
});
console.log(`\nTwo threads, shortest of ${EPOCHS} epochs of each`);
console.log(table(threaded));
