// Depthwise convolution, int8 NHWC; output channel o sees input channel o / multiplier. Weights are in groups of output
// channels, [group][tap][channel]. Bit-exact with TFLite's reference kernel.
import {
  OP_REQUANT_STRIDE,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
  OP_WEIGHTS,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
} from '../layout';
import { look, put } from '../nvm';
import { gather } from './gather';
import { lookBias, lookRequant, requantize } from './requantize';
import { behind, rowBytes, unpack } from './weights';
import { columnCount, firstColumn, outputAddress, outputRow } from './window';

export function tile(op: usize, index: i32): void {
  const row = outputRow(op, index);
  const column = firstColumn(op, index);
  const count = columnCount(op, column);
  const columns = op + load<usize>(op, OP_SCRATCH1);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const kernel = load<u32>(op, WIN_KERNEL);
  const taps: i32 = (kernel & 0xffff) * (kernel >> 16);
  const inputs = load<i32>(op, WIN_INPUT_CHANNELS);
  const outputs = load<i32>(op, WIN_OUTPUT_CHANNELS);
  const multiplier = outputs / inputs;
  const group = load<i32>(op, WIN_GROUP);
  const patch = taps * inputs;
  const bytes = rowBytes(op, group * taps);
  gather(op, row, column, count, columns, patch);
  for (let first = 0; first < outputs; first += group) {
    const size = min(group, outputs - first);
    let bias = lookBias(op, first, size, op + load<usize>(op, OP_SCRATCH3));
    let pair = lookRequant(op, first, size, op + load<usize>(op, OP_SCRATCH4));
    const scratch = op + load<usize>(op, OP_SCRATCH2);
    const address = load<usize>(op, OP_WEIGHTS) + (first / group) * bytes;
    const packed = look(address, rowBytes(op, size * taps), scratch);
    const weights = unpack(op, packed, size * taps, behind(scratch, bytes));
    for (let i = 0; i < size; i++) {
      let vector = columns + (first + i) / multiplier;
      for (let to = output + first + i, end = to + count * outputs; to < end; to += outputs) {
        let sum = load<i32>(bias);
        let x = vector;
        for (let w = weights + i, last = w + taps * size; w < last; w += size) {
          sum += <i32>load<i8>(x) * <i32>load<i8>(w);
          x += inputs;
        }
        store<i8>(to, requantize(op, sum, pair));
        vector += patch;
      }
      bias += 4;
      pair += load<i32>(op, OP_REQUANT_STRIDE);
    }
  }
  put(outputAddress(op, row, column), output, count * outputs);
}
