// What assembly/accel/ offers to kernels of one's own: scalar, in lanes, and by an oracle written from the contract.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fftTwiddles } from '../host/math/fft-twiddles.js';
import { Random } from '../host/math/random.js';

const root = new URL('../../', import.meta.url);
const entry = `
export { dot } from './assembly/accel/dot';
export { addS16, complexDotS16, dotS16, firS16, maxS16, multiplyS16 } from './assembly/accel/s16';
export { fftQ15, ifftQ15 } from './assembly/accel/fft_q15';
import { dot } from './assembly/accel/dot';
export function dotWide(x: usize, w: usize, length: i32): i64 { return dot<i16, i64>(x, w, length); }`;

interface Bodies {
  memory: WebAssembly.Memory;
  dotS16(x: number, w: number, length: number): bigint;
  dotWide(x: number, w: number, length: number): bigint;
  complexDotS16(x: number, w: number, length: number, conjugate: number, to: number): void;
  addS16(a: number, b: number, to: number, length: number): void;
  multiplyS16(a: number, b: number, to: number, length: number): void;
  maxS16(a: number, b: number, to: number, length: number): void;
  firS16(x: number, taps: number, count: number, to: number, length: number): void;
  fftQ15(data: number, n: number, twiddles: number): void;
  ifftQ15(data: number, n: number, twiddles: number): void;
}

async function compile(target: 'scalar' | 'simd'): Promise<{ bodies: Bodies; binary: Uint8Array }> {
  const { default: asc } = await import('assemblyscript/asc');
  let binary = new Uint8Array();
  const { error, stderr } = await asc.main(['entry.ts', '--target', target, '--outFile', 'x.wasm'], {
    readFile(name) {
      if (name === 'entry.ts') return entry;
      try {
        return readFileSync(new URL(name, root), 'utf8');
      } catch {
        return null;
      }
    },
    writeFile(_, data) {
      if (typeof data !== 'string') binary = new Uint8Array(data);
    },
    listFiles: () => [],
  });
  assert.ok(!error, `asc: ${error?.message}\n${stderr.toString()}`);
  const { instance } = await WebAssembly.instantiate(binary as Uint8Array<ArrayBuffer>);
  return { bodies: instance.exports as unknown as Bodies, binary };
}

const scalar = await compile('scalar');
const simd = await compile('simd');
const SIZE = 65536;

/** Calls both bodies with `data` at its addresses, all else 0x5a; the same answer and memory are asserted, and given. */
function both<T>(
  data: [number, Int16Array | Int8Array][],
  call: (bodies: Bodies) => T,
): { answer: T; memory: DataView } {
  const [first, second] = [scalar, simd].map(({ bodies }) => {
    const bytes = new Uint8Array(bodies.memory.buffer).fill(0x5a);
    for (const [at, values] of data) bytes.set(new Uint8Array(values.buffer, 0, values.byteLength), at);
    const answer = call(bodies);
    return { answer, bytes: Buffer.from(bytes) };
  });
  assert.is(first!.answer, second!.answer, 'scalar and simd');
  assert.ok(first!.bytes.equals(second!.bytes), 'memory of scalar and simd');
  return { answer: first!.answer, memory: new DataView(Uint8Array.from(first!.bytes).buffer) };
}

const random = new Random(11);
const EDGES = [-32768, -32767, -1, 0, 1, 32766, 32767];
const lengths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 100];

/** Numbers of int16: all the least, the most, or edges, or anything. */
function numbers(length: number, kind: number): Int16Array {
  return Int16Array.from({ length }, (_, i) => {
    if (kind === 0) return -32768;
    if (kind === 1) return i % 2 ? 32767 : -32768;
    if (kind === 2) return EDGES[random.integer(EDGES.length)]!;
    return random.integer(65536) - 32768;
  });
}

