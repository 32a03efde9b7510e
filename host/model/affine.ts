// Affine quantization (Jacob et al. 2018, eq. 1): between reals and the integers that stand for them.
import type { Quantization } from './quantized-network.js';
import type { ActivationType, Values } from './values.js';

/** Scale and zero point of int8 over [minimum, maximum], zero included and exact. */
export function affine(minimum: number, maximum: number): Quantization {
  const low = Math.min(0, minimum);
  const high = Math.max(0, maximum);
  const scale = high > low ? (high - low) / 255 : 1;
  return { scale, zeroPoint: Math.max(-128, Math.min(127, Math.round(-128 - low / scale))) };
}

/** The same over all that `values` are. */
export function affineOf(values: ArrayLike<number>): Quantization {
  let [low, high] = [0, 0];
  for (let i = 0; i < values.length; i++)
    [low, high] = [Math.min(low, values[i]!), Math.max(high, values[i]!)];
  return affine(low, high);
}

/** The nearest integer; of two the one further from zero. */
export const nearestInteger = (x: number): number => Math.sign(x) * Math.round(Math.abs(x));

/** Float values to int8 or int16, rounded half away from zero and clamped. */
export function quantizeValues(
  values: ArrayLike<number>,
  { scale, zeroPoint, dtype }: Quantization & { dtype?: ActivationType },
): Values {
  const most = dtype === 'int16' ? 32767 : 127;
  const quantized = dtype === 'int16' ? new Int16Array(values.length) : new Int8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const rounded = nearestInteger(values[i]! / scale) + zeroPoint;
    quantized[i] = Math.max(-most - 1, Math.min(most, rounded));
  }
  return quantized;
}
