// Which kernel an op record names. A new op is a file here and a line in each switch.
import { OP_FLAG_INT4, OP_FLAG_PLAIN, WIN_BLOCK, OP_KIND, OpKind } from '../layout';
import { HAS_BLOCKS, HAS_INT4, HAS_SPECIAL, KERNELS } from './mask';
import * as add from './add_s8';
import * as avgPool from './avg_pool_s8';
import * as circulantDirect from './circulant_direct_s8';
import * as circulantNtt from './circulant_ntt_s8';
import * as conv2d from './conv2d_s8';
import * as dense from './dense_s8';
import * as depthwise from './depthwise_conv2d_s8';
import * as map from './map_s8';
import * as maxPool from './max_pool_s8';
import * as mean from './mean_s8';
import * as mul from './mul_s8';
import * as pad from './pad_s8';
import * as softmax from './softmax_s8';

/** Whether this build knows the op. */
export function has(op: usize): bool {
  const word = load<u32>(op, OP_KIND);
  const kind = word & 0xff;
  if (kind < <u32>OpKind.CONV2D_S8 || kind > <u32>OpKind.MAP_S8 || !((KERNELS >>> kind) & 1)) return false;
  if (!HAS_INT4 && word & OP_FLAG_INT4) return false;
  if (!HAS_SPECIAL && !(word & OP_FLAG_PLAIN)) return false;
  return HAS_BLOCKS || kind != OpKind.CONV2D_S8 || load<i32>(op, WIN_BLOCK) <= 1;
}

/** Fills SRAM with what committed bytes determine; after every boot, and when the op starts. */
export function enter(op: usize): void {
  switch (<i32>load<u8>(op, OP_KIND)) {
    case OpKind.DENSE_S8:
      if (KERNELS & (1 << OpKind.DENSE_S8)) dense.enter(op);
      break;
    case OpKind.CIRCULANT_DIRECT_S8:
      if (KERNELS & (1 << OpKind.CIRCULANT_DIRECT_S8)) circulantDirect.enter(op);
      break;
    case OpKind.CIRCULANT_NTT_S8:
      if (KERNELS & (1 << OpKind.CIRCULANT_NTT_S8)) circulantNtt.enter(op);
      break;
    case OpKind.MAP_S8:
      if (KERNELS & (1 << OpKind.MAP_S8)) map.enter(op);
      break;
  }
}

/** Computes tile `index`: a pure function of committed bytes. */
export function tile(op: usize, index: i32): void {
  switch (<i32>load<u8>(op, OP_KIND)) {
    case OpKind.CONV2D_S8:
      if (KERNELS & (1 << OpKind.CONV2D_S8)) conv2d.tile(op, index);
      break;
    case OpKind.MAX_POOL_S8:
      if (KERNELS & (1 << OpKind.MAX_POOL_S8)) maxPool.tile(op, index);
      break;
    case OpKind.DENSE_S8:
      if (KERNELS & (1 << OpKind.DENSE_S8)) dense.tile(op, index);
      break;
    case OpKind.CIRCULANT_DIRECT_S8:
      if (KERNELS & (1 << OpKind.CIRCULANT_DIRECT_S8)) circulantDirect.tile(op, index);
      break;
    case OpKind.CIRCULANT_NTT_S8:
      if (KERNELS & (1 << OpKind.CIRCULANT_NTT_S8)) circulantNtt.tile(op, index);
      break;
    case OpKind.DEPTHWISE_CONV2D_S8:
      if (KERNELS & (1 << OpKind.DEPTHWISE_CONV2D_S8)) depthwise.tile(op, index);
      break;
    case OpKind.AVG_POOL_S8:
      if (KERNELS & (1 << OpKind.AVG_POOL_S8)) avgPool.tile(op, index);
      break;
    case OpKind.ADD_S8:
      if (KERNELS & (1 << OpKind.ADD_S8)) add.tile(op, index);
      break;
    case OpKind.MUL_S8:
      if (KERNELS & (1 << OpKind.MUL_S8)) mul.tile(op, index);
      break;
    case OpKind.SOFTMAX_S8:
      if (KERNELS & (1 << OpKind.SOFTMAX_S8)) softmax.tile(op, index);
      break;
    case OpKind.MEAN_S8:
      if (KERNELS & (1 << OpKind.MEAN_S8)) mean.tile(op, index);
      break;
    case OpKind.PAD_S8:
      if (KERNELS & (1 << OpKind.PAD_S8)) pad.tile(op, index);
      break;
    case OpKind.MAP_S8:
      if (KERNELS & (1 << OpKind.MAP_S8)) map.tile(op, index);
      break;
  }
}
