// Every offset of the format, shared by the device (asc) and the desk (tsc): docs/FORMAT.md in code.
// No imports, no types: plain enums and constants only. All fields are little-endian 32-bit unless noted.

/** 'BRN1': the last bytes provisioning writes. */
export const MAGIC = 0x314e5242;
/** Format version; a reader refuses any other. */
export const VERSION = 1;
/** NVM addresses of views and buffers are multiples of this. */
export const ALIGNMENT = 16;

// Header, at the start of the image's NVM region.
export const HEADER_BYTES = 128;
export const H_MAGIC = 0;
/** Low 16 bits: format version. High 16 bits: header bytes. */
export const H_VERSION = 4;
/** CRC-32 of header bytes 12..127. */
export const H_CRC = 8;
/** CRC-32 over plan and constants: names the network a cursor belongs to. */
export const H_IMAGE_ID = 12;
/** Bytes of header, plan and constants: what provisioning copies. */
export const H_IMAGE_BYTES = 16;
/** Bytes of NVM the image needs, cursors and buffers included. */
export const H_NVM_BYTES = 20;
/** Bytes of SRAM the largest op needs, from `arena` on. */
export const H_ARENA_BYTES = 24;
export const H_PLAN_CRC = 28;
/** Regions, each {offset, bytes}, in this order: plan, constants, slots, diagnostics, input, output. */
export const H_REGIONS = 32;
export const H_PLAN = 32;
export const H_CONSTANTS = 40;
export const H_SLOTS = 48;
export const H_DIAGNOSTICS = 56;
export const H_INPUT = 64;
export const H_OUTPUT = 72;
export const REGION_COUNT = 6;
export const H_CONSTANTS_CRC = 80;
/** Distance of the two cursor slots: they never share an ECC word, page or cache line. */
export const H_SLOT_STRIDE = 84;
/** Commit after this many tiles; 0: no periodic commits. */
export const H_POLICY_EVERY = 88;
/** 1: commit when `power.low()` says so. */
export const H_POLICY_LOW = 92;
/** Boots without progress before `E_NO_PROGRESS`. */
export const H_MAX_BOOTS = 96;
/** Jobs, each {first op, op count}: 0 = infer, 1 = train. A count of 0 means the image has no such job. */
export const H_JOBS = 100;
export const JOB_COUNT = 2;
/** Bytes 116..127 are reserved and zero. */
export const H_RESERVED = 116;

/** Kinds of job, as `submit` takes them. */
export enum JobKind {
  INFER = 0,
  TRAIN = 1,
}

// Cursor: where the job stands. Two slots hold two generations of it.
export const CURSOR_BYTES = 48;
export const C_IMAGE_ID = 0;
export const C_SEQUENCE = 4;
/** Status.IDLE, RUN or DONE. */
export const C_STATE = 8;
/** JobKind of the job. */
export const C_KIND = 12;
/** App-chosen, never 0; kept after `ack` so that a repeated call is recognised. */
export const C_TICKET = 16;
export const C_OP = 20;
export const C_TILE = 24;
export const C_STEP = 28;
/** Bank indices, four bits a group. */
export const C_BANKS = 32;
/** Sample ring: head in the low, count in the high 16 bits. */
export const C_RING = 36;
/** Reserved, zero. */
export const C_RESERVED = 40;
/** CRC-32 of the bytes before it. */
export const C_CRC = 44;

// Diagnostics: self-checking bytes that no tile reads.
export const DIAGNOSTICS_BYTES = 16;
/** Sequence of the cursor the boots below found. */
export const D_SEQUENCE = 0;
export const D_BOOTS = 4;
/** CRC-32 of the two fields before it. */
export const D_CRC = 8;

// Plan: op records of one size. Common fields first, then those of the kernel.
export const OP_BYTES = 128;
/** Low 8 bits: OpKind; next 8: OP_FLAG_*. */
export const OP_KIND = 0;
/** Bit of OpKind: activations are int16; without it, the kind of the int8 sibling. */
export const KIND_S16 = 16;
/** Flag: commit when this op is done (a mandatory commit). */
export const OP_FLAG_COMMIT = 0x100;
/** Flag: weights are int4, two a byte, the first in the low half; every row begins a byte. */
export const OP_FLAG_INT4 = 0x200;
/**
 * Flag: the op needs nothing special. Windows lie inside the map, their taps side by side; a dense op keeps its whole
 * input in SRAM; a transform's spectra need no centring.
 */
