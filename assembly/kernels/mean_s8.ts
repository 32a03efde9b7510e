// Mean over the pixels of an int8 map [pixel][channel]. Bit-exact with TFLite's reference kernel (QuantizedMeanOrSum).
import { fillBytes } from '../accel/bytes';
import {
  MEAN_CHANNELS,
  MEAN_CHUNK,
  MEAN_GROUP,
  MEAN_PIXELS,
  MEAN_SCALE,
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT,
  OP_OUTPUT_ZERO_POINT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
} from '../layout';
import { look, put } from '../nvm';
import { clamp, scale } from './requantize';
import { addTo } from './values';

export function tile(op: usize, index: i32): void {
  const channels = load<i32>(op, MEAN_CHANNELS);
  const pixels = load<i32>(op, MEAN_PIXELS);
  const chunk = load<i32>(op, MEAN_CHUNK);
  const first = index * load<i32>(op, MEAN_GROUP);
  const count = min(load<i32>(op, MEAN_GROUP), channels - first);
  const sums = op + load<usize>(op, OP_SCRATCH1);
  const output = op + load<usize>(op, OP_SCRATCH2);
  fillBytes(sums, 0, count << 2);
  for (let pixel = 0; pixel < pixels; pixel += chunk) {
    const rows = min(chunk, pixels - pixel);
    const address = load<usize>(op, OP_INPUT) + pixel * channels + first;
    let x = look(address, rows * count, op + load<usize>(op, OP_SCRATCH0));
    for (let row = 0; row < rows; row++) {
      addTo<i8>(sums, sums + (count << 2), x);
      x += count;
    }
  }
  const zero = pixels * <i32>load<i16>(op, OP_INPUT_ZERO_POINT);
  for (let i = 0; i < count; i++) {
    const sum = load<i32>(sums + (i << 2)) - zero;
    const y =
      scale(sum, load<i32>(op, MEAN_SCALE), load<i32>(op, MEAN_SCALE + 4)) +
      <i32>load<i16>(op, OP_OUTPUT_ZERO_POINT);
    store<i8>(output + i, clamp(op, y));
  }
  put(load<usize>(op, OP_OUTPUT) + first, output, count);
}
