// The prime field of the number-theoretic transform: p = 5·2²⁵ + 1, Montgomery with R = 2³², signed representatives.
import { NTT_PRIME, NTT_PRIME_INVERSE, NTT_RECIPROCAL } from '../layout';

/** sum / 2³² mod p, for |sum| < 2⁶³ − 2⁵⁹: |result| ≤ |sum| / 2³² + p/2. */
// @ts-ignore: decorator
@inline
export function reduce(sum: i64): i32 {
  const quotient = <i32>sum * NTT_PRIME_INVERSE;
  // The low words cancel. Adding the product with −p is one multiply-accumulate on a Cortex-M.
  return <i32>((sum + <i64>quotient * <i64>-NTT_PRIME) >> 32);
}

/** a·b / 2³² mod p, for a constant or reduced b: |result| ≤ |a·b| / 2³² + p/2. */
// @ts-ignore: decorator
@inline
export function multiply(a: i32, b: i32): i32 {
  return reduce(<i64>a * <i64>b);
}

/** Upper words of products. */
// @ts-ignore: decorator
@inline
function upperWords(a: v128, b: v128): v128 {
  const low = i64x2.extmul_low_i32x4_s(a, b);
  return v128.shuffle<i32>(low, i64x2.extmul_high_i32x4_s(a, b), 1, 3, 5, 7);
}

/** `multiply` of four. The low words cancel, so that upper ones may be subtracted alone. */
// @ts-ignore: decorator
@inline
export function multiplyFour(a: v128, b: v128): v128 {
  const quotient = i32x4.mul(i32x4.mul(a, b), i32x4.splat(NTT_PRIME_INVERSE));
  return i32x4.sub(upperWords(a, b), upperWords(quotient, i32x4.splat(NTT_PRIME)));
}

/** The representative of x in ±p/2, for |x| < 9p. */
// @ts-ignore: decorator
@inline
export function centre(x: i32): i32 {
  return x - ((<i32>((<i64>x * <i64>NTT_RECIPROCAL) >> 32) + (1 << 24)) >> 25) * NTT_PRIME;
}