export const OP_FLAG_PLAIN = 0x400;
/** Flag, int16 activations: accumulators are int32 and requantized as those of int8. Without it they are int64. */
export const OP_FLAG_INT32 = 0x1000;
/** Flag, dense: weights have a zero point (DENSE_WEIGHT_ZERO). */
export const OP_FLAG_WEIGHT_ZERO = 0x800;
export const OP_TILES = 4;
export const OP_INPUT = 8;
export const OP_OUTPUT = 12;
export const OP_WEIGHTS = 16;
/** int32 a channel, input zero point folded in; int64 with int16 activations. */
export const OP_BIAS = 20;
/** {int32 multiplier, int32 shift}, one a channel or one for all; of int64 accumulators {16-bit multiplier, right shift}. */
export const OP_REQUANT = 24;
/** Bytes between the requantization pairs of two channels: 8, or 0 for one pair. */
export const OP_REQUANT_STRIDE = 28;
export const OP_INPUT_ZERO_POINT = 32;
export const OP_OUTPUT_ZERO_POINT = 36;
export const OP_CLAMP_MIN = 40;
export const OP_CLAMP_MAX = 44;
/** Arena offsets of the kernel's SRAM areas. */
export const OP_SCRATCH0 = 48;
export const OP_SCRATCH1 = 52;
export const OP_SCRATCH2 = 56;
export const OP_SCRATCH3 = 60;
export const OP_SCRATCH4 = 64;
export const OP_SCRATCH5 = 68;
/** CRC-32 of the record's bytes before it; 0: it has none, and only the checksum of the whole plan covers it. */
export const OP_CRC = 124;
/** First kernel-specific field. */
export const OP_PARAMS = 72;

export enum OpKind {
  CONV2D_S8 = 1,
  MAX_POOL_S8 = 2,
  DENSE_S8 = 3,
  CIRCULANT_DIRECT_S8 = 4,
  CIRCULANT_NTT_S8 = 5,
  DEPTHWISE_CONV2D_S8 = 6,
  AVG_POOL_S8 = 7,
  ADD_S8 = 8,
  MUL_S8 = 9,
  SOFTMAX_S8 = 10,
  MEAN_S8 = 11,
  PAD_S8 = 12,
  MAP_S8 = 13,
  CONV2D_S16 = 17,
  MAX_POOL_S16 = 18,
  DENSE_S16 = 19,
  DEPTHWISE_CONV2D_S16 = 22,
  AVG_POOL_S16 = 23,
  ADD_S16 = 24,
  MUL_S16 = 25,
  SOFTMAX_S16 = 26,
  PAD_S16 = 28,
  MAP_S16 = 29,
}

/** A bit for each OpKind, as in a build's kernel mask. */
export const KINDS_S8 = 0x3ffe;
export const KINDS_S16 = 0x37ce0000;
/** Bits of a build's kernel mask beside those of OpKind. */
export const MASK_WEIGHT_ZERO = 0x10000;
export const MASK_INT4 = 0x100000;
export const MASK_BLOCKS = 0x200000;
/** Kernels that do several sums at a time: faster on scalar cores, and larger. */
export const MASK_FAST = 0x8000;
export const MASK_SPECIAL = 0x40000000;

// Windowed kernels (convolution, pooling): NHWC maps, a tile is `tileColumns` outputs of one row.
export const WIN_INPUT_HEIGHT = 72;
export const WIN_INPUT_WIDTH = 76;
export const WIN_INPUT_CHANNELS = 80;
export const WIN_OUTPUT_WIDTH = 84;
export const WIN_OUTPUT_CHANNELS = 88;
/** Low 16 bits: height; high 16 bits: width. The same for the three below. */
export const WIN_KERNEL = 92;
export const WIN_STRIDE = 96;
export const WIN_DILATION = 100;
/** Padding above and left. */
export const WIN_PADDING = 104;
export const WIN_TILE_COLUMNS = 108;
/** Convolution: output channels whose weights are in SRAM at a time. */
export const WIN_GROUP = 112;
/** Convolution: size of circulant blocks over channels; 0: weights as they are. */
export const WIN_BLOCK = 116;
/** Convolution, where a tile is one column: output channels it makes; 0: all. */
export const WIN_PART = 120;

