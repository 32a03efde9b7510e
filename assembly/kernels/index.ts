// Which kernel an op record names. A new op is a file here and a case of `compute` (docs/CONTRIBUTING.md).
import { ActivationType, KIND_LEARNING, OP_FLAGS, OP_KIND, OpKind, WIN_BLOCK } from '../layout';
import * as grad from '../grad/index';
import {
  FLAGS,
  HAS_BLOCKS,
  HAS_GRAIN,
  HAS_LEAN,
  ONE_TYPE,
  OPTIONAL,
  REQUIRED,
  LEARNING,
  has,
  hasFor,
  hasWeights,
  isInt16,
  learns,
  typesOf,
} from './mask';
import * as add from './add';
import * as avgPool from './avg_pool';
import * as circulantDirect from './circulant_direct_s8';
import * as circulantKaratsuba from './circulant_karatsuba_s8';
import * as circulantNtt from './circulant_ntt_s8';
import * as spectra from './circulant_spectra_s8';
import * as conv2d from './conv2d';
import * as convNtt from './conv2d_ntt_s8';
import * as sparse from './conv2d_sparse_s8';
import * as winograd from './conv2d_winograd_s8';
import * as dense from './dense';
import * as depthwise from './depthwise_conv2d';
import * as lookup from './lookup_s16';
import * as map from './map';
import * as maxPool from './max_pool';
import * as mean from './mean_s8';
import * as mul from './mul';
import * as pad from './pad';
import * as separable from './separable_conv2d_s8';
import { enterWindows } from './requantize';
import * as softmax16 from './softmax_s16';
import * as softmax from './softmax_s8';

/** Whether this build knows the op, its types and all its flags. */
export function knows(op: usize): bool {
  const word = typesOf(op);
  // A build that knows of no grains refuses an op that has one, by the upper half.
  const flags: u32 = HAS_GRAIN ? load<u16>(op, OP_FLAGS) : load<u32>(op, OP_FLAGS);
  if (LEARNING && isLearning(op)) return !(flags & ~FLAGS) && word < <u32>KIND_LEARNING + 32 && learns(word);
  if ((flags & ~OPTIONAL) != REQUIRED) return false;
  const kind = ONE_TYPE ? word : word & 0xff;
  const type = ONE_TYPE ? 0 : (word >>> 8) & 0xff;
  // The byte of the weights' type, and that of the scales' format, of which 0 is left.
  if (!ONE_TYPE && !hasWeights(word >>> 16)) return false;
  if (!hasFor(kind, type)) return false;
  if (HAS_BLOCKS || !has(OpKind.CONV2D)) return true;
  return kind != OpKind.CONV2D || load<i32>(op, WIN_BLOCK) <= 1;
}

/** Whether the op is one of learning. */
// @ts-ignore: decorator
@inline
function isLearning(op: usize): bool {
  return <i32>load<u8>(op, OP_KIND) >= KIND_LEARNING;
}

/** Fills SRAM with what committed bytes determine; after every boot, and when the op starts. */
export function enter(op: usize): void {
  if (LEARNING && isLearning(op)) {
    grad.enter(op);
    return;
  }
  if (HAS_LEAN) enterWindows(op);
  switch (<i32>load<u8>(op, OP_KIND)) {
    case OpKind.CIRCULANT_DIRECT:
      if (has(OpKind.CIRCULANT_DIRECT)) circulantDirect.enter(op);
      break;
    case OpKind.CIRCULANT_KARATSUBA:
      if (has(OpKind.CIRCULANT_KARATSUBA)) circulantKaratsuba.enter(op);
      break;
    case OpKind.CIRCULANT_NTT:
      if (has(OpKind.CIRCULANT_NTT)) circulantNtt.enter(op);
      break;
    case OpKind.CIRCULANT_SPECTRA:
      if (has(OpKind.CIRCULANT_SPECTRA)) spectra.enter(op);
      break;
    case OpKind.CONV2D_NTT:
      if (has(OpKind.CONV2D_NTT)) convNtt.enter(op);
      break;
    case OpKind.DENSE:
      if (has(OpKind.DENSE)) dense.enter(op);
      break;
    case OpKind.LOOKUP:
      if (has(OpKind.LOOKUP)) lookup.enter(op);
      break;
    case OpKind.MAP:
      if (has(OpKind.MAP)) map.enter(op);
      break;
    case OpKind.SEPARABLE_CONV2D:
      if (has(OpKind.SEPARABLE_CONV2D)) separable.enter(op);
      break;
    case OpKind.SOFTMAX:
      if (isInt16(op, OpKind.SOFTMAX)) softmax16.enter(op);
      break;
  }
}

