// Fields of the records of conv2d_sparse_s8, shared by the device (asc) and the desk (tsc) as those of layout.ts are.

// A tile is that of a convolution, with its fields up to WIN_GROUP. OP_WEIGHTS has rows of weights, block behind block, and
// behind all rows the lists: of every set of outputs which blocks of the window it reads, uint16 each.
/** Outputs of a set; 16 bits. */
export const SPARSE_OUTPUTS = 44;
/** Low 16 bits: channels of a block, a multiple of 4; high 16 bits: blocks that a set reads. */
export const SPARSE_BLOCK = 116;
