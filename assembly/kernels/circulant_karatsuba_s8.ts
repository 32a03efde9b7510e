// Block-circulant layer by Chinese remainders and Karatsuba's trick: the dense int8 result, bit for bit, in additions and few
// products of int16. Over the integers xᵏ − 1 splits into x⁴ − 1 and x^m + 1 for m = 4 … k/2: a sum and a difference of halves
// each. What is negacyclic is a Toeplitz matrix, whose product takes three of half its size (Fan and Hasan, "A New Approach to
// Subquadratic Space Complexity Parallel Multipliers", 2007). What remains are (3^(log₂k − 2) + 1)/2 products by 4×4 Toeplitz
// matrices, "leaves": 41 of 16 multiplications for k = 64, instead of 4,096. Sums over blocks are taken leaf by leaf.
// Stored are the leaves' matrices t[row − column] as pairs (t[i], t[i − 1]), i = −2 … 3: [two block rows][leaf][block][row of the
// two][pair]; of an odd last row [leaf][block][pair]. The input zero point is folded into the bias.
import { fillBytes } from '../accel/bytes';
import { toeplitz, toeplitzFour } from '../accel/toeplitz';
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_CHUNK,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_LEAVES,
  CIRC_OUTPUTS,
  OP_INPUT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
  OP_WEIGHTS,
} from '../layout';
import { look, put } from '../nvm';
import { collectStraight, expandStraight, isStraight } from './karatsuba_lanes';
import { PANELS, SIMD } from './mask';
import { lookBias, lookRequant, requantizeAll } from './requantize';
import { ALIKE_BYTES, prepareAlike, requantizeAlike, requantizeFours } from './requantize_lanes';
import { WORK } from '../sram';
import { WORK_BYTES } from '../work-layout';

/** Bytes of a leaf's matrix. */
const LEAF_BYTES = 24;

/** Bytes of a vector register: what lanes take at a time. */
const VECTOR = 16;

/** `to`[i] = a[i] − a[i + half], and a[i] += a[i + half], of `half` bytes of int16, 8 or more. */
// @ts-ignore: decorator
@inline
function split(from: usize, half: i32, to: usize): void {
  const end = from + half;
  if (SIMD && half < VECTOR) {
    const a = v128.load64_zero(from);
    const b = v128.load64_zero(end);
    v128.store64_lane(to, i16x8.sub(a, b), 0);
    v128.store64_lane(from, i16x8.add(a, b), 0);
    return;
  }
  while (from < end) {
    if (SIMD) {
      const a = v128.load(from);
      const b = v128.load(from + half);
      v128.store(to, i16x8.sub(a, b));
      v128.store(from, i16x8.add(a, b));
      from += VECTOR;
      to += VECTOR;
    } else {
      const a = load<i16>(from);
      const b = load<i16>(from + half);
      store<i16>(to, a - b);
      store<i16>(from, a + b);
      from += 2;
      to += 2;
    }
  }
}

/** Both halves' sum of each group of `size` bytes of int16, 16 or more, from `from` on, behind `end`. Returns their end. */
// @ts-ignore: decorator
@inline
function addHalves(from: usize, end: usize, size: i32): usize {
  const half = size >> 1;
  let to = end;
  if (SIMD && size == VECTOR) {
    for (const last = end - VECTOR; from < last; from += VECTOR * 2, to += VECTOR) {
      const a = v128.load(from);
      const b = v128.load(from, VECTOR);
      v128.store(to, i16x8.add(v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3)));
    }
    if (from == end) return to;
    v128.store64_lane(to, i16x8.add(v128.load64_zero(from), v128.load64_zero(from + half)), 0);
    return to + half;
  }
  for (; from < end; from += half) {
    for (const middle = from + half; from < middle;) {
      if (SIMD) {
        v128.store(to, i16x8.add(v128.load(from), v128.load(from + half)));
        from += VECTOR;
        to += VECTOR;
      } else {
        store<i16>(to, load<i16>(from) + load<i16>(from + half));
        from += 2;
        to += 2;
      }
    }
  }
  return to;
}

/** The leaves of the k int16 at `a`, which is overwritten, to `leaves`. */
function expand(a: usize, k: i32, leaves: usize): void {
  let end = leaves;
  // Bytes of half of what is still cyclic.
  for (let half = k; half >= 8; half >>= 1) {
    split(a, half, end);
    end += half;
    // Each group of that size: its halves stay where they are, and their sum goes behind all.
    if (half > 8) end = addHalves(leaves, end, half);
  }
  store<i32>(end, load<i32>(a));
  store<i32>(end, load<i32>(a, 4), 4);
}

