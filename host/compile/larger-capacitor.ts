// Where nobody names a capacitor, and the device's own is too small for the model.
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { ChargeError } from './charge.js';
import { compile } from './compile.js';
import type { CompileOptions } from './options.js';

/**
 * `compile`, for the capacitor that a refusal names where options name none and the device's own does not hold. `capacitorUf`:
 * that one. Throws `BrownoutError`.
 */
export function compileForCharge(
  network: QuantizedNetwork,
  options: CompileOptions,
): { image: Uint8Array; capacitorUf?: number } {
  try {
    return { image: compile(network, options) };
  } catch (error) {
    if (!(error instanceof ChargeError) || options.capacitorUf !== undefined) throw error;
    const { capacitorUf } = error;
    return { image: compile(network, { ...options, capacitorUf }), capacitorUf };
  }
}
