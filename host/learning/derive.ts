// From a network and options to numbers: docs/LEARNING.md §8. All real arithmetic of learning on the device is here.
import { BrownoutError } from '../error.js';
import {
  elementCount,
  quantizeMultiplier,
  type QuantizedNetwork,
  type Window,
} from '../model/quantized-network.js';
import { chainOf } from './chain.js';
import {
  inputOf,
  isWeighted,
  mapShape,
  outputOf,
  outputPixels,
  outputRows,
  type PassableOp,
  type WeightedOp,
} from './geometry.js';
import { selectLayers, type Selected } from './layers.js';
import { completeOptions, type GradientOptions } from './options.js';
import type { BackwardStep, LossSpec, LearnedLayer, LearningSpec, LearnOptions } from './spec.js';

const MOST_BITS = 16;
/** Errors of fewer bits say too little. */
const LEAST_BITS = 6;
const INT32_MAX = 2 ** 31 - 1;
/** Largest |weight|. */
const MOST_WEIGHT = 128;

/** Real weight scales of an op's outputs: one, or one each. */
function weightScales(network: QuantizedNetwork, op: WeightedOp): number[] {
  const factor = outputOf(network, op).scale / inputOf(network, op).scale;
  return Array.from(op.multipliers, (multiplier, i) => multiplier * 2 ** (op.shifts[i]! - 31) * factor);
}

/** Weights of output row o; of one pixel of it. */
function rowOf(op: WeightedOp, rows: number, o: number): Int8Array {
  if (op.kind === 'depthwiseConv2d') return op.weights.filter((_, i) => i % rows === o);
  const length = op.weights.length / rows;
  return op.weights.subarray(o * length, (o + 1) * length);
}

/** The largest scale of the outputs whose weights are not all 0: what errors through the op are in units of. */
function largestScale(network: QuantizedNetwork, op: WeightedOp, scales: readonly number[]): number {
  if (scales.length === 1) return scales[0]!;
  const rows = outputRows(network, op);
  const alive = scales.filter((_, o) => rowOf(op, rows, o).some((w) => w !== 0));
  return Math.max(...(alive.length > 0 ? alive : scales));
}

/** The most windows along one axis that hold one input. */
function mostWindows(op: Window, axis: 0 | 1, inputs: number, outputs: number): number {
  let most = 0;
  for (let i = 0; i < inputs; i++) {
    let count = 0;
    for (let tap = 0; tap < op.kernel[axis]; tap++) {
      const at = i + op.padding[axis] - tap * op.dilation[axis];
      if (at >= 0 && at % op.stride[axis] === 0 && at / op.stride[axis] < outputs) count++;
    }
    most = Math.max(most, count);
  }
  return most;
}

/** What an error of the op's output is multiplied by, at most, in sums for its input. */
function gainDown(network: QuantizedNetwork, op: PassableOp): number {
  const [input, output] = [inputOf(network, op), outputOf(network, op)];
  if (op.kind === 'mean') return 1;
  if (op.kind === 'dense' || op.kind === 'circulant') return elementCount(output) * MOST_WEIGHT;
  const [height, width, channels] = mapShape(input);
  const [rows, columns, outputs] = mapShape(output);
  const windows = mostWindows(op, 0, height, rows) * mostWindows(op, 1, width, columns);
  if (op.kind === 'conv2d') return windows * outputs * MOST_WEIGHT;
  return op.kind === 'depthwiseConv2d' ? windows * (outputs / channels) * MOST_WEIGHT : windows;
}

/** The same of sums for its weights and biases. */
function gainAside(network: QuantizedNetwork, op: WeightedOp, weights: boolean, lanes: number): number {
  const { zeroPoint } = inputOf(network, op);
  const terms = op.kind === 'circulant' && weights ? op.blockSize : outputPixels(network, op);
  return lanes * terms * (weights ? Math.max(127 - zeroPoint, zeroPoint + 128) : 1);
}

/** The most bits an error may have: no sum over it leaves int32. */
function errorBits(
  network: QuantizedNetwork,
  op: PassableOp,
  propagates: boolean,
  selected: Selected | undefined,
  lanes: number,
): number {
  const gain = Math.max(
    propagates ? gainDown(network, op) : 1,
    selected ? gainAside(network, op as WeightedOp, selected.weights, lanes) : 1,
  );
  let bits = MOST_BITS;
  // Errors of the loss reach 2^(bits − 1) itself.
  while (2 ** (bits - 1) * gain > INT32_MAX) bits--;
  if (bits >= LEAST_BITS) return bits;
  throw new BrownoutError({
    code: 'E_LEARN',
    found: `${op.kind} "${op.name}" with gradients of up to ${gain} times an error`,
    expected: `at most ${Math.floor(INT32_MAX / 2 ** (LEAST_BITS - 1))}, so that sums fit int32`,
    hint: 'Learn a smaller head, or its biases alone, or replay less.',
  });
}

