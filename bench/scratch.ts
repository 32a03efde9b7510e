// `node dist/bench/scratch.js TASK [--seeds 1,2,3] [--flash BYTES] [--energy UJ] [--bits 8,4,2] [-o FOLDER]`: what
// `compress --from-scratch` makes of a task's float parent, seeds of parent and compression alike, on an MSP430. Needs
// BROWNOUT_DATA; minutes of a core a seed. With `-o` images are kept, as TASK-SEED.brn.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compress } from '../host/compress/compress.js';
import { parameterCount } from '../host/compress/float-network.js';
import { accuracy } from '../host/compress/forward.js';
import { readImage } from '../host/model/image.js';
import { WEIGHT_TYPES, type WeightBits } from '../host/model/weight-types.js';
import { count, table } from '../host/report/text.js';
import { TASKS, trainParent } from '../samples/tasks.js';
import { meanAndDeviation } from './from-scratch.js';

const given = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = given.indexOf(name);
  return at < 0 ? undefined : given.splice(at, 2)[1]!;
};
const seeds = (option('--seeds') ?? '1,2,3').split(',').map(Number);
const flash = option('--flash');
const energy = option('--energy');
const bits = option('--bits')?.split(',').map(Number) as WeightBits[] | undefined;
const folder = option('-o');
const task = TASKS.find(({ name }) => name === given[0])!;

/** Networks are trained to the end for each candidate: fewer epochs than for one that is given. */
const EPOCHS: Record<string, number> = { digits: 20, har: 15, keywords: 40 };
const regularised = task.name === 'har' ? { mixup: 0.5, weightDecay: 0.1 } : {};

const data = task.data();
const results = seeds.map((seed) => {
  const parent = trainParent(task, data, seed);
  const { device, sramBytes, batchSize, augmentation } = task.compression;
  const { image, quantized, report } = compress(parent, {
    ...{ device: device!, augmentation: augmentation!, data: data.training, test: data.test, seed },
    ...(sramBytes === undefined ? {} : { sramBytes }),
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(flash === undefined ? {} : { flashBytes: Number(flash) }),
    ...(energy === undefined ? {} : { energyUj: Number(energy) }),
    ...(bits === undefined ? {} : { bits }),
    ...{ fromScratch: true, epochs: EPOCHS[task.name]! },
    ...regularised,
  });
  if (folder !== undefined) writeFileSync(join(folder, `${task.name}-${seed}.brn`), image);
  const weighted = quantized.ops.flatMap((op) =>
    'weights' in op
      ? [{ weights: op.weights.length, bits: WEIGHT_TYPES['weightType' in op ? op.weightType : 'int8'].bits }]
      : [],
  );
  const weights = weighted.reduce((sum, own) => sum + own.weights, 0);
  const result = {
    seed,
    float: accuracy(parent, data.test) * 100,
    accuracy: report.after.accuracy * 100,
    bytes: readImage(image).constants.bytes,
    floats: 4 * parameterCount(parent),
    meanBits: weighted.reduce((sum, own) => sum + own.weights * own.bits, 0) / weights,
    energyUj: report.after.cost!.energyUj,
  };
  const layers = report.layers.map(({ layer, choice }) => `${layer} ${JSON.stringify(choice)}`);
  console.error(JSON.stringify({ task: task.name, ...result, layers }));
  return result;
});

const rows = results.map((one) => [
  `${one.seed}`,
  `${one.float.toFixed(2)} %`,
  `${one.accuracy.toFixed(2)} %`,
  `${count(one.bytes)} B`,
  `${(one.floats / one.bytes).toFixed(0)} ×`,
  one.meanBits.toFixed(2),
  `${one.energyUj.toFixed(0)} µJ`,
]);
const columns = ['seed', 'float', 'from scratch', 'bytes', 'fewer', 'mean bits', 'energy, simulated'];
console.log(`${task.name}: weights, biases, scales and tables; test inputs, the device's integers`);
console.log(table([columns, ...rows]));
const differences = meanAndDeviation(results.map((one) => one.accuracy - one.float));
const accuracies = meanAndDeviation(results.map((one) => one.accuracy));
const text = ([mean, deviation]: readonly [number, number]): string =>
  `${mean.toFixed(2)} ± ${deviation.toFixed(2)}`;
console.log(`mean ± deviation: ${text(accuracies)} %, against float ${text(differences)} points`);
