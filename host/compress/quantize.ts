// Quantization of a float network to int8 or int4 weights and int8 activations: after training by ranges seen on
// calibration inputs, or as quantization-aware training found. Weights of convolutions and dense layers have a scale for each
// output, circulant ones one (Jacob et al. 2018).
import { checkFields } from '../error.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { affine } from '../model/affine.js';
import { instance, real, text, whole } from '../options/kinds.js';
import { checkOptions, type Table } from '../options/table.js';
import { roundToLean } from '../ops/lean.js';
import { quantizeGraph } from '../import/quantize-graph.js';
import type { FloatNetwork } from './float-network.js';
import { forward } from './forward.js';
import { hasWeights } from './layers.js';
import { type QuantizationScheme, rangeOf } from './rounding.js';
import { weightGroups } from './placed-network.js';
import { toGraph } from './to-graph.js';

/** Options of `quantize`. */
export interface QuantizeOptions {
  name: string;
  /** Float inputs [count][height·width·channels] whose activations set the ranges. */
  calibration: Float32Array;
  count: number;
  /** Range of the float input. */
  minimum: number;
  maximum: number;
}

const isFloats = (value: unknown): value is Float32Array => value instanceof Float32Array;

const quantizeOptions = {
  name: { kind: text('NAME', 'digits'), required: true },
  calibration: { kind: instance('a Float32Array of inputs', isFloats), required: true },
  count: { kind: whole(1), required: true },
  minimum: { kind: real(-1e9, 1e9), required: true },
  maximum: { kind: real(-1e9, 1e9), required: true },
} as const satisfies Table<QuantizeOptions>;

/** The scheme of quantization after training: int8, ranges as wide as what calibration saw. */
function schemeOf(network: FloatNetwork, options: QuantizeOptions): QuantizationScheme {
  const { activations } = forward(network, options.calibration, options.count);
  return {
    activations: [
      affine(options.minimum, options.maximum),
      ...activations.map((values) => affine(...rangeOf(values))),
    ],
    weights: network.layers.map((layer) => {
      if (!hasWeights(layer)) return undefined;
      const { groups, interleaved } = weightGroups(layer);
      const length = layer.weights.length / groups;
      const scales = Array.from({ length: groups }, (_, group) => {
        const own = layer.weights.filter(
          (_, i) => (interleaved ? i % groups : Math.floor(i / length)) === group,
        );
        return Math.max(...rangeOf(own).map(Math.abs)) / 127 || 1;
      });
      return { bits: 8, scales };
    }),
  };
}

/** Quantizes `network`, ready for `compile`. Throws `E_SHAPE`, `E_NETWORK`. */
export function quantize(network: FloatNetwork, given: QuantizeOptions): QuantizedNetwork {
  checkFields(network, 'a float network, as `fromGraph` gives it', 'inputShape', 'layers');
  const options = checkOptions(quantizeOptions, given);
  return quantizeAs(network, schemeOf(network, options), options.name);
}

/** Quantizes a network as its training found best. */
export function quantizeAs(
  network: FloatNetwork,
  scheme: QuantizationScheme,
  name: string,
): QuantizedNetwork {
  return roundToLean(quantizeGraph(toGraph(network, scheme), { name }));
}
