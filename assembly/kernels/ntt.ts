// Number-theoretic transform of length k = 2^m, in place, two radix-2 stages a pass (radix 4).
//
// forward: natural order in, bit-reversed out (Cooley-Tukey over the ring X^k − 1: one twiddle a block).
// inverse: takes natural order, gives natural order times k, from values stored in bit-reversed *positions* by the
//          caller's choice of layout (decimation in time, twiddle before the butterfly).
// Both put the multiplication before the butterfly, so that a stage maps a bound B to B(1 + p/2³³) + p/2 and nothing
// need be reduced on the way; host/plan/ntt-bounds.ts checks this for every layer.
import { NTT_ONE } from '../layout';
import { multiply } from './field';

/**
 * Fills the twiddle tables: k/2 words at `table` for `forward` (ω^brv(b)), k/2 behind them for `inverse` (ω^−j).
 * `root`, `inverseRoot`: ω and ω⁻¹ in Montgomery form.
 */
export function makeTwiddles(table: usize, k: i32, root: i32, inverseRoot: i32): void {
  const half: usize = k << 1;
  const inverse = table + half;
  store<i32>(table, NTT_ONE);
  // table[k/4] = ω, table[k/8] = ω², …, table[1] = ω^(k/4): then each span repeats the one before it, times its head.
  for (let at = half >>> 1, power = root; at >= 4; at >>>= 1) {
    store<i32>(table + at, power);
    power = multiply(power, power);
  }
  for (let span: usize = 4; span < half; span <<= 1) repeat(table, span, load<i32>(table + span));
  store<i32>(inverse, NTT_ONE);
  for (let span: usize = 4, power = inverseRoot; span < half; span <<= 1) {
    repeat(inverse, span, power);
    power = multiply(power, power);
  }
}

/** The `span` bytes behind the first `span` bytes of a table: those, times `factor`. */
function repeat(table: usize, span: usize, factor: i32): void {
  for (const end = table + span; table < end; table += 4) {
    store<i32>(table + span, multiply(load<i32>(table), factor));
  }
}

/** The first pass of `forward`, whose twiddles are 1 and the fourth root: k int8 at `source` to k words at `x`. */
function firstPass(source: usize, x: usize, k: i32, table: usize): void {
  if (ctz(k) & 1) {
    const half: usize = k >>> 1;
    for (let at = source, last = source + half; at < last; at++, x += 4) {
      const a: i32 = load<i8>(at);
      const b: i32 = load<i8>(at + half);
      store<i32>(x, a + b);
      store<i32>(x + half * 4, a - b);
    }
    return;
  }
  const fourth = load<i32>(table + 4);
  const quarter: usize = k >>> 2;
  for (let at = source, last = source + quarter; at < last; at++, x += 4) {
    const a: i32 = load<i8>(at);
    const b: i32 = load<i8>(at + quarter);
    const c: i32 = load<i8>(at + quarter * 2);
    const d: i32 = load<i8>(at + quarter * 3);
    const turned = multiply(b - d, fourth);
    store<i32>(x, a + c + (b + d));
    store<i32>(x + quarter * 4, a + c - (b + d));
    store<i32>(x + quarter * 8, a - c + turned);
    store<i32>(x + quarter * 12, a - c - turned);
  }
}

/** Transforms k int8 at `source` to k words at `x`, natural order in, bit-reversed out. */
export function forward(source: usize, x: usize, k: i32, table: usize): void {
  const end = x + (k << 2);
  firstPass(source, x, k, table);
  // Bytes of a quarter of a block: 2 or 4 blocks are left by the first pass.
  let quarter: usize = ctz(k) & 1 ? k >>> 1 : k >>> 2;
  for (; quarter >= 4; quarter >>>= 2) {
    // Block 0: the twiddles are 1, 1 and the fourth root.
    const fourth = load<i32>(table + 4);
    for (let at = x, last = x + quarter; at < last; at += 4) {
      const a = load<i32>(at);
      const b = load<i32>(at + quarter);
      const c = load<i32>(at + quarter * 2);
      const d = load<i32>(at + quarter * 3);
      const sum = a + c;
      const difference = a - c;
      const sum2 = b + d;
      const turned = multiply(b - d, fourth);
      store<i32>(at, sum + sum2);
      store<i32>(at + quarter, sum - sum2);
      store<i32>(at + quarter * 2, difference + turned);
      store<i32>(at + quarter * 3, difference - turned);
    }
    let twiddle = table + 4;
    for (let block = x + quarter * 4; block < end; block += quarter * 4, twiddle += 4) {
      const first = load<i32>(twiddle);
      const second = load<i32>(table + ((twiddle - table) << 1));
      const third = load<i32>(table + ((twiddle - table) << 1), 4);
      for (let at = block, last = block + quarter; at < last; at += 4) {
        const a = load<i32>(at);
        const b = load<i32>(at + quarter);
        const c = multiply(load<i32>(at + quarter * 2), first);
        const d = multiply(load<i32>(at + quarter * 3), first);
        const sum = a + c;
        const difference = a - c;
        const sum2 = multiply(b + d, second);
        const difference2 = multiply(b - d, third);
        store<i32>(at, sum + sum2);
        store<i32>(at + quarter, sum - sum2);
        store<i32>(at + quarter * 2, difference + difference2);
        store<i32>(at + quarter * 3, difference - difference2);
      }
    }
  }
}

/** k times the inverse transform of the k words at `x`, bit-reversed in, natural out. */
export function inverse(x: usize, k: i32, table: usize): void {
  const roots = table + (k << 1);
  const end = x + (k << 2);
  let h: usize = 4;
  if (ctz(k) & 1) {
    for (let at = x; at < end; at += 8) {
      const a = load<i32>(at);
      const b = load<i32>(at, 4);
      store<i32>(at, a + b);
      store<i32>(at, a - b, 4);
    }
    h = 8;
  } else {
    const fourth = load<i32>(roots + k);
    for (let at = x; at < end; at += 16) {
      const a = load<i32>(at);
      const b = load<i32>(at, 4);
      const c = load<i32>(at, 8);
      const d = load<i32>(at, 12);
      const sum = a + b;
      const difference = a - b;
      const sum2 = c + d;
      const turned = multiply(c - d, fourth);
      store<i32>(at, sum + sum2);
      store<i32>(at, difference + turned, 4);
      store<i32>(at, sum - sum2, 8);
      store<i32>(at, difference - turned, 12);
    }
    h = 16;
  }
  // h: bytes between the elements of a butterfly. `stride`: bytes between the roots of neighbouring butterflies.
  for (let stride = ((<usize>k) << 2) / h; stride >= 4; h <<= 2, stride >>>= 2) {
    for (let j: usize = 0, root = roots; j < h; j += 4, root += stride) {
      const first = load<i32>(roots + ((root - roots) << 1));
      const second = load<i32>(root);
      const third = load<i32>(root + <usize>k);
      for (let at = x + j; at < end; at += h * 4) {
        const a = load<i32>(at);
        const b = multiply(load<i32>(at + h), first);
        const c = load<i32>(at + h * 2);
        const d = multiply(load<i32>(at + h * 3), first);
        const sum = a + b;
        const difference = a - b;
        const sum2 = multiply(c + d, second);
        const difference2 = multiply(c - d, third);
        store<i32>(at, sum + sum2);
        store<i32>(at + h, difference + difference2);
        store<i32>(at + h * 2, sum - sum2);
        store<i32>(at + h * 3, difference - difference2);
      }
    }
  }
}
