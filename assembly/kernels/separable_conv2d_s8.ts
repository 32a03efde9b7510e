// A depthwise convolution and the pointwise one after it, int8 NHWC: of a few rows at a time, so that the map between them is in
// SRAM alone. Each is computed by its own kernel's body, and by a record of its own.
import { copyBytes } from '../accel/bytes';
import {
  OP_BIAS,
  OP_BYTES,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH5,
  OP_TILES,
  OP_WEIGHTS,
  SEP_CHANNELS,
  SEP_CLAMP_MAX,
  SEP_CLAMP_MIN,
  SEP_ROWS,
  SEP_ZERO_POINT,
  WIN_GROUP,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../layout';
import { put } from '../nvm';
import { multiplyChannels } from './conv2d';
import { multiplyWindows, prepareWindows } from './depthwise_conv2d';
import { gatherRows, spanBytes } from './gather';
import { PANELS } from './mask';
import { behind } from './weights';
import { columnCount, outputAddress, pixelBytes } from './window';

/**
 * In the depthwise convolution's record, where nothing else reads it: the tile after the one that left its last input rows in
 * SRAM. They are what NVM has, and spare that tile from reading them again. Until a tile has run it is none: how many there are.
 */
const NEXT = OP_TILES;

/** Where the depthwise convolution's record is in SRAM; the map between follows it. */
// @ts-ignore: decorator
@inline
function depthwiseOf(op: usize): usize {
  return op + load<usize>(op, OP_SCRATCH5);
}

/** Makes the depthwise convolution's record: what differs from that of the whole. */
export function enter(op: usize): void {
  const depthwise = depthwiseOf(op);
  memory.copy(depthwise, op, OP_BYTES);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const channels: i32 = load<u16>(op, SEP_CHANNELS + 2);
  store<usize>(depthwise, behind(load<usize>(op, OP_WEIGHTS), outputs * channels), OP_WEIGHTS);
  store<usize>(depthwise, load<usize>(op, OP_BIAS) + (outputs << 2), OP_BIAS);
  store<usize>(depthwise, load<usize>(op, OP_REQUANT) + (outputs << 3), OP_REQUANT);
  store<i16>(depthwise, load<i8>(op, SEP_ZERO_POINT), OP_OUTPUT_ZERO_POINT);
  store<i16>(depthwise, load<i8>(op, SEP_CLAMP_MIN), OP_CLAMP_MIN);
  store<i16>(depthwise, load<i8>(op, SEP_CLAMP_MAX), OP_CLAMP_MAX);
  store<i32>(depthwise, channels, WIN_OUTPUT_CHANNELS);
  store<i32>(depthwise, load<u16>(op, SEP_CHANNELS), WIN_GROUP);
  // Areas count from their record.
  for (let area = OP_SCRATCH0; area < OP_SCRATCH5; area += 4) {
    store<usize>(depthwise + area, op + load<usize>(op + area) - depthwise);
  }
}

export function tile(op: usize, index: i32): void {
  const depthwise = depthwiseOf(op);
  const most: i32 = load<u16>(op, SEP_ROWS);
  const height: i32 = load<u16>(op, SEP_ROWS + 2);
  const bands = (height + most - 1) / most;
  const column = (index / bands) * load<i32>(op, WIN_TILE_COLUMNS);
  const count = columnCount(op, column);
  const from = (index % bands) * most;
  const rows = min(most, height - from);
  const columns = op + load<usize>(op, OP_SCRATCH1);
  const across = spanBytes(op, count);
  const stride: i32 = load<u16>(op, WIN_STRIDE);
  const step = <i32>load<u16>(op, WIN_STRIDE + 2) * pixelBytes(op);
  const channels: i32 = load<u16>(op, SEP_CHANNELS + 2);
  const between = depthwise + OP_BYTES;
  // Rows that the windows of one row of outputs share with those of the next.
  const shared = <i32>load<u16>(op, WIN_KERNEL) - stride;
  let kept = from && load<i32>(depthwise, NEXT) == index ? shared : 0;
  const prepared = PANELS && prepareWindows(depthwise);
  let to = between;
  for (let row = from; row < from + rows; row++) {
    if (kept) copyBytes(columns, columns + stride * across, kept * across);
    gatherRows(op, row, column, count, columns, 0, kept);
    to += multiplyWindows(depthwise, false, columns, step, across, count, to, prepared);
    kept = shared;
  }
  store<i32>(depthwise, index + 1, NEXT);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  let output = behind(between, <i32>(to - between));
  multiplyChannels(op, false, 1, between, rows * count, channels, 0, outputs, output, outputs);
  // Rows of a strip lie apart in the output, those of the whole width do not.
  const whole = count == load<i32>(op, WIN_OUTPUT_WIDTH);
  const made = rows * count * outputs;
  const bytes = whole ? made : count * outputs;
  const end = output + made;
  for (let row = from; output < end; row++) {
    put(outputAddress(op, row, column), output, bytes);
    output += bytes;
  }
}