/** Lengths, kinds of numbers and addresses to try; the last byte of memory is the last of the second vector. */
function* cases(): Generator<{ length: number; kind: number; shift: number }> {
  for (const length of lengths) {
    for (let kind = 0; kind < 4; kind++) {
      for (const shift of [0, 1, 2, 7]) yield { length, kind, shift };
    }
  }
}

const clamp = (x: number): number => Math.max(-32768, Math.min(x, 32767));
const exact = (x: ArrayLike<number>, w: ArrayLike<number>): bigint =>
  Array.from(x).reduce((sum, value, i) => sum + BigInt(value) * BigInt(w[i]!), 0n);
/** What is in memory at `at`, and 0x5a on either side of it. */
function outputs(memory: DataView, at: number, length: number): number[] {
  assert.is(memory.getUint8(at - 1), 0x5a, 'before the output');
  if (at + 2 * length < SIZE) assert.is(memory.getUint8(at + 2 * length), 0x5a, 'behind the output');
  return Array.from({ length }, (_, i) => memory.getInt16(at + 2 * i, true));
}

test('the bodies differ', () => {
  assert.not.equal(scalar.binary, simd.binary);
});

test('dotS16 is exact, up to the end of memory', () => {
  for (const { length, kind, shift } of cases()) {
    const [x, w] = [numbers(length, kind), numbers(length, kind)];
    const [at, end] = [64 + shift, SIZE - 2 * length];
    const { answer } = both(
      [
        [at, x],
        [end, w],
      ],
      (bodies) => bodies.dotS16(at, end, length),
    );
    assert.is(answer, exact(x, w), `length ${length}, kind ${kind}`);
  }
  const least = numbers(9000, 0);
  assert.is(
    both(
      [
        [0, least],
        [20001, least],
      ],
      (bodies) => bodies.dotS16(0, 20001, 9000),
    ).answer,
    9000n << 30n,
  );
});

test('int16 by int8 is exact however long', () => {
  for (const length of [0, 1, 7, 8, 9, 1023, 1024, 1025, 2100, 9000]) {
    for (let kind = 0; kind < 4; kind++) {
      const x = numbers(length, kind);
      const w = Int8Array.from({ length }, () => (kind === 0 ? -128 : random.integer(256) - 128));
      const end = SIZE - length;
      const { answer } = both(
        [
          [3, x],
          [end, w],
        ],
        (bodies) => bodies.dotWide(3, end, length),
      );
      assert.is(answer, exact(x, w), `length ${length}, kind ${kind}`);
    }
  }
});

test('complexDotS16 is exact, with and without conjugate', () => {
  for (const { length, kind, shift } of cases()) {
    const [x, w] = [numbers(2 * length, kind), numbers(2 * length, kind)];
    const part = (values: Int16Array, which: number): number[] =>
      Array.from(values).filter((_, i) => i % 2 === which);
    const [xr, xi, wr, wi] = [part(x, 0), part(x, 1), part(w, 0), part(w, 1)];
    for (const conjugate of [0, 1]) {
      const sign = conjugate ? -1n : 1n;
      const [at, end, to] = [64 + shift, SIZE - 4 * length, 8192 + shift];
      const { memory } = both(
        [
          [at, x],
          [end, w],
        ],
        (bodies) => bodies.complexDotS16(at, end, length, conjugate, to),
      );
      const label = `length ${length}, kind ${kind}, conjugate ${conjugate}`;
      assert.is(memory.getBigInt64(to, true), exact(xr, wr) - sign * exact(xi, wi), `re, ${label}`);
      assert.is(memory.getBigInt64(to + 8, true), exact(xi, wr) + sign * exact(xr, wi), `im, ${label}`);
    }
  }
});

const elementwise = {
  addS16: (a: number, b: number) => clamp(a + b),
  multiplyS16: (a: number, b: number) => clamp(Math.floor((a * b + 16384) / 32768)),
  maxS16: (a: number, b: number) => Math.max(a, b),
};

