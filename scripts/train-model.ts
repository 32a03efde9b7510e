// `node dist/scripts/train-model.js har|keywords [--check]`: trains a task's network, compresses it unless it is trained in few bits,
// and writes the image to checkpoints/. Needs BROWNOUT_DATA; up to several minutes. Cut off, compression goes on from
// keywords.progress. `--check` writes nothing and fails if a byte differs.
import { STATIC_BYTES } from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { compress } from '../host/compress/compress.js';
import type { LabelledData } from '../host/compress/float-network.js';
import { trainFromScratch } from '../host/compress/from-scratch.js';
import { elements } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import { epochLine, integerAnswers, scoreOutputs } from '../host/compress/recipe.js';
import { compressText } from '../host/compress/report.js';
import { rangeOf } from '../host/compress/rounding.js';
import { quantizeValues } from '../host/model/affine.js';
import { TASKS, type Task, trainParent } from '../samples/tasks.js';
import { saveCheckpoints } from './checkpoints.js';

const [name, ...flags] = process.argv.slice(2);
const task = TASKS.find((candidate) => candidate.name === name);
const log = (text: string): void => console.error(text);

/** Bytes of SRAM that a task's image may take. */
const sramOf = ({ compression: { sramBytes } }: Task): number => Number(sramBytes);

/** The image of the float parent, compressed. */
function compressed(own: Task, training: LabelledData, test: LabelledData): Uint8Array {
  const { image, report } = compress(trainParent(own, { training, test }, 1), {
    ...own.compression,
    data: training,
    test,
    name: own.name,
    classes: own.classes,
    seed: 1,
    journal: `${own.name}.progress`,
    onProgress: ({ stage, text }) => log(`${stage}: ${text}`),
  });
  log(compressText(report));
  return image;
}

/** The image of a network that is trained in few bits from random weights. */
function trainedInFewBits(
  own: Task,
  { layers, bits, training: how }: Required<Task>['shipped'],
  training: LabelledData,
  test: LabelledData,
): Uint8Array {
  const { inputShape } = own.architecture;
  const [minimum, maximum] = rangeOf(training.inputs);
  const { network, scheme } = trainFromScratch({ inputShape, layers: [...layers] }, training, {
    ...how,
    seed: 1,
    rounding: { bits, steps: 'learned', inputRange: [minimum, maximum] },
    onEpoch: (report) => log(epochLine(report)),
  });
  const quantized = quantizeAs(network, scheme!, own.name);
  const { accuracy } = scoreOutputs(integerAnswers(quantized, test.inputs), test);
  log(`${(accuracy * 100).toFixed(2)} % of the test inputs`);
  const sample = test.inputs.subarray(0, elements(inputShape));
  return compile(quantized, {
    device: own.compression.device!,
    arenaBytes: sramOf(own) - STATIC_BYTES,
    classes: own.classes,
    preprocessing: { minimum, maximum },
    sample: quantizeValues(sample, quantized.tensors[quantized.input]!),
  });
}

if (!task || task.name === 'digits') {
  log('found no task; expected har or keywords (digits: npm run train:digits)');
  process.exitCode = 2;
} else {
  const { training, test } = task.data();
  const image = task.shipped
    ? trainedInFewBits(task, task.shipped, training, test)
    : compressed(task, training, test);
  const check = flags.includes('--check');
  if (!saveCheckpoints({ [`${task.name}.brn`]: image }, { check, log })) process.exitCode = 1;
}
