// Bodies that hardware gives (docs/ACCEL.md): imported only where a build names an accelerator, `--use ACCELERATOR=1`.
// Both end as `requantize` does: pairs {multiplier, shift} `pairStride` bytes apart, then the zero point, then the clamp.

/**
 * `rows` rows of `length` int8 at `w` times `vectors` vectors at `x`, behind each other, plus an int32 a row at `bias`; as
 * int8 [vector][row] to `to`, vectors `toStride` bytes apart. `room`: 4 · length bytes to work with, or 0.
 */
// @ts-ignore: decorator
@external('accel', 'gemm_s8')
export declare function gemm(
  x: usize,
  vectors: i32,
  w: usize,
  rows: i32,
  length: i32,
  bias: usize,
  pair: usize,
  pairStride: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
  toStride: i32,
  room: usize,
): void;

/**
 * `rows` rows of int8 at `w`, [height][width][pixel], times `windows` windows of a map, the next `step` bytes on, whose rows lie
 * `across` apart at `x`; ends as `gemm` does. Windows touch: `step` is at most width · pixel.
 */
// @ts-ignore: decorator
@external('accel', 'windows_s8')
export declare function windows(
  x: usize,
  pixel: i32,
  step: i32,
  across: i32,
  height: i32,
  width: i32,
  count: i32,
  w: usize,
  rows: i32,
  bias: usize,
  pair: usize,
  pairStride: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
  toStride: i32,
): void;

/**
 * `gemm` with rows of weights of `bits` bits, 1 or 2, packed (docs/FORMAT.md): each is signs, −1 or 1, and of 2 bits twice the
 * upper ones. `room`: `roomBytes` bytes to work with, at a multiple of 4.
 */
// @ts-ignore: decorator
@external('accel', 'signs_s8')
export declare function signs(
  x: usize,
  vectors: i32,
  w: usize,
  bits: i32,
  rows: i32,
  length: i32,
  bias: usize,
  pair: usize,
  pairStride: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
  toStride: i32,
  room: usize,
  roomBytes: i32,
): void;

/**
 * Rows of weights of 1 bit, packed, on windows of inputs that are 0, 1 or 2: window n is `height` runs of `span` bytes, the
 * first at `x` + n · `step`, each `across` bytes behind the one before; a row has height · span weights. Else as `signs`.
 */
// @ts-ignore: decorator
@external('accel', 'xnor_s8')
export declare function xnor(
  x: usize,
  windows: i32,
  step: i32,
  height: i32,
  across: i32,
  span: i32,
  w: usize,
  rows: i32,
  bias: usize,
  pair: usize,
  pairStride: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
  toStride: i32,
  room: usize,
  roomBytes: i32,
): void;

/** `gemm` with rows of weights of 4 bits, packed, each beginning a byte. */
// @ts-ignore: decorator
@external('accel', 'nibbles_s8')
export declare function nibbles(
  x: usize,
  vectors: i32,
  w: usize,
  rows: i32,
  length: i32,
  bias: usize,
  pair: usize,
  pairStride: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
  toStride: i32,
  room: usize,
): void;

/**
 * `count` channels side by side, each its own: over `height` × `width` taps, of x `pixel` bytes apart in a row and rows `across`,
 * of weights `wStride`, the sum of products, plus an int32 a channel at `bias`. `windows` of them, `step` bytes apart, to `to`,
 * `pixel` apart.
 */
// @ts-ignore: decorator
@external('accel', 'depthwise_s8')
export declare function depthwise(
  x: usize,
  pixel: i32,
  step: i32,
  across: i32,
  windows: i32,
  w: usize,
  wStride: i32,
  height: i32,
  width: i32,
  count: i32,
  bias: usize,
  pair: usize,
  pairStride: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
): void;

/**
 * Of Winograd's 3 × 3 convolution (docs/FORMAT.md, conv2d_winograd) the transform of `pairs` pairs of blocks, `channels`
 * int8 a pixel, from four rows `bytes` apart.
 */
// @ts-ignore: decorator
@external('accel', 'winograd_input_s8')
export declare function winogradInput(x: usize, bytes: i32, pairs: i32, channels: i32, to: usize): void;

/** That of one or two rows of weights. */
// @ts-ignore: decorator
@external('accel', 'winograd_weights_s8')
export declare function winogradWeights(w: usize, rows: i32, channels: i32, to: usize): void;

/**
 * From both, `rows` rows times `blocks` blocks of 2 × 2 sums, plus an int32 a row at `bias`: as int8 to `to`, outputs `pixel`
 * bytes apart and their two rows `across`. `room`: 256 bytes to work with.
 */
// @ts-ignore: decorator
@external('accel', 'winograd_s8')
export declare function winograd(
  x: usize,
  blocks: i32,
  w: usize,
  rows: i32,
  channels: i32,
  bias: usize,
  pair: usize,
  pairStride: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
  pixel: i32,
  across: i32,
  room: usize,
): void;

/**
 * The transform (docs/DESIGN.md §5) of k int8 at `x` by way of k words at `work`: int32 to `to`, in bit-reversed order, groups of
 * four `stride` bytes apart. Known only modulo the prime, as everything that is transformed.
 */
// @ts-ignore: decorator
@external('accel', 'ntt_forward_s8')
export declare function nttForward(x: usize, k: i32, work: usize, to: usize, stride: i32): void;

/** `count` sums over `blocks` blocks, both in groups [count / 4][block][4] of int32, divided by 2³²: int32 to `to`. */
// @ts-ignore: decorator
@external('accel', 'ntt_sums')
export declare function nttSums(x: usize, w: usize, blocks: i32, count: i32, to: usize): void;

/**
 * The inverse, k times too large, of k int32 at `x` in bit-reversed order, in place: sums within p/4, of which the first `count`
 * go plus an int32 each at `bias`, as int8 to `to`.
 */
// @ts-ignore: decorator
@external('accel', 'ntt_inverse_s8')
export declare function nttInverse(
  x: usize,
  k: i32,
  bias: usize,
  pair: usize,
  pairStride: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
  count: i32,
): void;

/**
 * Outputs `first` to `first + count - 1` of a row of `blocks` circulant blocks of k × k, whose first columns are at `w`: from
 * Σ x[b · k + c] · w[b · k + (first + r - c) mod k] over blocks b and columns c, plus an int32 each at `bias`; as int8 to `to`.
 * `room`: the larger of 4 · k and 3 · blocks · k bytes to work with, at a multiple of 4.
 */
// @ts-ignore: decorator
@external('accel', 'circulant_s8')
export declare function circulant(
  x: usize,
  w: usize,
  k: i32,
  blocks: i32,
  first: i32,
  count: i32,
  bias: usize,
  pair: usize,
  pairStride: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
  room: usize,
): void;

/**
 * `count` sums of int8 at `a` and `b`, less their zero points, shifted up and scaled by a pair each; scaled by a third pair, as
 * int8 to `to`.
 */
// @ts-ignore: decorator
@external('accel', 'add_s8')
export declare function add(
  a: usize,
  b: usize,
  count: i32,
  up: i32,
  zeroA: i32,
  multiplierA: i32,
  shiftA: i32,
  zeroB: i32,
  multiplierB: i32,
  shiftB: i32,
  multiplier: i32,
  shift: i32,
  zeroPoint: i32,
  low: i32,
  high: i32,
  to: usize,
): void;
