import { Status } from '../../assembly/error.js';
import { STATIC_BYTES, STATIC_BYTES_CHECKED, STATIC_BYTES_LEARNING } from '../../assembly/layout.js';
import type { Image } from '../../host/model/image.js';
import { type Values, valuesFrom } from '../../host/model/values.js';
import { Device, type DeviceOptions } from '../../host/simulator/device.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { moduleFor, type ModuleName, moduleBytes } from '../../host/toolchain/modules.js';
import { mapInPlace } from '../../host/toolchain/in-place.js';

const cache = new Map<string, WebAssembly.Module>();

export function builtModule(name: ModuleName | `in-place ${ModuleName}`): WebAssembly.Module {
  let module = cache.get(name);
  if (!module) {
    module = new WebAssembly.Module(moduleBytes(name as ModuleName));
    cache.set(name, module);
  }
  return module;
}

export type Build = 'scalar' | 'fast' | 'accelerated' | 'simd' | 'checked' | 'in-place';

const IN_PLACE_NVM_BYTES = 1 << 20;

/** A provisioned device, not booted. */
export function makeDevice(
  image: Image,
  build: Build = 'scalar',
  options: Partial<DeviceOptions> = {},
): Device {
  // Kernels that builds must name are in the modules that learn.
  const scalar = moduleFor(image);
  const names = {
    scalar,
    fast: 'device.fast',
    accelerated: 'device.accelerated',
    simd: 'device.simd',
    checked: `${scalar}.checked`,
    'in-place': `in-place ${scalar}`,
  } as const;
  if (build === 'in-place' && !cache.has(names[build])) {
    const mapped = mapInPlace(moduleBytes(scalar), { nvmBytes: IN_PLACE_NVM_BYTES });
    cache.set(names[build], new WebAssembly.Module(mapped));
  }
  const nvm = options.nvm ?? new SimulatedNvm(image.nvmBytes);
  // What the image needs and not a byte more.
  const learns = scalar === 'device.learn' && (build === 'scalar' || build === 'in-place');
  const statics = build === 'checked' ? STATIC_BYTES_CHECKED : learns ? STATIC_BYTES_LEARNING : STATIC_BYTES;
  const sramBytes = statics + image.arenaBytes;
  provision(nvm, image);
  const mapped = build === 'in-place' ? { mappedAt: 65536 } : {};
  return new Device(builtModule(names[build]), { image, nvm, sramBytes, ...mapped, ...options });
}

/** Whether there is such a build of what runs an image: in lanes not of kernels that builds must name. */
export const hasBuild = (image: Image, build: Build): boolean =>
  build !== 'simd' || moduleFor(image) === 'device';

/** Boots, runs one job to its end on power that does not fail, and returns the answer. */
export function infer(device: Device, image: Image, input: Values, ticket = 1): Values {
  expectCode(device.boot(), Status.IDLE);
  expectCode(device.feed(input), input.byteLength);
  expectCode(device.submit(ticket), Status.RUN);
  while (device.status() === Status.RUN) expectNoError(device.run());
  expectCode(device.status(), Status.DONE);
  return answerOf(device, image);
}

export function answerOf(device: Device, image: Image): Values {
  const { offset, bytes } = image.output;
  return valuesFrom(device.nvm.present.subarray(offset, offset + bytes), image.metadata.output.dtype);
}

function expectNoError(code: number): void {
  if (code < 0) throw new Error(`the device returned ${code}`);
}

function expectCode(found: number, expected: number): void {
  if (found !== expected) throw new Error(`the device returned ${found} instead of ${expected}`);
}
