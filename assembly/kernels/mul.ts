// Element-wise product of two int8 or two int16 tensors. Bit-exact with TFLite's reference kernels.
import { ELT_OUTPUT_SCALE, ELT_ZERO_POINT2, OP_INPUT_ZERO_POINT } from '../layout';
import { element, elementsOf, firstElements, keep, putElements, secondElements } from './elementwise';
import { scale } from './requantize';

export function tile(op: usize, index: i32): void {
  const count = elementsOf(op, index);
  const a = firstElements(op, index, count);
  const b = secondElements(op, index, count);
  for (let i = 0; i < count; i++) {
    const x = element(op, a, i) - <i32>load<i16>(op, OP_INPUT_ZERO_POINT);
    const y = element(op, b, i) - load<i32>(op, ELT_ZERO_POINT2);
    keep(op, i, scale(x * y, load<i32>(op, ELT_OUTPUT_SCALE), load<i32>(op, ELT_OUTPUT_SCALE + 4)));
  }
  putElements(op, index, count);
}
