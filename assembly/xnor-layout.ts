// Fields of the records of conv2d_xnor_s8, shared by the device (asc) and the desk (tsc) as those of layout.ts are.

// A tile is that of a convolution, with its fields up to WIN_PART, and weights of 1 bit. Of an input its kernel multiplies how
// many of two bounds it reaches: 0, 1 or 2. The input's zero point is 1: what padding holds, and what biases are folded by.
/** The bounds, an int8 each. */
export const XNOR_LOW = 44;
export const XNOR_HIGH = 45;
