// Softmax and logistic from the definitions: gemmlowp's fixed point on exact fractions, TFLite's interpolated tables.
import type { Lookup, Softmax } from '../../host/model/quantized-network.js';

const ONE = 1n << 31n;
const TOP = ONE - 1n;
const saturate = (x: bigint): bigint => (x > TOP ? TOP : x < -ONE ? -ONE : x);

/** Floor of a / b, b above 0. */
const floorDivide = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b;

/** round(a · b / 2³¹), halves up (SaturatingRoundingDoublingHighMul's nudge, then a shift). */
const times = (a: bigint, b: bigint): bigint => saturate(floorDivide(2n * a * b + ONE, 2n * ONE));

/** round(x / 2^n), halves away from zero. */
function halve(x: bigint, n: number): bigint {
  const magnitude = floorDivide(2n * (x < 0n ? -x : x) + 2n ** BigInt(n), 2n ** BigInt(n + 1));
  return x < 0n ? -magnitude : magnitude;
}

/** A real number in [−1, 1) as raw Q0.31, rounded. */
const raw = (x: number): bigint => BigInt(Math.round(x * 2 ** 31));

/** exp_on_negative_values: a raw with `bits` integer bits, a ≤ 0. Result Q0.31. */
function exponential(a: bigint, bits: number): bigint {
  if (a === 0n) return TOP;
  const one = 2n ** BigInt(31 - bits);
  const quarter = one / 4n;
  // a = inQuarter − remainder, inQuarter in [−1/4, 0).
  const inQuarter = (((a % quarter) + quarter) % quarter) - quarter;
  const remainder = inQuarter - a;
  // Taylor about −1/8.
  const x = saturate(inQuarter * 2n ** BigInt(bits)) + ONE / 8n;
  const x2 = times(x, x);
  const x3 = times(x2, x);
  const x4 = times(x2, x2);
  const third = raw(1 / 3);
  const centre = raw(Math.exp(-1 / 8));
  const tail = halve(times(halve(x4, 2) + x3, third) + x2, 1);
  let result = centre + times(centre, x + tail);
  for (let power = -2; power < bits; power++) {
    const bit = power < 0 ? one / 2n ** BigInt(-power) : one * 2n ** BigInt(power);
    if ((remainder / bit) % 2n === 1n) result = times(result, raw(Math.exp(-(2 ** power))));
  }
  return result;
}

/** one_over_one_plus_x_for_x_in_0_1, Q0.31 to Q0.31: three steps of Newton from 48/17 − 32/17·d. */
function reciprocal(a: bigint): bigint {
  const half = (a + TOP + 1n) / 2n;
  let x = BigInt(Math.round((48 / 17) * 2 ** 29)) + times(half, BigInt(-Math.round((32 / 17) * 2 ** 29)));
  for (let i = 0; i < 3; i++) x += saturate(4n * times(x, ONE / 4n - times(half, x)));
  return saturate(2n * x);
}

/** A row of int8 softmax: reference_ops::Softmax of TFLite. */
export function softmaxInt8Oracle(row: readonly number[], { inputScaling, diffMin }: Softmax): number[] {
  const most = Math.max(...row);
  const powers = row.map((q) => {
    if (q - most < diffMin) return undefined;
    const rescaled = BigInt.asIntN(32, BigInt(q - most) * 2n ** BigInt(inputScaling.shift));
    return exponential(times(rescaled, BigInt(inputScaling.multiplier)), 5);
  });
  const sum = powers.reduce<bigint>((total, e) => (e === undefined ? total : total + halve(e, 12)), 0n);
  const headroom = 32 - sum.toString(2).length;
  const inverse = reciprocal(sum * 2n ** BigInt(headroom) - ONE);
  return powers.map((e) => {
    if (e === undefined) return -128;
    const y = halve(times(inverse, e), 12 - headroom + 31 - 8) - 128n;
    return Number(y > 127n ? 127n : y);
  });
}

