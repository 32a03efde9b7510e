// gemmlowp's fixed-point arithmetic on int32: a number with n integer bits has 31 − n fractional bits.

/** SaturatingRoundingDoublingHighMul: a·b / 2³¹, rounded; −1·−1 saturates. */
export function multiplyHigh(a: i32, b: i32): i32 {
  if (a == b && a == i32.MIN_VALUE) return i32.MAX_VALUE;
  return <i32>((<i64>a * <i64>b + (1 << 30)) >> 31);
}

/** RoundingDivideByPOT: x / 2^exponent, half away from zero. */
export function divideByPower(x: i32, exponent: i32): i32 {
  const mask = (1 << exponent) - 1;
  return (x >> exponent) + i32((x & mask) > (mask >> 1) + i32(x < 0));
}

/** x · 2^exponent, saturating. */
function shiftUp(x: i32, exponent: i32): i32 {
  const limit = i32.MAX_VALUE >> exponent;
  return x > limit ? i32.MAX_VALUE : x < -limit - 1 ? i32.MIN_VALUE : x << exponent;
}

/** One step of the barrel shifter: times `factor` where the remainder has `bit`. */
function step(result: i32, remainder: i32, bit: i32, factor: i32): i32 {
  return remainder & (1 << bit) ? multiplyHigh(result, factor) : result;
}

/** e^a for a ≤ 0 with 5 integer bits; the result has none. exp_on_negative_values. */
export function exponential(a: i32): i32 {
  if (!a) return i32.MAX_VALUE;
  const quarter = 1 << 24;
  const reduced = (a & (quarter - 1)) - quarter;
  // Taylor series about −1/8 on [−1/4, 0).
  const x = shiftUp(reduced, 5) + (1 << 28);
  const x2 = multiplyHigh(x, x);
  const x3 = multiplyHigh(x2, x);
  const x4 = multiplyHigh(x2, x2);
  const tail = divideByPower(multiplyHigh(divideByPower(x4, 2) + x3, 715827883) + x2, 1);
  let result = 1895147668 + multiplyHigh(1895147668, x + tail);
  const remainder = reduced - a;
  result = step(result, remainder, 24, 1672461947);
  result = step(result, remainder, 25, 1302514674);
  result = step(result, remainder, 26, 790015084);
  result = step(result, remainder, 27, 290630308);
  result = step(result, remainder, 28, 39332535);
  result = step(result, remainder, 29, 720401);
  return step(result, remainder, 30, 242);
}

/** 1 / (1 + a) for a in [0, 1) without integer bits: Newton's method. one_over_one_plus_x_for_x_in_0_1. */
export function reciprocalOfOnePlus(a: i32): i32 {
  const halfDenominator = <i32>((<i64>a + <i64>i32.MAX_VALUE + 1) >> 1);
  let x: i32 = 1515870810 + multiplyHigh(halfDenominator, -1010580540);
  for (let i = 0; i < 3; i++) {
    const rest = (1 << 29) - multiplyHigh(halfDenominator, x);
    x += shiftUp(multiplyHigh(x, rest), 2);
  }
  return shiftUp(x, 1);
}
