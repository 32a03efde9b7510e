// The arithmetic of a head that learns by sums, in plain TypeScript from docs/LEARNING.md §10: what the device's kernels are held
// to, bit for bit. Whole numbers of 64 bits are bigints; `>>` rounds down, `/` towards zero, as there.
import { scaleInt32 } from '../integer.js';
import { type Projection, type Sums, triangle } from './spec.js';

const SIXTEENTHS = 16;
/** Sums are halved where the largest has come to this. */
const MOST_SUM = 2 ** 30;
const CLAMP = 1n << 30n;
/** Bits of the scatter matrix when it is factored. */
const SCATTER_BITS = 26;
const Z_BITS = 20n;

/** Sums of products wrap, as 64 bits do. */
const wrapped = (x: bigint): bigint => BigInt.asIntN(64, x);
const clamp = (x: bigint): number => Number(x > CLAMP ? CLAMP : x < -CLAMP ? -CLAMP : x);
const bitLength = (x: bigint): number => (x === 0n ? 0 : x.toString(2).length);

/** A sample as it is added up. */
export interface Projected {
  p: Int8Array;
  label: number;
}

export function project({ rank, inputs, weights, offsets, shifts }: Projection, x: Int8Array): Int8Array {
  return Int8Array.from({ length: rank }, (_, i) => {
    let sum = offsets[i]!;
    for (let j = 0; j < inputs; j++) sum += weights[i * inputs + j]! * x[j]!;
    return Math.max(-128, Math.min(127, scaleInt32(sum | 0, 2 ** 30, 1 - shifts[i]!)));
  });
}

/** Class means in 1/256, of classes that have any weight. */
function meansOf(counts: Int32Array, totals: Int32Array, rank: number): Int16Array {
  return Int16Array.from(totals, (total, at) => {
    const count = counts[Math.floor(at / rank)]!;
    const mean = count > 0 ? Number((BigInt(total) * 256n) / BigInt(count)) : 0;
    return Math.max(-32768, Math.min(32767, mean));
  });
}

/** Sums with samples added; where one had grown too large, all are halved then. */
export function fold(sums: Sums, samples: readonly Projected[], decay = 0): Sums {
  const classes = sums.counts.length;
  const rank = sums.totals.length / classes;
  const kept = (value: number): number => value - (decay > 0 ? value >> decay : 0);
  const counts = Array.from(sums.counts, kept);
  const totals = Array.from(sums.totals, kept);
  const products = Array.from(sums.products, kept);
  const squares = Array.from({ length: rank }, (_, i) => products[triangle(i) + i]!);
  const halvings = Math.max(...counts, ...squares) >= MOST_SUM ? 1 : 0;
  for (const { p, label } of samples) {
    counts[label]! += SIXTEENTHS;
    for (let i = 0; i < rank; i++) {
      totals[label * rank + i]! += SIXTEENTHS * p[i]!;
      for (let j = 0; j <= i; j++) products[triangle(i) + j]! += SIXTEENTHS * p[i]! * p[j]!;
    }
  }
  const halved = (values: readonly number[]): Int32Array =>
    Int32Array.from(values, (value) => Math.floor(value / 2 ** halvings));
  const all = { counts: halved(counts), totals: halved(totals), products: halved(products) };
  return {
    ...all,
    halvings: sums.halvings + halvings,
    samples: sums.samples + samples.length,
    forgotten: sums.forgotten,
    means: meansOf(all.counts, all.totals, rank),
  };
}

/** Sums with class `c` as the factory had it. */
export function forget(sums: Sums, factory: Sums, c: number): Sums {
  const rank = sums.totals.length / sums.counts.length;
  const own = ({ counts, totals }: Sums, halvings: number): { count: number; totals: number[] } => {
    const rows = totals.subarray(c * rank, (c + 1) * rank);
    return { count: counts[c]! >> halvings, totals: Array.from(rows, (total) => total >> halvings) };
  };
  const [learnt, before] = [own(sums, 0), own(factory, sums.halvings)];
  const share = ({ count, totals }: typeof learnt, i: number, j: number): bigint =>
    count > 0 ? (BigInt(totals[i]!) * BigInt(totals[j]!)) / BigInt(count) : 0n;
  const products = sums.products.slice();
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j <= i; j++) {
      const at = triangle(i) + j;
      const without = clamp(BigInt(products[at]!) - share(learnt, i, j));
      products[at] = clamp(BigInt(without) + share(before, i, j));
    }
  }
  const [counts, totals, means] = [sums.counts.slice(), sums.totals.slice(), sums.means.slice()];
  counts[c] = before.count;
  totals.set(before.totals, c * rank);
  means.set(factory.means.subarray(c * rank, (c + 1) * rank), c * rank);
  const forgotten = sums.forgotten + (Math.max(0, learnt.count - before.count) >> 4);
  return { halvings: sums.halvings, samples: sums.samples, forgotten, counts, totals, products, means };
}

