// Which kernels a build has. One for a single image names those it uses: `--use KERNEL_MASK=…` (host/toolchain).
import { MASK_BLOCKS, MASK_INT4, MASK_SPECIAL } from '../layout';

/** Bit k: the kernel of OpKind k. */
export const KERNELS: u32 = isDefined(KERNEL_MASK) ? KERNEL_MASK : ~0;
/** Weights of two int4 a byte. */
export const HAS_INT4: bool = (KERNELS & MASK_INT4) != 0;
/** Convolutions of circulant blocks. */
export const HAS_BLOCKS: bool = (KERNELS & MASK_BLOCKS) != 0;
/** Ops that are not `OP_FLAG_PLAIN`. */
export const HAS_SPECIAL: bool = (KERNELS & MASK_SPECIAL) != 0;
