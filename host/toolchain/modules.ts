// The WASM modules that ship, as files beside the compiled host.
import { readFileSync } from 'node:fs';
import { BrownoutError, ExitCode } from '../error.js';
import type { DeviceImage } from '../model/image.js';
import { type InstructionCosts, meter } from './meter.js';

/**
 * `device`: scalar, all kernels, `device.train` with those of training, `device.fast` with several sums at a time,
 * `device.accelerated` with them imported; `digits`: only those of the shipped image; `…bare`: the kernels alone.
 */
export type ModuleName =
  | 'device'
  | 'device.train'
  | 'device.train.checked'
  | 'device.fast'
  | 'device.accelerated'
  | 'digits'
  | 'digits.bare'
  | 'device.simd'
  | 'device.checked'
  | 'bare'
  | 'bare.train'
  | 'desk';

/** The bytes of a module. Throws `E_NOT_BUILT`. */
export function moduleBytes(name: ModuleName): Uint8Array<ArrayBuffer> {
  const url = new URL(`../../wasm/${name}.wasm`, import.meta.url);
  try {
    return new Uint8Array(readFileSync(url));
  } catch {
    throw new BrownoutError(
      {
        code: 'E_NOT_BUILT',
        found: `no ${name}.wasm`,
        expected: `it at ${url.pathname}`,
        hint: 'Run `npm run build`.',
      },
      ExitCode.TOOL,
    );
  }
}

/** A module that counts instructions and cycles, and traps where its budget ends. */
export function meteredModule(name: ModuleName, costs: InstructionCosts): WebAssembly.Module {
  return new WebAssembly.Module(meter(moduleBytes(name), costs));
}

/** Its kernels alone. */
export const bareModuleFor = ({ training }: Pick<DeviceImage, 'training'>): 'bare' | 'bare.train' =>
  training ? 'bare.train' : 'bare';

/** The module that runs an image: one that trains needs more kernels. */
export const moduleFor = ({ training }: Pick<DeviceImage, 'training'>): 'device' | 'device.train' =>
  training ? 'device.train' : 'device';
