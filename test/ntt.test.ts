// The number-theoretic transform is exact: constants, spectra, bounds, and whole layers at their extremes.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CIRC_CENTRE,
  NTT_ONE,
  NTT_PRIME,
  NTT_PRIME_INVERSE,
  NTT_RECIPROCAL,
  OP_BIAS,
  OpKind,
} from '../assembly/layout.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { constantOffset } from '../host/model/learning-header.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { blockSpectrum, transformRoot } from '../host/ops/circulant/field.js';
import { forwardBound, inverseBound, planNtt } from '../host/ops/circulant/ntt-bounds.js';
import { int8s } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { bitReverse, evaluate, isSigned, modulo, P, power, R, rootOf } from './util/field.js';

/** y[r] = Σ w[(r − c) mod k]·x[c] */
function convolve(w: ArrayLike<number>, x: ArrayLike<number>): number[] {
  const k = w.length;
  return Array.from({ length: k }, (_, r) => {
    let sum = 0;
    for (let c = 0; c < k; c++) sum += w[(r - c + k) % k]! * x[c]!;
    return sum;
  });
}

test('the constants are what their names say', () => {
  assert.is(BigInt(NTT_PRIME), P);
  assert.is(P, 5n * (1n << 25n) + 1n);
  for (let d = 2n; d * d <= P; d++) if (P % d === 0n) assert.unreachable(`p is divisible by ${d}`);
  for (const factor of [2n, 5n]) assert.is.not(power(3n, (P - 1n) / factor), 1n, '3 is a primitive root');
  assert.is(BigInt.asUintN(32, BigInt(NTT_PRIME_INVERSE) * P), 1n);
  assert.is(modulo(BigInt(NTT_ONE)), R % P);
  assert.ok(isSigned(NTT_ONE));
  // round(2⁵⁷ / p)
  assert.is(BigInt(NTT_RECIPROCAL), ((1n << 58n) / P + 1n) >> 1n);
});

test('roots and spectra: the block evaluated at the powers of ω, frequencies bit-reversed, times 2³²/k', () => {
  for (let k = 2; k <= 512; k *= 2) {
    const random = new Random(k);
    const root = transformRoot(k);
    const omega = rootOf(k);
    assert.is(power(omega, BigInt(k / 2)), P - 1n, 'ω has order k');
    assert.is(modulo(BigInt(root)), (omega * R) % P);
    assert.ok(isSigned(root));
    const w = k % 3 === 1 ? new Int8Array(k).fill(-127) : int8s(random, k, -127);
    const x = int8s(random, k);
    const spectrum = blockSpectrum(w);
    const y = convolve(w, x);
    assert.is(spectrum.length, k);
    for (let position = 0; position < k; position++) {
      const point = power(omega, BigInt(bitReverse(position, k)));
      const value = (modulo(BigInt(spectrum[position]!)) * BigInt(k)) % P;
      assert.is(value, (evaluate(w, point) * R) % P, `k ${k}, position ${position}`);
      // The convolution theorem ties the spectrum to the layer's own definition.
      assert.is(
        (value * evaluate(x, point)) % P,
        (evaluate(y, point) * R) % P,
        `k ${k}, position ${position}`,
      );
      assert.ok(isSigned(spectrum[position]!));
    }
  }
});

test('centring is exact below 9p: at the edges of every residue class and for 10⁶ random values', () => {
  const reciprocal = BigInt(NTT_RECIPROCAL);
  const check = (x: number): void => {
    if (Math.abs(x) >= 9 * NTT_PRIME) return;
    const high = Number((BigInt(x) * reciprocal) >> 32n);
    const centred = x - ((high + 2 ** 24) >> 25) * NTT_PRIME;
    // Number arithmetic: x is far below 2⁵³.
    const rest = x - Math.round(x / NTT_PRIME) * NTT_PRIME;
    if (centred !== rest) assert.unreachable(`${x} becomes ${centred} instead of ${rest}`);
  };
  const half = (NTT_PRIME - 1) / 2;
  for (let m = -9; m <= 9; m++) {
    for (let off = -2; off <= 2; off++)
      for (const edge of [-half, 0, half]) check(m * NTT_PRIME + edge + off);
  }
  const random = new Random(9);
  for (let i = 0; i < 1_000_000; i++) check((random.uint32() % (18 * NTT_PRIME - 1)) - 9 * NTT_PRIME + 1);
});

