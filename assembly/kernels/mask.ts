// Which kernels a build has. One for a single image names those it uses: `--use KERNEL_MASK=…` (host/toolchain).
import {
  KINDS_S16,
  KINDS_S8,
  KIND_S16,
  KIND_LEARNING,
  MASK_BLOCKS,
  MASK_FAST,
  MASK_INT4,
  MASK_SPECIAL,
  MASK_WEIGHT_ZERO,
  OP_FLAG_COMMIT,
  OP_FLAG_INT32,
  OP_FLAG_INT4,
  OP_FLAG_PLAIN,
  OP_FLAG_WEIGHT_ZERO,
  OP_KIND,
} from '../layout';

/** Bit k: the kernel of OpKind k. */
export const KERNELS: u32 = isDefined(KERNEL_MASK) ? KERNEL_MASK : ~0;
/** Bit k: the learning kernel of OpKind 32 + k. No build has any unless it asks: `--use LEARNING_MASK=…`. */
export const LEARNING: u32 = isDefined(LEARNING_MASK) ? LEARNING_MASK : 0;
/** Whether the build has the learning kernel of OpKind `kind`. */
// @ts-ignore: decorator
@inline
export function learns(kind: i32): bool {
  return ((LEARNING >>> (kind - KIND_LEARNING)) & 1) != 0;
}

/** Weights of two int4 a byte. */
export const HAS_INT4: bool = (KERNELS & MASK_INT4) != 0;
/** Convolutions of circulant blocks. */
export const HAS_BLOCKS: bool = (KERNELS & MASK_BLOCKS) != 0;
/** Ops that are not `OP_FLAG_PLAIN`. */
export const HAS_SPECIAL: bool = (KERNELS & MASK_SPECIAL) != 0;
/** Dense weights with a zero point. */
export const HAS_WEIGHT_ZERO: bool = (KERNELS & MASK_WEIGHT_ZERO) != 0;
/** Several sums at a time, at the price of code: only where the mask asks for it, and where there are no vectors. */
export const FAST: bool = isDefined(KERNEL_MASK) && (KERNELS & MASK_FAST) != 0 && !ASC_FEATURE_SIMD;
/** Sums by what the build imports (accel/imports.ts); else by its own code. */
export const ACCELERATED: bool = FAST && isDefined(ACCELERATOR);
/** Four to sixteen lanes at a time. */
export const SIMD: bool = ASC_FEATURE_SIMD;
/** Flags of an op that this build knows. */
export const FLAGS: u32 =
  OP_FLAG_COMMIT |
  OP_FLAG_PLAIN |
  (HAS_INT4 ? OP_FLAG_INT4 : 0) |
  (HAS_WEIGHT_ZERO ? OP_FLAG_WEIGHT_ZERO : 0) |
  (KERNELS & KINDS_S16 ? OP_FLAG_INT32 : 0);

/** Whether `op` is of OpKind `kind` for int16, not int8: known when compiling where the build has only one of the two. */
// @ts-ignore: decorator
@inline
export function isS16(op: usize, kind: i32): bool {
  if (!(KERNELS & (1 << (kind + KIND_S16)))) return false;
  return !(KERNELS & (1 << kind)) || (load<u8>(op, OP_KIND) & KIND_S16) != 0;
}

/** log2 of the bytes of an activation of `op`, whatever its kind. */
// @ts-ignore: decorator
@inline
export function widthOf(op: usize): i32 {
  if (!(KERNELS & KINDS_S16)) return 0;
  return KERNELS & KINDS_S8 ? (load<u8>(op, OP_KIND) & KIND_S16) >> 4 : 1;
}