test('element-wise ops saturate and round, in place too', () => {
  for (const { length, kind, shift } of cases()) {
    const [a, b] = [numbers(length, kind), numbers(length, kind)];
    for (const name of ['addS16', 'multiplyS16', 'maxS16'] as const) {
      const want = Array.from(a, (value, i) => elementwise[name](value, b[i]!));
      const [atA, atB] = [1024 + shift, SIZE - 2 * length];
      for (const to of [4097 + shift, atA, atB]) {
        const { memory } = both(
          [
            [atA, a],
            [atB, b],
          ],
          (bodies) => bodies[name](atA, atB, to, length),
        );
        assert.equal(outputs(memory, to, length), want, `${name}, length ${length}, kind ${kind}, to ${to}`);
      }
    }
  }
  assert.equal(elementwise.multiplyS16(-32768, -32768), 32767);
  assert.equal(elementwise.multiplyS16(-1, 16384), 0, 'half up');
});

test('firS16: windows, rounding, saturation, in place', () => {
  for (const length of lengths) {
    for (const count of [0, 1, 2, 3, 8, 17]) {
      for (let kind = 0; kind < 4; kind++) {
        const samples = length ? length + count - 1 : 0;
        const [x, taps] = [numbers(Math.max(samples, 0), kind), numbers(count, kind)];
        const want = Array.from({ length }, (_, i) => {
          const sum = exact(x.subarray(i, i + count), taps);
          return clamp(Number((sum + 16384n) >> 15n));
        });
        const at = SIZE - x.byteLength;
        for (const to of count ? [2049, at] : [2049]) {
          const { memory } = both(
            [
              [at, x],
              [67, taps],
            ],
            (bodies) => bodies.firS16(at, 67, count, to, length),
          );
          const got =
            to === at ? want.map((_, i) => memory.getInt16(to + 2 * i, true)) : outputs(memory, to, length);
          assert.equal(got, want, `length ${length}, ${count} taps, kind ${kind}, to ${to}`);
        }
      }
    }
  }
});

test('firS16 rounds halves up: a sum that lacks 1 shows', () => {
  const length = 19;
  for (const count of [1, 2, 3, 8, 9]) {
    // Of odd samples half a unit is left over, exactly.
    const x = Int16Array.from({ length: length + count - 1 }, (_, i) => 2 * i - 15);
    const taps = Int16Array.from({ length: count }, (_, i) => (i === 0 ? 16384 : 0));
    const { memory } = both(
      [
        [1, x],
        [401, taps],
      ],
      (bodies) => bodies.firS16(1, 401, count, 801, length),
    );
    assert.equal(
      outputs(memory, 801, length),
      Array.from({ length }, (_, i) => (x[i]! + 1) / 2),
      `${count} taps`,
    );
  }
});

test('firS16 takes 20,000 taps of the largest products', () => {
  const taps = numbers(20000, 0);
  const { memory } = both(
    [
      [0, taps],
      [SIZE - 2 * 400, numbers(400, 3)],
    ],
    (bodies) => bodies.firS16(0, 0, 19992, 50001, 9),
  );
  assert.equal(outputs(memory, 50001, 9), new Array(9).fill(32767));
});

/** The contract of assembly/accel/fft_q15.ts, point by point. */
function transformOracle(data: Int16Array, twiddles: Int16Array, inverse: boolean): number[] {
  const n = data.length / 2;
  const bits = Math.log2(n);
  const points = Array.from({ length: n }, (_, i) => {
    const from = Number.parseInt(i.toString(2).padStart(bits, '0').split('').reverse().join(''), 2);
    return { re: data[2 * from]!, im: data[2 * from + 1]! };
  });
  const rounded = (sum: number): number => Math.floor((sum + 16384) / 32768);
  for (let h = 1; h < n; h *= 2) {
    for (let i = 0; i < n; i++) {
      if (i & h) continue;
      const [a, b, j] = [points[i]!, points[i + h]!, i % h];
      let t = b;
      if (h === 2 && j === 1) t = inverse ? { re: -b.im, im: b.re } : { re: b.im, im: -b.re };
      if (h >= 4) {
        const at = 2 * (h - 4 + j);
        const [wr, wi] = [twiddles[at]!, inverse ? -twiddles[at + 1]! : twiddles[at + 1]!];
        t = { re: rounded(b.re * wr - b.im * wi), im: rounded(b.re * wi + b.im * wr) };
      }
      const half = (x: number): number => clamp(Math.floor((x + 1) / 2));
      points[i] = { re: half(a.re + t.re), im: half(a.im + t.im) };
      points[i + h] = { re: half(a.re - t.re), im: half(a.im - t.im) };
    }
  }
  return points.flatMap(({ re, im }) => [re, im]);
}

