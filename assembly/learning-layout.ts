// Fields of the records of learning (docs/LEARNING.md), shared by the device (asc) and the desk (tsc) as those of layout.ts are.

/** Kernels of learning there are, a bit a kind from KIND_LEARNING on. 144 is none any more: a head by sums of before. */
export const KINDS_LEARNING = 0xfeffff;

// The word of a ring entry: EntryKind (2 bits), label (8 bits), stamp modulo 2²².
export const KIND_MASK = 3;
export const LABEL_SHIFT = 2;
export const LABEL_MASK = 0xff;
export const STAMP_SHIFT = 10;

// turn, loop, finish.
export const TURN_UPDATE = 72;
export const TURN_FINISH = 76;
export const LOOP_TURN = 72;
/** 1: of a learn job; 0: of an inference. */
export const FINISH_LEARN = 72;

// loss: OP_INPUT logits, OP_OUTPUT their error, OP_WEIGHTS the table of cross-entropy (33 uint16).
export const LOSS_CLASSES = 72;
/** 0: cross-entropy; 1: squared error. */
export const LOSS_KIND = 76;
export const LOSS_SCALE = 80;
export const LOSS_TARGET = 84;
export const LOSS_ROUND = 88;
export const LOSS_SURE = 92;
/** Index of the `turn` op. */
export const LOSS_TURN = 96;
/** An error below so many halves of the largest is none. */
export const LOSS_LEAST = 3;

// *_grad: OP_INPUT the error of the op's output, OP_OUTPUT int32 sums for each of its inputs, OP_WEIGHTS; OP_BIAS the
// ratios of output channels (int32; 0: none); OP_REQUANT, max_pool_grad: the pool's input. Windows as in the op itself,
// circulant: CIRC_GROUP inputs of a column of blocks a tile;
// but tiles are runs of inputs of one row: WIN_TILE_COLUMNS of them, and WIN_PART of their channels (0: all).
export const GRAD_OUTPUT_HEIGHT = 44;

/** Drift is looked for from so many labelled samples on: until then the slow mean lags behind its start at 0. */
export const DRIFT_FROM = 128;

// rescale: OP_INPUT sums, OP_OUTPUT the error, OP_WEIGHTS the activation (0: no ReLU), OP_BIAS the error above.
export const RESCALE_COUNT = 72;
export const RESCALE_GROUP = 76;
export const RESCALE_BITS = 80;

// add_grad: OP_INPUT an error, OP_WEIGHTS another (0: none), OP_OUTPUT their exponent and 12 bytes of zeros, then int32 sums.
// Counts and groups as in rescale; σ of the other over that of the first: multiplier · 2^(shift − 14).
export const ADD_GRAD_MULTIPLIER = 80;
export const ADD_GRAD_SHIFT = 84;
/** Bits that a sum has beside those of errors. */
export const ADD_GRAD_GUARD = 14;

// update_*: OP_INPUT the layer's input, OP_WEIGHTS W8, OP_BIAS folded biases (group WEIGHTS), OP_OUTPUT the error;
// OP_REQUANT {m, s, mb, sb} of each output row; circulant: one for all. Shapes as in the op itself.
/** Tiles of weights come first, then those of biases: so many output rows each (circulant: a row of blocks). */
export const UPDATE_GROUP = 108;
/** Rows that learn: first in the low, end in the high 16 bits. */
export const UPDATE_ROWS = 112;
/**
 * Low byte: 1 if weights learn, too. Next: number of the layer. Next: momentum, n for 1 − 2^−n; 0: none. Next, of dense layers:
 * running means of inputs, each at the least 2^−n of a sample, in the bank before the biases, high bytes and low ones; 0: none.
 */
