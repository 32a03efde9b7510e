// From a network and options to numbers: docs/LEARNING.md §8. All real arithmetic of learning on the device is here.
import { BrownoutError } from '../error.js';
import {
  elementCount,
  quantizeMultiplier,
  type QuantizedNetwork,
  type Window,
} from '../model/quantized-network.js';
import {
  inputOf,
  isPassable,
  isWeighted,
  mapShape,
  opsFor,
  outputOf,
  outputPixels,
  outputRows,
  passesAsItIs,
  rootsOf,
  type PassableOp,
  type WeightedOp,
} from './geometry.js';
import { selectLayers, type Selected } from './layers.js';
import { completeOptions, type GradientOptions } from './options.js';
import { reachOf } from './reach.js';
import type {
  BackwardStep,
  ErrorSpec,
  ErrorTerm,
  LossSpec,
  LearnedLayer,
  LearningSpec,
  LearnOptions,
} from './spec.js';

const MOST_BITS = 16;
/** Errors of fewer bits say too little. */
const LEAST_BITS = 6;
/** A sample moves running means by a 32nd of it at the least: with a 16th to a 64th digits are as accurate. */
const MEANS = 5;
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
  // An input less its zero point; less the mean of it, too.
  const most = Math.max(127 - zeroPoint, zeroPoint + 128) * (op.kind === 'dense' ? 2 : 1);
  return lanes * terms * (weights ? most : 1);
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
  const means = weights && op.kind === 'dense' ? MEANS : 0;
  return { layer, weights, rows, pairs: Int32Array.from(pairs.flat()), clip: most, momentum: lost, means };
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

/** What the ring keeps: the last tensor by which alone all that learns hangs on the input; and the ops above it. */
function keptOf(network: QuantizedNetwork, logits: number, learning: readonly number[]): [number, number[]] {
  const { ops, tensors, input } = network;
  for (let index = ops.length - 1; index >= 0; index--) {
    const tensor = ops[index]!.output;
    if (tensor === logits || tensors[tensor]!.dtype === 'int16') continue;
    const forward = opsFor(network, logits, [tensor]);
    const isCut = forward.every((op) => !ops[op]!.inputs.includes(input));
    if (isCut && learning.every((op) => forward.includes(op))) return [tensor, forward];
  }
  return [input, opsFor(network, logits)];
}

/** Tensors, shapes left aside, that change as layers learn: outputs of these, and of what reads such tensors. */
function changing(
  network: QuantizedNetwork,
  forward: readonly number[],
  learning: readonly number[],
): Set<number> {
  const roots = rootsOf(network);
  const changed = new Set<number>();
  for (const index of forward) {
    const { inputs, output } = network.ops[index]!;
    if (learning.includes(index) || inputs.some((input) => changed.has(roots[input]!)))
      changed.add(roots[output]!);
  }
  return changed;
}

/** Errors and steps that are to come, without numbers. */
interface Ways {
  steps: { op: number; error: number; propagates: boolean }[];
  errors: { tensor: number; masked: boolean; from: ErrorTerm['from'][] }[];
}

/** From the logits down: whose error is made of which, and what it goes through. */
function waysOf(
  network: QuantizedNetwork,
  logits: number,
  forward: readonly number[],
  learning: readonly number[],
): Ways {
  const roots = rootsOf(network);
  const changed = changing(network, forward, learning);
  const ways: Ways = { steps: [], errors: [] };
  const stepOf = new Map<number, number>();
  const errorOf = new Map<number, number>();
  const readers = forward.filter((index) => network.ops[index]!.kind !== 'reshape');
  for (const index of [...readers].reverse()) {
    const op = network.ops[index]!;
    const tensor = roots[op.output]!;
    if (!changed.has(tensor)) continue;
    const from = readers.flatMap((other) => {
      const reader = network.ops[other]!;
      const own = passesAsItIs(reader)
        ? { error: errorOf.get(roots[reader.output]!)! }
        : { step: stepOf.get(other)! };
      return reader.inputs.flatMap((input) => (roots[input] === tensor ? [own] : []));
    });
    const [first] = from;
    const { zeroPoint } = outputOf(network, op);
    const masked = from.length > 0 && (isWeighted(op) || op.kind === 'add') && op.clampMin === zeroPoint;
    if (from.length === 1 && 'error' in first! && !masked) errorOf.set(tensor, first.error);
    else errorOf.set(tensor, ways.errors.push({ tensor, masked, from }) - 1);
    if (!isPassable(op)) continue;
    const propagates = op.inputs.some((input) => changed.has(roots[input]!));
    stepOf.set(index, ways.steps.push({ op: index, error: errorOf.get(tensor)!, propagates }) - 1);
  }
  if (errorOf.get(roots[logits]!) !== 0)
    throw new Error('unreachable: the first error is not that of the logits');
  return ways;
}