/** Computes tile `index`: a pure function of committed bytes. */
export function tile(op: usize, index: i32): void {
  if (LEARNING && isLearning(op)) {
    grad.tile(op, index);
    return;
  }
  switch (<i32>load<u8>(op, OP_KIND)) {
    case OpKind.ADD:
      if (has(OpKind.ADD)) add.tile(op, index);
      break;
    case OpKind.AVG_POOL:
      if (has(OpKind.AVG_POOL)) avgPool.tile(op, index);
      break;
    case OpKind.CIRCULANT_DIRECT:
      if (has(OpKind.CIRCULANT_DIRECT)) circulantDirect.tile(op, index);
      break;
    case OpKind.CIRCULANT_KARATSUBA:
      if (has(OpKind.CIRCULANT_KARATSUBA)) circulantKaratsuba.tile(op, index);
      break;
    case OpKind.CIRCULANT_NTT:
      if (has(OpKind.CIRCULANT_NTT)) circulantNtt.tile(op, index);
      break;
    case OpKind.CIRCULANT_SPECTRA:
      if (has(OpKind.CIRCULANT_SPECTRA)) spectra.tile(op, index);
      break;
    case OpKind.CONV2D:
      if (has(OpKind.CONV2D)) conv2d.tile(op, index);
      break;
    case OpKind.CONV2D_NTT:
      if (has(OpKind.CONV2D_NTT)) convNtt.tile(op, index);
      break;
    case OpKind.CONV2D_SPARSE:
      if (has(OpKind.CONV2D_SPARSE)) sparse.tile(op, index);
      break;
    case OpKind.CONV2D_WINOGRAD:
      if (has(OpKind.CONV2D_WINOGRAD)) winograd.tile(op, index);
      break;
    case OpKind.CONV2D_XNOR:
      if (has(OpKind.CONV2D_XNOR)) conv2d.tile(op, index);
      break;
    case OpKind.DENSE:
      if (has(OpKind.DENSE)) dense.tile(op, index);
      break;
    case OpKind.DEPTHWISE_CONV2D:
      if (has(OpKind.DEPTHWISE_CONV2D)) depthwise.tile(op, index);
      break;
    case OpKind.LOOKUP:
      if (has(OpKind.LOOKUP)) lookup.tile(op, index);
      break;
    case OpKind.MAP:
      if (has(OpKind.MAP)) map.tile(op, index);
      break;
    case OpKind.MAX_POOL:
      if (has(OpKind.MAX_POOL)) maxPool.tile(op, index);
      break;
    case OpKind.MEAN:
      if (has(OpKind.MEAN)) mean.tile(op, index);
      break;
    case OpKind.MUL:
      if (has(OpKind.MUL)) mul.tile(op, index);
      break;
    case OpKind.PAD:
      if (has(OpKind.PAD)) pad.tile(op, index);
      break;
    case OpKind.SEPARABLE_CONV2D:
      if (has(OpKind.SEPARABLE_CONV2D)) separable.tile(op, index);
      break;
    case OpKind.SOFTMAX:
      if (isInt16(op, OpKind.SOFTMAX)) softmax16.tile(op, index);
      else if (hasFor(OpKind.SOFTMAX, ActivationType.INT8)) softmax.tile(op, index);
      break;
  }
}
