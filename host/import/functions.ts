// Real functions of one value that models use, by sums and products alone: the same on every machine.
import { logarithm } from '../math/real-functions.js';
import { exponential } from './float-graph.js';

export type RealFunction = (x: number) => number;

export const logistic: RealFunction = (x) => {
  const power = exponential(x < 0 ? x : -x);
  return x < 0 ? power / (1 + power) : 1 / (1 + power);
};

export const tanh: RealFunction = (x) => 2 * logistic(2 * x) - 1;

/** The natural logarithm; of 0 and below, of the least number there is in float32. */
export const log: RealFunction = (x) => logarithm(Math.max(x, 2 ** -149));

/** The error function, by its series (Abramowitz & Stegun 7.1.5): to 9 digits. */
export const erf: RealFunction = (x) => {
  if (Math.abs(x) > 4) return Math.sign(x);
  let [sum, term] = [x, x];
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};

export const gelu: RealFunction = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
/** Hendrycks & Gimpel 2016, the form with tanh. */
export const geluTanh: RealFunction = (x) =>
  0.5 * x * (1 + tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

export const softplus: RealFunction = (x) => (x > 0 ? x : 0) + log(1 + exponential(-Math.abs(x)));

/** x to a constant power; of x below 0 only where the power is whole. */
export function power(x: number, exponent: number): number {
  if (Number.isInteger(exponent) && Math.abs(exponent) <= 64) {
    let result = 1;
    for (let i = 0; i < Math.abs(exponent); i++) result *= x;
    return exponent < 0 ? 1 / result : result;
  }
  if (exponent === 0.5) return Math.sqrt(Math.max(0, x));
  return x > 0 ? exponential(exponent * log(x)) : 0;
}

/** Rounds half to even, as ONNX's Round. */
export const roundEven: RealFunction = (x) => {
  const nearest = Math.round(x);
  return Math.abs(x % 1) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
};

/** The arc tangent: halved until its series converges fast. */
export const arcTangent: RealFunction = (x) => {
  let [reduced, doubled] = [x, 1];
  for (; Math.abs(reduced) > 0.1; doubled *= 2) reduced /= 1 + Math.sqrt(1 + reduced * reduced);
  let [sum, power] = [0, reduced];
  for (let n = 1; n < 24; n += 2) {
    sum += power / n;
    power *= -reduced * reduced;
  }
  return doubled * sum;
};

/** The arc sine; of what is beyond 1, of 1. */
export const arcSine: RealFunction = (x) => {
  if (Math.abs(x) >= 1) return (Math.sign(x) * Math.PI) / 2;
  return arcTangent(x / Math.sqrt(1 - x * x));
};

export const hyperbolicSine: RealFunction = (x) => (exponential(x) - exponential(-x)) / 2;
export const hyperbolicCosine: RealFunction = (x) => (exponential(x) + exponential(-x)) / 2;
