// gemmlowp's fixed-point arithmetic on the host, for tables made at compile time. BigInt: exact, and never hot.
import type { Quantization } from './quantized-network.js';
import { quantizeMultiplier } from './quantized-network.js';

const MAX = (1n << 31n) - 1n;
const MIN = -(1n << 31n);
const saturate = (x: bigint): bigint => (x > MAX ? MAX : x < MIN ? MIN : x);

/** SaturatingRoundingDoublingHighMul: a·b / 2³¹, rounded half up. */
const multiplyHigh = (a: bigint, b: bigint): bigint => saturate((a * b + (1n << 30n)) >> 31n);

/** RoundingDivideByPOT: half away from zero. */
function divideByPower(x: bigint, exponent: bigint): bigint {
  if (exponent === 0n) return x;
  const half = 1n << (exponent - 1n);
  return x < 0n ? -((-x + half) >> exponent) : (x + half) >> exponent;
}

const shiftUp = (x: bigint, exponent: bigint): bigint => saturate(x << exponent);

/** MultiplyByQuantizedMultiplier: x · multiplier · 2^(shift − 31). */
export function scale(x: number, multiplier: number, shift: number): number {
  const up = BigInt.asIntN(32, BigInt(x) << BigInt(Math.max(shift, 0)));
  return Number(divideByPower(multiplyHigh(up, BigInt(multiplier)), BigInt(Math.max(-shift, 0))));
}

/** The exponent of a power of two, or of a value so near to one that TFLite's CheckedLog2 takes it for that. */
export function powerOfTwo(value: number): number | undefined {
  const near = 1.000693387; // 2^0.001
  let [exponent, rest] = [0, value];
  for (; rest < Math.SQRT1_2 && exponent > -150; exponent--) rest *= 2;
  for (; rest > Math.SQRT2 && exponent < 150; exponent++) rest /= 2;
  return rest < near && rest > 1 / near ? exponent : undefined;
}

/** e^a for a ≤ 0 with `integerBits`; the result has none. exp_on_negative_values. */
function exponential(a: bigint, integerBits: bigint): bigint {
  if (a === 0n) return MAX;
  const fraction = 31n - integerBits;
  const quarter = 1n << (fraction - 2n);
  const reduced = (a & (quarter - 1n)) - quarter;
  const x = shiftUp(reduced, integerBits) + (1n << 28n);
  const x2 = multiplyHigh(x, x);
  const x3 = multiplyHigh(x2, x);
  const x4 = multiplyHigh(x2, x2);
  const tail = divideByPower(multiplyHigh(divideByPower(x4, 2n) + x3, 715827883n) + x2, 1n);
  let result = 1895147668n + multiplyHigh(1895147668n, x + tail);
  const remainder = reduced - a;
  const factors = [1672461947n, 1302514674n, 790015084n, 290630308n, 39332535n, 720401n, 242n];
  factors.forEach((factor, i) => {
    const exponent = BigInt(i) - 2n;
    if (integerBits > exponent && remainder & (1n << (fraction + exponent)))
      result = multiplyHigh(result, factor);
  });
  return result;
}

/** 1 / (1 + a) for a in [0, 1). one_over_one_plus_x_for_x_in_0_1. */
function reciprocalOfOnePlus(a: bigint): bigint {
  const halfDenominator = (a + MAX + 1n) >> 1n;
  let x = 1515870810n + multiplyHigh(halfDenominator, -1010580540n);
  for (let i = 0; i < 3; i++) {
    x += shiftUp(multiplyHigh(x, (1n << 29n) - multiplyHigh(halfDenominator, x)), 2n);
  }
  return shiftUp(x, 1n);
}

/** Integer bits of the logistic's argument in TFLite's reference kernel. */
const LOGISTIC_INTEGER_BITS = 4;

