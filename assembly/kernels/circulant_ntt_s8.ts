// Block-circulant layer by number-theoretic transform: the dense int8 result, bit for bit, in O(n·m/k + n·log k).
// Block (i, j) is the circulant of its first column w: y[r] = Σ_c w[(r − c) mod k]·x[c]. Stored are the spectra
// NTT(w)·2³²/k, [block row][frequency / 4][block][frequency mod 4]; or, with CIRC_FACTOR, the columns themselves, whose
// NTT(w) each tile computes, and enter brings the factor into the input's. The input zero point is folded into the bias.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_CENTRE,
  CIRC_CHUNK,
  CIRC_FACTOR,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  CIRC_ROOT,
  CIRC_SPECTRA,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_INPUT,
  OP_OUTPUT,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
  OP_WEIGHTS,
  OpKind,
} from '../layout';
import { look, put } from '../nvm';
import { copyBytes, fillBytes } from '../accel/bytes';
import { nttForward, nttInverse, nttSums } from '../accel/imports';
import { centre, multiply, reduce } from './field';
import { ACCELERATED, FAST, HAS_SPECIAL, SIMD, has } from './mask';
import { makeTwiddles, nextReversed, transform } from './ntt';
import { finishInverse, inverse, mirror, plainInverse, transformBytes } from './ntt_fast';
import { isShared, lookRowBias, lookRowRequant, requantizeAll } from './requantize';
import { lookColumns, rowBytes } from './weights';

/** `count` int8 as int32 at `to`; returns their end. */
function widen(from: usize, count: i32, to: usize): usize {
  for (const end = from + count; from < end; from++, to += 4) store<i32>(to, load<i8>(from));
  return to;
}

/** `transformBytes`, by the accelerator where there is one. */
// @ts-ignore: decorator
@inline
function forward(source: usize, work: usize, to: usize, stride: usize, k: i32, table: usize): void {
  if (ACCELERATED) nttForward(source, k, work, to, stride);
  else transformBytes(source, work, to, stride, k, table);
}

/** The spectrum of k int8 at `source`, by way of k words at `work`: groups of four frequencies `stride` bytes apart. */
// @ts-ignore: decorator
@inline
export function spectrum(source: usize, work: usize, to: usize, stride: usize, k: i32, table: usize): void {
  if (FAST) {
    forward(source, work, to, stride, k, table);
    return;
  }
  let at = widen(source, k, work);
  transform(work, k, table, true);
  for (let group = to + stride * (k >> 2); at > work;) memory.copy((group -= stride), (at -= 16), 16);
}

/**
 * Spectra of the inputs from NVM address `from` to `end`, block by block, to `x`: as [block][frequency]; `FAST`: blocks `step`
 * bytes apart, and four frequencies of each `stride`. Returns the end of the last.
 */
export function blockSpectra(
  op: usize,
  k: i32,
  table: usize,
  from: usize,
  end: usize,
  x: usize,
  step: usize,
  stride: i32,
): usize {
  const scratch = op + load<usize>(op, OP_SCRATCH5);
  for (; from < end; from += k) {
    const block = x;
    const count = min(<usize>k, end - from);
    let at = look(from, <i32>count, scratch);
    if (FAST) {
      if (count < <usize>k) {
        if (at != scratch) copyBytes(scratch, at, <i32>count);
        fillBytes(scratch + count, 0, k - <i32>count);
        at = scratch;
      }
      forward(at, op + load<usize>(op, OP_SCRATCH2), x, stride, k, table);
      x += step;
      continue;
    }
    x = widen(at, <i32>count, x);
    // Zeros behind the last inputs.
    for (; x < block + (k << 2); x += 4) store<i32>(x, 0);
    transform(block, k, table, true);
  }
  return x;
}

/** Spectra that an op has made, to where `enter` would have put its own. */
function lookAllSpectra(op: usize, from: usize, to: usize): usize {
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const bytes = load<i32>(op, CIRC_BLOCK) << 2;
  if (!FAST) {
    const at = look(from, blocks * bytes, to);
    if (at != to) copyBytes(to, at, blocks * bytes);
    return to + blocks * bytes;
  }
  const scratch = op + load<usize>(op, OP_SCRATCH2);
  for (const end = to + (blocks << 4); to < end; to += 16) {
    let at = look(from, bytes, scratch);
    from += bytes;
    const last = to + bytes * blocks;
    for (let group = to; group < last; group += blocks << 4, at += 16) memory.copy(group, at, 16);
  }
  return to;
}

