// Number-theoretic transform of length k = 2^m, in place, two radix-2 stages a pass (radix 4): natural order in,
// bit-reversed out (Cooley-Tukey over the ring X^k − 1: one twiddle a block).
//
// It is its own inverse: transforming again, from values put back into natural order with their frequencies negated,
// gives k times the input, bit-reversed. Callers fold both permutations into loads and stores they make anyway.
//
// Every multiplication stands before its butterfly, so that a stage maps a bound B to B(1 + p/2³³) + p/2 and nothing
// need be reduced on the way; host/plan/ntt-bounds.ts checks this for every layer.
import { NTT_ONE } from '../layout';
import { multiply, multiplyFour } from './field';
import { SIMD } from './mask';

/** Fills k/2 words at `table` with ω^brv(b), the twiddle of block b. `root`: ω in Montgomery form. */
export function makeTwiddles(table: usize, k: i32, root: i32): void {
  const end = table + (k << 1);
  store<i32>(table, NTT_ONE);
  // The upper half is the lower times ω, then the upper half of each half times ω², and so on.
  for (let half: usize = k; half >= 4; half >>>= 1) {
    for (let at = table; at < end; at += half << 1) store<i32>(at + half, multiply(load<i32>(at), root));
    root = multiply(root, root);
  }
}

/** `index` + 1 with its bits reversed, in units of which there are `size` in all, from that of `index`. */
// @ts-ignore: decorator
@inline
export function nextReversed(reversed: i32, index: i32, size: i32): i32 {
  return reversed ^ (size - (size >>> (ctz(index + 1) + 1)));
}

/** The butterflies of a block in `transform`, four at a time; `quarter` is 16 or more. */
function butterflies(at: usize, quarter: usize, plain: bool, first: i32, second: i32, third: i32): void {
  const half = quarter * 2;
  const most = quarter * 3;
  const end = at + quarter;
  do {
    const a = v128.load(at);
    const b = v128.load(at + quarter);
    let c = v128.load(at + half);
    let d = v128.load(at + most);
    let sum = i32x4.add(b, d);
    if (!plain) {
      c = multiplyFour(c, i32x4.splat(first));
      d = multiplyFour(d, i32x4.splat(first));
      sum = multiplyFour(i32x4.add(b, d), i32x4.splat(second));
    }
    const difference = multiplyFour(i32x4.sub(b, d), i32x4.splat(third));
    const even = i32x4.add(a, c);
    const odd = i32x4.sub(a, c);
    v128.store(at, i32x4.add(even, sum));
    v128.store(at + quarter, i32x4.sub(even, sum));
    v128.store(at + half, i32x4.add(odd, difference));
    v128.store(at + most, i32x4.sub(odd, difference));
    at += 16;
  } while (at < end);
}

/**
 * Transforms the k words at `x`. `sums`: block 0 may hold plain sums after the first pass too, for they are small (int8
 * inputs, not values of the field).
 */
export function transform(x: usize, k: i32, table: usize, sums: bool): void {
  const end = x + (k << 2);
  // Bytes of a quarter of a block.
  let quarter: usize = k;
  let plain = true;
  if (ctz(k) & 1) {
    const half = quarter << 1;
    let at = x;
    do {
      const a = load<i32>(at);
      const b = load<i32>(at + half);
      store<i32>(at, a + b);
      store<i32>(at + half, a - b);
      at += 4;
    } while (at < x + half);
    quarter >>>= 1;
    plain = sums;
  }
  do {
    const half = quarter * 2;
    const most = quarter * 3;
    let at = x;
    let twiddle = table;
    let pair = table;
    do {
      const first = load<i32>(twiddle);
      const second = load<i32>(pair);
      const third = load<i32>(pair, 4);
      const last = at + quarter;
      if (SIMD && quarter >= 16) {
        butterflies(at, quarter, plain, first, second, third);
        at = last;
      } else {
        do {
          const a = load<i32>(at);
          const b = load<i32>(at + quarter);
          let c = load<i32>(at + half);
          let d = load<i32>(at + most);
          let sum: i32;
          if (plain) {
            sum = b + d;
          } else {
            c = multiply(c, first);
            d = multiply(d, first);
            sum = multiply(b + d, second);
          }
          const difference = multiply(b - d, third);
          store<i32>(at, a + c + sum);
          store<i32>(at + quarter, a + c - sum);
          store<i32>(at + half, a - c + difference);
          store<i32>(at + most, a - c - difference);
          at += 4;
        } while (at < last);
      }
      plain = false;
      twiddle += 4;
      pair += 8;
      at += most;
    } while (at < end);
    plain = sums;
    quarter >>>= 2;
  } while (quarter >= 4);
}
