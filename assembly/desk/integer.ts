// The device's integer arithmetic at the desk. Products are summed by the float GEMM, exactly: activations less their zero
// point fit 9 bits, weights are split into nibbles, so that no sum of up to 8,192 products reaches 2²⁴.
import { divideByPower, exponential, multiplyHigh, reciprocalOfOnePlus } from '../kernels/fixed_point';
import { scale } from '../kernels/requantize';

/** values[count] of int8 less `zeroPoint`, as floats. */
export function widen(from: usize, to: usize, count: i32, zeroPoint: i32): void {
  for (let i = 0; i < count; i++) store<f32>(to + (i << 2), <f32>(<i32>load<i8>(from + i) - zeroPoint));
}

/** to[rows][channels] int8 = requantized 16·high + low + bias; a pair {multiplier, shift} a channel, or one for all. */
export function requantizeSums(
  high: usize,
  low: usize,
  to: usize,
  rows: i32,
  channels: i32,
  bias: usize,
  multipliers: usize,
  shifts: usize,
  perChannel: bool,
  zeroPoint: i32,
  clampMin: i32,
  clampMax: i32,
): void {
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < channels; c++, high += 4, low += 4, to++) {
      const sum = ((<i32>load<f32>(high)) << 4) + <i32>load<f32>(low) + load<i32>(bias + (c << 2));
      const pair = (perChannel ? c : 0) << 2;
      const y = scale(sum, load<i32>(multipliers + pair), load<i32>(shifts + pair)) + zeroPoint;
      store<i8>(to, max(clampMin, min(clampMax, y)));
    }
  }
}

/** to[count] int8 = the sum of two int8 tensors, as TFLite's ADD: see `Add` in host/model/quantized-network.ts. */
export function addIntegers(
  a: usize,
  b: usize,
  to: usize,
  count: i32,
  aZero: i32,
  bZero: i32,
  leftShift: i32,
  aMultiplier: i32,
  aShift: i32,
  bMultiplier: i32,
  bShift: i32,
  multiplier: i32,
  shift: i32,
  zeroPoint: i32,
  clampMin: i32,
  clampMax: i32,
): void {
  for (let i = 0; i < count; i++) {
    const x = scale((<i32>load<i8>(a + i) - aZero) << leftShift, aMultiplier, aShift);
    const y = scale((<i32>load<i8>(b + i) - bZero) << leftShift, bMultiplier, bShift);
    store<i8>(to + i, max(clampMin, min(clampMax, scale(x + y, multiplier, shift) + zeroPoint)));
  }
}

/** to[count] int8 from floats that are whole numbers, or means of some: rounded half away from zero. */
export function narrow(from: usize, to: usize, count: i32, zeroPoint: i32): void {
  for (let i = 0; i < count; i++) {
    const value = load<f32>(from + (i << 2)) + <f32>zeroPoint;
    store<i8>(to + i, <i32>(value < 0 ? -floor<f32>(0.5 - value) : floor<f32>(value + 0.5)));
  }
}

/** e^difference as the device's softmax has it, or −1 where it is too small to count. */
function power(difference: i32, multiplier: i32, shift: i32, diffMin: i32): i32 {
  return difference < diffMin ? -1 : exponential(multiplyHigh(difference << shift, multiplier));
}

/** to[rows][depth] int8 = softmax of int8 rows: see `Softmax` in host/model/quantized-network.ts. */
export function softmaxIntegers(
  from: usize,
  to: usize,
  rows: i32,
  depth: i32,
  multiplier: i32,
  shift: i32,
  diffMin: i32,
): void {
  for (let row = 0; row < rows; row++, from += depth, to += depth) {
    let most: i32 = -128;
    for (let i = 0; i < depth; i++) most = max(most, <i32>load<i8>(from + i));
    let sum: i32 = 0;
    for (let i = 0; i < depth; i++) {
      const e = power(<i32>load<i8>(from + i) - most, multiplier, shift, diffMin);
      if (e >= 0) sum += divideByPower(e, 12);
    }
    const headroom: i32 = clz(sum);
    const reciprocal = reciprocalOfOnePlus(<i32>(((<u32>sum) << headroom) - ((<u32>1) << 31)));
    for (let i = 0; i < depth; i++) {
      const e = power(<i32>load<i8>(from + i) - most, multiplier, shift, diffMin);
      const y = e < 0 ? 0 : divideByPower(multiplyHigh(reciprocal, e), 12 - headroom + 31 - 8);
      store<i8>(to + i, min(y - 128, 127));
    }
  }
}
