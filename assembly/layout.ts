// Every offset of the format, for device and desk (docs/FORMAT.md): enums and constants alone, little-endian 32-bit unless noted.

/** 'BRN1': how an image begins. */
export const MAGIC = 0x314e5242;
/** 'BRNS': how an image's state begins; the last bytes provisioning writes. */
export const STATE_MAGIC = 0x534e5242;
/** Format version; a reader refuses any other. */
export const VERSION = 2;
/** NVM addresses of views and buffers are multiples of this. */
export const ALIGNMENT = 16;

// SRAM below the arena: static data of a module, of one that learns, and of one with assertions, whose texts lie there.
export const STATIC_BYTES = 288;
export const STATIC_BYTES_LEARNING = 400;
export const STATIC_BYTES_CHECKED = 2048;

// Header, at the start of the image.
export const HEADER_BYTES = 128;
export const H_MAGIC = 0;
/** Low 16 bits: format version. High 16 bits: header bytes. */
export const H_VERSION = 4;
/** CRC-32 of header bytes 12..127. */
export const H_CRC = 8;
/** CRC-32 over plan and constants: names the network a cursor belongs to. */
export const H_IMAGE_ID = 12;
/** Where the constants lie: AddressSpace. */
export const H_CONSTANTS_SPACE = 16;
/** Bytes of NVM the image's state takes. */
export const H_NVM_BYTES = 20;
/** Bytes of SRAM the largest op needs, from `arena` on. */
export const H_ARENA_BYTES = 24;
export const H_PLAN_CRC = 28;
/** Regions, each {offset, bytes}: plan and constants in the image, slots, diagnostics, input and output in NVM. */
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
/** 1: commit when `power.low()` says so; a byte. */
export const H_POLICY_LOW = 92;
/** 1: words of NVM that a cut has torn may read differently every time, so that boot settles the slots; a byte. */
export const H_UNSTABLE = 93;
/** Number of the release, 16 bits: firmware does not go back to a lower one; 0: it does not ask. */
export const H_RELEASE = 94;
/** Boots without progress before `E_NO_PROGRESS`. */
export const H_MAX_BOOTS = 96;
/** Jobs, each {first op, op count}: 0 = infer, 1 = learn. A count of 0 means the image has no such job. */
export const H_JOBS = 100;
export const JOB_COUNT = 2;
/** Offset in the image of the learning header; 0: the image does not learn. */
export const H_LEARNING = 116;
/** Offset in the image, among the constants, of the table of tensors: what `input` and `output` consist of. */
export const H_TENSORS = 120;
/** How many of them are inputs, outputs and states: a byte each, in this order in the table; the fourth byte is zero. */
export const H_TENSOR_COUNTS = 124;

/** Where constants lie. */
export enum AddressSpace {
  /** In the image, which nothing writes: their addresses have CONSTANT, and the rest counts from the image's start. */
  IMAGE = 1,
}
/** What marks an address in the image; one without it is of the state, in NVM. */
export const CONSTANT = 0x40000000;

// The state begins with a record that says whose it is; the last 8 bytes are reserved and zero.
export const STATE_BYTES = 16;
export const N_MAGIC = 0;
export const N_IMAGE_ID = 4;
/** Behind it, each in a line of its own, what firmware keeps besides: the latest release, twice; what it is amid. */
export const N_RELEASE0 = 16;
export const N_RELEASE1 = 32;
export const N_JOURNAL = 48;
export const JOURNAL_BYTES = 16;

// Table of tensors: entries of {offset, bytes, type}, the last 7 bytes of each reserved and zero.
export const TENSOR_BYTES = 16;
export const TENSOR_OFFSET = 0;
export const TENSOR_SIZE = 4;
/** ActivationType, a byte. */
export const TENSOR_TYPE = 8;

