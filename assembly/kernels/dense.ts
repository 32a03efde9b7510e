// Fully connected layer, int8 or int16, int8 weights [out][in]. Bit-exact with TFLite's reference kernels.
import { dot } from '../accel/dot';
import { gemm } from '../accel/imports';
import { fourRows as fourRowsInLanes } from '../accel/rows';
import {
  DENSE_CHUNK,
  DENSE_GROUP,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  DENSE_WEIGHT_ZERO,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_FLAGS,
  OP_FLAG_WEIGHT_ZERO,
  OP_INPUT,
  OP_OUTPUT,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_WEIGHTS,
  OpKind,
} from '../layout';
import { fetch, look, put } from '../nvm';
import {
  ACCELERATED,
  FAST,
  HAS_SPECIAL,
  HAS_WEIGHT_ZERO,
  HAS_WIDE,
  SIMD,
  SPEED,
  isInt16,
  widthOf,
} from './mask';
import { isOfNibbles, multiplyNibbles } from './nibbles';
import { isOfSigns, multiply } from './sign_tables';
import { behind, isPacked, rowBytes, unpack } from './weights';
import { lookBias, lookRequant, requantize, requantizeS16, requantizeTwo } from './requantize';
import { baseOf, factors, limits, multipliers, narrow, requantizeFour, scaleAlike } from './requantize_lanes';
import { wideRows } from './wide_panels';

/** Inputs in SRAM at a time. */
function chunkOf(op: usize): i32 {
  return load<i32>(op, HAS_SPECIAL ? DENSE_CHUNK : DENSE_INPUTS);
}

/** Keeps the whole input in SRAM, where it fits. */
export function enter(op: usize): void {
  const inputs = load<i32>(op, DENSE_INPUTS);
  if (chunkOf(op) == inputs)
    fetch(load<usize>(op, OP_INPUT), inputs << widthOf(op), op + load<usize>(op, OP_SCRATCH0));
}

/** `length` inputs from `at` on. */
function lookInput<T>(op: usize, at: i32, length: i32): usize {
  const scratch = op + load<usize>(op, OP_SCRATCH0);
  if (!HAS_SPECIAL || length == load<i32>(op, DENSE_INPUTS)) return scratch;
  return look(load<usize>(op, OP_INPUT) + at * sizeof<T>(), length * sizeof<T>(), scratch);
}

/** A row of weights times the input, chunk by chunk. `row`: in SRAM if the whole input is, else in NVM. */
function rowDot<T, S>(op: usize, row: usize): S {
  const inputs = load<i32>(op, DENSE_INPUTS);
  const chunk = chunkOf(op);
  const scratch = op + load<usize>(op, OP_SCRATCH1);
  const unpacked = behind(scratch, load<i32>(op, DENSE_GROUP) * rowBytes(op, chunk));
  let sum = <S>0;
  for (let at = 0; at < inputs; at += chunk) {
    const length = min(chunk, inputs - at);
    const packed = length == inputs ? row : look(row + rowBytes(op, at), rowBytes(op, length), scratch);
    sum += dot<T, S>(lookInput<T>(op, at, length), unpack(op, packed, length, unpacked), length);
  }
  return sum;
}

/** Whether weights have a zero point: never where no op of the build does, which the compiler then knows. */
// @ts-ignore: decorator
@inline
function hasWeightZero(op: usize): bool {
  return HAS_WEIGHT_ZERO && (load<u32>(op, OP_FLAGS) & OP_FLAG_WEIGHT_ZERO) != 0;
}

/** What every sum has too much where weights have a zero point: that, times Σ x. */
function excess<T, S>(op: usize): S {
  if (!hasWeightZero(op)) return <S>0;
  const inputs = load<i32>(op, DENSE_INPUTS);
  const chunk = chunkOf(op);
  let sum = <S>0;
  for (let at = 0; at < inputs; at += chunk) {
    const length = min(chunk, inputs - at);
    let x = lookInput<T>(op, at, length);
    for (const end = x + length * sizeof<T>(); x < end; x += sizeof<T>()) sum += <S>load<T>(x);
  }
  return sum * <S>load<i32>(op, DENSE_WEIGHT_ZERO);
}

/** All outputs of a tile by the accelerator. */
function accelerate(op: usize, weights: usize, count: i32, bias: usize, pair: usize, output: usize): void {
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  const inputs = load<i32>(op, DENSE_INPUTS);
  const x = op + load<usize>(op, OP_SCRATCH0);
  gemm(x, 1, weights, count, inputs, bias, pair, stride, zero, low, high, output, 0, 0);
}

/** Four outputs at once, so that an input loaded is multiplied four times. `output`: of the first. */
function fourRows(op: usize, weights: usize, bias: usize, pair: usize, output: usize): void {
  const inputs = load<i32>(op, DENSE_INPUTS);
  if (SIMD) {
    const sums = fourRowsInLanes(op + load<usize>(op, OP_SCRATCH0), weights, inputs, inputs);
    requantizeFour(op, i32x4.add(sums, v128.load(bias)), pair, output);
    return;
  }
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
  requantizeTwo(op, a, b, pair, output);
  requantizeTwo(op, c, d, pair + load<usize>(op, OP_REQUANT_STRIDE) * 2, output + 2);
}