/** What divides by a natural number: its bits, and 2^(24 + bits) over it. */
interface Pivot {
  bits: bigint;
  reciprocal: bigint;
}

function pivotOf(d: bigint): Pivot {
  const bits = BigInt(bitLength(d));
  return { bits, reciprocal: (1n << (24n + bits)) / d };
}

/** x · 2^up over what the pivot divides by. */
const over = (x: bigint, { bits, reciprocal }: Pivot, up: bigint): bigint =>
  BigInt(clamp((x * reciprocal) >> (24n - up + bits)));

interface Factors {
  /** Below the diagonal of L, in 1/65536. */
  rows: bigint[][];
  /** Of D. */
  pivots: Pivot[];
}

/** Within-class scatter with a ridge, as L D Lᵀ. */
function factor({ counts, totals, products, means }: Sums, ridge: number): Factors {
  const classes = counts.length;
  const rank = totals.length / classes;
  const scatter = (i: number, j: number): bigint => {
    let between = 0n;
    for (let c = 0; c < classes; c++) between += BigInt(means[c * rank + i]!) * BigInt(totals[c * rank + j]!);
    return BigInt(products[triangle(i) + j]!) - (between >> 8n);
  };
  const diagonal = Array.from({ length: rank }, (_, i) => scatter(i, i));
  const trace = diagonal.reduce((sum, d) => sum + (d > 0n ? d : 0n), 0n);
  const added = (trace * BigInt(ridge)) / BigInt(4096 * rank) + 1n;
  const most = diagonal.reduce((a, d) => (d > a ? d : a), 0n) + added;
  const shift = BigInt(Math.max(0, bitLength(most) - SCATTER_BITS));
  const rows: bigint[][] = [];
  const pivots: Pivot[] = [];
  for (let i = 0; i < rank; i++) {
    const row: bigint[] = [];
    const scaled: bigint[] = [];
    for (let j = 0; j <= i; j++) {
      let sum = 0n;
      for (let k = 0; k < j; k++) sum += scaled[k]! * (i === j ? row[k]! : rows[j]![k]!);
      const entry = BigInt(clamp((scatter(i, j) + (i === j ? added : 0n)) >> shift));
      const rest = BigInt(clamp(entry - (wrapped(sum) >> 16n)));
      if (i === j) pivots.push(pivotOf(rest < 1n ? 1n : rest));
      else {
        scaled.push(rest);
        row.push(over(rest, pivots[j]!, 16n));
      }
    }
    rows.push(row);
  }
  return { rows, pivots };
}

/** Weights of the projected sample for one class, and the constant beside them: C w = mean, −½ mean · w. */
export interface Solution {
  weights: bigint[];
  constant: bigint;
}

function solve({ rows, pivots }: Factors, means: Int16Array, row: number): Solution {
  const rank = rows.length;
  const mean = Array.from({ length: rank }, (_, i) => BigInt(means[row * rank + i]!));
  const y: bigint[] = [];
  for (let i = 0; i < rank; i++) {
    let sum = 0n;
    for (let k = 0; k < i; k++) sum += rows[i]![k]! * y[k]!;
    y.push(BigInt(clamp((mean[i]! << 8n) - (wrapped(sum) >> 16n))));
  }
  const weights = y.map((value, i) => over(value, pivots[i]!, Z_BITS));
  for (let i = rank - 1; i >= 0; i--) {
    let rest = weights[i]! << 16n;
    for (let k = i + 1; k < rank; k++) rest -= rows[k]![i]! * weights[k]!;
    weights[i] = BigInt(clamp(wrapped(rest) >> 16n));
  }
  const product = weights.reduce((sum, w, i) => sum + w * mean[i]!, 0n);
  return { weights, constant: -(product >> 9n) };
}