/** The logistic of a centred int8: reference_integer_ops::Logistic of TFLite. */
export function logisticOracle(q: number, scale: number): number {
  let shift = Math.floor(Math.log2(scale * 2 ** 27)) + 1;
  let multiplier = Math.round((scale * 2 ** 27 * 2 ** 31) / 2 ** shift);
  if (multiplier === 2 ** 31) [multiplier, shift] = [2 ** 30, shift + 1];
  const radius = Math.floor((15 * 2 ** 27) / 2 ** shift);
  if (q <= -radius) return -128;
  if (q >= radius) return 127;
  const up = shift > 0 ? 2n ** BigInt(shift) : 1n;
  const x = halve(times(BigInt(q) * up, BigInt(multiplier)), Math.max(-shift, 0));
  const magnitude = reciprocal(exponential(x > 0n ? -x : x, 4));
  const probability = x === 0n ? ONE / 2n : x > 0n ? magnitude : TOP - magnitude;
  const y = halve(probability, 23) - 128n;
  return Number(y > 127n ? 127n : y);
}

const round = (x: number): number => (x < 0 ? -Math.floor(0.5 - x) : Math.floor(x + 0.5));

/** gen_lut of TFLite: 513 samples of f over [from, to] in Q0.15, each less half the error midway. */
export function tableOracle(f: (x: number) => number, from: number, to: number): number[] {
  const step = (to - from) / 512;
  const table = [];
  for (let i = 0; i < 512; i++) {
    const [here, middle, next] = [from + i * step, from + i * step + step / 2, from + (i + 1) * step].map(
      (x) => f(x) * 32768,
    ) as [number, number, number];
    const error = round((next + round(here)) / 2) - round(middle);
    table.push(Math.min(round(here) - round(error / 2), 32767));
  }
  return [...table, Math.min(round(f(to) * 32768), 32767)];
}

const POWERS = tableOracle(Math.exp, -10, 0);
const RECIPROCALS = tableOracle((x) => 1 / (1 + x), 0, 1);

/** `table` at `x`, −32768…32767 over its range: between two entries 128 apart. */
function between(table: readonly number[], x: number): number {
  const at = (Math.min(Math.max(x, -32768), 32767) + 32768) / 128;
  const [low, high] = [table[Math.floor(at)]!, table[Math.floor(at) + 1]!];
  return low + Math.floor((high - low) * (at - Math.floor(at)) + 0.5);
}

/** A lookup of one int16, on exact numbers: where it lies, between which entries, and how far. */
export function lookupOracle(op: Omit<Lookup, 'inputs' | 'output'>, x: number): number {
  const [one, half] = [2n ** BigInt(op.fraction), op.shift === 0 ? 0n : 2n ** BigInt(op.shift - 1)];
  const place = floorDivide(BigInt(x) * BigInt(op.multiplier) + half, 2n ** BigInt(op.shift));
  const limit = BigInt(op.limit);
  const kept = place >= limit ? 256n * one : place <= -limit ? -256n * one : place;
  const before = floorDivide(kept, one);
  const entry = (n: bigint): bigint => BigInt(op.table[Number(n) + 256]!);
  const far = kept - before * one;
  const sum = entry(before) * (one - far) + entry(before + 1n) * far;
  const rounded = sum + BigInt(op.rounding) + (place < 0n ? BigInt(op.below) : 0n);
  return Number(BigInt.asIntN(16, floorDivide(rounded, 2n ** BigInt(op.resultShift))));
}

/** A row of int16 softmax: reference_ops::SoftmaxInt16 of TFLite. */
export function softmaxInt16Oracle(row: readonly number[], { inputScaling }: Softmax): number[] {
  const most = Math.max(...row);
  const { multiplier, shift } = inputScaling;
  const powers = row.map((q) => {
    const up = BigInt.asIntN(32, BigInt(q - most) * (shift > 0 ? 2n ** BigInt(shift) : 1n));
    const scaled = halve(times(up, BigInt(multiplier)), Math.max(-shift, 0));
    return between(POWERS, Number(scaled) + 32767);
  });
  const sum = powers.reduce((a, b) => a + b, 0);
  const bits = Math.floor(Math.log2(sum)) + 1;
  // 1 + x in [1, 2] as 2^16 … 2^17.
  const normal = Math.floor(sum * 2 ** (17 - bits) + 0.5);
  const inverse = between(RECIPROCALS, normal - 2 ** 16 - 2 ** 15);
  return powers.map((e) => {
    const y = Math.floor((e * inverse) / 2 ** (bits - 1) + 0.5);
    return Math.min(Math.max(y, 0), 32767);
  });
}
