// Weights of a quantized network in fewer bits, not trained for: each output's row is rounded to the codes and the scale of the
// least squared error, and biases take up the mean error (Nagel et al. 2019, §4.2) where samples say what inputs are like.
import { BrownoutError } from '../error.js';
import {
  type Conv2d,
  type Dense,
  type DepthwiseConv2d,
  quantizeMultiplier,
  type QuantizedNetwork,
  type QuantizedOp,
} from '../model/quantized-network.js';
import { WEIGHT_TYPES, type WeightBits, weightTypeOf } from '../model/weight-types.js';
import { roundToLean } from '../ops/lean.js';
import { dequantizeNetwork } from './dequantize-network.js';
import { evaluate, type FloatGraph } from './float-graph.js';
import { observe } from './ranges.js';

/** How many bits weights have, or `mixed`: as few a layer as a loss allows. */
export const WEIGHT_CHOICES = ['8', '4', '2', '1', 'mixed'] as const;
/** Bits of weights, as `ImportOptions.weights` takes them. */
export type WeightChoice = (typeof WEIGHT_CHOICES)[number];

type Narrowable = Conv2d | DepthwiseConv2d | Dense;

/** Whether an op has int8 weights, symmetric and without circulant blocks, which there are types of few bits for. */
function isNarrowable(op: QuantizedOp): op is Narrowable {
  if (op.kind !== 'conv2d' && op.kind !== 'depthwiseConv2d' && op.kind !== 'dense') return false;
  if ((op.weightType ?? 'int8') !== 'int8') return false;
  if (op.kind === 'conv2d' && (op.blockSize ?? 1) > 1) return false;
  return op.kind !== 'dense' || (op.weightZeroPoint ?? 0) === 0;
}

/** The value of a type that is nearest to `x`; of both ends alike. */
function nearest(x: number, { step, most }: { step: number; most: number }): number {
  const index = Math.round((x + most) / step);
  return Math.max(-most, Math.min(most, index * step - most));
}

/** Scales that are tried, as shares of the one at which the largest weight is the largest code: more where a row is short. */
const sharesOf = (length: number): number[] => {
  const [count, most] = length < 100 ? [1000, 2] : [80, 1];
  return Array.from({ length: count }, (_, i) => most - (i * (most - 0.2)) / count);
};
/** Of a row of zeros, where no code is zero: what is left is below what rounding leaves. */
const NOTHING = 2 ** -10;

/** A row's codes, and what one of them is worth in the weights it had. */
function roundRow(row: readonly number[], bits: WeightBits): { codes: number[]; scale: number } {
  const { step, most } = WEIGHT_TYPES[weightTypeOf(bits)];
  const largest = row.reduce((found, w) => Math.max(found, Math.abs(w)), 0);
  if (largest === 0) return { codes: row.map((_, i) => (step === 1 ? 0 : i % 2 ? 1 : -1)), scale: NOTHING };
  let best = { codes: [] as number[], scale: 0, error: Infinity };
  for (const share of sharesOf(row.length)) {
    let scale = (largest * share) / most;
    const codes = row.map((w) => nearest(w / scale, { step, most }));
    // The scale of least squares for these codes.
    const squares = codes.reduce((sum, q) => sum + q * q, 0);
    const products = codes.reduce((sum, q, i) => sum + q * row[i]!, 0);
    if (squares > 0 && products > 0) scale = products / squares;
    const error = codes.reduce((sum, q, i) => sum + (row[i]! - q * scale) ** 2, 0);
    if (error < best.error) best = { codes, scale, error };
  }
  return best;
}

/** Indices of each output's weights. */
function rowsOf(op: Narrowable): number[][] {
  const outputs = op.bias.length;
  const length = op.weights.length / outputs;
  return Array.from({ length: outputs }, (_, o) =>
    Array.from({ length }, (_, i) => (op.kind === 'depthwiseConv2d' ? i * outputs + o : o * length + i)),
  );
}

const MOST_BIAS = 2 ** 31 - 1;

/** `op` with weights of `bits` bits. `means`: of its input's channels, in units of the input's scale; undefined: not known. */
function narrowed(op: Narrowable, bits: WeightBits, means: Float64Array | undefined): Narrowable {
  const weights = new Int8Array(op.weights.length);
  const outputs = op.bias.length;
  const multipliers = new Int32Array(outputs);
  const shifts = new Int32Array(outputs);
  const biases: number[] = [];
  rowsOf(op).forEach((indices, o) => {
    const row = indices.map((i) => op.weights[i]!);
    const { codes, scale } = roundRow(row, bits);
    indices.forEach((at, i) => {
      weights[at] = codes[i]!;
    });
    const channel = (i: number): number =>
      op.kind === 'depthwiseConv2d' ? Math.floor((o * means!.length) / outputs) : i % means!.length;
    const lost = means ? row.reduce((sum, w, i) => sum + (w - codes[i]! * scale) * means[channel(i)]!, 0) : 0;
    const at = op.multipliers.length === 1 ? 0 : o;
    const scaling = quantizeMultiplier(op.multipliers[at]! * 2 ** (op.shifts[at]! - 31) * scale);
    multipliers[o] = scaling.multiplier;
    shifts[o] = scaling.shift;
    biases.push(Math.max(-MOST_BIAS, Math.min(MOST_BIAS, Math.round((Number(op.bias[o]!) + lost) / scale))));
  });
  const bias =
    op.bias instanceof BigInt64Array ? BigInt64Array.from(biases, BigInt) : Int32Array.from(biases);
  return { ...op, weights, weightType: weightTypeOf(bits), bias, multipliers, shifts };
}

