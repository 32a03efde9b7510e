import { BrownoutError } from '../error.js';
import { Desk } from './desk-module.js';
import { elements, Tape, tensor, type Tensor } from './tape.js';

export type Activation = 'none' | 'relu';

export type FloatLayer =
  | {
      kind: 'conv2d';
      name: string;
      inChannels: number;
      outChannels: number;
      kernelHeight: number;
      kernelWidth: number;
      strideHeight: number;
      strideWidth: number;
      padding: 'valid' | 'same';
      activation: Activation;
      /** [out][kh][kw][in] */
      weights: Float32Array;
      bias: Float32Array;
    }
  | {
      kind: 'maxPool2d';
      name: string;
      poolHeight: number;
      poolWidth: number;
      strideHeight: number;
      strideWidth: number;
    }
  | {
      kind: 'circulant';
      name: string;
      inputs: number;
      outputs: number;
      blockSize: number;
      activation: Activation;
      /** [outBlocks][inBlocks][k]: each block's first column. */
      weights: Float32Array;
      bias: Float32Array;
    }
  | {
      kind: 'dense';
      name: string;
      inputs: number;
      outputs: number;
      activation: Activation;
      /** [out][in] */
      weights: Float32Array;
      bias: Float32Array;
    };

export interface FloatNetwork {
  /** Height, width, channels. Flattening, in that order, is implicit before circulant and dense layers. */
  inputShape: [number, number, number];
  layers: FloatLayer[];
}

type WithoutParameters<L> = L extends unknown ? Omit<L, 'weights' | 'bias'> : never;

/** A layer before it has parameters. */
export type LayerShape = WithoutParameters<FloatLayer>;

export interface Architecture {
  inputShape: [number, number, number];
  layers: LayerShape[];
}

export interface ForwardResult {
  /** [N][outputs of the last layer] */
  outputs: Float32Array;
  /** One per layer, after its activation: [N][…]. */
  activations: Float32Array[];
}

/** One layer's parameters in the desk module's memory. */
export interface LayerParameters {
  weights: Tensor;
  bias: Tensor;
}

const chunk = 64;

/**
 * Runs `count` inputs [count][height][width][channels] through the network in float32. The same bits on every machine,
 * and a row's result does not depend on the other rows.
 */
export function forward(network: FloatNetwork, inputs: Float32Array, count: number): ForwardResult {
  const inputSize = elements(network.inputShape);
  if (inputs.length !== count * inputSize) {
    throw new BrownoutError({
      code: 'E_SHAPE',
      found: `${inputs.length} input values for ${count} inputs`,
      expected: `${inputSize} for each`,
      hint: `The network takes ${network.inputShape.join('×')}.`,
    });
  }
  const desk = new Desk();
  const parameters = network.layers.map((layer) => placeParameters(desk, layer));
  const activations: Float32Array[] = [];
  for (let first = 0; first < count; first += chunk) {
    const mark = desk.mark();
    const rows = Math.min(chunk, count - first);
    const batch = desk.place(inputs.subarray(first * inputSize, (first + rows) * inputSize));
    const x = tensor([rows, ...network.inputShape], batch);
    applyLayers(new Tape(desk, false), network, parameters, x).forEach(({ shape, values }, index) => {
      const rowSize = elements(shape) / rows;
      activations[index] ??= new Float32Array(count * rowSize);
      activations[index].set(desk.floats(values, rows * rowSize), first * rowSize);
    });
    desk.release(mark);
  }
  return { outputs: activations.at(-1) ?? inputs, activations };
}

/** The share of `inputs` whose largest output is at their label. */
export function accuracy(
  network: FloatNetwork,
  { inputs, labels }: { inputs: Float32Array; labels: Uint8Array },
): number {
  const { outputs } = forward(network, inputs, labels.length);
  const classes = outputs.length / labels.length;
  let correct = 0;
  labels.forEach((label, row) => {
    const scores = outputs.subarray(row * classes, (row + 1) * classes);
    if (scores.indexOf(Math.max(...scores)) === label) correct++;
  });
  return correct / labels.length;
}

/** Weights and biases as stored: a circulant block of size k counts k. */
export function parameterCount(network: FloatNetwork): number {
  return network.layers.reduce(
    (sum, layer) => sum + (layer.kind === 'maxPool2d' ? 0 : layer.weights.length + layer.bias.length),
    0,
  );
}

/** The shape of a layer's weights, outputs first; none for a layer without parameters. */
export function weightShape(layer: LayerShape): number[] {
  switch (layer.kind) {
    case 'conv2d':
      return [layer.outChannels, layer.kernelHeight, layer.kernelWidth, layer.inChannels];
    case 'dense':
      return [layer.outputs, layer.inputs];
    case 'circulant': {
      const { inputs, outputs, blockSize } = layer;
      return [Math.ceil(outputs / blockSize), Math.ceil(inputs / blockSize), blockSize];
    }
    case 'maxPool2d':
      return [];
  }
}

/** Copies a layer's parameters into the desk module, with `withGradients` beside room for their gradients. */
export function placeParameters(
  desk: Desk,
  layer: FloatLayer,
  withGradients = false,
): LayerParameters | undefined {
  if (layer.kind === 'maxPool2d') return undefined;
  const place = (shape: number[], values: Float32Array): Tensor => {
    if (values.length !== elements(shape)) {
      throw new BrownoutError({
        code: 'E_SHAPE',
        found: `${values.length} parameters`,
        expected: shape.join('×'),
        hint: `Check the sizes of layer ${layer.name}.`,
      });
    }
    return tensor(shape, desk.place(values), withGradients ? desk.allocate(values.byteLength) : 0);
  };
  return { weights: place(weightShape(layer), layer.weights), bias: place([layer.bias.length], layer.bias) };
}

/** Puts a batch through every layer; returns each layer's result after its activation. */
export function applyLayers(
  tape: Tape,
  network: FloatNetwork,
  parameters: readonly (LayerParameters | undefined)[],
  batch: Tensor,
): Tensor[] {
  let x = batch;
  return network.layers.map((layer, index) => {
    if (layer.kind === 'maxPool2d') {
      const { poolHeight: height, poolWidth: width, strideHeight, strideWidth } = layer;
      x = tape.maxPool2d(x, { height, width, strideHeight, strideWidth });
      return x;
    }
    const { weights, bias } = parameters[index]!;
    if (layer.kind === 'conv2d') {
      x = tape.conv2d(x, weights, bias, layer.strideHeight, layer.strideWidth, layer.padding);
    } else {
      x = tape[layer.kind](x, weights, bias);
    }
    if (layer.activation === 'relu') x = tape.relu(x);
    return x;
  });
}
