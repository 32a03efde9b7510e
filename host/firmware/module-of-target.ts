// The module of an image as C for a target: where the part computes with 16 bits, with all that fits them in so many.
import type { Image } from '../model/image.js';
import { splitLocals } from '../toolchain/build-device.js';
import { type FirmwareModule, sramBytes } from './model-c.js';
import { firmwareModule, moduleFrom, transformsOf } from './sources.js';
import type { Target } from './targets.js';
import { factsOf } from './widths/facts.js';
import { widthsOf } from './widths/widths.js';

/** `wasm`, the module of `image`, as C for the target. Throws `E_TOOL_MISSING`. */
export async function moduleForTarget(
  image: Image,
  wasm: Uint8Array,
  target: Target,
): Promise<FirmwareModule> {
  const module = moduleFrom(wasm, 'device', transformsOf(image));
  if (target.farthest === undefined) return module;
  const split = await splitLocals(wasm);
  const widths = widthsOf(split, factsOf(image, module, sramBytes(image, module), target.farthest));
  return moduleFrom(wasm, 'device', transformsOf(image), { split, widths });
}

/** The module of an image for the target, built. Throws `E_TOOL_MISSING` where the compilers of WASM are absent. */
export async function moduleOfTarget(image: Image, target: Target): Promise<FirmwareModule> {
  const module = await firmwareModule(image);
  return target.farthest === undefined ? module : moduleForTarget(image, module.wasm, target);
}