/** A head: what a weight bank holds of it. */
export interface Head {
  /** [class][inputs]: of the projected sample, and of the factory's logits. */
  weights: Int8Array;
  /** Of accumulators, the input's zero point folded in. */
  bias: Int32Array;
  multiplier: number;
  shift: number;
}

/** Accumulator of a class without samples: below all others. */
const ABSENT = -(2 ** 30);

/** 64-bit shift to the left, or to the right, down. */
const shifted = (x: bigint, left: number): bigint => (left >= 0 ? x << BigInt(left) : x >> BigInt(-left));

/** Without the mean over the classes that are there. */
function centred(solutions: readonly (Solution | undefined)[]): (Solution | undefined)[] {
  const present = solutions.filter((one) => one !== undefined);
  const count = BigInt(Math.max(present.length, 1));
  const middle = present[0]?.weights.map(
    (_, i) => present.reduce((sum, { weights }) => sum + weights[i]!, 0n) / count,
  );
  const constant = present.reduce((sum, one) => sum + one.constant, 0n) / count;
  return solutions.map(
    (one) =>
      one && {
        weights: one.weights.map((w, i) => w - middle![i]!),
        constant: one.constant - constant,
      },
  );
}

/** {multiplier, shift} of numerator / denominator: multiplier in [2³⁰, 2³¹), value multiplier · 2^(shift − 31), shift −31 … 0. */
function ratio(numerator: bigint, denominator: bigint): [multiplier: number, shift: number] {
  const up = 61 - bitLength(numerator);
  const down = 30 - bitLength(denominator);
  let quotient = shifted(numerator, up) / shifted(denominator, down);
  let shift = 31 - up + down;
  for (; quotient >= 1n << 31n; quotient >>= 1n) shift++;
  return [Number(quotient), Math.max(Math.min(shift, 0), -31)];
}

/** What a head is made with, besides sums. */
export interface HeadOptions {
  ridge: number;
  reach: number;
  /** What the head reads: a projected sample, and the factory's logits. */
  joinedInputs: number;
}

/** The head that sums make: weights of a projected sample, then zeros for the factory's logits. */
export function rebuild(sums: Sums, { ridge, reach, joinedInputs }: HeadOptions): Head {
  const classes = sums.counts.length;
  const rank = sums.totals.length / classes;
  const factors = factor(sums, ridge);
  const solutions = centred(
    Array.from(sums.counts, (count, c) => (count > 0 ? solve(factors, sums.means, c) : undefined)),
  );
  const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
  let top = 1n;
  let reached = 1n;
  solutions.forEach((one, c) => {
    if (!one) return;
    let sum = 0n;
    one.weights.forEach((w, i) => {
      top = larger(top, w < 0n ? -w : w);
      sum += w * BigInt(sums.means[c * rank + i]!);
    });
    reached = larger(reached, (sum >> 8n) + one.constant);
  });
  const factorOf = (127n << 31n) / top;
  const weights = new Int8Array(classes * joinedInputs);
  solutions.forEach((one, c) => {
    one?.weights.forEach((w, i) => {
      weights[c * joinedInputs + i] = Number((w * factorOf + (1n << 30n)) >> 31n);
    });
  });
  const bias = Int32Array.from(solutions, (one) => (one ? clamp((one.constant * 127n) / top) : ABSENT));
  const [multiplier, shift] = ratio(BigInt(reach) * top, reached * 127n);
  return { weights, bias, multiplier, shift };
}

/**
 * Sums of the factory's data and of a fleet: `added`, counts, then totals, then products, exact whole numbers; of so many
 * samples. Halved until they fit a weight bank.
 */
export function merged(prior: Sums, added: Float64Array, samples: number): Sums {
  const parts = [prior.counts, prior.totals, prior.products].flatMap((part) => [...part]);
  const all = parts.map((value, i) => value + added[i]!);
  const most = all.reduce((a, value) => Math.max(a, Math.abs(value)), 0);
  let halvings = 0;
  while (most / 2 ** halvings >= 2 ** 30) halvings++;
  const words = Int32Array.from(all, (value) => Math.floor(value / 2 ** halvings));
  const [classes, size] = [prior.counts.length, prior.totals.length];
  const counts = words.slice(0, classes);
  const totals = words.slice(classes, classes + size);
  return {
    halvings: prior.halvings + halvings,
    samples: prior.samples + samples,
    forgotten: prior.forgotten,
    counts,
    totals,
    products: words.slice(classes + size),
    means: meansOf(counts, totals, size / classes),
  };
}