/** `fourRows` of all fours of `count` rows of one scale, what that takes in registers. Returns how many rows that were. */
function foursAlike(op: usize, weights: usize, count: i32, bias: usize, pair: usize, output: usize): i32 {
  if (load<i32>(op, OP_REQUANT_STRIDE)) return 0;
  const factor = factors(op, pair);
  if (!i32x4.extract_lane(factor, 0)) return 0;
  const multiplier = multipliers(op, pair);
  const limit = limits(op, pair);
  const low = i32x4.neg(limit);
  const base = baseOf(op, factor);
  const half = i32x4.shr_u(factor, 1);
  const inputs = load<i32>(op, DENSE_INPUTS);
  const x = op + load<usize>(op, OP_SCRATCH0);
  const done = count & ~3;
  for (const end = output + done; output < end; output += 4) {
    const sums = i32x4.add(fourRowsInLanes(x, weights, inputs, inputs), v128.load(bias));
    const y = scaleAlike(false, sums, multiplier, factor, low, limit, base, half);
    v128.store32_lane(output, narrow(op, y, y), 0);
    weights += inputs << 2;
    bias += 16;
  }
  return done;
}

export function tile(op: usize, index: i32): void {
  const wide = isInt16(op, OpKind.DENSE);
  const group = load<i32>(op, DENSE_GROUP);
  const first = index * group;
  const count = min(group, load<i32>(op, DENSE_OUTPUTS) - first);
  const output = op + load<usize>(op, OP_SCRATCH4);
  const bytes = rowBytes(op, load<i32>(op, DENSE_INPUTS));
  let bias = lookBias(op, first, count, op + load<usize>(op, OP_SCRATCH2));
  let pair = lookRequant(op, first, count, op + load<usize>(op, OP_SCRATCH3));
  const less16: i64 = wide ? excess<i16, i64>(op) : 0;
  const less8 = wide ? 0 : excess<i8, i32>(op);
  let row = load<usize>(op, OP_WEIGHTS) + first * bytes;
  const whole = !HAS_SPECIAL || chunkOf(op) == load<i32>(op, DENSE_INPUTS);
  if (whole) row = look(row, count * bytes, op + load<usize>(op, OP_SCRATCH1));
  let i = 0;
  const swift = FAST || (SIMD && bytes >= 8);
  if (swift && !wide && whole && !isPacked(op) && !hasWeightZero(op)) {
    if (ACCELERATED) {
      // All that a build may have only such rows of: nothing behind it is compiled then.
      accelerate(op, row, count, bias, pair, output);
      put(load<usize>(op, OP_OUTPUT) + first, output, count);
      return;
    }
    if (HAS_WIDE && wideRows(op, op + load<usize>(op, OP_SCRATCH0), first, count, bias, pair, output)) {
      put(load<usize>(op, OP_OUTPUT) + first, output, count);
      return;
    }
    if (SIMD && SPEED) {
      i = foursAlike(op, row, count, bias, pair, output);
      row += i * bytes;
      bias += i << 2;
    }
    for (; i + 3 < count; i += 4) {
      fourRows(op, row, bias, pair, output + i);
      row += bytes << 2;
      bias += 16;
      pair += load<i32>(op, OP_REQUANT_STRIDE) << 2;
    }
  }
  if (!wide && whole && isOfNibbles(op) && !hasWeightZero(op)) {
    const x = op + load<usize>(op, OP_SCRATCH0);
    multiplyNibbles(op, x, 1, row, count, load<i32>(op, DENSE_INPUTS), bias, pair, output, 0, 0);
    i = count;
  }
  if (FAST && !wide && whole && isOfSigns(op) && !hasWeightZero(op)) {
    const x = op + load<usize>(op, OP_SCRATCH0);
    const work = behind(op + load<usize>(op, OP_SCRATCH1), count * bytes);
    const end = op + load<usize>(op, OP_SCRATCH2);
    const length = load<i32>(op, DENSE_INPUTS);
    if (multiply(op, x, 1, row, count, length, bias, pair, output, 0, work, end)) i = count;
  }
  for (; i < count; i++) {
    if (wide) {
      const sum = load<i64>(bias) - less16 + rowDot<i16, i64>(op, row);
      store<i16>(output + (i << 1), requantizeS16(op, sum, pair));
    } else {
      const sum = load<i32>(bias) - less8 + rowDot<i8, i32>(op, row);
      store<i8>(output + i, requantize(op, sum, pair));
    }
    row += bytes;
    bias += wide ? 8 : 4;
    pair += load<i32>(op, OP_REQUANT_STRIDE);
  }
  put(load<usize>(op, OP_OUTPUT) + (first << i32(wide)), output, count << i32(wide));
}
