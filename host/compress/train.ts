import { Random } from '../data/random.js';
import { BrownoutError } from '../error.js';
import { Desk } from './desk-module.js';
import {
  type Architecture,
  applyLayers,
  type FloatLayer,
  type FloatNetwork,
  placeParameters,
  weightShape,
} from './float-network.js';
import { elements, Tape, type Tensor, tensor } from './tape.js';

export interface TrainingData {
  /** [count][height][width][channels] */
  inputs: Float32Array;
  /** One class index per input. */
  labels: Uint8Array;
}

/** The limits of the random warp that every input gets in every epoch; each is drawn uniformly from ± its limit. */
export interface Augmentation {
  shiftPixels: number;
  rotationRadians: number;
  shear: number;
  /** 0.1 scales by 0.9 … 1.1. */
  scale: number;
}

export type Optimizer =
  { kind: 'adam'; beta1: number; beta2: number } | { kind: 'momentum'; momentum: number };

export interface TrainingOptions {
  seed: number;
  epochs: number;
  batchSize: number;
  optimizer: Optimizer;
  /** The peak of the schedule: reached linearly in `warmupEpochs`, then falling to 0 at the last batch. */
  learningRate: number;
  warmupEpochs: number;
  decay: 'linear' | 'cosine';
  /** On weights, not on biases: decoupled for Adam, part of the gradient for momentum. */
  weightDecay: number;
  augmentation?: Augmentation;
  onEpoch?: (report: EpochReport) => void;
}

export interface EpochReport {
  /** From 1. */
  epoch: number;
  epochs: number;
  /** Means over the epoch's batches, on the augmented inputs. */
  loss: number;
  accuracy: number;
}

/**
 * Uniform weights in ± √(6 / fan-in) and zero biases (He et al., "Delving Deep into Rectifiers", ICCV 2015). The fan-in
 * of a circulant layer is its number of inputs: sharing weights does not change an output's variance. It does give all
 * outputs of a block the same response to the inputs' mean, so that they may all die in a ReLU together; hence each
 * circulant vector starts with a sum of zero.
 */
export function initialise(architecture: Architecture, seed: number): FloatNetwork {
  const random = new Random(seed);
  const layers = architecture.layers.map((layer): FloatLayer => {
    if (layer.kind === 'maxPool2d') return layer;
    const shape = weightShape(layer);
    const convolution = layer.kind === 'conv2d';
    const bound = Math.sqrt(6 / (convolution ? elements(shape.slice(1)) : layer.inputs));
    const weights = Float32Array.from({ length: elements(shape) }, () => random.uniform(-bound, bound));
    if (layer.kind === 'circulant') centre(weights, layer.blockSize);
    return {
      ...layer,
      weights,
      bias: new Float32Array(convolution ? layer.outChannels : layer.outputs),
    };
  });
  return { inputShape: architecture.inputShape, layers };
}

/**
 * Trains a copy of the network with softmax cross-entropy and returns it. The seed decides shuffling and augmentation;
 * every operation is IEEE float arithmetic in a fixed order, so the same call gives the same bytes on every machine.
 */
