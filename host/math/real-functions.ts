// Cosine and logarithm by sums, products and quotients alone: the standard library's may differ in the last bit from one
// machine to another.

/** cos(2π · turns), to 15 digits. */
export function cosineOfTurns(turns: number): number {
  let reduced = turns - Math.round(turns);
  reduced = Math.abs(reduced);
  // Beyond a quarter turn by symmetry, so that the series converges fast.
  const negative = reduced > 0.25;
  const angle = 2 * Math.PI * (negative ? 0.5 - reduced : reduced);
  const square = angle * angle;
  let [sum, term] = [1, 1];
  for (let n = 1; n <= 12; n++) {
    term *= -square / ((2 * n - 1) * (2 * n));
    sum += term;
  }
  return negative ? -sum : sum;
}

/** The natural logarithm of a number above 0. */
export function logarithm(x: number): number {
  let [exponent, mantissa] = [0, x];
  for (; mantissa > Math.SQRT2; exponent++) mantissa /= 2;
  for (; mantissa < Math.SQRT1_2; exponent--) mantissa *= 2;
  // ln m = 2 artanh((m − 1) / (m + 1))
  const ratio = (mantissa - 1) / (mantissa + 1);
  let [sum, power] = [0, ratio];
  for (let n = 1; n < 40; n += 2) {
    sum += power / n;
    power *= ratio * ratio;
  }
  return 2 * sum + exponent * Math.LN2;
}