/** The k sums that the leaves' make, to `a`; they are overwritten from `sums` to `end`. */
function collect(sums: usize, end: usize, k: i32, a: usize): void {
  end -= 16;
  for (let i = 0; i < 16; i += 4) store<i32>(a + i, load<i32>(end + i));
  for (let half = 16; half < k << 2; half <<= 1) {
    if (half > 16) {
      // Groups, and behind them half as much.
      const groups = ((end - sums) / (half + (half >> 1))) * half;
      end = sums + groups;
      joinThirds(sums, end, half >> 1);
    }
    end -= half;
    joinHalves(a, half, end);
  }
}

/** Each (p, q) from `from` to `end`, of `half` bytes of int32 both, becomes (q + r, p + r), with r from `end` on. */
// @ts-ignore: decorator
@inline
function joinThirds(from: usize, end: usize, half: i32): void {
  let r = end;
  for (; from < end; from += half) {
    for (const middle = from + half; from < middle;) {
      if (SIMD) {
        const c = v128.load(r);
        const p = v128.load(from);
        v128.store(from, i32x4.add(v128.load(from + half), c));
        v128.store(from + half, i32x4.add(p, c));
        from += VECTOR;
        r += VECTOR;
      } else {
        const c = load<i32>(r);
        const p = load<i32>(from);
        store<i32>(from, load<i32>(from + half) + c);
        store<i32>(from + half, p + c);
        from += 4;
        r += 4;
      }
    }
  }
}

/** a, `half` bytes of int32, and q become (a + q)/2, (a − q)/2 at `a`; both are whole. */
// @ts-ignore: decorator
@inline
function joinHalves(a: usize, half: i32, q: usize): void {
  for (const end = a + half; a < end;) {
    if (SIMD) {
      const p = v128.load(a);
      const d = v128.load(q);
      v128.store(a, i32x4.shr_s(i32x4.add(p, d), 1));
      v128.store(a + half, i32x4.shr_s(i32x4.sub(p, d), 1));
      a += VECTOR;
      q += VECTOR;
    } else {
      const p = load<i32>(a);
      const d = load<i32>(q);
      store<i32>(a, (p + d) >> 1);
      store<i32>(a + half, (p - d) >> 1);
      a += 4;
      q += 4;
    }
  }
}

/** `count` int8 as int16 at `to`. */
// @ts-ignore: decorator
@inline
function widen(from: usize, count: i32, to: usize): void {
  const end = from + count;
  if (SIMD) {
    for (const whole = from + (count & ~7); from < whole; from += 8, to += 16) {
      v128.store(to, v128.load8x8_s(from));
    }
  }
  for (; from < end; from++, to += 2) store<i16>(to, load<i8>(from));
}

/** The input's leaves, [block][leaf][4]. */
export function enter(op: usize): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const stride = load<i32>(op, CIRC_LEAVES) << 3;
  const a = op + load<usize>(op, OP_SCRATCH2);
  let to = op + load<usize>(op, OP_SCRATCH0);
  const begin = load<usize>(op, OP_INPUT);
  const end = begin + load<usize>(op, CIRC_INPUTS);
  for (let from = begin; from < end; from += k) {
    const count = <i32>min(<usize>k, end - from);
    const x = look(from, count, op + load<usize>(op, OP_SCRATCH5));
    if (PANELS && count == k && isStraight(k)) {
      expandStraight(x, k, to);
      to += stride;
      continue;
    }
    widen(x, count, a);
    // Zeros behind the last inputs.
    fillBytes(a + (count << 1), 0, (k - count) << 1);
    expand(a, k, to);
    to += stride;
  }
}

/** The leaves' sums of block rows `row` on, `rows` of them, 1 or 2, to `sums` and `apart` bytes behind it. */
function multiplyRows(op: usize, row: i32, rows: i32, sums: usize, apart: i32): void {
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const leaves = load<i32>(op, CIRC_LEAVES);
  const chunk = load<i32>(op, CIRC_CHUNK);
  const bytes = rows * blocks * LEAF_BYTES;
  let from = load<usize>(op, OP_WEIGHTS) + row * leaves * blocks * LEAF_BYTES;
  let x = op + load<usize>(op, OP_SCRATCH0);
  for (let first = 0; first < leaves; first += chunk) {
    const count = min(chunk, leaves - first);
    const w = look(from, count * bytes, op + load<usize>(op, OP_SCRATCH1));
    toeplitz(x, leaves << 3, w, blocks, count, rows, sums, apart);
    from += count * bytes;
    x += count << 3;
    sums += count << 4;
  }
}