export function train(network: FloatNetwork, data: TrainingData, options: TrainingOptions): FloatNetwork {
  const { epochs, batchSize, optimizer, augmentation } = options;
  const count = data.labels.length;
  const inputSize = elements(network.inputShape);
  if (count === 0 || data.inputs.length !== count * inputSize) {
    throw new BrownoutError({
      code: 'E_SHAPE',
      found: `${data.inputs.length} input values for ${count} labels`,
      expected: `${inputSize} for each, and at least one`,
      hint: `The network takes ${network.inputShape.join('×')}.`,
    });
  }
  const largestLabel = data.labels.reduce((a, b) => Math.max(a, b));
  const desk = new Desk();
  const random = new Random(options.seed);
  const inputs = desk.place(data.inputs);
  const parameters = network.layers.map((layer) => placeParameters(desk, layer, true));
  const trained = parameters.flatMap((layer) =>
    layer === undefined
      ? []
      : [
          new Trained(desk, layer.weights, optimizer, options.weightDecay),
          new Trained(desk, layer.bias, optimizer, 0),
        ],
  );
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const batches = Math.ceil(count / batchSize);

  let step = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    random.shuffle(order);
    let lossSum = 0;
    let correctSum = 0;
    for (let first = 0; first < count; first += batchSize) {
      const mark = desk.mark();
      const members = order.subarray(first, first + batchSize);
      const batch = desk.allocate(4 * members.length * inputSize);
      members.forEach((member, row) => {
        const from = inputs + 4 * member * inputSize;
        const to = batch + 4 * row * inputSize;
        if (augmentation) warp(desk, from, to, network.inputShape, augmentation, random);
        else desk.floats(to, inputSize).set(desk.floats(from, inputSize));
      });
      const labels = desk.place(Uint8Array.from(members, (member) => data.labels[member]!));

      for (const parameter of trained) parameter.clearGradient();
      const tape = new Tape(desk);
      const x = tensor([members.length, ...network.inputShape], batch);
      const logits = applyLayers(tape, network, parameters, x).at(-1)!;
      const classes = elements(logits.shape) / members.length;
      if (largestLabel >= classes) {
        throw new BrownoutError({
          code: 'E_LABEL',
          found: `label ${largestLabel}`,
          expected: `labels below ${classes}, the network's outputs`,
          hint: 'Labels count from 0.',
        });
      }
      const { loss, correct } = tape.softmaxCrossEntropy(logits, labels);
      tape.backward();

      step++;
      const rate = learningRate(desk, options, step, batches);
      for (const parameter of trained) parameter.update(rate);
      lossSum += loss * members.length;
      correctSum += correct;
      desk.release(mark);
    }
    options.onEpoch?.({ epoch, epochs, loss: lossSum / count, accuracy: correctSum / count });
  }

  const layers = network.layers.map((layer, index): FloatLayer => {
    const placed = parameters[index];
    if (layer.kind === 'maxPool2d' || placed === undefined) return layer;
    return { ...layer, weights: read(desk, placed.weights), bias: read(desk, placed.bias) };
  });
  return { inputShape: network.inputShape, layers };
}

/** Takes each vector's mean away and restores the variance. */
function centre(vectors: Float32Array, size: number): void {
  if (size === 1) return;
  for (let at = 0; at < vectors.length; at += size) {
    const vector = vectors.subarray(at, at + size);
    const mean = vector.reduce((sum, value) => sum + value, 0) / size;
    vector.forEach((value, index) => {
      vector[index] = (value - mean) * Math.sqrt(size / (size - 1));
    });
  }
}

/** One parameter tensor with its optimizer's state. */
class Trained {
  private readonly count: number;
  /** Adam's means or the velocities. */
  private readonly first: number;
  /** Adam's squares. */
  private readonly second: number;
  private power1 = 1;
  private power2 = 1;

  constructor(
    private readonly desk: Desk,
    private readonly parameter: Tensor,
    private readonly optimizer: Optimizer,
    private readonly weightDecay: number,
  ) {
    this.count = elements(parameter.shape);
    this.first = desk.place(new Float32Array(this.count));
    this.second = desk.place(new Float32Array(this.count));
  }

  clearGradient(): void {
    this.desk.floats(this.parameter.gradient, this.count).fill(0);
  }

  update(rate: number): void {
    const { desk, optimizer, count, first, second, weightDecay } = this;
    const { values, gradient } = this.parameter;
    if (optimizer.kind === 'momentum') {
      desk.kernels.momentumUpdate(values, gradient, first, count, rate, optimizer.momentum, weightDecay);
      return;
    }
    const { beta1, beta2 } = optimizer;
    this.power1 *= beta1;
    this.power2 *= beta2;
    const corrections = [1 - this.power1, 1 - this.power2];
    desk.kernels.adamUpdate(
      ...[values, gradient, first, second, count],
      ...[rate, beta1, beta2, ...corrections, weightDecay],
    );
  }
}

function learningRate(desk: Desk, options: TrainingOptions, step: number, batches: number): number {
  const warmup = options.warmupEpochs * batches;
  if (step <= warmup) return (options.learningRate * step) / warmup;
  const progress = (step - warmup) / (options.epochs * batches - warmup);
  const share =
    options.decay === 'linear' ? 1 - progress : 0.5 + 0.5 * desk.kernels.cosine(Math.PI * progress);
  return options.learningRate * share;
}

function warp(
  desk: Desk,
  from: number,
  to: number,
  [height, width, channels]: readonly [number, number, number],
  { rotationRadians, shear, scale, shiftPixels }: Augmentation,
  random: Random,
): void {
  const draw = (limit: number): number => random.uniform(-limit, limit);
  desk.kernels.warp(
    ...[from, to, height, width, channels],
    ...[draw(rotationRadians), draw(shear), 1 + draw(scale), draw(shiftPixels), draw(shiftPixels)],
  );
}

function read(desk: Desk, { shape, values }: Tensor): Float32Array {
  return desk.floats(values, elements(shape)).slice();
}