/** quantizeMultiplier without its flush to zero: errors far from the logits are small, and their exponents large. */
function pairOf(factor: number): [number, number] {
  if (!(factor > 0 && factor < Infinity)) return [0, 0];
  let scaled = factor;
  let shift = 0;
  for (; scaled < 0.5; shift--) scaled *= 2;
  for (; scaled >= 1; shift++) scaled /= 2;
  const { multiplier, shift: carry } = quantizeMultiplier(scaled);
  return [multiplier, shift + carry];
}

function layerOf(
  network: QuantizedNetwork,
  { op: index, weights, rows }: Selected,
  layer: number,
  rate: number,
  { clip, momentum }: { clip: number; momentum: number },
): LearnedLayer {
  const op = network.ops[index] as WeightedOp;
  const { scale } = inputOf(network, op);
  const scales = weightScales(network, op);
  const circulant = op.kind === 'circulant';
  const own = circulant ? rate / Math.sqrt(op.blockSize) : rate;
  const pairs = Array.from({ length: circulant ? 1 : outputRows(network, op) }, (_, o) => {
    const s = scales[scales.length === 1 ? 0 : o]!;
    return [...pairOf((own * 256 * scale) / s), ...pairOf(own / (scale * s))];
  });
  const most = Math.max(Math.round(clip * 256 * 65536), 1);
  let lost = 0;
  for (let rest = 1 - momentum; weights && rest < 1; rest *= 2) lost++;
  return { layer, weights, rows, pairs: Int32Array.from(pairs.flat()), clip: most, momentum: lost };
}

/** Each output's scale over the largest, times 2^15. */
function ratiosOf(scales: readonly number[], largest: number): Int32Array | undefined {
  const ratios = Int32Array.from(scales, (s) => Math.min(Math.round((32768 * s) / largest), 32768));
  return ratios.every((ratio) => ratio === 32768) ? undefined : ratios;
}

/** σ of an op's input over that of its output. */
function sigmaFactor(network: QuantizedNetwork, op: PassableOp): number {
  if (isWeighted(op)) return largestScale(network, op, weightScales(network, op));
  if (op.kind === 'averagePool2d') return 1 / (op.kernel[0] * op.kernel[1]);
  const [height, width] = mapShape(inputOf(network, op));
  return op.kind === 'mean' ? 1 / (height * width) : 1;
}

function lossOf(
  network: QuantizedNetwork,
  tensor: number,
  shift: number,
  options: GradientOptions,
): LossSpec {
  const { scale } = network.tensors[tensor]!;
  const classes = elementCount(network.tensors[tensor]!);
  const sure = options.sure < 0 ? -1 : Math.round(options.sure * 256);
  const common = { kind: options.loss, tensor, classes, shift, sure };
  if (options.loss === 'mse') {
    const square = Math.min(Math.round((256 * 65536 * scale ** 2) / classes), 2 ** 24);
    return { ...common, scale: square, target: Math.min(Math.round(1 / scale), 255) };
  }
  // 255 steps of it are a uint32.
  const most = Math.floor(0xffffffff / 255);
  return { ...common, scale: Math.min(Math.round(scale * Math.LOG2E * 65536), most), target: 0 };
}

/**
 * What learning on the device does, in numbers: the backward steps from the logits to the earliest layer that learns, with
 * bits, scales and rates. Errors: E_LEARN, with what is possible instead.
 */
export function deriveLearning(network: QuantizedNetwork, options: LearnOptions): LearningSpec {
  const all = completeOptions(options);
  const chain = chainOf(network);
  const selected = selectLayers(network, chain, all.layers);
  const lanes = 1 + all.replay;
  const path = chain.ops.slice(0, chain.ops.indexOf(selected.at(-1)!.op) + 1);
  const bits = path.map((index, at) => {
    const learns = selected.find(({ op }) => op === index);
    return errorBits(network, network.ops[index] as PassableOp, at < path.length - 1, learns, lanes);
  });
  const shift = MOST_BITS - bits[0]!;
  const loss = lossOf(network, chain.logits, shift, all);
  const { scale } = network.tensors[chain.logits]!;
  let sigma = loss.kind === 'mse' ? (scale * 2 ** (shift - 6) * 2) / loss.classes : 2 ** (shift - 15);
  const steps = path.map((index, at): BackwardStep => {
    const op = network.ops[index] as PassableOp;
    const learns = selected.findIndex((other) => other.op === index);
    const rate = all.learningRate * sigma;
    const learned =
      learns < 0 ? undefined : layerOf(network, selected[learns]!, selected.length - 1 - learns, rate, all);
    const propagates = at < path.length - 1;
    const factor = sigmaFactor(network, op);
    const ratios = isWeighted(op) && propagates ? ratiosOf(weightScales(network, op), factor) : undefined;
    const masked = isWeighted(op) && op.clampMin === outputOf(network, op).zeroPoint;
    sigma *= factor;
    return { op: index, learned, bits: bits[at]!, masked, propagates, ratios };
  });
  const {
    ring: ringEntries,
    late,
    wipeEvicted: wipes,
    guardEvery,
    holdOut,
    validations,
    margin,
    seed,
    learningRate,
    layers,
  } = all;
  return {
    loss,
    steps,
    lanes,
    ringEntries,
    late,
    wipes,
    guardEvery,
    holdOut,
    validations,
    margin,
    seed,
    learningRate,
    layers,
  };
}
