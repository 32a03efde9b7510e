// A network in float, as data.
import { type FloatLayer, hasWeights, type LayerShape } from './layers.js';

/** A chain of layers with float weights, as `train` and `compress` take it. Weights are row by row, outputs first. */
export interface FloatNetwork {
  /** Height, width, channels, or as it is; flattening, in that order, is implicit before circulant and dense layers. */
  inputShape: readonly number[];
  layers: FloatLayer[];
}

/** A chain of layers without weights: `initialise` draws them. */
export interface Architecture {
  inputShape: readonly number[];
  layers: LayerShape[];
}

/** Inputs [count][height][width][channels], and a class for each, or what the network is to answer. */
export interface LabelledData {
  inputs: Float32Array;
  /** Classes; as many zeros where there are targets. */
  labels: Uint8Array;
  /** For a regression: what the outputs for each input are to be, [count][outputs]. */
  targets?: Float32Array;
  /**
   * Whose or what recording's each input is, where several come from one: what is held back of the data is whole groups then,
   * as others that the model will meet are.
   */
  groups?: ArrayLike<number>;
}

export interface ForwardResult {
  /** [N][outputs of the last layer] */
  outputs: Float32Array;
  /** One per layer, after its activation: [N][…]. */
  activations: Float32Array[];
}

/** Weights and biases as stored: a circulant block of size k counts k. */
export function parameterCount(network: FloatNetwork): number {
  return network.layers.reduce(
    (sum, layer) => sum + (hasWeights(layer) ? layer.weights.length + layer.bias.length : 0),
    0,
  );
}