/** Arithmetic the mirror below runs on: exact numbers, or the largest magnitudes they can have. */
interface Lanes<T> {
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  /** Montgomery product with a twiddle. */
  multiply(a: T, twiddle: bigint): T;
}

/** Exact, as the device computes; remembers the largest magnitude that passed. */
class Exact implements Lanes<bigint> {
  most = 0n;
  #seen(x: bigint): bigint {
    const magnitude = x < 0n ? -x : x;
    if (magnitude > this.most) this.most = magnitude;
    return x;
  }
  add(a: bigint, b: bigint): bigint {
    return this.#seen(a + b);
  }
  sub(a: bigint, b: bigint): bigint {
    return this.#seen(a - b);
  }
  reduce(sum: bigint): bigint {
    const quotient = BigInt.asIntN(32, BigInt.asIntN(32, sum) * BigInt(NTT_PRIME_INVERSE));
    const difference = sum - quotient * P;
    assert.is(BigInt.asIntN(64, difference), difference, 'a Montgomery sum overflows 64 bits');
    return this.#seen(difference >> 32n);
  }
  multiply(a: bigint, twiddle: bigint): bigint {
    return this.reduce(a * twiddle);
  }
}

/** Magnitudes alone, whatever the values and twiddles: a bound by construction. */
class Magnitudes implements Lanes<number> {
  most = 0;
  add(a: number, b: number): number {
    this.most = Math.max(this.most, a + b);
    return a + b;
  }
  sub(a: number, b: number): number {
    return this.add(a, b);
  }
  multiply(a: number): number {
    return this.add((a * NTT_PRIME) / 2 ** 33, NTT_PRIME / 2);
  }
}

const twiddleCache = new Map<number, bigint[]>();

/** Powers of ω in Montgomery form, signed. */
function twiddles(k: number): bigint[] {
  let cached = twiddleCache.get(k);
  if (!cached) {
    cached = [];
    for (let i = 0, t = R % P; i < k; i++, t = (t * rootOf(k)) % P) cached.push(t > P / 2n ? t - P : t);
    twiddleCache.set(k, cached);
  }
  return cached;
}

/**
 * Decimation into X^k − 1's factors, a stage at a time. Like the device, block 0 holds plain sums after the first pass
 * (one stage of an odd number, else two), and, with `sums`, throughout.
 */
function transformMirror<T>(x: T[], lanes: Lanes<T>, sums: boolean): T[] {
  const k = x.length;
  const powers = twiddles(k);
  const y = [...x];
  const plain = sums ? Infinity : Math.log2(k) % 2 ? 1 : 2;
  for (let half = k / 2, stage = 0; half >= 1; half /= 2, stage++) {
    for (let block = 0; block * 2 * half < k; block++) {
      const w = powers[bitReverse(block, k / 2)]!;
      for (let i = block * 2 * half; i < block * 2 * half + half; i++) {
        const [a, v] = [y[i]!, y[i + half]!];
        const b = block === 0 && stage < plain ? v : lanes.multiply(v, w);
        y[i] = lanes.add(a, b);
        y[i + half] = lanes.sub(a, b);
      }
    }
  }
  return y;
}

const forwardMirror = <T>(x: T[], lanes: Lanes<T>): T[] => transformMirror(x, lanes, true);

/** From what `forwardMirror` gives to k times its input: the transform again, frequencies negated in between. */
function inverseMirror<T>(x: T[], lanes: Lanes<T>): T[] {
  const k = x.length;
  const turned = x.map((_, i) => x[bitReverse((k - i) % k, k)]!);
  const y = transformMirror(turned, lanes, false);
  return y.map((_, i) => y[bitReverse(i, k)]!);
}

