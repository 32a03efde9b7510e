// What samples say of the tensors of a float graph, and the range that each is quantized over.
import { affine } from '../model/affine.js';
import type { Quantization } from '../model/quantized-network.js';
import { evaluate, type FloatGraph } from './float-graph.js';

/** How ranges are chosen: all that was seen, all but a few values at the ends, or what loses least (mean squares). */
export type RangeMethod = 'max' | 'percentile' | 'mse';

/** What calibration saw of a tensor. */
export interface Seen {
  low: number;
  high: number;
  /** Mean of each value of the last dimension. */
  means: Float64Array;
}

const BINS = 1024;
/** Share of values that lie inside a percentile range. */
const PERCENTILE = 0.9999;
/** Shares of the whole range tried for the least error, 1 first. */
const SHARES = Array.from({ length: 36 }, (_, i) => 1 - i * 0.02);

/** Runs the samples, each a whole input, and notes what every tensor is like. */
export function observe(
  graph: FloatGraph,
  samples: readonly ArrayLike<number>[],
  progress?: (done: number) => void,
): Seen[] {
  const seen: Seen[] = graph.tensors.map(({ shape }) => {
    return { low: Infinity, high: -Infinity, means: new Float64Array(shape.at(-1) ?? 1) };
  });
  samples.forEach((sample, index) => {
    evaluate(graph, sample).forEach((values, tensor) => {
      const { means } = seen[tensor]!;
      const share = means.length / (values!.length * samples.length);
      let { low, high } = seen[tensor]!;
      values!.forEach((value, i) => {
        if (value < low) low = value;
        if (value > high) high = value;
        means[i % means.length]! += value * share;
      });
      seen[tensor] = { low, high, means };
    });
    progress?.(index + 1);
  });
  return seen;
}

/** How many values of each tensor lie in each of 1,024 parts of its range. */
function histograms(
  graph: FloatGraph,
  samples: readonly ArrayLike<number>[],
  seen: readonly Seen[],
): Float64Array[] {
  const counts = seen.map(() => new Float64Array(BINS));
  for (const sample of samples) {
    evaluate(graph, sample).forEach((values, tensor) => {
      const { low, high } = seen[tensor]!;
      const factor = high > low ? BINS / (high - low) : 0;
      const bins = counts[tensor]!;
      for (const value of values!) bins[Math.min(BINS - 1, Math.floor((value - low) * factor))]!++;
    });
  }
  return counts;
}

type Range = readonly [low: number, high: number];

/** The range whose quantization loses least: rounding inside, cutting off outside. */
function leastError({ low, high }: Seen, counts: Float64Array): Range {
  const errorOf = (share: number): number => {
    const { scale } = affine(low * share, high * share);
    let error = 0;
    counts.forEach((count, bin) => {
      const value = low + ((bin + 0.5) / BINS) * (high - low);
      const over = Math.max(Math.min(0, low * share) - value, value - Math.max(0, high * share), 0);
      error += count * (over > 0 ? over ** 2 : scale ** 2 / 12);
    });
    return error;
  };
  let [best, least] = [1, Infinity];
  for (const share of SHARES) {
    const error = errorOf(share);
    if (error < least) [best, least] = [share, error];
  }
  return [low * best, high * best];
}

/** The range without the few values at its ends. */
function withoutEnds({ low, high }: Seen, counts: Float64Array): Range {
  const spare = ((1 - PERCENTILE) / 2) * counts.reduce((sum, count) => sum + count, 0);
  const step = (high - low) / BINS;
  let [first, last] = [0, BINS - 1];
  for (let left = spare; first < last && counts[first]! <= left; first++) left -= counts[first]!;
  for (let left = spare; last > first && counts[last]! <= left; last--) left -= counts[last]!;
  return [low + first * step, low + (last + 1) * step];
}

/** The range of every tensor; that of the input is all that was seen. */
export function chooseRanges(
  graph: FloatGraph,
  samples: readonly ArrayLike<number>[],
  seen: readonly Seen[],
  method: RangeMethod,
): Range[] {
  const whole = seen.map(({ low, high }): Range => [low, high]);
  if (method === 'max') return whole;
  const counts = histograms(graph, samples, seen);
  const choose = method === 'mse' ? leastError : withoutEnds;
  return whole.map((range, tensor) => {
    const sound = Number.isFinite(range[0]) && Number.isFinite(range[1]) && range[1] > range[0];
    return sound && tensor !== graph.input ? choose(seen[tensor]!, counts[tensor]!) : range;
  });
}

/** What a function makes of all that its input can be; a single value far from all others is left to the ends of the range. */
export function rangeOfTable(f: (x: number) => number, { scale, zeroPoint }: Quantization): Quantization {
  const values = Array.from({ length: 256 }, (_, i) => f((i - 128 - zeroPoint) * scale)).sort(
    (a, b) => a - b,
  );
  const span = (from: number, to: number): number => values[to]! - values[from]!;
  const low = span(1, 255) * 4 < span(0, 255) ? 1 : 0;
  const high = span(low, 254) * 4 < span(low, 255) ? 254 : 255;
  return affine(values[low]!, values[high]!);
}