/** Four block rows from `row` on, as `multiplyRows` has two; the weights of all leaves are in one piece. */
function multiplyFour(op: usize, row: i32, sums: usize, apart: i32, room: usize): void {
  const blocks = load<i32>(op, CIRC_BLOCKS);
  const leaves = load<i32>(op, CIRC_LEAVES);
  const bytes = leaves * blocks * LEAF_BYTES * 2;
  const from = load<usize>(op, OP_WEIGHTS) + (row >> 1) * bytes;
  const w = look(from, bytes, op + load<usize>(op, OP_SCRATCH1));
  const v = look(from + bytes, bytes, room);
  toeplitzFour(op + load<usize>(op, OP_SCRATCH0), leaves << 3, w, v, blocks, leaves, sums, apart);
}

/** `tile` of blocks that have straight code: four rows at a time, sums and constants of the scale in the room to work in. */
function tileStraight(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const group = load<i32>(op, CIRC_GROUP);
  const leaves = load<i32>(op, CIRC_LEAVES);
  const apart = leaves << 4;
  const sums = WORK + ALIKE_BYTES;
  const room = sums + (apart << 2);
  const a = op + load<usize>(op, OP_SCRATCH3);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const begin = index * group * k;
  const end = min(begin + group * k, load<i32>(op, CIRC_OUTPUTS));
  const bytes = leaves * load<i32>(op, CIRC_BLOCKS) * LEAF_BYTES * 2;
  const fours = load<i32>(op, CIRC_CHUNK) == leaves && room + bytes <= WORK + WORK_BYTES;
  const pair = lookRequant(op, begin, 1, op + load<usize>(op, OP_SCRATCH4));
  const alike = prepareAlike(op, pair, WORK);
  let row = index * group;
  for (let first = begin; first < end;) {
    const left = (end - first + k - 1) / k;
    const rows = fours && left >= 4 ? 4 : min(2, left);
    if (rows == 4) multiplyFour(op, row, sums, apart, room);
    else multiplyRows(op, row, rows, sums, apart);
    row += rows;
    for (let i = 0; i < rows; i++, first += k) {
      collectStraight(sums + i * apart, k, a);
      const count = min(k, end - first);
      const bias = lookBias(op, first, count, op + load<usize>(op, OP_SCRATCH1));
      if (alike && !(count & 7)) requantizeAlike(WORK, a, bias, output + first - begin, count);
      else finish(op, a, k, bias, first, count, output + first - begin);
    }
  }
  put(load<usize>(op, OP_OUTPUT) + begin, output, end - begin);
}

/** `count` of the `k` sums at `a`, of outputs from `first` on, to int8 at `to`. */
// @ts-ignore: decorator
@inline
function finish(op: usize, a: usize, k: i32, bias: usize, first: i32, count: i32, to: usize): void {
  const pair = lookRequant(op, first, count, op + load<usize>(op, OP_SCRATCH4));
  if (SIMD && !(count & 3)) requantizeFours(op, a, bias, pair, to, count);
  else requantizeAll(op, a, k, false, bias, pair, to, count);
}

/** `group` block rows of k outputs each. */
export function tile(op: usize, index: i32): void {
  if (PANELS && isStraight(load<i32>(op, CIRC_BLOCK))) {
    tileStraight(op, index);
    return;
  }
  const k = load<i32>(op, CIRC_BLOCK);
  const group = load<i32>(op, CIRC_GROUP);
  const apart = load<i32>(op, CIRC_LEAVES) << 4;
  const work = op + load<usize>(op, OP_SCRATCH2);
  const a = op + load<usize>(op, OP_SCRATCH3);
  const output = op + load<usize>(op, OP_SCRATCH5);
  const begin = index * group * k;
  const end = min(begin + group * k, load<i32>(op, CIRC_OUTPUTS));
  let sums = work;
  for (let first = begin, row = index * group; first < end; first += k, row++) {
    // Two rows are stored together; an odd last one is not.
    if (!(row & 1)) {
      const rows = min(2, (load<i32>(op, CIRC_OUTPUTS) - first + k - 1) / k);
      multiplyRows(op, row, rows, work, apart);
      sums = work;
    }
    collect(sums, sums + apart, k, a);
    sums += apart;
    const count = min(k, end - first);
    const bias = lookBias(op, first, count, op + load<usize>(op, OP_SCRATCH1));
    finish(op, a, k, bias, first, count, output + first - begin);
  }
  put(load<usize>(op, OP_OUTPUT) + begin, output, end - begin);
}
