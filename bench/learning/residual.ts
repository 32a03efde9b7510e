// A small residual network, trained on upright digits, on digits that are turned: 200 labels learnt by the last layer, or by the
// last residual block, too.
import type { Architecture } from '../../host/compress/float-network.js';
import { initialise } from '../../host/compress/initialise.js';
import { quantize } from '../../host/compress/quantize.js';
import { train } from '../../host/compress/train.js';
import type { LearnOptions } from '../../host/learning/spec.js';
import { Random } from '../../host/math/random.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';
import { imageSize, splitDigits } from '../../samples/mnist.js';
import { draw, integer, type Method, prototype, sums, unadapted } from './methods.js';
import {
  type DigitsResult,
  FACTORY,
  factorySamples,
  LABELS,
  splitAt,
  tuningSamples,
} from './rotated-digits.js';

/** Samples that rates are tuned on: half of them learnt, half held out. */
const TUNED = 200;
const UNSEEN = 500;

const conv = { kind: 'conv2d', padding: 'same' } as const;
const window = (size: number, stride: number) => ({
  ...{ kernelHeight: size, kernelWidth: size, strideHeight: stride, strideWidth: stride },
});

/** 28×28 → 14×14×8 → a block of 8 → a block of 16 that halves the map → its mean → 10. */
const ARCHITECTURE: Architecture = {
  inputShape: [28, 28, 1],
  layers: [
    { ...conv, ...window(3, 2), name: 'first', inChannels: 1, outChannels: 8, activation: 'relu' },
    { ...conv, ...window(3, 1), name: 'a1', inChannels: 8, outChannels: 8, activation: 'relu' },
    { ...conv, ...window(3, 1), name: 'a2', inChannels: 8, outChannels: 8, activation: 'none' },
    { kind: 'add', name: 'a', other: 'first', activation: 'relu' },
    { ...conv, ...window(3, 2), name: 'b1', inChannels: 8, outChannels: 16, activation: 'relu' },
    { ...conv, ...window(3, 1), name: 'b2', inChannels: 16, outChannels: 16, activation: 'none' },
    { ...conv, ...window(1, 2), name: 'b0', input: 'a', inChannels: 8, outChannels: 16, activation: 'none' },
    { kind: 'add', name: 'b', other: 'b2', activation: 'relu' },
    { kind: 'averagePool2d', name: 'pool', poolHeight: 7, poolWidth: 7, strideHeight: 7, strideWidth: 7 },
    { kind: 'dense', name: 'last', inputs: 16, outputs: 10, activation: 'none' },
  ],
};

/** The network after some epochs on upright digits. */
function pretrain(): QuantizedNetwork {
  const { training } = splitDigits();
  const network = train(initialise(ARCHITECTURE, 1), training, {
    seed: 1,
    epochs: 4,
    batchSize: 32,
    optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
    learningRate: 0.004,
    warmupEpochs: 0.5,
    decay: 'cosine',
    weightDecay: 0.01,
  });
  const some = new Random(3).shuffle(Array.from(training.labels, (_, i) => i)).slice(0, 500);
  const calibration = new Float32Array(some.length * imageSize);
  some.forEach((from, to) => {
    calibration.set(training.inputs.subarray(from * imageSize, (from + 1) * imageSize), to * imageSize);
  });
  return quantize(network, { name: 'residual', calibration, count: some.length, minimum: 0, maximum: 1 });
}

/** Shares right at each angle, one a seed. */
export function benchResidual(angles: readonly number[], seeds: number): DigitsResult[] {
  const network = pretrain();
  const tuning = tuningSamples(network).slice(0, TUNED);
  const learnt = (name: string, layers: string): Method =>
    integer(name, network, { layers, late: false } satisfies LearnOptions, [tuning]);
  const data = factorySamples(network, FACTORY);
  const methods = [
    unadapted(network),
    prototype(network),
    learnt('last', 'last'),
    learnt('block', 'last,b0,b1,b2'),
    sums('sums', network, { layers: 'sums', late: false, data }),
  ];
  return angles.map((degrees) => {
    const { pool, unseen } = splitAt(network, degrees);
    return {
      degrees,
      methods: methods.map(({ name, learningRate, run }) => ({
        ...{ name, learningRate },
        shares: Array.from({ length: seeds }, (_, seed) => {
          const stream = draw(new Random(100 + seed), pool, LABELS);
          return run(stream, unseen.slice(0, UNSEEN), seed + 1);
        }),
      })),
    };
  });
}
