// The field of the number-theoretic transform, in BigInt.
import { NTT_PRIME } from '../../assembly/layout.js';

export const P = 167772161n;
export const R = 1n << 32n;
export const modulo = (x: bigint): bigint => ((x % P) + P) % P;
export const isSigned = (x: number): boolean => Math.abs(x) * 2 < NTT_PRIME;

export function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let e = exponent, b = modulo(base); e > 0n; e >>= 1n, b = (b * b) % P)
    if (e & 1n) result = (result * b) % P;
  return result;
}

export const rootOf = (k: number): bigint => power(3n, (P - 1n) / BigInt(k));

export function bitReverse(value: number, k: number): number {
  let reversed = 0;
  for (let bit = 1; bit < k; bit *= 2) reversed = reversed * 2 + (value & bit ? 1 : 0);
  return reversed;
}

/** Σ a[i]·pointⁱ mod p (Horner). */
export function evaluate(a: ArrayLike<number>, point: bigint): bigint {
  let sum = 0n;
  for (let i = a.length - 1; i >= 0; i--) sum = (sum * point + BigInt(a[i]!)) % P;
  return modulo(sum);
}
