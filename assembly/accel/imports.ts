// Bodies that hardware gives (docs/ACCEL.md): imported only where a build names an accelerator, `--use ACCELERATOR=1`.
// Each reads int8 at any alignment and adds exact products to the int32 at `start`; sums go to `sums`, 16 bytes.

/** Four rows, `stride` bytes apart from `w` on, times the vector at `x`. */
// @ts-ignore: decorator
@external('accel', 'rows_s8')
export declare function rows(x: usize, w: usize, stride: usize, length: i32, start: usize, sums: usize): void;

/** Two rows at `w` times two vectors at `x`, all `length` bytes: of the first vector both, then of the second. */
// @ts-ignore: decorator
@external('accel', 'block_s8')
export declare function block(x: usize, w: usize, length: i32, start: usize, sums: usize): void;

/** Four columns: `count` times four values at `x`, `xStride` bytes apart, by four at `w`, `wStride` apart; count ≥ 1. */
// @ts-ignore: decorator
@external('accel', 'columns_s8')
export declare function columns(
  x: usize,
  xStride: usize,
  w: usize,
  wStride: usize,
  count: i32,
  start: usize,
  sums: usize,
): void;
