// The image of what was chosen.
import { STATIC_BYTES } from '../../assembly/layout.js';
import { compile } from '../compile/compile.js';
import { quantizeValues } from '../model/affine.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import type { Settings } from './compress-options.js';
import { elements } from './layers.js';

/** A network's image, with the sample of its first test input. Throws as `compile`. */
export function finalImage(quantized: QuantizedNetwork, settings: Settings): Uint8Array {
  const { budget, test, classes, policy, recipe, channelsFirst } = settings;
  const input = quantized.tensors[quantized.input]!;
  const [minimum, maximum] = recipe.inputRange;
  return compile(quantized, {
    device: budget.device,
    ...(budget.capacitorUf === undefined ? {} : { capacitorUf: budget.capacitorUf }),
    ...(budget.sramBytes === undefined ? {} : { arenaBytes: budget.sramBytes - STATIC_BYTES }),
    ...(policy === undefined ? {} : { policy }),
    ...(classes ? { classes } : {}),
    preprocessing: { minimum, maximum, ...(channelsFirst ? { channelsFirst } : {}) },
    sample: quantizeValues(test.inputs.subarray(0, elements(input.shape)), input),
  });
}