// dense_s8, dense_s16: a tile is `group` outputs.
export const DENSE_INPUTS = 72;
export const DENSE_OUTPUTS = 76;
export const DENSE_GROUP = 80;
/** Inputs in SRAM at a time; `inputs` when `enter` keeps them all. */
export const DENSE_CHUNK = 84;
/** Zero point of the weights; 0 without OP_FLAG_WEIGHT_ZERO. */
export const DENSE_WEIGHT_ZERO = 88;

// circulant_*_s8: a tile is `group` rows of blocks.
export const CIRC_INPUTS = 72;
export const CIRC_OUTPUTS = 76;
export const CIRC_BLOCK = 80;
/** Blocks in a row: ceil(inputs / block). */
export const CIRC_BLOCKS = 84;
/** ntt: frequencies whose spectra are in SRAM at a time. */
export const CIRC_CHUNK = 88;
/** ntt: primitive k-th root of unity, Montgomery form, signed. */
export const CIRC_ROOT = 92;
/** ntt: 1 when input spectra must be centred so that the row sum cannot overflow. */
export const CIRC_CENTRE = 100;
/** Rows of blocks in a tile. */
export const CIRC_GROUP = 104;
/**
 * ntt: 0 where OP_WEIGHTS has spectra; 2⁶⁴/k mod p, signed, where it has first columns, int8 [block row][block][k], whose
 * spectra each tile computes.
 */
export const CIRC_FACTOR = 108;

// add_*, mul_*: a tile is `group` elements.
/** NVM address of the second input. */
export const ELT_INPUT2 = 72;
export const ELT_COUNT = 76;
export const ELT_GROUP = 80;
export const ELT_ZERO_POINT2 = 84;
/** {multiplier, shift} of the output; for `add` also of the two inputs, and the shift up before their scaling. */
export const ELT_OUTPUT_SCALE = 88;
export const ELT_LEFT_SHIFT = 96;
export const ELT_SCALE1 = 100;
export const ELT_SCALE2 = 108;

// softmax_*: a tile is one row.
export const SOFTMAX_DEPTH = 72;
/** {multiplier, left shift} of the input differences, scaled by beta. */
export const SOFTMAX_SCALE = 76;
/** int8: differences below this give 0. */
export const SOFTMAX_DIFF_MIN = 84;
/** int16: bytes of one table (OP_WEIGHTS) of 513 int16: e^x over [−10, 0], then 1/(1+x) over [0, 1]. */
export const SOFTMAX_TABLE_BYTES = 1026;

// mean_s8 over the pixels of a map: a tile is `group` channels.
export const MEAN_PIXELS = 72;
export const MEAN_CHANNELS = 76;
export const MEAN_GROUP = 80;
/** Pixels looked up at a time: 1 unless the group is all channels. */
export const MEAN_CHUNK = 84;
/** {multiplier, shift}: 1 / pixels folded in. */
export const MEAN_SCALE = 88;

// pad_*: a tile is `tileColumns` outputs of one row; the window's fields, with its padding above and left.

// map_*: rows of values; a tile is `group` rows. int8: each value through a table of 256 (OP_WEIGHTS; 0: as they are).
export const MAP_COUNT = 72;
/** Values of a row; the last may be shorter. Strides are in values, too. */
export const MAP_LENGTH = 76;
export const MAP_INPUT_STRIDE = 80;
export const MAP_OUTPUT_STRIDE = 84;
export const MAP_GROUP = 88;

/** p = 5·2²⁵ + 1, the field of the number-theoretic transform; primitive root 3. */
export const NTT_PRIME = 167772161;
/** p⁻¹ mod 2³², for Montgomery reduction with R = 2³². */
export const NTT_PRIME_INVERSE = -167772159;
/** round(2⁵⁷ / p): the reciprocal that centres values below 9p exactly. */
export const NTT_RECIPROCAL = 858993454;
/** 2³² mod p, signed: one in Montgomery form. */
export const NTT_ONE = -67108890;