/** Twiddles, and the input's spectra as [block][frequency]; `FAST`: in the order of the weights' spectra. */
export function enter(op: usize): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const table = op + load<usize>(op, OP_SCRATCH3);
  const spectra = op + load<usize>(op, OP_SCRATCH0);
  if (!ACCELERATED) makeTwiddles(table, k, load<i32>(op, CIRC_ROOT));
  const from = load<usize>(op, OP_INPUT);
  let x = spectra;
  if (has(OpKind.CIRCULANT_SPECTRA) && load<i32>(op, CIRC_SPECTRA)) x = lookAllSpectra(op, from, x);
  else {
    const stride = FAST ? load<i32>(op, CIRC_BLOCKS) << 4 : 0;
    x = blockSpectra(op, k, table, from, from + load<usize>(op, CIRC_INPUTS), x, 16, stride);
  }
  const factor = HAS_SPECIAL ? load<i32>(op, CIRC_FACTOR) : 0;
  if (!HAS_SPECIAL || !(load<i32>(op, CIRC_CENTRE) | factor)) return;
  if (FAST) x = spectra + ((load<i32>(op, CIRC_BLOCKS) * k) << 2);
  for (let at = spectra; at < x; at += 4) {
    const value = load<i32>(at);
    store<i32>(at, factor ? multiply(value, factor) : centre(value));
  }
}

/**
 * Spectra of block row `row`, `length` bytes at `from` on: looked up; or computed from first columns, by way of `work`, in
 * the same order. Valid until the next.
 */
function lookSpectra(op: usize, row: i32, from: usize, length: i32, work: usize): usize {
  const spectra = op + load<usize>(op, OP_SCRATCH1);
  if (!HAS_SPECIAL || !load<i32>(op, CIRC_FACTOR)) return look(from, length, spectra);
  const k = load<i32>(op, CIRC_BLOCK);
  const table = op + load<usize>(op, OP_SCRATCH3);
  const stride = load<i32>(op, CIRC_BLOCKS) << 4;
  // As many columns' bytes before it as spectra's words.
  let column = load<usize>(op, OP_WEIGHTS) + rowBytes(op, row * (length >> 2));
  for (let to = spectra; to < spectra + stride; to += 16) {
    const w = lookColumns(op, column, k, spectra + length);
    column += rowBytes(op, k);
    spectrum(w, work, to, stride, k, table);
  }
  return spectra;
}

/**
 * Sums of four frequencies over `blocks` blocks, those of inputs `step` bytes apart, to `work` in natural order with frequencies
 * negated. `reversed`: the group's index with its bits reversed. Returns the next factors.
 */
// @ts-ignore: decorator
@inline
export function firstInOrder(
  x: usize,
  step: usize,
  w: usize,
  blocks: i32,
  work: usize,
  reversed: i32,
  k: i32,
): usize {
  let a: i64 = 0;
  let b: i64 = 0;
  let c: i64 = 0;
  let d: i64 = 0;
  const next = w + (blocks << 4);
  if (SIMD) {
    let low = i64x2.splat(0);
    let high = low;
    do {
      const value = v128.load(x);
      const factor = v128.load(w);
      low = i64x2.add(low, i64x2.extmul_low_i32x4_s(value, factor));
      high = i64x2.add(high, i64x2.extmul_high_i32x4_s(value, factor));
      x += step;
      w += 16;
    } while (w < next);
    a = i64x2.extract_lane(low, 0);
    b = i64x2.extract_lane(low, 1);
    c = i64x2.extract_lane(high, 0);
    d = i64x2.extract_lane(high, 1);
  } else {
    do {
      a += <i64>load<i32>(x) * <i64>load<i32>(w);
      b += <i64>load<i32>(x, 4) * <i64>load<i32>(w, 4);
      c += <i64>load<i32>(x, 8) * <i64>load<i32>(w, 8);
      d += <i64>load<i32>(x, 12) * <i64>load<i32>(w, 12);
      x += step;
      w += 16;
    } while (w < next);
  }
  const to = work - reversed;
  store<i32>(reversed ? to + (k << 2) : to, reduce(a));
  store<i32>(to + k * 2, reduce(b));
  store<i32>(to + k * 3, reduce(c));
  store<i32>(to + k, reduce(d));
  return w;
}

/**
 * Sums of block row `row` over its blocks: input spectra times weight spectra, to `work` in natural order with
 * frequencies negated.
 */
function multiplyRow(op: usize, row: i32, k: i32, work: usize): void {
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const stride = k << 2;
  const chunk = load<i32>(op, CIRC_CHUNK) * blocks * 4;
  let from = load<usize>(op, OP_WEIGHTS) + row * blocks * stride;
  let x = op + load<usize>(op, OP_SCRATCH0);
  let reversed = 0;
  let index = 0;
  for (const end = from + blocks * stride; from < end; from += chunk) {
    let w = lookSpectra(op, row, from, chunk, work);
    for (const last = w + chunk; w < last; x += 16) {
      w = firstInOrder(x, stride, w, blocks, work, reversed, k);
      reversed = nextReversed(reversed, index++, k);
    }
  }
}

// @ts-ignore: decorator
@inline
function product(x: usize, w: usize): i64 {
  return <i64>load<i32>(x) * <i64>load<i32>(w);
}

