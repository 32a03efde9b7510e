import { countClamped, modelInputs, portInputs, type ReadAs, readInputAs } from '../data/model-input.js';
import { elementCount, type TensorSpec } from '../model/quantized-network.js';
import { offsetsOf } from '../model/ports.js';
import { BrownoutError } from '../error.js';
import { type Image, readImage } from '../model/image.js';
import type { ActivationType } from '../model/values.js';
import { deviceProfile } from '../profiles/index.js';
import { completeJob } from '../simulator/app.js';
import { Device } from '../simulator/device.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';
import { checkOptions } from '../options/table.js';
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
  /** Of an image of several outputs: each of them; `outputs` are then all their integers side by side. */
  named?: ({ name: string; shape: readonly number[] } & Answers)[];
  /** Input values outside the range that the model takes, clamped to it. */
  clamped: number;
  /** Where those are many. */
  warning?: string;
  /** What the numbers of the input were taken for; absent: the image's own input. */
  readAs?: ReadAs;
}

/** Runs `image` (bytes or read) on the device module, on steady power. Throws `BrownoutError`. */
export function run(image: Uint8Array | Image, options: RunOptions = {}): RunResult {
  const { input, inputs: arrays, onSample } = checkOptions(runOptions, options);
  const model = image instanceof Uint8Array ? readImage(image) : image;
  const inputs = arrays
    ? portInputs(arrays, model)
    : input
      ? modelInputs(input, model)
      : model.sample && [model.sample];
  if (!inputs) {
    throw new BrownoutError({
      code: 'E_NO_INPUT',
      found: 'no input, and an image that carries none',
      expected: 'an input',
      hint: 'Give one with --input x.npy.',
    });
  }
  const nvm = new SimulatedNvm(model.nvmBytes);
  provision(nvm, model);
  const sramBytes = deviceProfile('cortex-m4-generic').sramBytes.value;
  const device = new Device(new WebAssembly.Module(moduleBytes(moduleFor(model))), { nvm, sramBytes });
  const outputs = inputs.map((sample, index) => {
    const { answer } = completeJob(device, model, { ticket: index + 1, input: sample }, {}, index > 0);
    onSample?.(index + 1, inputs.length);
    return [...answer];
  });
  const { clamped, warning } = input ? countClamped(input, model) : { clamped: 0, warning: undefined };
  const as = input && readInputAs(input, model);
  const { output, outputs: ports } = model.metadata;
  const offsets = offsetsOf(ports ?? []);
  const named = ports?.map(({ name, tensor }, i) => {
    const [from, to] = [offsets[i]!, offsets[i]! + elementCount(tensor)];
    const rows = outputs.map((row) => row.slice(from, to));
    return { name, shape: tensor.shape, ...answersOf(rows, tensor) };
  });
  return {
    ...answersOf(outputs, output),
    ...(named ? { named } : {}),
    clamped,
    ...(warning ? { warning } : {}),
    ...(as ? { readAs: as } : {}),
  };
}

/** Integers as the model's file counts them. */
function answersOf(rows: number[][], { dtype = 'int8', scale, zeroPoint, unsigned }: TensorSpec): Answers {
  if (!unsigned) return { outputs: rows, dtype, scale, zeroPoint };
  const outputs = rows.map((row) => row.map((q) => q + 128));
  return { outputs, dtype: 'uint8', scale, zeroPoint: zeroPoint + 128 };
}
