// Where nobody names a capacitor, and the device's own is too small for the model.
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { ChargeError } from './charge.js';
import { compile } from './compile.js';
import type { CompileOptions } from './options.js';

/** Times that a larger capacitor is tried: with it, tiles become larger as well. */
const TRIES = 4;

/**
 * `compile`, for the least capacitor that holds, where options name none and the device's own does not. `capacitorUf`: that
 * one. Throws `BrownoutError`.
 */
export function compileForCharge(
  network: QuantizedNetwork,
  options: CompileOptions,
): { image: Uint8Array; capacitorUf?: number } {
  let larger: { capacitorUf?: number } = {};
  for (let left = TRIES; ; left--) {
    try {
      return { image: compile(network, { ...options, ...larger }), ...larger };
    } catch (error) {
      if (!(error instanceof ChargeError) || options.capacitorUf !== undefined || left === 0) throw error;
      larger = { capacitorUf: error.capacitorUf };
    }
  }
}
