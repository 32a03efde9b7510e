// Fully connected layer, int8, weights [out][in]. Bit-exact with TFLite's reference kernel.
import { dotS8 } from '../accel/dot';
import {
  DENSE_CHUNK,
  DENSE_GROUP,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_WEIGHTS,
} from '../layout';
import { fetch, look, put } from '../nvm';
import { behind, isPacked, rowBytes, unpack } from './weights';
import { lookBias, lookRequant, requantize } from './requantize';

/** Keeps the whole input in SRAM, where it fits. */
export function enter(op: usize): void {
  const inputs = load<i32>(op, DENSE_INPUTS);
  if (load<i32>(op, DENSE_CHUNK) == inputs)
    fetch(load<usize>(op, OP_INPUT), inputs, op + load<usize>(op, OP_SCRATCH0));
}

/** Row `row` times the whole input, chunk by chunk. */
function chunkedDot(op: usize, row: i32, inputs: i32, chunk: i32): i32 {
  const from = load<usize>(op, OP_INPUT);
  const weights = load<usize>(op, OP_WEIGHTS) + row * rowBytes(op, inputs);
  const scratch = op + load<usize>(op, OP_SCRATCH1);
  let sum = 0;
  for (let at = 0; at < inputs; at += chunk) {
    const length = min(chunk, inputs - at);
    const x = look(from + at, length, op + load<usize>(op, OP_SCRATCH0));
    const packed = look(weights + rowBytes(op, at), rowBytes(op, length), scratch);
    sum += dotS8(x, unpack(op, packed, length, behind(scratch, rowBytes(op, chunk))), length);
  }
  return sum;
}

/** Four outputs at once, so that an input loaded is multiplied four times; the rest are done one by one. */
function fourRows(op: usize, inputs: i32, weights: usize, bias: usize, pair: usize, output: usize): void {
  const stride = load<usize>(op, OP_REQUANT_STRIDE);
  let a = load<i32>(bias);
  let b = load<i32>(bias, 4);
  let c = load<i32>(bias, 8);
  let d = load<i32>(bias, 12);
  let x = op + load<usize>(op, OP_SCRATCH0);
  for (const end = x + inputs; x < end; x++, weights++) {
    const input: i32 = load<i8>(x);
    a += input * load<i8>(weights);
    b += input * load<i8>(weights + inputs);
    c += input * load<i8>(weights + inputs * 2);
    d += input * load<i8>(weights + inputs * 3);
  }
  store<i8>(output, requantize(op, a, pair));
  store<i8>(output, requantize(op, b, pair + stride), 1);
  store<i8>(output, requantize(op, c, pair + stride * 2), 2);
  store<i8>(output, requantize(op, d, pair + stride * 3), 3);
}

export function tile(op: usize, index: i32): void {
  const inputs = load<i32>(op, DENSE_INPUTS);
  const chunk = load<i32>(op, DENSE_CHUNK);
  const group = load<i32>(op, DENSE_GROUP);
  const first = index * group;
  const count = min(group, load<i32>(op, DENSE_OUTPUTS) - first);
  const output = op + load<usize>(op, OP_SCRATCH4);
  const scratch = op + load<usize>(op, OP_SCRATCH1);
  const whole = chunk == inputs;
  const bytes = rowBytes(op, inputs);
  let bias = lookBias(op, first, count, op + load<usize>(op, OP_SCRATCH2));
  let pair = lookRequant(op, first, count, op + load<usize>(op, OP_SCRATCH3));
  let packed: usize = whole ? look(load<usize>(op, OP_WEIGHTS) + first * bytes, count * bytes, scratch) : 0;
  let i = 0;
  if (!ASC_FEATURE_SIMD && whole && !isPacked(op)) {
    for (; i + 3 < count; i += 4) {
      fourRows(op, inputs, packed, bias, pair, output + i);
      packed += bytes * 4;
      bias += 16;
      pair += load<i32>(op, OP_REQUANT_STRIDE) * 4;
    }
  }
  for (; i < count; i++) {
    const sum = whole
      ? dotS8(
          op + load<usize>(op, OP_SCRATCH0),
          unpack(op, packed, inputs, behind(scratch, group * bytes)),
          inputs,
        )
      : chunkedDot(op, first + i, inputs, chunk);
    store<i8>(output + i, requantize(op, sum + load<i32>(bias), pair));
    packed += bytes;
    bias += 4;
    pair += load<i32>(op, OP_REQUANT_STRIDE);
  }
  put(load<usize>(op, OP_OUTPUT) + first, output, count);
}
