// Convolution, int8 NHWC, of weights most of whose blocks are zero: a block is some channels under one tap. Sets of outputs have
// the same blocks, which are laid out one behind the other and multiplied as those of a convolution are.
import {
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH5,
  OP_WEIGHTS,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../layout';
import { look, put } from '../nvm';
import { SPARSE_BLOCK, SPARSE_OUTPUTS } from '../sparse-layout';
import { multiplyChannels } from './conv2d';
import { gatherRows } from './gather';
import { behind, rowBytes } from './weights';
import { columnCount, firstColumn, outputAddress, outputRow } from './window';

/** `size` bytes from `from` on, whole words, to `to`: of `count` windows `step` bytes apart, to where `patch` bytes are. */
function copyBlock(from: usize, step: i32, to: usize, patch: i32, count: i32, size: i32): void {
  step -= size;
  patch -= size;
  do {
    let left = size;
    do {
      store<u32>(to, load<u32>(from));
      from += 4;
      to += 4;
      left -= 4;
    } while (left);
    from += step;
    to += patch;
  } while (--count);
}

export function tile(op: usize, index: i32): void {
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const channels = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const size: i32 = load<u16>(op, SPARSE_BLOCK);
  const kept: i32 = load<u16>(op, SPARSE_BLOCK + 2);
  const set: i32 = load<u16>(op, SPARSE_OUTPUTS);
  const kernelWidth: i32 = load<u16>(op, WIN_KERNEL + 2);
  const step = <i32>load<u16>(op, WIN_STRIDE + 2) * channels;
  const patch = kept * size;
  const windows = op + load<usize>(op, OP_SCRATCH1);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const rows = behind(output, load<i32>(op, WIN_TILE_COLUMNS) * outputs);
  const across = gatherRows(op, row, column, count, rows);
  const blocks = channels / size;
  const last = <i32>load<u16>(op, WIN_KERNEL) * kernelWidth * blocks - 1;
  let lists = load<usize>(op, OP_WEIGHTS) + outputs * rowBytes(op, patch);
  for (let from = 0; from < outputs; from += set) {
    let list = look(lists, kept << 1, op + load<usize>(op, OP_SCRATCH2));
    lists += kept << 1;
    let to = windows;
    for (let n = kept; n > 0; n--) {
      // Whatever a list says, it is inside the window.
      const block = min<i32>(load<u16>(list), last);
      const tap = block / blocks;
      const at = (tap / kernelWidth) * across + (tap % kernelWidth) * channels + (block % blocks) * size;
      copyBlock(rows + at, step, to, patch, count, size);
      list += 2;
      to += size;
    }
    multiplyChannels(
      op,
      false,
      1,
      windows,
      count,
      patch,
      from,
      min(from + set, outputs),
      output + from,
      outputs,
    );
  }
  put(outputAddress(op, row, column), output, count * outputs);
}
