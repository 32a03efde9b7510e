import { givenSamples } from '../data/given-inputs.js';
import type { ReadAs } from '../data/model-input.js';
import { elementCount, type TensorSpec } from '../model/quantized-network.js';
import { offsetsOf } from '../model/ports.js';
import { BrownoutError } from '../error.js';
import { imageOf } from '../ops/given-image.js';
import type { Image } from '../model/image.js';
import type { ActivationType } from '../model/values.js';
import { type Origin, originOf } from '../origin.js';
import { targetOf } from '../power/target.js';
import { completeJob } from '../simulator/app.js';
import { Device } from '../simulator/device.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';
import { checkOptions } from '../options/table.js';
import { checkLabels, type Score, scoreOf } from './score.js';
import { type RunOptions, runOptions } from './options.js';

/** Answers of one output: real = scale · (value − zeroPoint). */
export interface Answers {
  /** One row of integers per sample. */
  outputs: number[][];
  /** uint8 where the model's file has it so. */
  dtype: ActivationType | 'uint8';
  scale: number;
  zeroPoint: number;
}

/** What `brownout run --json` prints. */
export interface RunResult extends Answers {
  origin: Origin;
  /** Whose signature the image has: the public key in hex; absent: nobody's. */
  signedBy?: string;
  /** Of an image of several outputs: each of them; `outputs` are then all their integers side by side. */
  named?: ({ name: string; shape: readonly number[] } & Answers)[];
  /** Input values outside the range that the model takes, clamped to it. */
  clamped: number;
  /** Where those are many. */
  warning?: string;
  /** With labels: how good the answers are. */
  score?: Score;
  /** What the numbers of the input were taken for; absent: the image's own input, or several. */
  readAs?: ReadAs;
}

/** Runs `image` (bytes or read) on the device module, on steady power. Throws `BrownoutError`. */
export function run(image: Uint8Array | Image, options: RunOptions = {}): RunResult {
  const { labels, onSample, reset, signedBy, ...arrays } = checkOptions(runOptions, options);
  const model = imageOf(image, signedBy);
  const given = givenSamples(arrays, model);
  const inputs = given?.samples ?? (model.sample && [model.sample]);
  if (!inputs) {
    throw new BrownoutError({
      code: 'E_NO_INPUT',
      found: 'no input, and an image that carries none',
      expected: 'an input',
      hint: 'Give one as `input`; `brownout compile --sample` puts one into an image.',
    });
  }
  if (labels) checkLabels(labels, inputs.length, classesIn(model));
  const nvm = new SimulatedNvm(model.nvmBytes);
  provision(nvm, model);
  const sramBytes = targetOf(model, {}).profile.sramBytes.value;
  const wasm = moduleBytes(moduleFor(model));
  const device = new Device(new WebAssembly.Module(wasm), { image: model, nvm, sramBytes });
  const outputs = inputs.map((sample, index) => {
    if (reset && index > 0) device.restore();
    const { answer } = completeJob(device, model, { ticket: index + 1, input: sample }, {}, index > 0);
    onSample?.(index + 1, inputs.length);
    return [...answer];
  });
  const [as, ...others] = given?.readAs ?? [];
  const answers = namedAnswers(outputs, model);
  return {
    origin: originOf({ image: model.file, module: wasm }),
    ...(model.signature ? { signedBy: model.signature.signedBy } : {}),
    ...answers,
    ...(labels ? { score: scoreOf(answers.outputs, labels, answers.scale) } : {}),
    clamped: given?.clamped ?? 0,
    ...(given?.warning === undefined ? {} : { warning: given.warning }),
    ...(as && others.length === 0 ? { readAs: as } : {}),
  };
}

/** Outputs that there is one of for each class. */
function classesIn({ metadata: { output, outputs } }: Image): number {
  return outputs ? 0 : elementCount(output);
}

/** Answers of every output; where there is one, without its name. */
function namedAnswers(rows: number[][], { metadata }: Image): Answers & Pick<RunResult, 'named'> {
  const { output, outputs: all } = metadata;
  if (!all) return answersOf(rows, output);
  const offsets = offsetsOf(all);
  const named = all.map((port) => {
    const from = offsets[all.indexOf(port)]!;
    const part = rows.map((row) => row.slice(from, from + elementCount(port.tensor)));
    return { name: port.name, shape: port.tensor.shape, ...answersOf(part, port.tensor) };
  });
  return { ...answersOf(rows, output), named };
}

/** Integers as the model's file counts them. */
function answersOf(rows: number[][], { dtype = 'int8', scale, zeroPoint, unsigned }: TensorSpec): Answers {
  if (!unsigned) return { outputs: rows, dtype, scale, zeroPoint };
  const outputs = rows.map((row) => row.map((q) => q + 128));
  return { outputs, dtype: 'uint8', scale, zeroPoint: zeroPoint + 128 };
}