/** Means of every tensor's channels, in units of its scale. */
function meansOf(
  network: QuantizedNetwork,
  samples: readonly ArrayLike<number>[],
): (Float64Array | undefined)[] {
  if (samples.length === 0) return [];
  const seen = observe(dequantizeNetwork(network), samples);
  return network.tensors.map(({ scale }, i) => seen[i]?.means.map((mean) => mean / scale));
}

/** How far answers of a network whose weights are rounded are from its own. */
class Judge {
  readonly #expected: ArrayLike<number>[];
  readonly #spread: number;

  constructor(
    network: QuantizedNetwork,
    private readonly samples: readonly ArrayLike<number>[],
  ) {
    this.#expected = samples.map((sample) => this.#answer(dequantizeNetwork(network), sample));
    const size = this.#expected[0]?.length ?? 0;
    const count = samples.length;
    let spread = 0;
    for (let i = 0; i < size; i++) {
      const values = this.#expected.map((answer) => answer[i]!);
      const mean = count > 1 ? values.reduce((sum, y) => sum + y, 0) / count : 0;
      spread += values.reduce((sum, y) => sum + (y - mean) ** 2, 0);
    }
    this.#spread = Math.max(spread, Number.MIN_VALUE);
  }

  #answer(graph: FloatGraph, sample: ArrayLike<number>): ArrayLike<number> {
    return evaluate(graph, sample)[graph.output]!;
  }

  /** The squared error as a share of the answers' variance; where it is above `most`, something above that. */
  error(network: QuantizedNetwork, most = Infinity): number {
    const graph = dequantizeNetwork(network);
    let lost = 0;
    for (const [s, sample] of this.samples.entries()) {
      const answer = this.#answer(graph, sample);
      for (let i = 0; i < answer.length; i++) lost += (answer[i]! - this.#expected[s]![i]!) ** 2;
      if (lost / this.#spread > most) break;
    }
    return lost / this.#spread;
  }
}

/** Samples that biases and a choice of bits go by: spread over those given. */
const MOST_SAMPLES = 48;

export interface Narrowed {
  network: QuantizedNetwork;
  /** Bits of every layer that could be narrowed, by its name. */
  bits: { name: string; bits: WeightBits }[];
  /** Layers that could not be. */
  others: string[];
  /** The squared error of the answers to the samples, as a share of their variance; undefined without samples. */
  error: number | undefined;
}

/**
 * `network` with weights of so many bits: of every layer, or, `mixed`, of each as few as keep the error of the answers to the
 * samples (as `Narrowed.error`) within `loss`, layers of the most weights first. Throws `E_CALIBRATION` where `mixed` has no
 * samples.
 */
export function narrowWeights(
  network: QuantizedNetwork,
  choice: WeightChoice,
  given: readonly ArrayLike<number>[],
  loss: number,
): Narrowed {
  const step = Math.max(1, given.length / MOST_SAMPLES);
  const samples = Array.from(
    { length: Math.min(given.length, MOST_SAMPLES) },
    (_, i) => given[Math.floor(i * step)]!,
  );
  if (choice === 'mixed' && samples.length === 0) {
    throw new BrownoutError({
      code: 'E_CALIBRATION',
      found: 'mixed weights without samples',
      expected: 'inputs on which layers of few bits are judged',
      hint: 'Give a few dozen as `data`, or the same number of bits for all layers.',
    });
  }
  const means = meansOf(network, samples);
  const judge = new Judge(network, samples);
  const candidates = network.ops
    .map((op, index) => ({ op, index }))
    .filter((one): one is { op: Narrowable; index: number } => isNarrowable(one.op));
  const withOp = (base: QuantizedNetwork, index: number, op: QuantizedOp): QuantizedNetwork => ({
    ...base,
    ops: base.ops.with(index, op),
  });
  const chosen = new Map<number, WeightBits>();
  let now = network;
  const order = candidates.toSorted((a, b) => b.op.weights.length - a.op.weights.length || a.index - b.index);
  for (const { op, index } of order) {
    chosen.set(index, 8);
    for (const bits of choice === 'mixed'
      ? ([1, 2, 4] as const)
      : ([Number(choice) as WeightBits] as const)) {
      if (bits === 8) continue;
      const next = withOp(now, index, narrowed(op, bits, means[op.inputs[0]!]));
      if (choice === 'mixed' && judge.error(next, loss) > loss) continue;
      now = next;
      chosen.set(index, bits);
      break;
    }
  }
  const rounded = roundToLean(now, (index) => (chosen.get(index) ?? 8) < 8);
  const weighted = network.ops.filter((op) => 'weights' in op && 'multipliers' in op);
  return {
    network: rounded,
    bits: candidates.map(({ op, index }) => ({ name: op.name, bits: chosen.get(index)! })),
    others: weighted.filter((op) => !isNarrowable(op)).map(({ name }) => name),
    error: samples.length > 0 ? judge.error(rounded) : undefined,
  };
}
