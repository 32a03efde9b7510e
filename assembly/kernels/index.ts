// Which kernel an op record names. A new op is a file here and a line in each switch.
import { OP_KIND, OpKind } from '../layout';
import * as circulantDirect from './circulant_direct_s8';
import * as circulantNtt from './circulant_ntt_s8';
import * as conv2d from './conv2d_s8';
import * as dense from './dense_s8';
import * as maxPool from './max_pool_s8';

/** Whether this build knows the op. */
export function has(op: usize): bool {
  const kind: i32 = load<u8>(op, OP_KIND);
  return kind >= OpKind.CONV2D_S8 && kind <= OpKind.CIRCULANT_NTT_S8;
}

/** Fills SRAM with what committed bytes determine; after every boot, and when the op starts. */
export function enter(op: usize): void {
  switch (<i32>load<u8>(op, OP_KIND)) {
    case OpKind.DENSE_S8:
      dense.enter(op);
      break;
    case OpKind.CIRCULANT_DIRECT_S8:
      circulantDirect.enter(op);
      break;
    case OpKind.CIRCULANT_NTT_S8:
      circulantNtt.enter(op);
      break;
  }
}

/** Computes tile `index`: a pure function of committed bytes. */
export function tile(op: usize, index: i32): void {
  switch (<i32>load<u8>(op, OP_KIND)) {
    case OpKind.CONV2D_S8:
      conv2d.tile(op, index);
      break;
    case OpKind.MAX_POOL_S8:
      maxPool.tile(op, index);
      break;
    case OpKind.DENSE_S8:
      dense.tile(op, index);
      break;
    case OpKind.CIRCULANT_DIRECT_S8:
      circulantDirect.tile(op, index);
      break;
    case OpKind.CIRCULANT_NTT_S8:
      circulantNtt.tile(op, index);
      break;
  }
}