/** The same as `FAST` builds do it: from bit-reversed order to natural, two stages a pass, the least first. */
function fastInverseMirror<T>(x: T[], lanes: Lanes<T>): T[] {
  const k = x.length;
  const y = [...x];
  const twiddle = (block: number): bigint => twiddles(k)[bitReverse(block, k / 2)]!;
  let quarter = 1;
  for (; 4 * quarter <= k; quarter *= 4) {
    const reduce = (value: T): T => (4 * quarter === k ? value : lanes.multiply(value, twiddle(0)));
    for (let at = 0; at < k; at++) {
      if ((at / quarter) & 3) continue;
      const block = Math.floor(at / (4 * quarter));
      const other = block && block ^ ((1 << (31 - Math.clz32(block))) - 1);
      const [a, b, c, d] = [0, 1, 2, 3].map((i) => y[at + i * quarter]!) as [T, T, T, T];
      const [p, q] = [lanes.add(a, b), lanes.add(c, d)];
      const s = lanes.multiply(lanes.sub(d, c), twiddle(block ? 2 * other : 1));
      const r = block ? lanes.multiply(lanes.sub(b, a), twiddle(2 * other + 1)) : lanes.sub(a, b);
      const first = twiddle(other);
      const out = block
        ? [
            lanes.multiply(lanes.add(p, q), twiddle(0)),
            lanes.add(r, s),
            lanes.multiply(lanes.sub(q, p), first),
            lanes.multiply(lanes.sub(s, r), first),
          ]
        : [lanes.add(p, q), lanes.add(r, s), lanes.sub(p, q), lanes.sub(r, s)].map(reduce);
      out.forEach((value, i) => {
        y[at + i * quarter] = value;
      });
    }
  }
  if (quarter < k) {
    for (let i = 0; i < k / 2; i++) {
      const [a, b] = [y[i]!, y[i + k / 2]!];
      [y[i], y[i + k / 2]] = [lanes.add(a, b), lanes.sub(a, b)];
    }
  }
  return y;
}

/** Inputs that drive lanes far: constant, alternating, and signs aligned with a frequency. */
function extremes(k: number, random: Random): Int8Array[] {
  const of = (value: (i: number) => number): Int8Array => Int8Array.from({ length: k }, (_, i) => value(i));
  return [
    of(() => -128),
    of(() => 127),
    of((i) => (i % 2 ? -128 : 127)),
    of((i) => (i < k / 2 ? -128 : 127)),
    of((i) => (Math.cos((2 * Math.PI * 3 * i) / k) < 0 ? -128 : 127)),
    of(() => (random.integer(2) ? -128 : 127)),
    int8s(random, k),
  ];
}

test('a mirror of the transforms in BigInt is right, and no lane passes the bounds', () => {
  for (let k = 2; k <= 512; k *= 2) {
    const random = new Random(k + 1);
    const omega = rootOf(k);
    const points = Array.from({ length: k }, (_, i) => power(omega, BigInt(bitReverse(i, k))));
    const w = int8s(random, k, -127);
    const spectrum = [...blockSpectrum(w)].map(BigInt);
    const most = { forward: 0n, inverse: 0n };
    for (const x of extremes(k, random)) {
      const forward = new Exact();
      const transformed = forwardMirror([...x].map(BigInt), forward);
      transformed.forEach((value, i) =>
        assert.is(modulo(value), evaluate(x, points[i]!), `k ${k}, lane ${i}`),
      );
      if (forward.most > most.forward) most.forward = forward.most;
      const inverse = new Exact();
      const products = transformed.map((value, i) => new Exact().reduce(value * spectrum[i]!));
      const back = inverseMirror(products, inverse);
      const y = convolve(w, x);
      back.forEach((value, i) => assert.is(modulo(value), modulo(BigInt(y[i]!)), `k ${k}, output ${i}`));
      const fast = fastInverseMirror(products, inverse);
      fast.forEach((value, i) =>
        assert.is(modulo(value), modulo(BigInt(y[i]!)), `k ${k}, output ${i}, fast`),
      );
      const largest = Math.max(...products.map((value) => Math.abs(Number(value))));
      assert.ok(Number(inverse.most) <= inverseBound(k, largest), `inverse, k ${k}: ${inverse.most}`);
      if (inverse.most > most.inverse) most.inverse = inverse.most;
    }
    assert.ok(Number(most.forward) <= forwardBound(k, 128), `forward, k ${k}: ${most.forward}`);
    // Random values of the field's full width into the inverse.
    for (const bound of [NTT_PRIME / 2, 1.5 * NTT_PRIME]) {
      const lanes = new Exact();
      const edge = BigInt(Math.floor(bound));
      inverseMirror(
        Array.from({ length: k }, () => (random.integer(2) ? edge : -edge)),
        lanes,
      );
      assert.ok(Number(lanes.most) <= inverseBound(k, bound), `inverse, k ${k}: ${lanes.most}`);
      assert.ok(lanes.most > edge, 'lanes did grow');
    }
  }
});

