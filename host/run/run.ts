import { countClamped, modelInputs, type ReadAs, readAs } from '../data/model-input.js';
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

/** What `brownout run --json` prints: real = scale · (output − zeroPoint). */
export interface RunResult {
  /** One row of integers per sample. */
  outputs: number[][];
  dtype: ActivationType;
  scale: number;
  zeroPoint: number;
  /** Input values outside the range that the model takes, clamped to it. */
  clamped: number;
  /** Where those are many. */
  warning?: string;
  /** What the numbers of the input were taken for; absent: the image's own input. */
  readAs?: ReadAs;
}

/** Runs `image` (bytes or read) on the device module, on steady power. Throws `BrownoutError`. */
export function run(image: Uint8Array | Image, options: RunOptions = {}): RunResult {
  const { input, onSample } = checkOptions(runOptions, options);
  const model = image instanceof Uint8Array ? readImage(image) : image;
  const inputs = input ? modelInputs(input, model) : model.sample && [model.sample];
  if (!inputs) {
    throw new BrownoutError({
      code: 'E_NO_INPUT',
      found: 'no input, and an image that carries none',
      expected: 'an input',
      hint: 'Give one as `input`.',
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
  const { dtype = 'int8', scale, zeroPoint } = model.metadata.output;
  const { clamped, warning } = input ? countClamped(input, model) : { clamped: 0, warning: undefined };
  const as = input && readAs(input.dtype, model.metadata.input.dtype ?? 'int8', input.as);
  return {
    ...{ outputs, dtype, scale, zeroPoint, clamped },
    ...(warning ? { warning } : {}),
    ...(as ? { readAs: as } : {}),
  };
}