/** The logistic of an int8, scale 1/256 and zero point −128, as TFLite's reference_integer_ops::Logistic. */
export function logistic(q: number, input: Quantization): number {
  const { multiplier, shift } = quantizeMultiplier(input.scale * 2 ** (31 - LOGISTIC_INTEGER_BITS));
  // Beyond this radius the result is 0 or 1.
  const radius = Math.floor(
    (((1 << LOGISTIC_INTEGER_BITS) - 1) * 2 ** (31 - LOGISTIC_INTEGER_BITS)) / 2 ** shift,
  );
  const centred = q - input.zeroPoint;
  if (centred <= -radius) return -128;
  if (centred >= radius) return 127;
  const x = BigInt(scale(centred, multiplier, shift));
  const e = exponential(x > 0n ? -x : x, BigInt(LOGISTIC_INTEGER_BITS));
  const positive = x === 0n ? 1n << 30n : reciprocalOfOnePlus(e);
  const y = x < 0n ? MAX - positive : positive;
  return Number(saturateInt8(divideByPower(y, 23n) - 128n));
}

/** (1 − a) / (1 + a) for a in [0, 1). one_minus_x_over_one_plus_x_for_x_in_0_1. */
function oneMinusOverOnePlus(a: bigint): bigint {
  const halfDenominator = (a + MAX + 1n) >> 1n;
  let x = 1515870810n + multiplyHigh(halfDenominator, -1010580540n);
  for (let i = 0; i < 3; i++) {
    x += shiftUp(multiplyHigh(x, (1n << 29n) - multiplyHigh(halfDenominator, x)), 2n);
  }
  return shiftUp(x - (1n << 29n), 2n);
}

/** The hyperbolic tangent of an int8, scale 1/128 and zero point 0, as TFLite's reference_integer_ops::Tanh. */
export function tanh(q: number, input: Quantization): number {
  const { multiplier, shift } = quantizeMultiplier(input.scale * 2 ** (31 - LOGISTIC_INTEGER_BITS));
  const radius = Math.floor(
    (((1 << LOGISTIC_INTEGER_BITS) - 1) * 2 ** (31 - LOGISTIC_INTEGER_BITS)) / 2 ** shift,
  );
  const centred = q - input.zeroPoint;
  if (centred <= -radius) return -128;
  if (centred >= radius) return 127;
  const x = BigInt(scale(centred, multiplier, shift));
  if (x === 0n) return 0;
  // e^(−2|x|): twice the number is the same bits with an integer bit more.
  const e = exponential(x > 0n ? -x : x, BigInt(LOGISTIC_INTEGER_BITS) + 1n);
  const positive = oneMinusOverOnePlus(e);
  return Number(saturateInt8(divideByPower(x > 0n ? positive : -positive, 24n)));
}

/** Steps of a table of TFLite's for int16; one entry more ends the last. */
const TABLE_STEPS = 512;

/** Halves away from zero, as C rounds. */
const round = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

/**
 * e^x for x in [−40, 0], to 13 digits. The standard library's may differ in the last bit from one machine to another;
 * these are sums and products alone.
 */
export function naturalPower(x: number): number {
  const halvings = 10;
  const reduced = x / 2 ** halvings;
  let [sum, term] = [1, 1];
  for (let n = 1; n <= 8; n++) {
    term *= reduced / n;
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum *= sum;
  return sum;
}

/** A function over [from, to] as 513 int16 of scale 2⁻¹⁵, each less half of the error midway. TFLite's gen_lut. */
function interpolationTable(f: (x: number) => number, from: number, to: number): Int16Array {
  const step = (to - from) / TABLE_STEPS;
  const at = (i: number): number => f(from + i * step) * 32768;
  return Int16Array.from({ length: TABLE_STEPS + 1 }, (_, i) => {
    const sample = round(at(i));
    const error = round((at(i + 1) + sample) / 2) - round(at(i + 0.5));
    return Math.min(sample - (i < TABLE_STEPS ? round(error / 2) : 0), 32767);
  });
}

/** The constants of softmax_s16: e^x over [−10, 0], then 1 / (1 + x) over [0, 1]. */
export function softmaxTables(): Int16Array {
  const power = interpolationTable(naturalPower, -10, 0);
  const reciprocal = interpolationTable((x) => 1 / (1 + x), 0, 1);
  return Int16Array.from([...power, ...reciprocal]);
}

const saturateInt8 = (x: bigint): bigint => (x > 127n ? 127n : x < -128n ? -128n : x);
