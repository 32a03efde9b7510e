// Quantization-aware training (Jacob et al. 2018, §3): the forward pass rounds weights and activations as the integers of
// the device would, the gradient passes straight through. Ranges of activations are learned (PACT, Choi et al. 2018), or
// percentiles of what is seen; scales of weights are per output: the largest magnitude for 8 bits, for fewer the least
// squared error, from which they are learned (LSQ, Esser et al. 2020). Batch normalisation is folded into scales and biases
// when all is trained.
import type { Quantization } from '../model/quantized-network.js';
import type { WeightBits } from '../model/weight-types.js';
import { affine } from '../model/affine.js';
import type { Desk } from './desk-module.js';
import type { FloatNetwork } from './float-network.js';
import { foldBatchNorm, foldFactors, normalisedLayers } from './fold.js';
import { elements, hasWeights, inputsOf } from './layers.js';
import { checkSigns, isSign, SIGNS } from './signs.js';
import {
  formatOf,
  type PlacedNetwork,
  type Rounding,
  weightGroups,
  type WeightRounding,
} from './placed-network.js';
import { tensor, type Tensor } from './recorder.js';

/** Options of quantization after training, with ranges that are learnt. */
export interface RoundingOptions {
  /** Bits of each layer's weights, by name; default 8. */
  bits?: Readonly<Record<string, WeightBits>>;
  /** How activations get their ranges; default `learned`, which starts from percentiles. */
  ranges?: 'learned' | 'percentile';
  /** How weights of fewer than 8 bits get their scales: fitted epoch by epoch, or learned from there on. Default `fitted`. */
  steps?: 'fitted' | 'learned';
  /** Share of the values seen that ranges leave out at either end; default 0.0005. */
  tail?: number;
  /** Of the float input. */
  inputRange: readonly [number, number];
}

/** What training found: how the network is to be quantized. */
export interface QuantizationScheme {
  /** Of the input, then of each layer's output. */
  activations: Quantization[];
  /** By layer; undefined without weights. */
  weights: ({ bits: WeightBits; scales: ArrayLike<number> } | undefined)[];
}

/** At most so many values of a tensor are looked at for percentiles. */
const MOST_VALUES = 200_000;
/** Scales of weights of few bits tried, as shares of the one that clips nothing. */
const SHARES = Array.from({ length: 16 }, (_, i) => 1 - i / 20);

/** Layers whose output has the scale of their input. */
const KEEPS_SCALE = ['maxPool2d', 'averagePool2d', 'reshape', 'dropout', 'softmax'];

/** Least and largest. */
export function rangeOf(values: Float32Array): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** Of every `step`th value, times `sign`, the one with `cut` smaller ones: the largest of a heap of the smallest. */
function smallest(values: Float32Array, step: number, cut: number, sign: 1 | -1): number {
  const heap = new Float32Array(cut + 1).fill(Infinity);
  for (let i = 0; i < values.length; i += step) {
    const value = sign * values[i]!;
    if (!(value < heap[0]!)) continue;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 <= cut && heap[child + 1]! > heap[child]!) child++;
      if (child > cut || heap[child]! <= value) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = value;
  }
  return sign * heap[0]!;
}

/** The values at shares `tail` and 1 − `tail` of an array in order, and 0. */
export function percentiles(values: Float32Array, tail: number): [low: number, high: number] {
  const step = Math.ceil(values.length / MOST_VALUES);
  const cut = Math.floor(tail * (Math.floor((values.length - 1) / step) + 1));
  return [Math.min(0, smallest(values, step, cut, 1)), Math.max(0, smallest(values, step, cut, -1))];
}

export class LearnedRounding implements Rounding {
  readonly ranges = new Map<number, Tensor>();
  readonly weights = new Map<number, WeightRounding>();
  /** By a layer whose output is normalised, or the pool's between: the batch normalisation. */
  private readonly normalised: ReadonlyMap<number, number>;

  constructor(
    private readonly desk: Desk,
    private readonly network: FloatNetwork,
    private readonly options: RoundingOptions,
  ) {
    // Refused here what could not be folded in the end.
    foldBatchNorm(network);
    checkSigns(network.layers);
    this.normalised = normalisedLayers(network);
    const learned = (options.ranges ?? 'learned') === 'learned';
    const range = (at: number, gradients: boolean): void => {
      const gradient = gradients ? desk.place(new Float32Array(2)) : 0;
      this.ranges.set(at, tensor([2], desk.place(new Float32Array(2)), gradient));
    };
    range(0, false);
    this.desk.floats(this.ranges.get(0)!.values, 2).set(options.inputRange);
    network.layers.forEach((layer, index) => {
      const rounded = !KEEPS_SCALE.includes(layer.kind) && !this.normalised.has(index) && !isSign(layer);
      if (rounded) range(index + 1, learned);
      if (!hasWeights(layer) || layer.kind === 'batchNorm') return;
      const { groups: count } = weightGroups(layer);
      const bits = options.bits?.[layer.name] ?? 8;
      const place = (): number => desk.place(new Float32Array(count));
      const own = { bits, count, scales: place() };
      const learnedSteps = options.steps === 'learned' && bits < 8;
      this.weights.set(index, learnedSteps ? { ...own, logs: tensor([count], place(), place()) } : own);
    });
  }

