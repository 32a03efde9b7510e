// What a build has. One for a single image names what that uses, `--use KERNELS_INT8=…` and so on (host/toolchain/
// parts.ts); all that it does not name folds away when it is compiled.
import {
  ActivationType,
  FEATURE_BLOCKS,
  FEATURE_FAST,
  FEATURE_GRAIN,
  FEATURE_LEAN,
  FEATURE_ROWS,
  FEATURE_SPECIAL,
  FEATURE_UNSTABLE,
  FEATURE_WEIGHT_ZERO,
  KINDS_INT16,
  KINDS_INT16_HIGH,
  KINDS_INT8,
  KINDS_INT8_HIGH,
  KIND_LEARNING,
  OP_ACTIVATION_TYPE,
  OP_FLAG_COMMIT,
  OP_FLAG_INT32,
  OP_FLAG_JOINED,
  OP_FLAG_PLAIN,
  OP_FLAG_ROWS,
  OP_FLAG_WEIGHT_ZERO,
  OP_KIND,
  OP_SCALE_FORMAT,
  OP_WEIGHT_TYPE,
  OpKind,
  ScaleFormat,
  WEIGHT_TYPE_COUNT,
  WeightType,
} from '../layout';
import { FEATURE_DECAY, FEATURE_SINGLES } from '../learning-layout';

/** Kernels for int8 activations, a bit a kind: of kinds 0–31, and of kinds 32–63. */
const INT8: u32 = isDefined(KERNELS_INT8) ? KERNELS_INT8 : KINDS_INT8;
const INT8_HIGH: u32 = isDefined(KERNELS_INT8_HIGH) ? KERNELS_INT8_HIGH : KINDS_INT8_HIGH;
/** Kernels for int16 activations. */
const INT16: u32 = isDefined(KERNELS_INT16) ? KERNELS_INT16 : KINDS_INT16;
const INT16_HIGH: u32 = isDefined(KERNELS_INT16_HIGH) ? KERNELS_INT16_HIGH : KINDS_INT16_HIGH;
/** Types of weights, a bit each. */
const WEIGHTS: u32 = isDefined(WEIGHT_TYPES) ? WEIGHT_TYPES : (1 << WEIGHT_TYPE_COUNT) - 1;
/** FEATURE_*; all but FAST in a build that names nothing. */
const FEATURES: u32 = isDefined(FEATURE_MASK) ? FEATURE_MASK : ~FEATURE_FAST;
/** Heads by sums that take a row, or a class, a tile. */
export const HAS_SINGLES: bool = (FEATURES & FEATURE_SINGLES) != 0;
/** Heads by sums whose old samples count for less and less. */
export const HAS_DECAY: bool = (FEATURES & FEATURE_DECAY) != 0;
/** Kernels of learning: bit k is OpKind KIND_LEARNING + k. No build has any unless it asks: `--use LEARNING_MASK=…`. */
export const LEARNING: u32 = isDefined(LEARNING_MASK) ? LEARNING_MASK : 0;
const FLIPS: u32 = 1 << (OpKind.FLIP - KIND_LEARNING);
/** Whether the build learns, and whether it keeps state from job to job. */
export const LEARNS: bool = (LEARNING & ~FLIPS) != 0;
export const STREAMS: bool = (LEARNING & FLIPS) != 0;
/** Whether the build learns by gradients, a sample a turn. */
export const HAS_TURNS: bool = (LEARNING & (1 << (OpKind.TURN - KIND_LEARNING))) != 0;
const WINDOWS: u32 =
  (1 << (OpKind.CONV2D_GRAD - KIND_LEARNING)) |
  (1 << (OpKind.DEPTHWISE_GRAD - KIND_LEARNING)) |
  (1 << (OpKind.MAX_POOL_GRAD - KIND_LEARNING)) |
  (1 << (OpKind.AVG_POOL_GRAD - KIND_LEARNING));
/** Whether the build has a gradient of an op of windows. A mask: calls of `learns` would not fold, and leave a start section. */
export const HAS_WINDOWS: bool = (LEARNING & WINDOWS) != 0;

/** Whether the build has any kernel for int8 activations, or for int16 ones; and of kinds above 31. */
const HAS_INT8: bool = (INT8 | INT8_HIGH) != 0;
const HAS_INT16: bool = (INT16 | INT16_HIGH) != 0;
const HAS_HIGH: bool = (INT8_HIGH | INT16_HIGH) != 0;

/**
 * Whether rows of a depthwise window may lie apart, overlapping those of the next, though no accelerator asks for it. A mask, as
 * above.
 */
