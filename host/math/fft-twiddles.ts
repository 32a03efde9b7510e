import { refuseArgument } from '../error.js';
import { cosineOfTurns } from './real-functions.js';

const LARGEST = 32767;
const toQ15 = (x: number): number => Math.max(-LARGEST, Math.min(Math.round(x * 32768), LARGEST));

/**
 * The table that `fftQ15` of assembly/accel/fft_q15.ts takes, for transforms of up to `points` points (4, 8 … 1024): for h = 4, 8
 * … points/2, e^(−πij/h) for j < h as {re, im} in Q15, rounded to the nearest and within ±32767. `2 · (points − 4)` numbers.
 */
export function fftTwiddles(points: number): Int16Array {
  if (!(Number.isInteger(points) && points >= 4 && (points & (points - 1)) === 0))
    refuseArgument(points, 'a power of two from 4 on', 'Give the size of the transform.');
  const stages: number[] = [];
  for (let half = 4; half < points; half *= 2) {
    for (let j = 0; j < half; j++) {
      const turns = j / (2 * half);
      stages.push(toQ15(cosineOfTurns(turns)), toQ15(cosineOfTurns(turns + 0.25)));
    }
  }
  return Int16Array.from(stages);
}
