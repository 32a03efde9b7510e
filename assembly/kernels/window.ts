// What convolution and pooling share: which outputs a tile makes, and which inputs those see.
import { look } from '../nvm';
import { HAS_SPECIAL, widthOf } from './mask';
import {
  OP_INPUT,
  OP_OUTPUT,
  WIN_DILATION,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PADDING,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../layout';

/** Tiles in one output row. */
function tilesPerRow(op: usize): i32 {
  const columns = load<i32>(op, WIN_TILE_COLUMNS);
  return (load<i32>(op, WIN_OUTPUT_WIDTH) + columns - 1) / columns;
}

export function outputRow(op: usize, tile: i32): i32 {
  return tile / tilesPerRow(op);
}

export function firstColumn(op: usize, tile: i32): i32 {
  return (tile % tilesPerRow(op)) * load<i32>(op, WIN_TILE_COLUMNS);
}

/** Outputs of the tile that starts at `column`: fewer at the right edge. */
export function columnCount(op: usize, column: i32): i32 {
  return min(load<i32>(op, WIN_TILE_COLUMNS), load<i32>(op, WIN_OUTPUT_WIDTH) - column);
}

/** Whether each output sees the one pixel of its place. */
export function isPointwise(op: usize): bool {
  return (
    load<u32>(op, WIN_KERNEL) == 0x10001 &&
    load<u32>(op, WIN_STRIDE) == 0x10001 &&
    !load<u32>(op, WIN_PADDING)
  );
}

/** Whether `count` windows from (row, column) on lie inside the map. Their taps are side by side. */
export function isWithin(op: usize, row: i32, column: i32, count: i32): bool {
  if (!HAS_SPECIAL) return true;
  const top = inputRow(op, row, 0);
  const left = inputColumn(op, column);
  const right = inputColumn(op, column + count - 1) + load<u16>(op, WIN_KERNEL + 2);
  const height: i32 = load<u16>(op, WIN_KERNEL);
  return top >= 0 && isInside(op, top + height - 1) && left >= 0 && right <= load<i32>(op, WIN_INPUT_WIDTH);
}

/** NVM address of output (row, column). */
export function outputAddress(op: usize, row: i32, column: i32): usize {
  const pixel = row * load<i32>(op, WIN_OUTPUT_WIDTH) + column;
  return load<usize>(op, OP_OUTPUT) + ((pixel * load<i32>(op, WIN_OUTPUT_CHANNELS)) << widthOf(op));
}

/** Bytes of an input pixel. */
export function pixelBytes(op: usize): i32 {
  return load<i32>(op, WIN_INPUT_CHANNELS) << widthOf(op);
}

/** Input row under tap `ky` of output row `row`; outside the map where the window hangs over. */
export function inputRow(op: usize, row: i32, ky: i32): i32 {
  return row * load<u16>(op, WIN_STRIDE) + ky * load<u16>(op, WIN_DILATION) - load<u16>(op, WIN_PADDING);
}

/** Leftmost input column under output `column`: negative where the window hangs over. */
export function inputColumn(op: usize, column: i32): i32 {
  return column * load<u16>(op, WIN_STRIDE + 2) - load<u16>(op, WIN_PADDING + 2);
}

/**
 * Looks up what `count` outputs from `column` on see of input row `y` (inside the map). Returns a pointer to where
 * input column `inputColumn(column)` is or, in padding, would be: only columns inside the map may be read through it.
 */
export function lookRow(op: usize, y: i32, column: i32, count: i32, scratch: usize): usize {
  const width = load<i32>(op, WIN_INPUT_WIDTH);
  const pixel = pixelBytes(op);
  const left = inputColumn(op, column);
  const reach = (load<u16>(op, WIN_KERNEL + 2) - 1) * load<u16>(op, WIN_DILATION + 2);
  const from = max(left, 0);
  const to = min(inputColumn(op, column + count - 1) + reach + 1, width);
  if (to <= from) return scratch;
  const bytes = (to - from) * pixel;
  const row = look(load<usize>(op, OP_INPUT) + (y * width + from) * pixel, bytes, scratch);
  return row - (from - left) * pixel;
}

/** Whether input row `y` is inside the map. */
export function isInside(op: usize, y: i32): bool {
  return !HAS_SPECIAL || <u32>y < load<u32>(op, WIN_INPUT_HEIGHT);
}
