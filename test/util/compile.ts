import * as assert from 'uvu/assert';
import { compile } from '../../host/compile/compile.js';
import type { CompileOptions } from '../../host/compile/options.js';
import { BrownoutError } from '../../host/error.js';
import { type Image, readImage } from '../../host/model/image.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';

/** `compile` without the proof: for tests of something else that compile many networks. */
export const compileUnproved = (network: QuantizedNetwork, options: CompileOptions = {}): Uint8Array =>
  compile(network, { verify: false, ...options });

/** The same, layer by layer: what looks at every layer's output and weights. */
export const compileApart = (network: QuantizedNetwork, options: CompileOptions = {}): Uint8Array =>
  compileUnproved(network, { fuse: 'off', ...options });

/** The image in the least NVM that the planner can make do with. */
export function compileTightest(
  network: QuantizedNetwork,
  options: { policy: string; arenaBytes?: number },
): Image {
  let image = readImage(compileUnproved(network, options));
  for (;;) {
    try {
      image = readImage(compileUnproved(network, { ...options, nvmBytes: image.nvmBytes - 1 }));
    } catch (error) {
      assert.ok(error instanceof BrownoutError && error.code === 'E_PLAN', String(error));
      return image;
    }
  }
}
