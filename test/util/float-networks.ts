// Float networks of the trainer, for tests: parameters, a recipe, and what the device makes of them.
import * as assert from 'uvu/assert';
import { compile } from '../../host/compile/compile.js';
import type { Architecture, FloatNetwork } from '../../host/compress/float-network.js';
import { initialise } from '../../host/compress/initialise.js';
import { type FloatLayer, hasWeights } from '../../host/compress/layers.js';
import type { quantize } from '../../host/compress/quantize.js';
import type { TrainingOptions } from '../../host/compress/train.js';
import { Random } from '../../host/math/random.js';
import { run } from '../../host/run/run.js';

export const one = { strideHeight: 1, strideWidth: 1 } as const;

export function uniform(random: Random, count: number, low = -1, high = 1): Float32Array {
  return Float32Array.from({ length: count }, () => random.uniform(low, high));
}

/** With biases that are not 0. */
export function lively(architecture: Architecture, seed: number): FloatNetwork {
  const random = new Random(seed);
  const network = initialise(architecture, seed);
  const layers = network.layers.map((layer): FloatLayer =>
    hasWeights(layer) ? { ...layer, bias: uniform(random, layer.bias.length, -0.3, 0.3) } : layer,
  );
  return { ...network, layers };
}

export function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.is(a.length, b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

/** The device's answers, as `run` has them. */
export function deviceAnswers(
  network: ReturnType<typeof quantize>,
  inputs: Int8Array,
  count: number,
): number[] {
  const image = compile(network, { verify: false });
  const { shape } = network.tensors[network.input]!;
  return run(image, { input: { dtype: 'int8', shape: [count, ...shape], data: inputs } }).outputs.flat();
}

export const recipe: TrainingOptions = {
  seed: 1,
  epochs: 6,
  batchSize: 16,
  optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
  learningRate: 0.004,
  warmupEpochs: 1,
  decay: 'cosine',
  weightDecay: 0.01,
};
