// `node dist/scripts/train-model.js har|keywords [--check]`: trains a task's network in few bits from random weights and writes the
// image to checkpoints/. Needs BROWNOUT_DATA; up to a minute of a core. `--check` writes nothing and fails if a byte differs.
import { STATIC_BYTES } from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import type { LabelledData } from '../host/compress/float-network.js';
import { trainFromScratch } from '../host/compress/from-scratch.js';
import { elements } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import { epochLine, integerAnswers, scoreOutputs } from '../host/compress/recipe.js';
import { rangeOf } from '../host/compress/rounding.js';
import { quantizeValues } from '../host/model/affine.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { TASKS, type Task } from '../samples/tasks.js';
import { saveCheckpoints } from './checkpoints.js';

const [name, ...flags] = process.argv.slice(2);
const task = TASKS.find((candidate) => candidate.name === name);
const log = (text: string): void => console.error(text);

/** The same network, weights of some layers a byte each: the same answers. */
function inBytes(network: QuantizedNetwork, layers: readonly string[]): QuantizedNetwork {
  const ops = network.ops.map((op) =>
    layers.includes(op.name) ? { ...op, weightType: 'int8' as const } : op,
  );
  return { ...network, ops };
}

/** The image of a network that is trained in few bits from random weights. */
function trainedInFewBits(
  own: Task,
  { layers, bits, asBytes = [], training: how, sramBytes }: Required<Task>['shipped'],
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
  const quantized = inBytes(quantizeAs(network, scheme!, own.name), asBytes);
  const { accuracy } = scoreOutputs(integerAnswers(quantized, test.inputs), test);
  log(`${(accuracy * 100).toFixed(2)} % of the test inputs`);
  const sample = test.inputs.subarray(0, elements(inputShape));
  return compile(quantized, {
    device: own.compression.device!,
    arenaBytes: sramBytes - STATIC_BYTES,
    classes: own.classes,
    preprocessing: { minimum, maximum },
    sample: quantizeValues(sample, quantized.tensors[quantized.input]!),
  });
}

if (!task?.shipped) {
  log('found no task; expected har or keywords (digits: npm run train:digits)');
  process.exitCode = 2;
} else {
  const { training, test } = task.data();
  const image = trainedInFewBits(task, task.shipped, training, test);
  const check = flags.includes('--check');
  if (!saveCheckpoints({ [`${task.name}.brn`]: image }, { check, log })) process.exitCode = 1;
}
