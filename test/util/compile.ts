import { compile } from '../../host/compile/compile.js';
import type { CompileOptions } from '../../host/compile/options.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';

/** `compile` without the proof: for tests of something else that compile many networks. */
export const compileUnproved = (network: QuantizedNetwork, options: CompileOptions = {}): Uint8Array =>
  compile(network, { verify: false, ...options });

/** The same, layer by layer: what looks at every layer's output and weights. */
export const compileApart = (network: QuantizedNetwork, options: CompileOptions = {}): Uint8Array =>
  compileUnproved(network, { fuse: 'off', ...options });
