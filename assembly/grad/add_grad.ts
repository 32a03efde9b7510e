// The sums of errors that come back from two readers of a tensor, in one unit (docs/LEARNING.md §6).
import {
  ERROR_BYTES,
  OP_INPUT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_WEIGHTS,
} from '../layout';
import {
  ADD_GRAD_GUARD,
  ADD_GRAD_MULTIPLIER,
  ADD_GRAD_SHIFT,
  RESCALE_COUNT,
  RESCALE_GROUP,
} from '../learning-layout';
import { look, put } from '../nvm';

/** The exponent of the error at `error`; `scratch`: where it may be looked at. */
function exponentOf(error: usize, scratch: usize): i32 {
  return load<i32>(look(error, 4, scratch));
}

export function tile(op: usize, index: i32): void {
  const group = load<i32>(op, RESCALE_GROUP);
  const first = index * group;
  const count = min(group, load<i32>(op, RESCALE_COUNT) - first);
  const one = load<usize>(op, OP_INPUT);
  const other = load<usize>(op, OP_WEIGHTS);
  const oneAt = op + load<usize>(op, OP_SCRATCH1);
  const otherAt = op + load<usize>(op, OP_SCRATCH2);
  const exponent = exponentOf(one, oneAt);
  const otherExponent = other ? exponentOf(other, otherAt) + load<i32>(op, ADD_GRAD_SHIFT) : exponent;
  const most = max(exponent, otherExponent);
  const output = op + load<usize>(op, OP_SCRATCH0);
  let right = min(most - exponent, 31);
  let sum = output + ERROR_BYTES;
  const from = ERROR_BYTES + (first << 1);
  let error = look(one + from, count << 1, oneAt);
  for (let end = sum + (count << 2); sum < end; sum += 4, error += 2) {
    store<i32>(sum, ((<i32>load<i16>(error)) << ADD_GRAD_GUARD) >> right);
  }
  if (other) {
    const multiplier = load<i32>(op, ADD_GRAD_MULTIPLIER);
    error = look(other + from, count << 1, otherAt);
    right = min(most - otherExponent, 31);
    sum = output + ERROR_BYTES;
    for (let end = sum + (count << 2); sum < end; sum += 4, error += 2) {
      store<i32>(sum, load<i32>(sum) + ((<i32>load<i16>(error) * multiplier) >> right));
    }
  }
  const address = load<usize>(op, OP_OUTPUT);
  if (index) {
    put(address + ERROR_BYTES + (first << 2), output + ERROR_BYTES, count << 2);
    return;
  }
  memory.fill(output, 0, ERROR_BYTES);
  store<i32>(output, most - ADD_GRAD_GUARD);
  put(address, output, ERROR_BYTES + (count << 2));
}