test('the bounds cover every input and twiddle: magnitudes through the mirror stay below them', () => {
  for (let k = 2; k <= 4096; k *= 2) {
    const forward = new Magnitudes();
    forwardMirror(new Array<number>(k).fill(128), forward);
    assert.ok(forward.most <= forwardBound(k, 128), `forward, k ${k}: ${forward.most}`);
    assert.ok(Number.isFinite(forwardBound(k, 128)) && forwardBound(k, 128) < 9 * NTT_PRIME);
    for (const bound of [NTT_PRIME / 2, 1.2 * NTT_PRIME, 2 * NTT_PRIME, 4 * NTT_PRIME]) {
      const inverse = new Magnitudes();
      inverseMirror(new Array<number>(k).fill(bound), inverse);
      fastInverseMirror(new Array<number>(k).fill(bound), inverse);
      assert.ok(inverse.most <= inverseBound(k, bound), `inverse, k ${k}: ${inverse.most}`);
      assert.is(inverseBound(k, bound) < 2 ** 31, Number.isFinite(inverseBound(k, bound)));
    }
  }
  assert.is(inverseBound(512, 2 ** 30), Infinity);
});

/** Rows of so much of what the field holds are always taken: accelerated bodies centre by a reciprocal that is 1.6 % off. */
const SURE = 0.6;

test('planNtt: refuses what the field does not hold, centres where sums would overflow, and only there', () => {
  const half = (NTT_PRIME - 1) / 2;
  const seen = { plain: 0, centred: 0, infeasible: 0 };
  assert.not(planNtt(2, 1, 100).feasible, 'the kernel multiplies four frequencies at a time');
  for (let k = 4; k <= 4096; k *= 2) {
    const spectra = new Magnitudes();
    const widest = Math.max(...forwardMirror(new Array<number>(k).fill(128), spectra));
    assert.ok(planNtt(k, 1, SURE * half).feasible, `k ${k}`);
    assert.not(planNtt(k, 1, half + 1).feasible, 'p/2 and its neighbour are one residue');
    assert.not(planNtt(k, 1, Infinity).feasible);
    for (let blocks = 1; blocks <= 8192; blocks = Math.ceil(blocks * 1.2)) {
      /** Whether nothing overflows, by magnitudes through the mirror. */
      const isSafe = (centre: boolean): boolean => {
        const spectrum = centre ? NTT_PRIME / 2 : widest;
        const sum = blocks * spectrum * (NTT_PRIME / 2);
        const inverse = new Magnitudes();
        const products = new Array<number>(k).fill(sum / 2 ** 32 + NTT_PRIME / 2);
        inverseMirror(products, inverse);
        fastInverseMirror(products, inverse);
        // A Montgomery reduction adds up to 2³¹·p to the sum.
        const fits = sum + 2 ** 31 * NTT_PRIME < 2 ** 63;
        return spectra.most < 9 * NTT_PRIME && fits && inverse.most < 9 * NTT_PRIME;
      };
      const plan = planNtt(k, blocks, SURE * half);
      if (plan.feasible) assert.ok(isSafe(plan.centre), `k ${k}, ${blocks} blocks, ${JSON.stringify(plan)}`);
      seen[plan.feasible ? (plan.centre ? 'centred' : 'plain') : 'infeasible']++;
    }
    if (k <= 512) {
      // The largest row of ±127 weights that the field holds.
      const blocks = Math.min(64, Math.floor((SURE * half) / (127 * 128 * k)));
      assert.ok(planNtt(k, blocks, 127 * 128 * k * blocks).feasible, `k ${k}, ${blocks} blocks`);
    }
  }
  assert.ok(seen.plain > 50 && seen.centred > 20 && seen.infeasible > 20, JSON.stringify(seen));
});

