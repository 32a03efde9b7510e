// Which kernel of a head by sums an op record names (docs/LEARNING.md §10).
import { OpKind } from '../layout';
import { learns } from '../kernels/mask';
import * as due from './due';
import * as factor from './factor';
import * as fold from './fold';
import * as forget from './forget';
import * as requantize from './requantize';
import * as settle from './settle';
import * as solve from './solve';

export function enter(op: usize, kind: i32): void {
  switch (kind) {
    case OpKind.FOLD:
      if (learns(OpKind.FOLD)) fold.enter(op);
      break;
    case OpKind.FACTOR:
      if (learns(OpKind.FACTOR)) factor.enter(op);
      break;
    case OpKind.REQUANTIZE:
      if (learns(OpKind.REQUANTIZE)) requantize.enter(op);
      break;
  }
}

export function tile(op: usize, kind: i32, index: i32): void {
  switch (kind) {
    case OpKind.DUE:
      if (learns(OpKind.DUE)) due.tile(op);
      break;
    case OpKind.FOLD:
      if (learns(OpKind.FOLD)) fold.tile(op, index);
      break;
    case OpKind.FORGET:
      if (learns(OpKind.FORGET)) forget.tile(op, index);
      break;
    case OpKind.FACTOR:
      if (learns(OpKind.FACTOR)) factor.tile(op, index);
      break;
    case OpKind.SOLVE:
      if (learns(OpKind.SOLVE)) solve.tile(op, index);
      break;
    case OpKind.REQUANTIZE:
      if (learns(OpKind.REQUANTIZE)) requantize.tile(op, index);
      break;
    case OpKind.SETTLE:
      if (learns(OpKind.SETTLE)) settle.tile(op);
      break;
  }
}
