// `node dist/bench/trainer.js [FOLDER]`: processor time of an epoch of digits, in float and with rounding, and of the same in
// another build of Brownout, FOLDER, epochs in turn: say, of a clone of f68c5d7 after `npm ci`. Then, of this build, the wall time
// with two threads as a share of that with one: it says something on two idle cores only. `--compress TASK [--epochs N]` times
// `compress` as a whole in place of epochs, of one parent, with weights of 8 and 4 bits in both builds. Needs BROWNOUT_DATA.
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { compress } from '../host/compress/compress.js';
import type { CompressOptions } from '../host/compress/compress-options.js';
import type { LabelledData } from '../host/compress/float-network.js';
import { Training, type TrainingOptions } from '../host/compress/train.js';
import { hasWeights } from '../host/compress/layers.js';
import { initialise } from '../host/compress/initialise.js';
import { table } from '../host/report/text.js';
import { TASKS, trainParent } from '../samples/tasks.js';

const EPOCHS = 5;
const given = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = given.indexOf(name);
  return at < 0 ? undefined : given.splice(at, 2)[1]!;
};
const [compressed, compressEpochs] = [option('--compress'), option('--epochs')];
const folders = [join(import.meta.dirname, '../..'), ...given.slice(0, 1)];

const digits = TASKS.find(({ name }) => name === 'digits')!;
const start = initialise(digits.architecture, 1);

/** Ways of training, as another build has them too. */
const WAYS: Record<string, Partial<TrainingOptions>> = {
  'in float': {},
  'with rounding': { rounding: { inputRange: [0, 1] } },
  'with rounding and a teacher': {
    rounding: { inputRange: [0, 1] },
    teacher: { network: start, weight: 0.5, temperature: 3 },
  },
};

/** What each build has in a module of host/compress. */
function fromBuilds<T>(module: string): Promise<T[]> {
  const paths = folders.map((folder) => join(resolve(folder), `dist/host/compress/${module}.js`));
  return Promise.all(paths.map(async (path) => (await import(pathToFileURL(path).href)) as T));
}

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

/** Epochs of this build and the other in turn. */
async function timeEpochs(data: LabelledData): Promise<void> {
  const builds = await fromBuilds<{ Training: typeof Training }>('train');
  const rows = Object.entries(WAYS).map(([name, way]) => {
    const options = { ...digits.training, ...way, seed: 1, epochs: EPOCHS + 1 };
    const runs = builds.map((build) => ({
      training: new build.Training(start, data, options),
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
}

/** Epochs with one thread and with two. */
function timeThreads(data: LabelledData): void {
  const rows = Object.entries(WAYS).map(([name, way]) => {
    const options = { ...digits.training, ...way, seed: 1, epochs: EPOCHS + 1 };
    const runs = [1, 2].map((threads) => ({
      training: new Training(start, data, { ...options, threads }),
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
  console.log(table(rows));
}

/** `compress` as a whole, in each build, on one parent. */
async function timeCompress(name: string): Promise<void> {
  const task = TASKS.find((one) => one.name === name)!;
  const data = task.data();
  const parent = trainParent(task, data, 1);
  const options: CompressOptions = {
    ...{ ...task.compression, data: data.training, test: data.test, seed: 1 },
    ...(compressEpochs === undefined ? {} : { epochs: Number(compressEpochs) }),
  };
  const builds = await fromBuilds<{ compress: typeof compress }>('compress');
  const rows = builds.map((build, i) => {
    let made = '';
    const time = seconds(() => {
      // f68c5d7 has no other widths, and no option for them.
      const { report, image } = build.compress(parent, i === 0 ? { ...options, bits: [8, 4] } : options);
      made = `${(report.after.accuracy * 100).toFixed(2)} % in ${image.length} bytes`;
    });
    return { time, made };
  });
  console.log(`compress ${name}, processor time: this build, the other`);
  console.log(
    table(
      rows.map(({ time, made }) => [`${time.toFixed(1)} s`, `${(time / rows[0]!.time).toFixed(2)} ×`, made]),
    ),
  );
}

if (compressed === undefined) {
  const { training } = digits.data();
  await timeEpochs(training);
  timeThreads(training);
} else await timeCompress(compressed);
