// docs/LEARNING.md §5.
import { clampTo, roundShift } from './integer.js';
import type { LossSpec } from './spec.js';

/** 2^(15 − j/32), j = 0 … 32; the 32nd root of 2 by square roots, which are exact to the last bit everywhere. */
const POWERS = ((): Int32Array => {
  let root = 2;
  for (let i = 0; i < 5; i++) root = Math.sqrt(root);
  let power = 32768;
  return Int32Array.from({ length: 33 }, () => {
    const rounded = Math.round(power);
    power /= root;
    return rounded;
  });
})();

/** An error below so many halves of the largest is none. */
const SMALL = 3;

/** 2^15 · 2^(−u / 2^16), u a uint32. */
function exponential(u: number): number {
  const j = (u & 0xffff) >>> 11;
  const v = POWERS[j]! - (((POWERS[j]! - POWERS[j + 1]!) * (u & 2047)) >> 11);
  const halvings = u >>> 16;
  return halvings < 16 ? v >>> halvings : 0;
}

/** log₂ S · 256. */
function log(sum: number): number {
  const b = 31 - Math.clz32(sum);
  return 256 * b + (((sum << (31 - b)) >>> 23) & 255);
}

export interface LossResult {
  /** int16, as many as there are classes. */
  errors: Int32Array;
  loss: number;
  /** Whether the label is the first of the largest logits. */
  right: boolean;
}

function crossEntropy(spec: LossSpec, q: Int8Array, label: number, errors: Int32Array): number {
  const most = q.reduce((a, b) => Math.max(a, b), -128);
  const exponents = Uint32Array.from(q, (value) => (most - value) * spec.scale);
  const powers = Int32Array.from(exponents, exponential);
  const sum = powers.reduce((a, b) => a + b, 0);
  powers.forEach((power, i) => {
    const p = Math.floor((power * 32768 + (sum >>> 1)) / sum);
    errors[i] = Math.min(p - (i === label ? 32768 : 0), 32767);
  });
  return Math.max((exponents[label]! >>> 8) + log(sum) - 15 * 256, 0);
}

function squaredError(
  spec: LossSpec,
  q: Int8Array,
  zeroPoint: number,
  label: number,
  errors: Int32Array,
): number {
  let squares = 0;
  q.forEach((value, i) => {
    const error = clampTo((value - zeroPoint - (i === label ? spec.target : 0)) * 64, -32768, 32767);
    errors[i] = error;
    squares += Math.trunc(error / 64) ** 2;
  });
  return Math.floor((Math.min(squares, 2 ** 24) * spec.scale) / 65536);
}

/** Errors of logits q, and what the turn is judged by. */
export function lossOf(spec: LossSpec, q: Int8Array, zeroPoint: number, label: number): LossResult {
  const errors = new Int32Array(q.length);
  const loss =
    spec.kind === 'mse'
      ? squaredError(spec, q, zeroPoint, label, errors)
      : crossEntropy(spec, q, label, errors);
  const right = q.indexOf(q.reduce((a, b) => Math.max(a, b), -128)) === label;
  const least = errors.reduce((most, error) => Math.max(most, Math.abs(error)), 0) >> SMALL;
  const kept = errors.map((error) => (Math.abs(error) < least ? 0 : roundShift(error, spec.shift)));
  return { errors: kept, loss, right };
}