/** A σ over the first one's, as `ErrorTerm` has it. */
function ratioTo(first: number, sigma: number): { multiplier: number; shift: number } {
  let scaled = sigma / first;
  if (!(scaled > 0)) return { multiplier: 0, shift: 0 };
  let shift = 0;
  for (; scaled <= 0.5; shift--) scaled *= 2;
  return { multiplier: Math.round(scaled * 2 ** 14), shift };
}

/**
 * What learning on the device does, in numbers: the backward steps from the logits to the earliest layer that learns, with
 * bits, scales and rates. Errors: E_LEARN, with what is possible instead.
 */
export function deriveLearning(network: QuantizedNetwork, options: LearnOptions): LearningSpec {
  const all = completeOptions(options);
  const reach = reachOf(network);
  const { logits } = reach;
  const selected = selectLayers(network, reach, all.layers);
  const learning = selected.map(({ op }) => op);
  const [kept, forward] = keptOf(network, logits, learning);
  const ways = waysOf(network, logits, forward, learning);
  const lanes = 1 + all.replay;
  const bits = ways.errors.map(() => MOST_BITS);
  for (const { op, error, propagates } of ways.steps) {
    const learns = selected.find((other) => other.op === op);
    const own = errorBits(network, network.ops[op] as PassableOp, propagates, learns, lanes);
    bits[error] = Math.min(bits[error]!, own);
  }
  const shift = MOST_BITS - bits[0]!;
  const loss = lossOf(network, logits, shift, all);
  const { scale } = network.tensors[logits]!;
  const sigmas: number[] = [];
  /** σ of what comes back from a reader. */
  const sigmaOf = (from: ErrorTerm['from']): number => {
    if ('error' in from) return sigmas[from.error]!;
    const { op, error } = ways.steps[from.step]!;
    return sigmas[error]! * sigmaFactor(network, network.ops[op] as PassableOp);
  };
  const errors = ways.errors.map(({ tensor, masked, from }, index): ErrorSpec => {
    const cameBack = from
      .map((each) => ({ from: each, sigma: sigmaOf(each) }))
      .sort((a, b) => b.sigma - a.sigma);
    const first =
      cameBack[0]?.sigma ??
      (loss.kind === 'mse' ? (scale * 2 ** (shift - 6) * 2) / loss.classes : 2 ** (shift - 15));
    sigmas.push(first);
    const terms = cameBack.map(({ from: each, sigma }) => ({ from: each, ...ratioTo(first, sigma) }));
    return { tensor, bits: bits[index]!, masked, terms };
  });
  const steps = ways.steps.map(({ op: index, error, propagates }): BackwardStep => {
    const op = network.ops[index] as PassableOp;
    const learns = learning.indexOf(index);
    const rate = all.learningRate * sigmas[error]!;
    const learned =
      learns < 0 ? undefined : layerOf(network, selected[learns]!, selected.length - 1 - learns, rate, all);
    const ratios =
      isWeighted(op) && propagates
        ? ratiosOf(weightScales(network, op), sigmaFactor(network, op))
        : undefined;
    return { op: index, learned, error, propagates, ratios };
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
    errors,
    kept,
    forward,
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
