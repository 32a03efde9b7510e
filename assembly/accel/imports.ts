// Bodies that hardware gives (docs/ACCEL.md): imported only where a build names an accelerator, `--use ACCELERATOR=1`.
// Both end as `requantize` does: pairs {multiplier, shift} `pairStride` bytes apart, then the zero point, then the clamp.

/**
 * `rows` rows of `length` int8 at `w` times `vectors` vectors at `x`, behind each other, plus an int32 a row at `bias`; as
 * int8 [vector][row] to `to`, vectors `toStride` bytes apart.
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
