// Softmax, int8. Bit-exact with TFLite's reference kernel, which is gemmlowp's fixed-point arithmetic.
import {
  OP_INPUT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  SOFTMAX_DEPTH,
  SOFTMAX_DIFF_MIN,
  SOFTMAX_SCALE,
} from '../layout';
import { look, put } from '../nvm';
import { divideByPower, exponential, multiplyHigh, reciprocalOfOnePlus } from './fixed_point';

/** e^difference, or a negative number where it is too small to count. */
function power(op: usize, difference: i32): i32 {
  if (difference < load<i32>(op, SOFTMAX_DIFF_MIN)) return -1;
  return exponential(
    multiplyHigh(difference << load<i32>(op, SOFTMAX_SCALE + 4), load<i32>(op, SOFTMAX_SCALE)),
  );
}

export function tile(op: usize, index: i32): void {
  const depth = load<i32>(op, SOFTMAX_DEPTH);
  const output = op + load<usize>(op, OP_SCRATCH1);
  const x = look(load<usize>(op, OP_INPUT) + index * depth, depth, op + load<usize>(op, OP_SCRATCH0));
  let most: i32 = -128;
  for (let i = 0; i < depth; i++) most = max(most, <i32>load<i8>(x + i));
  // The sum has 12 integer bits.
  let sum: i32 = 0;
  for (let i = 0; i < depth; i++) {
    const e = power(op, <i32>load<i8>(x + i) - most);
    if (e >= 0) sum += divideByPower(e, 12);
  }
  const headroom: i32 = clz(sum);
  const reciprocal = reciprocalOfOnePlus(<i32>(((<u32>sum) << headroom) - ((<u32>1) << 31)));
  const exponent = 12 - headroom + 31 - 8;
  for (let i = 0; i < depth; i++) {
    const e = power(op, <i32>load<i8>(x + i) - most);
    const y = e < 0 ? 0 : divideByPower(multiplyHigh(reciprocal, e), exponent);
    store<i8>(output + i, min(y - 128, 127));
  }
  put(load<usize>(op, OP_OUTPUT) + index * depth, output, depth);
}