export const ROWS_APART: bool = (INT8 & (1 << OpKind.SEPARABLE_CONV2D)) != 0;
/** Convolutions of levels and signs. A mask, as above. */
export const HAS_XNOR: bool = (INT8 & (1 << OpKind.CONV2D_XNOR)) != 0;
/** Convolutions of circulant blocks. */
export const HAS_BLOCKS: bool = (FEATURES & FEATURE_BLOCKS) != 0;
/** Ops that are not `OP_FLAG_PLAIN`. */
export const HAS_SPECIAL: bool = (FEATURES & FEATURE_SPECIAL) != 0;
/** Dense weights with a zero point. */
export const HAS_WEIGHT_ZERO: bool = (FEATURES & FEATURE_WEIGHT_ZERO) != 0;
/** Tiles that nothing may commit between. */
export const HAS_GRAIN: bool = (FEATURES & FEATURE_GRAIN) != 0;
/** Torn words that may read differently every time. */
export const HAS_UNSTABLE: bool = (FEATURES & FEATURE_UNSTABLE) != 0;
/** Ops whose biases and scales are lean. */
export const HAS_LEAN: bool = HAS_INT8 && (FEATURES & FEATURE_LEAN) != 0;
/** Convolutions whose tiles may be parts of the channels of several columns, and multiply where rows lie. */
export const HAS_ROWS: bool = HAS_INT8 && (FEATURES & FEATURE_ROWS) != 0;
/** Several sums at a time, at the price of code: only where the mask asks for it, and where there are no vectors. */
export const FAST: bool = (FEATURES & FEATURE_FAST) != 0 && !ASC_FEATURE_SIMD;
/** Made for speed, scalar or in lanes: at the price of code, too. */
export const SPEED: bool = (FEATURES & FEATURE_FAST) != 0;
/** Sums by what the build imports (accel/imports.ts); else by its own code. */
export const ACCELERATED: bool = FAST && isDefined(ACCELERATOR);
/** Four to sixteen lanes at a time. */
export const SIMD: bool = ASC_FEATURE_SIMD;
/** Bodies that take weights in panels, and room beside SRAM for that (sram.ts). */
export const PANELS: bool = SIMD && SPEED && isDefined(WORK_AT);
/** Weights that a host keeps widened (wide_panels.ts). */
export const HAS_WIDE: bool = PANELS && isDefined(WIDE_AT);
/** Flags of an op that this build knows. */
export const FLAGS: u32 =
  OP_FLAG_COMMIT |
  OP_FLAG_PLAIN |
  (HAS_WEIGHT_ZERO ? OP_FLAG_WEIGHT_ZERO : 0) |
  (HAS_GRAIN ? OP_FLAG_JOINED : 0) |
  (HAS_INT16 ? OP_FLAG_INT32 : 0) |
  (HAS_ROWS ? OP_FLAG_ROWS : 0);
/** Those that every op must have, and those it may have. */
export const REQUIRED: u32 = HAS_SPECIAL ? 0 : OP_FLAG_PLAIN;
export const OPTIONAL: u32 = FLAGS & ~REQUIRED;
/** Activations and weights are int8: all that a record says of its op beside the flags, and whether it is lean, is the kind. */
export const ONE_TYPE: bool = !HAS_INT16 && (WEIGHTS & ~(1 << WeightType.INT8)) == 0;

/** Whether the build has the kernel of OpKind `kind` for activations of `type`. */
// @ts-ignore: decorator
@inline
export function hasFor(kind: u32, type: u32): bool {
  if (kind > (HAS_HIGH ? 63 : 31)) return false;
  if (!HAS_INT16 && type) return false;
  if (!HAS_INT8 && !type) return false;
  if (type > <u32>ActivationType.INT16) return false;
  const low = HAS_INT16 && type ? INT16 : INT8;
  const high = HAS_INT16 && type ? INT16_HIGH : INT8_HIGH;
  return (((HAS_HIGH && kind > 31 ? high : low) >>> kind) & 1) != 0;
}

/** Whether the build has the kernel of OpKind `kind` for any activations. */
// @ts-ignore: decorator
@inline
export function has(kind: u32): bool {
  return (((kind > 31 ? INT8_HIGH | INT16_HIGH : INT8 | INT16) >>> kind) & 1) != 0;
}

/** Whether the build has the kernel of learning of OpKind `kind`. */
// @ts-ignore: decorator
@inline
export function learns(kind: i32): bool {
  return ((LEARNING >>> (kind - KIND_LEARNING)) & 1) != 0;
}

/** Whether the build has weights of `type`. */
// @ts-ignore: decorator
@inline
export function hasWeights(type: u32): bool {
  return type < 32 && ((WEIGHTS >>> type) & 1) != 0;
}

/** Whether the build has weights of any type but int8. */
// @ts-ignore: decorator
@inline
export function hasPacked(): bool {
  return (WEIGHTS & ~(1 << WeightType.INT8)) != 0;
}

/** Whether weights of `op` are of `type`: known when compiling where the build has none of those. */
// @ts-ignore: decorator
@inline
export function isOfWeights(op: usize, type: u32): bool {
  return hasWeights(type) && load<u8>(op, OP_WEIGHT_TYPE) == type;
}

/** Kind and types of an op, without that it is lean where the build has that, and activations are int8. */
// @ts-ignore: decorator
@inline
export function typesOf(op: usize): u32 {
  const word = load<u32>(op, OP_KIND);
  if (!HAS_LEAN || (HAS_INT16 && load<u8>(op, OP_ACTIVATION_TYPE))) return word;
  return word & ~(ScaleFormat.LEAN << 24);
}

/** Whether biases and scales of `op` are lean: known when compiling where the build has none of those. */
// @ts-ignore: decorator
@inline
export function isLean(op: usize): bool {
  return HAS_LEAN && load<u8>(op, OP_SCALE_FORMAT) != 0;
}

/** Whether `op` is a convolution of levels and signs: known when compiling where the build has none. */
// @ts-ignore: decorator
@inline
export function isXnor(op: usize): bool {
  return HAS_XNOR && load<u8>(op, OP_KIND) == OpKind.CONV2D_XNOR;
}

/** Whether `op`, of OpKind `kind`, is for int16, not int8: known when compiling where the build has only one of the two. */
// @ts-ignore: decorator
@inline
export function isInt16(op: usize, kind: u32): bool {
  if (!(((kind > 31 ? INT16_HIGH : INT16) >>> kind) & 1)) return false;
  return !(((kind > 31 ? INT8_HIGH : INT8) >>> kind) & 1) || load<u8>(op, OP_ACTIVATION_TYPE) != 0;
}

/** log2 of the bytes of an activation of `op`, whatever its kind. */
// @ts-ignore: decorator
@inline
export function widthOf(op: usize): i32 {
  if (!HAS_INT16) return 0;
  return HAS_INT8 ? load<u8>(op, OP_ACTIVATION_TYPE) : 1;
}