export const UPDATE_LAYER = 116;
export const UPDATE_CLIP = 120;
/** Output height of windows, 16 bits; bytes from W8 to the low bytes. */
export const UPDATE_HEIGHT = 36;
export const UPDATE_LOW = 40;
/** Weights of a tile: of a row; circulant: of a block; depthwise: channels of a group, all taps. */
export const UPDATE_PART = 44;
/** depthwise: channels of a group of weights, 16 bits. */
export const UPDATE_CHANNELS = 38;

// A head by sums (docs/LEARNING.md §10).
/** Physical weight banks: there is no guard, so that _good_ stays the factory's. */
export const SUMS_BANKS = 2;

// Sums in a weight bank: halvings, samples, those forgotten, 4 reserved bytes; then int32 counts of classes,
// their totals, the lower triangle of products, and int16 means.
export const SUMS_HALVINGS = 0;
export const SUMS_SAMPLES = 4;
/** Of the samples folded in, those of classes that were forgotten since. */
export const SUMS_FORGOTTEN = 8;
export const SUMS_COUNTS = 16;
/** What a sample counts for. */
export const SIXTEENTHS = 16;
/** Sums are halved before one reaches this; magnitudes of what is computed from them end here. */
export const MOST_SUM = 0x40000000;
/** Bits of the scatter matrix when it is factored. */
export const SCATTER_BITS = 26;
/** Rows, or classes, that a tile may have at once; else it has one. */
export const FOUR = 4;
/** Of every op but `settle`: classes in the low, rank in the high 16 bits. */
export const SUMS_SHAPE = 72;
/** Address of the sums that the op reads: `fold` in group WEIGHTS, the others in NEXT. */
export const SUMS_AT = 76;
// due: goes on to `settle` unless so many samples wait; then to `fold`, which is next where that field is 0.
export const DUE_SETTLE = 80;
export const DUE_EVERY = 84;
export const DUE_FOLD = 88;
/** forget: the op that it leads to, `factor`. OP_OUTPUT: the new sums. Tiles as those of `fold`. */
export const FORGET_FACTOR = 80;
/** Turn of a job that forgets a class, of one that makes the head anew, and of one whose sample waits. */
export const TURN_FORGETS = 2;
export const TURN_FOLDS = 1;
/** fold: 2^−decay of what was there goes; 0: nothing. OP_OUTPUT: the new sums. A tile is a class, then a row of products. */
export const FOLD_DECAY = 80;
/** A build's feature: `factor` or `solve` with a row, or a class, a tile; else all have four. */
export const FEATURE_SINGLES = 128;
/** `fold` with a decay. */
export const FEATURE_DECAY = 256;
/**
 * factor: ridge, in 4096ths of the mean of the diagonal; rows of a tile, four or one. OP_OUTPUT: rows of the triangle, then one
 * for each class, int32.
 */
export const FACTOR_RIDGE = 80;
export const FACTOR_ROWS = 84;
/**
 * solve: OP_INPUT what `factor` made, OP_OUTPUT of each class weights and a constant, int64. Classes of a tile, four or one.
 */
export const SOLVE_CLASSES = 80;
/**
 * requantize: OP_INPUT the solutions, OP_OUTPUT W8, OP_BIAS biases, OP_REQUANT the scale, all in NEXT; weights of a class.
 * A tile is a class; the last one, the scale.
 */
export const REQUANTIZE_INPUTS = 80;
export const REQUANTIZE_REACH = 84;
// settle: the ring and the statistics; logits lie in the sample's ring entry from SETTLE_LOGITS on.
/** 1: of a learn job; 0: of an inference. */
export const SETTLE_LEARN = 72;
export const SETTLE_CLASSES = 76;
export const SETTLE_LOGITS = 80;

// wipe: OP_OUTPUT what zeros are written over; behind finish or settle.
/** 1: of a learn job; 0: of an inference. */
export const WIPE_LEARN = 72;
/** Bytes of that, and of a tile. */
export const WIPE_BYTES = 76;
export const WIPE_PART = 80;
/** Index of the op itself, where a job may free several ring entries: it comes once for each; 0: once. */
export const WIPE_AGAIN = 84;
