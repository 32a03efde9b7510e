// Lazy growth: nothing is reduced inside a transform, so the compiler proves that nothing can overflow.
import { NTT_PRIME } from '../../../assembly/layout.js';

const P = NTT_PRIME;
const INT32 = 2 ** 31;
/** The device's `reduce` takes sums below this. */
const SUM_LIMIT = 2 ** 63 - 2 ** 59;
/** Accelerated bodies centre by 26 / 2³² for 1 / p, which is too large by this share. */
const CENTRE_ERROR = (26 * P) / 2 ** 32 - 1;
/** The device's `centre` is exact below this. */
const CENTRE_LIMIT = 9 * P;

/** |a·w / 2³² mod p| for |a| ≤ bound and a twiddle |w| ≤ p/2. */
const multiplied = (bound: number): number => (bound * P) / 2 ** 33 + P / 2;

/** Largest magnitude after the forward transform of k values within ±input; infinite if a lane could overflow. */
export function forwardBound(k: number, input: number): number {
  // Block 0 holds plain sums of inputs; in every other block a stage makes u ± w·v.
  let bound = input * k;
  for (let stage = Math.log2(k); stage > 0; stage--) bound += multiplied(bound);
  return bound < INT32 ? bound : Infinity;
}

/**
 * Largest magnitude in the inverse transform of values within ±input, by any of the device's ways: that of ntt.ts, or
 * that of ntt_fast.ts; infinite if a lane could overflow.
 */
export function inverseBound(k: number, input: number): number {
  const stages = Math.log2(k);
  // The first pass has one stage of sums alone, or two with one multiplication.
  const first = stages % 2 ? 1 : 2;
  let bound = first === 1 ? 2 * input : Math.max(4 * input, 2 * input + multiplied(2 * input));
  for (let stage = first; stage < stages; stage++) bound += multiplied(bound);
  bound = Math.max(bound, fastInverseBound(stages, input));
  return bound < INT32 ? bound : Infinity;
}

/** Two stages a pass: sums of four, every lane multiplied behind it but one, a sum of two products. */
function fastInverseBound(stages: number, input: number): number {
  let [lane, most] = [input, 0];
  for (let left = stages; left >= 2; left -= 2) {
    most = Math.max(most, 4 * lane);
    lane = Math.max(multiplied(4 * lane), 2 * multiplied(2 * lane));
  }
  return Math.max(most, (stages % 2 ? 2 : 1) * lane);
}

/**
 * Largest magnitude in the inverse of firmware/brownout_accel_ntt.h: a first pass of eight values or four, in which the first
 * twiddle of every stage is left out; then every difference is multiplied. Infinite if a lane could overflow.
 */
function acceleratedInverseBound(k: number, input: number): number {
  const stages = Math.log2(k);
  const plain = Math.min(stages, k === 16 ? 2 : 3);
  let bound = input;
  for (let stage = 0; stage < stages; stage++)
    bound += stage < plain ? Math.max(bound, multiplied(bound)) : multiplied(bound);
  return bound < INT32 ? bound : Infinity;
}

/** Whether the sum of a row, ±sum before it is reduced, comes back as what it is by every body, if it is within rowMagnitude. */
function comesBack(k: number, sum: number, rowMagnitude: number): boolean {
  const reduced = sum / 2 ** 32 + P / 2;
  if (sum >= SUM_LIMIT || inverseBound(k, reduced) >= CENTRE_LIMIT) return false;
  return rowMagnitude + CENTRE_ERROR * acceleratedInverseBound(k, reduced) < P / 2;
}

/** The device multiplies four frequencies at a time. */
export const LEAST_BLOCK = 4;

export interface NttPlan {
  /** Whether the bounds hold at all. */
  feasible: boolean;
  /** Whether input spectra must be centred before the row sum. */
  centre: boolean;
}

/**
 * Whether a row of `blocks` blocks of size k can be summed without reduction on the way, with inputs in −128…127 and the
 * largest |Σ w·x| of any output within `rowMagnitude`. `computed`: spectra of weights are as the forward transform leaves
 * them, those of inputs multiplied once.
 */
export function planNtt(k: number, blocks: number, rowMagnitude: number, computed = false): NttPlan {
  if (k < LEAST_BLOCK) return { feasible: false, centre: false };
  if (computed) {
    const spectrum = forwardBound(k, 128);
    const sum = blocks * multiplied(spectrum) * spectrum;
    return { feasible: comesBack(k, sum, rowMagnitude), centre: false };
  }
  for (const centre of [false, true]) {
    const spectrum = centre && forwardBound(k, 128) < CENTRE_LIMIT ? P / 2 : forwardBound(k, 128);
    if (comesBack(k, blocks * spectrum * (P / 2), rowMagnitude)) return { feasible: true, centre };
  }
  return { feasible: false, centre: false };
}