/** The same of inputs side by side, through the inverse's first pass: a butterfly of the group with this `index`, to `to`. */
// @ts-ignore: decorator
@inline
export function firstFast(
  x: usize,
  w: usize,
  blocks: i32,
  to: usize,
  index: i32,
  k: i32,
  table: usize,
): void {
  let a: i64 = 0;
  let b: i64 = 0;
  let c: i64 = 0;
  let d: i64 = 0;
  do {
    a += product(x, w);
    b += product(x + 4, w + 4);
    c += product(x + 8, w + 8);
    d += product(x + 12, w + 12);
    x += 16;
    w += 16;
  } while (--blocks);
  if (index) {
    const twiddle = table + (mirror(index) << 2);
    const pair = table + (mirror(index) << 3);
    inverse(
      to,
      4,
      reduce(a),
      reduce(b),
      reduce(c),
      reduce(d),
      load<i32>(twiddle),
      load<i32>(pair, 4),
      load<i32>(pair),
    );
  } else plainInverse(to, 4, reduce(a), reduce(b), reduce(c), reduce(d), table, k == 4);
}

/** `multiplyRow` with the inverse transform, to `work` in natural order. */
function multiplyRowFast(op: usize, row: i32, k: i32, work: usize): void {
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const group = blocks << 4;
  const table = op + load<usize>(op, OP_SCRATCH3);
  const chunk = (load<i32>(op, CIRC_CHUNK) >> 2) * group;
  let from = load<usize>(op, OP_WEIGHTS) + row * (k >> 2) * group;
  let x = op + load<usize>(op, OP_SCRATCH0);
  let to = work;
  let index = 0;
  for (const end = work + (k << 2); to < end; from += chunk) {
    let w = lookSpectra(op, row, from, chunk, work);
    const last = w + chunk;
    do {
      firstFast(x, w, blocks, to, index, k, table);
      x += group;
      w += group;
      index++;
      to += 16;
    } while (w < last);
  }
  finishInverse(work, k, table);
}

/** Block rows from output `first` to `end`, the first of them `row`, to `to` by the accelerator. */
function acceleratedRows(op: usize, row: i32, first: i32, end: i32, to: usize): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const count = load<i32>(op, CIRC_CHUNK);
  const chunk = (count * blocks) << 2;
  const work = op + load<usize>(op, OP_SCRATCH2);
  const scratch = op + load<usize>(op, OP_SCRATCH1);
  const pairs = op + load<usize>(op, OP_SCRATCH4);
  const stride = load<i32>(op, OP_REQUANT_STRIDE);
  const zero: i32 = load<i16>(op, OP_OUTPUT_ZERO_POINT);
  const low: i32 = load<i16>(op, OP_CLAMP_MIN);
  const high: i32 = load<i16>(op, OP_CLAMP_MAX);
  const each = stride != 0 || isShared(op);
  let pair = each ? 0 : lookRowRequant(op, k, 0, 1, pairs);
  let from = load<usize>(op, OP_WEIGHTS) + row * ((k * blocks) << 2);
  do {
    let x = op + load<usize>(op, OP_SCRATCH0);
    let sums = work;
    do {
      nttSums(x, lookSpectra(op, row, from, chunk, work), blocks, count, sums);
      from += chunk;
      x += chunk;
      sums += count << 2;
    } while (sums < work + (k << 2));
    const outputs = min(k, end - first);
    const bias = lookRowBias(op, k, first, outputs, scratch);
    if (each) pair = lookRowRequant(op, k, first, outputs, pairs);
    nttInverse(work, k, bias, pair, stride, zero, low, high, to, outputs);
    to += k;
    first += k;
    row++;
  } while (first < end);
}

/** `group` block rows of k outputs each. */
export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const outputs = load<i32>(op, CIRC_OUTPUTS);
  const group = load<i32>(op, CIRC_GROUP);
  const work = op + load<usize>(op, OP_SCRATCH2);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const pairs = op + load<usize>(op, OP_SCRATCH4);
  const begin = index * group * k;
  const end = min(begin + group * k, outputs);
  if (ACCELERATED) acceleratedRows(op, index * group, begin, end, output);
  for (let first = begin, row = index * group; !ACCELERATED && first < end; first += k, row++) {
    const count = min(k, end - first);
    if (FAST) multiplyRowFast(op, row, k, work);
    else {
      multiplyRow(op, row, k, work);
      transform(work, k, op + load<usize>(op, OP_SCRATCH3), false);
    }
    const bias = lookRowBias(op, k, first, count, op + load<usize>(op, OP_SCRATCH1));
    const pair = lookRowRequant(op, k, first, count, pairs);
    requantizeAll(op, work, k, true, bias, pair, output + first - begin, count);
  }
  put(load<usize>(op, OP_OUTPUT) + begin, output, end - begin);
}
