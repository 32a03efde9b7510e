// Which kernel an op record names. A new op is a file here and a line in each switch.
import {
  KINDS_S16,
  KINDS_S8,
  KIND_S16,
  KIND_LEARNING,
  OP_FLAG_PLAIN,
  OP_KIND,
  OpKind,
  WIN_BLOCK,
} from '../layout';
import * as grad from '../grad/index';
import { FLAGS, HAS_BLOCKS, HAS_SPECIAL, KERNELS, LEARNING, isS16, learns } from './mask';
import * as add from './add';
import * as avgPool from './avg_pool';
import * as circulantDirect from './circulant_direct_s8';
import * as circulantKaratsuba from './circulant_karatsuba_s8';
import * as circulantNtt from './circulant_ntt_s8';
import * as conv2d from './conv2d';
import * as dense from './dense';
import * as depthwise from './depthwise_conv2d';
import * as map from './map';
import * as maxPool from './max_pool';
import * as mean from './mean_s8';
import * as mul from './mul';
import * as pad from './pad';
import * as softmax16 from './softmax_s16';
import * as softmax from './softmax_s8';

/** Whether this build knows the op. */
export function has(op: usize): bool {
  const word = load<u32>(op, OP_KIND);
  const kind = word & 0xff;
  if (LEARNING && isLearning(op)) return kind < <u32>KIND_LEARNING + 32 && learns(kind);
  if (kind > 31 || !(((KERNELS & (KINDS_S8 | KINDS_S16)) >>> kind) & 1)) return false;
  if (word & ~(FLAGS | 0xff)) return false;
  if (!HAS_SPECIAL && !(word & OP_FLAG_PLAIN)) return false;
  if (HAS_BLOCKS || !built(OpKind.CONV2D_S8)) return true;
  return siblingOf(op) != OpKind.CONV2D_S8 || load<i32>(op, WIN_BLOCK) <= 1;
}

/** Whether the op is one of a learning job alone. */
// @ts-ignore: decorator
@inline
function isLearning(op: usize): bool {
  return <i32>load<u8>(op, OP_KIND) >= KIND_LEARNING;
}

/** The op's kind, or that of its int8 sibling, with which it shares a kernel. */
// @ts-ignore: decorator
@inline
function siblingOf(op: usize): i32 {
  const kind: i32 = load<u8>(op, OP_KIND);
  return KERNELS & KINDS_S16 ? kind & ~KIND_S16 : kind;
}

/** Whether the build has the kernel of OpKind `kind`, for int8 or for int16. */
// @ts-ignore: decorator
@inline
function built(kind: i32): bool {
  return (KERNELS & (KINDS_S8 | KINDS_S16) & (((1 << KIND_S16) + 1) << kind)) != 0;
}

/** Fills SRAM with what committed bytes determine; after every boot, and when the op starts. */
export function enter(op: usize): void {
  if (LEARNING && isLearning(op)) {
    grad.enter(op);
    return;
  }
  switch (siblingOf(op)) {
    case OpKind.DENSE_S8:
      if (built(OpKind.DENSE_S8)) dense.enter(op);
      break;
    case OpKind.CIRCULANT_DIRECT_S8:
      if (built(OpKind.CIRCULANT_DIRECT_S8)) circulantDirect.enter(op);
      break;
    case OpKind.CIRCULANT_NTT_S8:
      if (built(OpKind.CIRCULANT_NTT_S8)) circulantNtt.enter(op);
      break;
    case OpKind.CIRCULANT_KARATSUBA_S8:
      if (built(OpKind.CIRCULANT_KARATSUBA_S8)) circulantKaratsuba.enter(op);
      break;
    case OpKind.SOFTMAX_S8:
      if (isS16(op, OpKind.SOFTMAX_S8)) softmax16.enter(op);
      break;
    case OpKind.MAP_S8:
      if (built(OpKind.MAP_S8)) map.enter(op);
      break;
  }
}

/** Computes tile `index`: a pure function of committed bytes. */
export function tile(op: usize, index: i32): void {
  if (LEARNING && isLearning(op)) {
    grad.tile(op, index);
    return;
  }
  switch (siblingOf(op)) {
    case OpKind.CONV2D_S8:
      if (built(OpKind.CONV2D_S8)) conv2d.tile(op, index);
      break;
    case OpKind.MAX_POOL_S8:
      if (built(OpKind.MAX_POOL_S8)) maxPool.tile(op, index);
      break;
    case OpKind.DENSE_S8:
      if (built(OpKind.DENSE_S8)) dense.tile(op, index);
      break;
    case OpKind.CIRCULANT_DIRECT_S8:
      if (built(OpKind.CIRCULANT_DIRECT_S8)) circulantDirect.tile(op, index);
      break;
    case OpKind.CIRCULANT_NTT_S8:
      if (built(OpKind.CIRCULANT_NTT_S8)) circulantNtt.tile(op, index);
      break;
    case OpKind.CIRCULANT_KARATSUBA_S8:
      if (built(OpKind.CIRCULANT_KARATSUBA_S8)) circulantKaratsuba.tile(op, index);
      break;
    case OpKind.DEPTHWISE_CONV2D_S8:
      if (built(OpKind.DEPTHWISE_CONV2D_S8)) depthwise.tile(op, index);
      break;
    case OpKind.AVG_POOL_S8:
      if (built(OpKind.AVG_POOL_S8)) avgPool.tile(op, index);
      break;
    case OpKind.ADD_S8:
      if (built(OpKind.ADD_S8)) add.tile(op, index);
      break;
    case OpKind.MUL_S8:
      if (built(OpKind.MUL_S8)) mul.tile(op, index);
      break;
    case OpKind.SOFTMAX_S8:
      if (isS16(op, OpKind.SOFTMAX_S8)) softmax16.tile(op, index);
      else if (KERNELS & (1 << OpKind.SOFTMAX_S8)) softmax.tile(op, index);
      break;
    case OpKind.MEAN_S8:
      if (built(OpKind.MEAN_S8)) mean.tile(op, index);
      break;
    case OpKind.PAD_S8:
      if (built(OpKind.PAD_S8)) pad.tile(op, index);
      break;
    case OpKind.MAP_S8:
      if (built(OpKind.MAP_S8)) map.tile(op, index);
      break;
  }
}
