// Element-wise sum of two int8 or two int16 tensors of different scales. Bit-exact with TFLite's reference kernels.
import {
  ELT_LEFT_SHIFT,
  ELT_OUTPUT_SCALE,
  ELT_SCALE1,
  ELT_SCALE2,
  ELT_ZERO_POINT2,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT_ZERO_POINT,
  OP_SCRATCH2,
} from '../layout';
import { add } from '../accel/imports';
import { addEights } from './add_lanes';
import { element, elementsOf, firstElements, keep, putElements, secondElements } from './elementwise';
import { ACCELERATED, SIMD, SPEED, widthOf } from './mask';
import { scale } from './requantize';

export function tile(op: usize, index: i32): void {
  const count = elementsOf(op, index);
  const a = firstElements(op, index, count);
  const b = secondElements(op, index, count);
  const up = load<i32>(op, ELT_LEFT_SHIFT);
  if (ACCELERATED && !widthOf(op)) {
    add(
      a,
      b,
      count,
      up,
      load<i16>(op, OP_INPUT_ZERO_POINT),
      load<i32>(op, ELT_SCALE1),
      load<i32>(op, ELT_SCALE1 + 4),
      load<i32>(op, ELT_ZERO_POINT2),
      load<i32>(op, ELT_SCALE2),
      load<i32>(op, ELT_SCALE2 + 4),
      load<i32>(op, ELT_OUTPUT_SCALE),
      load<i32>(op, ELT_OUTPUT_SCALE + 4),
      load<i16>(op, OP_OUTPUT_ZERO_POINT),
      load<i16>(op, OP_CLAMP_MIN),
      load<i16>(op, OP_CLAMP_MAX),
      op + load<usize>(op, OP_SCRATCH2),
    );
    putElements(op, index, count);
    return;
  }
  const output = op + load<usize>(op, OP_SCRATCH2);
  const done = SIMD && SPEED && !widthOf(op) ? addEights(op, a, b, output, count) : 0;
  for (let i = done; i < count; i++) {
    const x = (element(op, a, i) - <i32>load<i16>(op, OP_INPUT_ZERO_POINT)) << up;
    const y = (element(op, b, i) - load<i32>(op, ELT_ZERO_POINT2)) << up;
    const sum =
      scale(x, load<i32>(op, ELT_SCALE1), load<i32>(op, ELT_SCALE1 + 4)) +
      scale(y, load<i32>(op, ELT_SCALE2), load<i32>(op, ELT_SCALE2 + 4));
    keep(op, i, scale(sum, load<i32>(op, ELT_OUTPUT_SCALE), load<i32>(op, ELT_OUTPUT_SCALE + 4)));
  }
  putElements(op, index, count);
}