const sizes = [4, 8, 16, 32, 64, 128, 256, 512, 1024];
const table = fftTwiddles(1024);
const transformed = (data: Int16Array, inverse: boolean, at: number, factors = table): number[] => {
  const n = data.length / 2;
  const from = 16384 + (at & 3);
  const { memory } = both(
    [
      [at, data],
      [from, factors],
    ],
    (bodies) => bodies[inverse ? 'ifftQ15' : 'fftQ15'](at, n, from),
  );
  return outputs(memory, at, 2 * n);
};

test('fftQ15 and ifftQ15 are the contract to the bit, one table for all sizes', () => {
  for (const n of sizes) {
    for (let kind = 0; kind < 4; kind++) {
      const data = numbers(2 * n, kind);
      for (const inverse of [false, true]) {
        const want = transformOracle(data, fftTwiddles(n), inverse);
        const got = transformed(data, inverse, 64 + kind);
        assert.equal(got, want, `${n} points, kind ${kind}, inverse ${inverse}`);
      }
    }
  }
  const anyTwiddles = Int16Array.from(numbers(2 * 1020, 2), (w) => Math.max(w, -32767));
  for (let kind = 0; kind < 3; kind++) {
    const data = numbers(2048, kind);
    assert.equal(transformed(data, false, 65, anyTwiddles), transformOracle(data, anyTwiddles, false));
  }
});

test('fftQ15 and ifftQ15 are Fourier transforms over n, within a rounding a stage', () => {
  for (const n of sizes) {
    // Within the circle in which nothing saturates.
    const data = Int16Array.from(numbers(2 * n, 3), (x) => Math.trunc(x * 0.7067));
    for (const inverse of [false, true]) {
      const got = transformed(data, inverse, 64);
      let largest = 0;
      for (let k = 0; k < n; k++) {
        let [re, im] = [0, 0];
        for (let i = 0; i < n; i++) {
          const angle = ((inverse ? 2 : -2) * Math.PI * ((i * k) % n)) / n;
          re += data[2 * i]! * Math.cos(angle) - data[2 * i + 1]! * Math.sin(angle);
          im += data[2 * i]! * Math.sin(angle) + data[2 * i + 1]! * Math.cos(angle);
        }
        largest = Math.max(largest, Math.hypot(got[2 * k]! - re / n, got[2 * k + 1]! - im / n));
      }
      assert.ok(largest < 1.42 * Math.log2(n), `${n} points: off by ${largest}`);
    }
  }
});

test('fftTwiddles: the nearest in Q15, a smaller table the beginning of a larger', () => {
  for (const n of sizes)
    assert.equal([...fftTwiddles(n)], [...table.subarray(0, 2 * (n - 4))], `${n} points`);
  assert.is(table.length, 2 * 1020);
  for (let h = 4, at = 0; h <= 512; h *= 2) {
    for (let j = 0; j < h; j++, at += 2) {
      const [re, im] = [Math.cos((Math.PI * j) / h), -Math.sin((Math.PI * j) / h)];
      const q15 = (x: number): number => Math.max(-32767, Math.min(Math.round(32768 * x), 32767));
      assert.equal(
        [table[at], table[at + 1]],
        [q15(re), q15(im)].map((x) => x + 0),
        `h ${h}, j ${j}`,
      );
    }
  }
});

test.run();
