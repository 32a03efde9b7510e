// Figures of one tensor: the device's integers against reals of the reference.
import { logarithm } from '../math/real-functions.js';
import type { Bounds } from '../import/float-graph.js';
import type { TensorSpec } from '../model/quantized-network.js';
import type { Values } from '../model/values.js';

/** Ratios are cut off here: what is exact has no finite one. */
const MOST_DB = 140;

/** How far a tensor is from the reference’s, over all samples. */
export interface TensorFigures {
  meanError: number;
  maxError: number;
  /** Signal to quantization noise, dB: 10·log₁₀(Σ reference² / Σ error²), 140 at most. */
  sqnrDb: number;
  /** Values at an end of the integers' range that no activation puts there. */
  saturatedShare: number;
  /** Channels (of the last dimension) that never change on the device and do in the reference. */
  deadChannels: number;
  channels: number;
  /** Share of the integers' range between the least and the largest value. */
  rangeUsed: number;
}

export const limitsOf = ({ dtype }: TensorSpec): [low: number, high: number] =>
  dtype === 'int16' ? [-32768, 32767] : [-128, 127];

/** real = scale · (q − zeroPoint) */
export const dequantize = (values: Values, { scale, zeroPoint }: TensorSpec): Float64Array =>
  Float64Array.from(values, (q) => (q - zeroPoint) * scale);

export const isExact = (db: number): boolean => db === MOST_DB;

/** As people read it; `exact` where there is no error to take a ratio of. */
export const decibels = (db: number): string => (isExact(db) ? 'exact' : db.toFixed(1));

export function signalToNoise(signal: number, noise: number): number {
  if (noise === 0) return MOST_DB;
  return Math.max(
    -MOST_DB,
    Math.min(MOST_DB, (10 / logarithm(10)) * logarithm(Math.max(signal, 1e-300) / noise)),
  );
}

/** Least and largest value of every channel, over all samples. */
function extremes(rows: readonly ArrayLike<number>[], channels: number): [Float64Array, Float64Array] {
  const least = new Float64Array(channels).fill(Infinity);
  const most = new Float64Array(channels).fill(-Infinity);
  for (const row of rows) {
    for (let i = 0; i < row.length; i++) {
      const c = i % channels;
      if (row[i]! < least[c]!) least[c] = row[i]!;
      if (row[i]! > most[c]!) most[c] = row[i]!;
    }
  }
  return [least, most];
}

/** `bounds`: what the op clamps to, in reals. */
export function figuresOf(
  device: readonly Values[],
  reference: readonly Float64Array[],
  spec: TensorSpec,
  [low, high]: Bounds,
): TensorFigures {
  const { scale, zeroPoint } = spec;
  const [least, most] = limitsOf(spec);
  const channels = spec.shape.at(-1) ?? 1;
  const natural = (q: number): boolean => {
    const real = (q - zeroPoint) * scale;
    return real <= low + scale / 2 || real >= high - scale / 2;
  };
  const ends = [least, most].filter((q) => !natural(q));
  let [count, sum, maxError, signal, noise, saturated] = [0, 0, 0, 0, 0, 0];
  device.forEach((values, sample) => {
    const exact = reference[sample]!;
    values.forEach((q: number, i: number) => {
      const error = Math.abs((q - zeroPoint) * scale - exact[i]!);
      sum += error;
      maxError = Math.max(maxError, error);
      signal += exact[i]! ** 2;
      noise += error ** 2;
      if (ends.includes(q)) saturated++;
    });
    count += values.length;
  });
  const [qLeast, qMost] = extremes(device, channels);
  const [exactLeast, exactMost] = extremes(reference, channels);
  let deadChannels = 0;
  for (let c = 0; c < channels; c++)
    if (qLeast[c] === qMost[c] && exactMost[c]! - exactLeast[c]! > 2 * scale) deadChannels++;
  return {
    meanError: sum / count,
    maxError,
    sqnrDb: signalToNoise(signal, noise),
    saturatedShare: saturated / count,
    deadChannels,
    channels,
    rangeUsed: (Math.max(...qMost) - Math.min(...qLeast) + 1) / (most - least + 1),
  };
}