  /** Parameters to train: the ranges that are learned, and the logarithms of scales. */
  get trained(): Tensor[] {
    const ranges = [...this.ranges.values()].filter(({ gradient }) => gradient !== 0);
    return [...ranges, ...[...this.weights.values()].flatMap(({ logs }) => logs ?? [])];
  }

  /** Before each batch: scales from what is learned of them. */
  prepare(): void {
    for (const { logs, scales, count } of this.weights.values())
      if (logs) this.desk.kernels.exponentials(logs.values, scales, count);
  }

  /** Ranges from percentiles of activations: at the start and, unless they are learned, again and again. */
  calibrate(activations: readonly Float32Array[]): void {
    const tail = this.options.tail ?? 0.0005;
    for (const [at, { values }] of this.ranges) {
      if (at > 0) this.desk.floats(values, 2).set(percentiles(activations[at - 1]!, tail));
    }
  }

  get recalibrates(): boolean {
    return this.options.ranges === 'percentile';
  }

  /** Scales of weights from the weights, at an epoch's start: where they are learned, `first` alone. */
  rescale({ parameters }: PlacedNetwork, first: boolean): void {
    const { desk } = this;
    for (const [index, { bits, scales, count: groups, logs }] of this.weights) {
      if (logs && !first) continue;
      const { weights } = parameters[index]!;
      const layer = this.network.layers[index]!;
      if (!hasWeights(layer)) continue;
      const { interleaved } = weightGroups(layer);
      const length = elements(weights.shape) / groups;
      const values = desk.floats(weights.values, groups * length);
      const found = Float32Array.from({ length: groups }, (_, group) => {
        const [first, stride] = interleaved ? [group, groups] : [group * length, 1];
        let largest = 0;
        for (let i = 0; i < length; i++) largest = Math.max(largest, Math.abs(values[first + i * stride]!));
        const { most, step } = formatOf(bits);
        const widest = largest / most || 1;
        if (bits === 8) return widest;
        if (bits === 1) {
          // Of the least squared error: the mean magnitude.
          let sum = 0;
          for (let i = 0; i < length; i++) sum += Math.abs(values[first + i * stride]!);
          return sum / length || 1;
        }
        const odd = step === 2 ? 1 : 0;
        const error = (share: number): number =>
          desk.kernels.roundingError(
            weights.values + 4 * first,
            length,
            stride,
            widest * share,
            ...[most, odd],
          );
        return widest * SHARES.reduce((best, share) => (error(share) < error(best) ? share : best), 1);
      });
      desk.floats(scales, groups).set(found);
      if (logs) desk.kernels.logarithms(scales, logs.values, groups);
    }
  }

  /** How to quantize the network as it was last trained, `trained`, once its batch normalisation is folded. */
  scheme({ layers }: FloatNetwork): QuantizationScheme {
    this.prepare();
    const reads = inputsOf(this.network.layers);
    const activations: Quantization[] = [];
    for (let at = 0; at <= this.network.layers.length; at++) {
      const index = this.normalised.get(at - 1) ?? at - 1;
      const range = this.ranges.get(index + 1);
      const layer = this.network.layers[index];
      if (layer && isSign(layer)) {
        activations.push(SIGNS);
        continue;
      }
      if (!range) {
        activations.push(activations[reads[at - 1]![0]!]!);
        continue;
      }
      const [low, high] = this.desk.floats(range.values, 2) as unknown as [number, number];
      activations.push(affine(low, high));
    }
    const weights = layers.map((_, index) => {
      const own = this.weights.get(index);
      if (!own) return undefined;
      const scales = this.desk.floats(own.scales, own.count).slice();
      const norm = layers[this.normalised.get(index) ?? -1];
      if (norm?.kind !== 'batchNorm') return { bits: own.bits, scales };
      const factors = foldFactors(norm);
      return { bits: own.bits, scales: scales.map((scale, o) => scale * Math.abs(factors[o]!)) };
    });
    const kept = (index: number): boolean => layers[index]!.kind !== 'batchNorm';
    return {
      activations: activations.filter((_, at) => at === 0 || kept(at - 1)),
      weights: weights.filter((_, index) => kept(index)),
    };
  }

  save(): Float32Array[] {
    const ranges = [...this.ranges.values()].map(({ values }) => this.desk.floats(values, 2).slice());
    const scales = [...this.weights.values()].map((own) => this.desk.floats(own.scales, own.count).slice());
    return [...ranges, ...scales];
  }

  restore(saved: readonly Float32Array[]): void {
    const ranges = [...this.ranges.values()];
    ranges.forEach(({ values }, i) => this.desk.floats(values, 2).set(saved[i]!));
    [...this.weights.values()].forEach((own, i) => {
      this.desk.floats(own.scales, own.count).set(saved[ranges.length + i]!);
    });
  }
}
