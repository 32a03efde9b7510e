// The WASM modules that ship, as files beside the compiled host.
import { readFileSync } from 'node:fs';
import { BrownoutError, ExitCode } from '../error.js';
import { type DeviceImage, groupsOf } from '../model/image.js';
import { type InstructionCosts, meter } from './meter.js';
import { NAMED } from './parts.js';

/**
 * `device`: scalar, all kernels but those of learning and those that builds name (parts.ts); `device.learn`: with these;
 * `device.fast`: several sums at a time, `device.accelerated`: sums imported; `digits`: only the kernels of the shipped image;
 * `…bare`: the kernels alone.
 */
export type ModuleName =
  | 'device'
  | 'device.learn'
  | 'device.learn.checked'
  | 'device.fast'
  | 'device.accelerated'
  | 'digits'
  | 'digits.bare'
  | 'device.simd'
  | 'device.checked'
  | 'bare'
  | 'bare.learn'
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

/** Metered modules by name and costs, those used last at the end: a process compiles and replays with few devices. */
const metered = new Map<string, WebAssembly.Module>();
const MOST_METERED = 8;

/** A module that counts instructions and cycles, and traps where its budget ends. */
export function meteredModule(name: ModuleName, costs: InstructionCosts): WebAssembly.Module {
  const key = `${name} ${JSON.stringify(costs)}`;
  const module = metered.get(key) ?? new WebAssembly.Module(meter(moduleBytes(name), costs));
  metered.delete(key);
  metered.set(key, module);
  if (metered.size > MOST_METERED) metered.delete(metered.keys().next().value!);
  return module;
}

/** What of an image says which module runs it. */
type Asking = Pick<DeviceImage, 'learning' | 'stream' | 'ops'>;

/** Whether an image learns, keeps state, or has kernels that builds must name. */
const needsMore = (image: Asking): boolean =>
  groupsOf(image) !== undefined || image.ops.some(({ kind }) => NAMED.includes(kind));

/** Its kernels alone. */
export const bareModuleFor = (image: Asking): 'bare' | 'bare.learn' =>
  needsMore(image) ? 'bare.learn' : 'bare';

/** The module that runs an image. */
export const moduleFor = (image: Asking): 'device' | 'device.learn' =>
  needsMore(image) ? 'device.learn' : 'device';