/** A layer of one block row whose weights are given; requantization ×1, so that an answer is bias plus sum itself. */
function layer(k: number, weights: Int8Array, zeroPoint: number): QuantizedNetwork {
  return {
    name: 'extreme',
    tensors: [
      { shape: [weights.length], scale: 1, zeroPoint },
      { shape: [k], scale: 1, zeroPoint: 0 },
    ],
    ops: [
      {
        kind: 'circulant',
        name: 'circulant',
        inputs: [0],
        output: 1,
        blockSize: k,
        method: 'ntt',
        weights,
        bias: new Int32Array(k),
        multipliers: Int32Array.of(2 ** 30),
        shifts: Int32Array.of(1),
        clampMin: -128,
        clampMax: 127,
      },
    ],
    input: 0,
    output: 1,
  };
}

test('whole layers at their extremes equal a naive integer oracle, in every bit of the accumulator', () => {
  const half = (NTT_PRIME - 1) / 2;
  let centred = 0;
  for (let k = 4; k <= 512; k *= 2) {
    const random = new Random(k + 2);
    let blocks = 64;
    while (blocks > 1 && !planNtt(k, blocks, 127 * 128 * k * blocks).feasible) blocks--;
    const field = Math.floor(half / (127 * 128 * k));
    assert.ok(blocks <= field && blocks >= Math.min(64, Math.floor(SURE * field)), 'limited by the field');
    const size = k * blocks;
    const signs = Int8Array.from({ length: size }, () => (random.integer(2) ? 127 : -127));
    const patterns: Int8Array[] = [new Int8Array(size).fill(127), signs];
    if (k < 256) patterns.push(new Int8Array(size).fill(-127), int8s(random, size, -127));
    patterns.forEach((weights, pattern) => {
      const zeroPoint = [0, -128, 127, 5][pattern]!;
      const network = layer(k, weights, zeroPoint);
      // Biases that differ: each output has its own, so that they can be written below.
      (network.ops[0] as unknown as { bias: Int32Array }).bias[0] = 1;
      const options = { arenaBytes: 65000, policy: 'never', capacitorUf: 1e5 };
      // Biases are written into the image below, as int32.
      const image = readImage(compile(network, { ...options, lean: 'off' }));
      const op = image.ops[0]!;
      assert.is(op.kind, OpKind.CIRCULANT_NTT);
      centred += op.get(CIRC_CENTRE);
      const devices = [makeDevice(image), makeDevice(image, 'fast'), makeDevice(image, 'simd')];
      const fresh = devices[0]!.nvm.cells.slice();
      const inputs = [
        new Int8Array(size).fill(-128),
        new Int8Array(size).fill(127),
        // The largest sum there is, in output 0.
        Int8Array.from({ length: size }, (_, i) => {
          const at = i - (i % k) + ((k - (i % k)) % k);
          return weights[at]! < 0 ? 127 : -128;
        }),
        ...extremes(size, random).slice(2, 6),
      ];
      for (const x of inputs) {
        const sums = new Array<number>(k).fill(0);
        for (let block = 0; block < blocks; block++) {
          const at = block * k;
          const zeroed = Array.from(x.subarray(at, at + k), (value) => value - zeroPoint);
          convolve(weights.subarray(at, at + k), zeroed).forEach((sum, r) => {
            sums[r]! += sum;
          });
        }
        const expected = Int8Array.from({ length: k }, (_, r) => ((r * 7) % 201) - 100);
        // The bias that makes sum r come out as expected[r]: any wrong bit of a sum shows, or saturates.
        for (const device of devices) {
          device.nvm.load(fresh);
          const bias = new DataView(new ArrayBuffer(k * 4));
          const weightSums = convolveSums(weights, k);
          expected.forEach((y, r) => {
            bias.setInt32(r * 4, y - sums[r]! - zeroPoint * weightSums[r]!, true);
          });
          // The devices read these very bytes.
          image.device.set(new Uint8Array(bias.buffer), constantOffset(op.get(OP_BIAS)));
          const found = infer(device, image, x);
          assert.ok(
            found.every((y, r) => y === expected[r]),
            `k ${k}, pattern ${pattern}`,
          );
        }
      }
    });
  }
  assert.ok(centred > 0, 'no layer was centred');
});

/** Σ w of each output's row: a circulant block's rows all sum to its first column's sum. */
function convolveSums(weights: Int8Array, k: number): number[] {
  const total = weights.reduce((sum, w) => sum + w, 0);
  return new Array<number>(k).fill(total);
}

test.run();
