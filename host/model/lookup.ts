// Functions of one int16 as ops of tables: TFLite's LOGISTIC and TANH, and its tables of 513.
import { LOOKUP_HALF } from '../../assembly/lookup-layout.js';
import { naturalPower, powerOfTwo } from './fixed-point.js';
import type { Lookup } from './quantized-network.js';

/** What a lookup computes, without its place in a network. */
export type LookupBody = Omit<Lookup, 'inputs' | 'output' | 'name'>;

/** Entries of the table of the logistic lie this close: 1/24 of its argument. */
const STEPS_OF_ONE = 24;
/** From this entry on it is taken as 1. */
const LAST = 255;

/** The logistic at entry n ≥ 0 in 16 bits: less half of what a straight line to the next is off midway. */
function logisticEntry(n: number): number {
  const at = (place: number): number => 65536 / (1 + naturalPower(-place / STEPS_OF_ONE));
  const error = (at(n) + at(n + 1)) / 2 - at(n + 0.5);
  return n < LAST ? Math.round(at(n) - error / 2) : 65535;
}

/** The logistic less ½, of −256 … 257 by 2¹⁶; beyond the last entry what `most` says, on both sides. */
const logisticTable = (most: number): Int16Array =>
  Int16Array.from({ length: 2 * LOOKUP_HALF + 2 }, (_, i) => {
    const n = i - LOOKUP_HALF;
    const size = Math.abs(n) > LAST ? most : logisticEntry(Math.abs(n));
    return (size - 32768) * Math.sign(n);
  });

/** How TFLite brings an input of `scale` to steps of 1 / (3 · 4096): times `multiplier`, and a shift to the right. */
function argumentOf(scale: number, powersUp: readonly number[]): { multiplier: number; shift: number } {
  const power = 12 + (powerOfTwo(scale) ?? -Infinity);
  if (powersUp.includes(power)) return { multiplier: 3 << power, shift: 0 };
  let [multiplier, shift] = [scale * 4096 * 3, 0];
  for (; multiplier <= 32767 / 2 && shift <= 30; shift++) multiplier *= 2;
  return { multiplier: Math.trunc(multiplier), shift };
}

/** The logistic of int16 of `scale`; results have scale 2⁻¹⁵. TFLite's reference_integer_ops::Logistic, bit for bit. */
export const logisticLookup = (scale: number): LookupBody => ({
  kind: 'lookup',
  table: logisticTable(65534),
  ...argumentOf(scale, [0]),
  fraction: 9,
  limit: LAST << 9,
  rounding: (1 << 24) + (1 << 9),
  below: -1,
  resultShift: 10,
});

/** The hyperbolic tangent of int16 of `scale`; results have scale 2⁻¹⁵. TFLite's reference_integer_ops::Tanh, bit for bit. */
export const tanhLookup = (scale: number): LookupBody => ({
  kind: 'lookup',
  table: logisticTable(65535),
  ...argumentOf(scale, [0, 1]),
  fraction: 8,
  limit: LAST << 8,
  rounding: 1 << 7,
  below: -1,
  resultShift: 8,
});

/** Halves away from zero, in float32. */
const round = (x: number): number => Math.sign(x) * Math.floor(Math.fround(Math.abs(x) + 0.5));

/**
 * Any real function of int16 into int16, both of zero point 0, straight between 513 samples, each less half of what it is off
 * midway. TFLite's LUTPopulate and LUTLookup, in float32 as there.
 */
export function realLookup(from: number, to: number, f: (x: number) => number): LookupBody {
  const { fround } = Math;
  const [least, most] = [-32768, 32767].map((q) => fround(fround(from) * q)) as [number, number];
  const step = fround(fround(most - least) / 512);
  const span = fround(fround(fround(to) * 32767) - fround(fround(to) * -32768));
  const inverse = fround(65536 / span);
  const place = (i: number): number => fround(least + fround(i * step));
  const at = (x: number): number => fround(fround(f(x)) * inverse);
  const table = Int16Array.from({ length: 2 * LOOKUP_HALF + 2 }, (_, i) => {
    const sample = round(at(i < 512 ? place(i) : most));
    const between = round(fround(fround(at(place(i + 1)) + sample) / 2));
    const error = between - round(at(fround(place(i) + fround(step / 2))));
    return Math.max(-32768, Math.min(32767, i < 512 ? sample - round(error / 2) : sample));
  });
  return {
    kind: 'lookup',
    table,
    multiplier: 1,
    shift: 0,
    fraction: 7,
    limit: 1 << 15,
    rounding: 64,
    below: 0,
    resultShift: 7,
  };
}

/** What a lookup makes of a value, rounded to int16 first. */
export function lookUp(op: Omit<LookupBody, 'kind'>, value: number): number {
  const x = Math.max(-32768, Math.min(32767, Math.round(value)));
  const half = op.shift > 0 ? 2 ** (op.shift - 1) : 0;
  let t = Math.floor((x * op.multiplier + half) / 2 ** op.shift);
  const below = t < 0 ? op.below : 0;
  if (Math.abs(t) >= op.limit) t = Math.sign(t) * LOOKUP_HALF * 2 ** op.fraction;
  const n = Math.floor(t / 2 ** op.fraction);
  const [low, high] = [op.table[n + LOOKUP_HALF]!, op.table[n + LOOKUP_HALF + 1]!];
  const sum = low * 2 ** op.fraction + (high - low) * (t - n * 2 ** op.fraction);
  return (sum + op.rounding + below) >> op.resultShift;
}