/** Kinds of job, as `submit` takes them. */
export enum JobKind {
  INFER = 0,
  LEARN = 1,
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
/** Learning: updates applied. */
export const C_STEP = 28;
/** Learning: banks of weights, bits 0–3 the current, 4–7 the good one, and bits 8–11 of the state. */
export const C_BANKS = 32;
/** Learning: samples, a byte each: of the turn, of the job (0: the spare entry, n: entry n − 1); the spare entry. */
export const C_SAMPLE = 36;
/** Learning: turn in the low byte, TURN_FLAG_* in the next. */
export const C_TURN = 40;
/** CRC-32 of the bytes before it. */
export const C_CRC = 44;

// Diagnostics: self-checking bytes that no tile reads.
export const DIAGNOSTICS_BYTES = 16;
/** Sequence of the cursor the boots below found. */
export const D_SEQUENCE = 0;
export const D_BOOTS = 4;
/** CRC-32 of the two fields before it. */
export const D_CRC = 8;

// Plan: op records of one size. Common fields first, then those of the kernel. Bytes 44..47 are of some alone, else zero.
export const OP_BYTES = 128;
/** OpKind, a byte. */
export const OP_KIND = 0;
/** ActivationType of the inputs and the output, a byte; 0 in ops of learning. */
export const OP_ACTIVATION_TYPE = 1;
/** WeightType, a byte; 0 where there are none. */
export const OP_WEIGHT_TYPE = 2;
/** How biases and scales are kept: a ScaleFormat, a byte. */
export const OP_SCALE_FORMAT = 3;
/** OP_FLAG_*, 16 bits. */
export const OP_FLAGS = 4;
/** Tiles that nothing may commit between, 16 bits; 0: a commit may follow any. Two grains share no line of memory. */
export const OP_GRAIN = 6;
export const OP_TILES = 8;
export const OP_INPUT = 12;
export const OP_OUTPUT = 16;
export const OP_WEIGHTS = 20;
/** int32 a channel, input zero point folded in; int64 with int16 activations. */
export const OP_BIAS = 24;
/** {int32 multiplier, int32 shift}, one a channel or one for all; of int64 accumulators {16-bit multiplier, right shift}. */
export const OP_REQUANT = 28;
/** int16 each, also the clamps. */
export const OP_INPUT_ZERO_POINT = 32;
export const OP_OUTPUT_ZERO_POINT = 34;
export const OP_CLAMP_MIN = 36;
export const OP_CLAMP_MAX = 38;
/** Bytes between the requantization pairs of two channels, as kernels have them: 8, or 0 for one pair. */
export const OP_REQUANT_STRIDE = 40;
/** ScaleFormat.LEAN: bits that biases are shifted left; what the exponents of scales are too large by. A byte each. */
export const OP_BIAS_SHIFT = 46;
export const OP_SCALE_SHIFT = 47;
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

/** Types of activations: log2 of their bytes. */
export enum ActivationType {
  INT8 = 0,
  INT16 = 1,
}

/** Types of weights (assembly/kernels/weights.ts, host/model/weight-types.ts). */
export enum WeightType {
  INT8 = 0,
  /** Two a byte, the first in the low half; every row begins a byte. */
  INT4 = 1,
  /** −3, −1, 1 or 3: four a byte, their lower bits in its low half, their upper bits in its high half. */
  INT2 = 2,
  /** −1 or 1: eight a byte, the first in the lowest bit. */
  INT1 = 3,
}
/** All of them: what a build takes that names none. */
export const WEIGHT_TYPE_COUNT = 4;

/** How biases and scales are kept: as OP_BIAS and OP_REQUANT say, or in 2 bytes each, of int8 (docs/FORMAT.md). */
export enum ScaleFormat {
  PAIRS = 0,
  LEAN = 1,
}
export const LEAN_EXPONENT_BITS = 4;
export const LEAN_MANTISSA_BITS = 13;

/** Commit when this op is done (a mandatory commit). */
export const OP_FLAG_COMMIT = 1;
/** Nothing special: windows inside the map, taps side by side; a dense op's input whole in SRAM; spectra not centred. */
export const OP_FLAG_PLAIN = 2;
/** Dense: weights have a zero point (DENSE_WEIGHT_ZERO). */
export const OP_FLAG_WEIGHT_ZERO = 4;
/** int16 activations: accumulators are int32 and requantized as those of int8. Without it they are int64. */
export const OP_FLAG_INT32 = 8;
/** Nothing may commit between this op and the next: both write into one line of memory. */
export const OP_FLAG_JOINED = 16;
/** Convolution: accelerators take windows where rows lie. */
export const OP_FLAG_ROWS = 32;

/** What an op computes; which types of activations each has a kernel for is below. 0: none. */
export enum OpKind {
  CONV2D = 1,
  MAX_POOL = 2,
  DENSE = 3,
  CIRCULANT_DIRECT = 4,
  CIRCULANT_NTT = 5,
  DEPTHWISE_CONV2D = 6,
  AVG_POOL = 7,
  ADD = 8,
  MUL = 9,
  SOFTMAX = 10,
  MEAN = 11,
  PAD = 12,
  MAP = 13,
  CIRCULANT_KARATSUBA = 14,
  CONV2D_WINOGRAD = 15,
  /** A depthwise convolution and the pointwise one after it, the map between them in SRAM. */
  SEPARABLE_CONV2D = 16,
  /** Spectra of a circulant layer's inputs, where entering it would take more than its share of a charge. */
  CIRCULANT_SPECTRA = 17,
  LOOKUP = 18,
  CONV2D_SPARSE = 19,
  CONV2D_XNOR = 20,
  CONV2D_NTT = 21,
  // Of learning.
  TURN = 128,
  LOSS = 129,
  LOOP = 130,
  CONV2D_GRAD = 131,
  DEPTHWISE_GRAD = 132,
  CIRCULANT_GRAD = 133,
  MAX_POOL_GRAD = 134,
  AVG_POOL_GRAD = 135,
  RESCALE = 136,
  UPDATE_CONV2D = 137,
  UPDATE_DEPTHWISE = 138,
  UPDATE_CIRCULANT = 139,
  FINISH = 140,
  /** Of streams: the state that an inference leaves is in force from its last cursor on. */
  FLIP = 141,
  // Of a head that learns by sums; and WIPE: zeros over samples that are no longer needed.
  DUE = 142,
  FOLD = 143,
  SOLVE = 145,
  FORGET = 146,
  REQUANTIZE = 147,
  SETTLE = 148,
  WIPE = 149,
  FACTOR = 150,
  ADD_GRAD = 151,
}
/** The first of learning: bit 0 of a build's mask of them. */
export const KIND_LEARNING = 128;

/** Kernels there are, a bit a kind: of kinds 0–31, and HIGH, of 32–63. Builds for one image: assembly/kernels/mask.ts. */
export const KINDS_INT8 = 0x3fffe;
export const KINDS_INT8_HIGH = 0;
export const KINDS_INT16 = 0x437ce;
export const KINDS_INT16_HIGH = 0;

/** What a build can have besides kernels and weight types: bits of its mask of features. */
export const FEATURE_BLOCKS = 1;
export const FEATURE_WEIGHT_ZERO = 2;
/** Ops that are not plain. */
export const FEATURE_SPECIAL = 4;
/** Kernels that do several sums at a time: faster on scalar cores, and larger. */
export const FEATURE_FAST = 8;
/** Ops with a grain, or joined to the next. */
export const FEATURE_GRAIN = 16;
/** NVM whose torn words may read differently every time. */
export const FEATURE_UNSTABLE = 32;
/** Ops of ScaleFormat.LEAN. */
export const FEATURE_LEAN = 64;
/** Ops of OP_FLAG_ROWS. */
export const FEATURE_ROWS = 512;

// Windowed kernels (convolution, pooling, pad): NHWC maps, a tile is `tileColumns` outputs of one row.
export const WIN_INPUT_HEIGHT = 72;
export const WIN_INPUT_WIDTH = 76;
export const WIN_INPUT_CHANNELS = 80;
export const WIN_OUTPUT_WIDTH = 84;
export const WIN_OUTPUT_CHANNELS = 88;
/** Low 16 bits: height; high 16 bits: width. The same for the three below, of which padding is above and left. */
export const WIN_KERNEL = 92;
export const WIN_STRIDE = 96;
export const WIN_DILATION = 100;
export const WIN_PADDING = 104;
export const WIN_TILE_COLUMNS = 108;
/** Convolution: output channels whose weights are in SRAM at a time. */
export const WIN_GROUP = 112;
/** Convolution: size of circulant blocks over channels; 0: weights as they are. */
export const WIN_BLOCK = 116;
/** Convolution: output channels of a tile, where it is one column, or of OP_FLAG_ROWS; 0: all. */
export const WIN_PART = 120;

// conv2d_winograd_s8: a tile is `tileColumns` outputs of two rows; the window's fields, and instead of its last two these.
export const WINO_OUTPUT_HEIGHT = 116;
/** 1: OP_WEIGHTS has int8 weights, which each tile transforms; 0: transformed ones. */
export const WINO_COMPUTED = 120;
/** Values of a block of 2 × 2 outputs and of its window, transformed; rows of the input under it. */
export const WINO_POSITIONS = 16;
export const WINO_ROWS = 4;
/** Bytes of the products of two outputs and two blocks, or in lanes of four. */
export const WINO_PRODUCT_BYTES = 512;

// separable_conv2d_s8: a tile is `rows` × `tileColumns` outputs, down one strip of columns after the other; fields of the
// depthwise window, the pointwise outputs and group, these for the last two. Constants: of the pointwise one, then the depthwise.
/** Of the map between: zero point and clamps, an int8 each. */
export const SEP_ZERO_POINT = 44;
export const SEP_CLAMP_MIN = 45;
export const SEP_CLAMP_MAX = 46;
/** Low 16 bits: channels of the map between whose weights are in SRAM at a time; high 16 bits: its channels. */
export const SEP_CHANNELS = 116;
/** Low 16 bits: rows of a tile; high 16 bits: rows of the output. */
export const SEP_ROWS = 120;

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
/** ntt, karatsuba: frequencies whose spectra, or leaves whose matrices, are in SRAM at a time; direct: blocks, all or 0. */
export const CIRC_CHUNK = 88;
/** ntt: primitive k-th root of unity, Montgomery form, signed. */
export const CIRC_ROOT = 92;
/** karatsuba: products of 4×4 matrices a block. */
export const CIRC_LEAVES = 92;
/** ntt: 1 when OP_INPUT has spectra, int32 [block][frequency], that a CIRCULANT_SPECTRA has made; 0: the inputs, int8. */
export const CIRC_SPECTRA = 96;
/** ntt: 1 when input spectra must be centred so that the row sum cannot overflow. */
export const CIRC_CENTRE = 100;
/** Rows of blocks in a tile; of CIRCULANT_SPECTRA blocks of inputs. */
export const CIRC_GROUP = 104;
/** ntt: 0 with spectra in OP_WEIGHTS; 2⁶⁴/k mod p, signed, with first columns of the op's weight type, [block row][block][k]. */
export const CIRC_FACTOR = 108;
/** direct: outputs in a tile, a part of a block row; 0: `group` rows. */
export const CIRC_PART = 112;
/** direct, ntt: 1 when OP_BIAS and OP_REQUANT have one bias and one scale a block row; OP_REQUANT_STRIDE is 0 then. */
export const CIRC_SHARED = 116;

// add_*, mul_*: a tile is `group` elements.
/** Address of the second input. */
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

// map_*: rows of values; a tile is `group` rows. int8: each value through a table of 256 (OP_WEIGHTS; 0: as they are).
export const MAP_COUNT = 72;
/** Values of a row; the last may be shorter. Strides are in values, too. */
export const MAP_LENGTH = 76;
export const MAP_INPUT_STRIDE = 80;
export const MAP_OUTPUT_STRIDE = 84;
export const MAP_GROUP = 88;

// Learning (docs/LEARNING.md). Bits 24–27 of an address name a group, the rest is an offset into it.
export const GROUP_SHIFT = 24;
export const GROUP_MASK = 0xffffff;
export const GROUP_COUNT = 8;

export enum Group {
  /** Current weights; good ones while those are judged. */
  WEIGHTS = 1,
  /** The free weight bank. */
  NEXT = 2,
  /** Ring entry of the turn's sample. */
  SAMPLE = 3,
  /** The free ring entry. */
  SPARE = 4,
  /** Lane of the turn. */
  LANE = 5,
  STATE = 6,
  STATE_NEXT = 7,
}

/** Bytes of the learning header, and of those a device keeps in SRAM. */
export const LEARNING_HEADER_BYTES = 96;
export const LEARNING_BYTES = 88;
export const T_BANKS = 0;
export const T_BANK_BYTES = 4;
export const T_FACTORY = 8;
export const T_STATES = 12;
export const T_STATE_BYTES = 16;
export const T_FIRST_STATE = 20;
export const T_RING = 24;
export const T_ENTRY_BYTES = 28;
export const T_ENTRIES = 32;
export const T_LANES = 36;
export const T_LANE_BYTES = 40;
export const T_LANE_COUNT = 44;
export const T_VERDICTS = 48;
export const T_LABEL = 52;
export const T_SEED = 56;
export const T_CLASSES = 60;
export const T_GUARD_EVERY = 64;
export const T_HOLD_OUT = 68;
export const T_VALIDATIONS = 72;
export const T_MARGIN = 76;
/** Ops of a learn job between its first and the one that a late label begins at: of a head by sums, and by gradients. */
export const T_LATE = 80;
export const T_BELOW = 84;

/** Physical banks of weights and of state; bank 0 is the factory's. */
export const WEIGHT_BANKS = 3;
export const STATE_BANKS = 2;
/** Guards need so many validation entries. */
export const GUARD_LEAST = 4;
/** Most lanes, ring entries and classes. */
export const MOST_LANES = 8;
export const MOST_ENTRIES = 64;
export const MOST_CLASSES = 256;

/** Flags of C_TURN, in its second byte: judging with the good weights; the job's sample is held out. */
export const TURN_FLAG_GOOD = 1;
export const TURN_FLAG_HELD = 2;

/** A verdict: flags and the loss. */
export const VERDICT_BYTES = 8;
export const VERDICT_RIGHT = 1;
export const VERDICT_PASSED = 2;

// State bank.
export const S_LABELLED = 0;
export const S_STAMP = 4;
export const S_WINDOW = 8;
export const S_LOSS_FAST = 12;
export const S_LOSS_SLOW = 16;
export const S_DRIFTS = 20;
export const S_ROLLBACKS = 24;
export const S_GOOD_RIGHT = 28;
export const S_FLAGS = 32;
export const S_SKIPPED = 36;
export const S_LAST_LOSS = 40;
export const S_ENTRIES = 64;
/** An entry: ticket; and a word of kind, label and stamp (learning-layout.ts). */
export const ENTRY_BYTES = 8;
export const E_TICKET_OF = 0;
export const E_WORD = 4;

export enum EntryKind {
  FREE = 0,
  UNLABELLED = 1,
  LEARN = 2,
  VALIDATION = 3,
}
/** An error tensor: its exponent, 12 bytes of zeros, int16 values. */
export const ERROR_BYTES = 16;
/** p = 5·2²⁵ + 1, the field of the number-theoretic transform; primitive root 3. */
export const NTT_PRIME = 167772161;
/** p⁻¹ mod 2³², for Montgomery reduction with R = 2³². */
export const NTT_PRIME_INVERSE = -167772159;
/** round(2⁵⁷ / p): the reciprocal that centres values below 9p exactly. */
export const NTT_RECIPROCAL = 858993454;
/** 2³² mod p, signed: one in Montgomery form. */
export const NTT_ONE = -67108890;
