// What builds with an accelerator import (docs/ACCEL.md), in plain integers: the bodies of Node, where tests run them.
import { NTT_PRIME } from '../../assembly/layout.js';
import { scale } from '../model/fixed-point.js';
import { WEIGHT_TYPES, type WeightBits, weightTypeOf } from '../model/weight-types.js';
import { unityResidue, unscaledResidue } from '../ops/circulant/field.js';
import { type AcceleratorImport, type Rounding, type Six, times } from './accelerator-accesses.js';

/** a · b mod p without passing 2⁵³: b in two halves. */
function modularProduct(a: number, b: number): number {
  const half = 1 << 14;
  const upper = (a * Math.floor(b / half)) % NTT_PRIME;
  return (upper * half + a * (b % half)) % NTT_PRIME;
}

/** The residue in 0 … p − 1. */
const residue = (x: number): number => ((x % NTT_PRIME) + NTT_PRIME) % NTT_PRIME;

/** The representative in ±p/2. */
const centred = (x: number): number => (x * 2 > NTT_PRIME ? x - NTT_PRIME : x);

/** `index` with its bits reversed, of `size` in all. */
function reversed(index: number, size: number): number {
  let result = 0;
  for (let bit = 1; bit < size; bit *= 2) result = result * 2 + (index & bit ? 1 : 0);
  return result;
}

/** Σ x[i] · ω^(i·n) for each n, ω of order x.length, or its inverse: straight from the definition. */
function spectrum(x: readonly number[], inverse: boolean): number[] {
  const k = x.length;
  const powers = x.map((_, i) => residue(unityResidue(k, inverse ? -i : i)));
  return x.map((_, n) =>
    x.reduce((sum, value, i) => (sum + modularProduct(value, powers[(i * n) % k]!)) % NTT_PRIME, 0),
  );
}

/** 1 / 2³² mod p. */
const UNSCALED = residue(unscaledResidue());

/** Values of the module's memory. */
interface Values {
  s8(at: number): number;
  s16(at: number): number;
  s32(at: number): number;
  putS8(at: number, value: number): void;
  putS16(at: number, value: number): void;
  putS32(at: number, value: number): void;
  /** Keeps the sum of row `row` as int8 at `to`. */
  keep(to: number, sum: number, row: number, rounding: Rounding): void;
}

function valuesOf(memory: () => Uint8Array): Values {
  let view: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0));
  // Made anew only where memory is another: it is asked for at each access.
  const fresh = (): DataView<ArrayBufferLike> => {
    const { buffer, byteOffset } = memory();
    if (view.buffer !== buffer || view.byteOffset !== byteOffset) view = new DataView(buffer, byteOffset);
    return view;
  };
  const s8 = (at: number): number => (memory()[at]! << 24) >> 24;
  const s16 = (at: number): number => fresh().getInt16(at, true);
  const s32 = (at: number): number => fresh().getInt32(at, true);
  const putS16 = (at: number, value: number): void => fresh().setInt16(at, value, true);
  const putS32 = (at: number, value: number): void => fresh().setInt32(at, value, true);
  const keep = (to: number, sum: number, row: number, rounding: Rounding): void => {
    const [bias, pair, pairStride, zeroPoint, low, high] = rounding;
    const at = pair + row * pairStride;
    const y = scale(sum + s32(bias + row * 4), s32(at), s32(at + 4)) + zeroPoint;
    memory()[to] = Math.min(Math.max(y, low), high);
  };
  const putS8 = (at: number, value: number): void => {
    memory()[at] = value;
  };
  return { s8, s16, s32, putS8, putS16, putS32, keep };
}

type Imports<Name extends AcceleratorImport> = Record<Name, (...values: number[]) => void>;

/** The imports `accel.*` over the module's memory. */
export function acceleratorImports(memory: () => Uint8Array): Imports<AcceleratorImport> {
  const values = valuesOf(memory);
  return {
    ...sumImports(values),
    ...windowImports(values),
    ...packedImports(values),
    ...circulantImports(values),
    ...winogradImports(values),
    ...transformImports(values),
  };
}

function packedImports({ s8, keep }: Values): Imports<'signs_s8' | 'nibbles_s8' | 'xnor_s8'> {
  const multiply = (values: readonly number[], bits: WeightBits): void => {
    const [x, vectors, w, rows, length, ...rest] = values as [number, number, number, number, number];
    const [to, toStride] = (rest as number[]).slice(6) as [number, number];
    const { rowBytes, unpack } = WEIGHT_TYPES[weightTypeOf(bits)];
    const bytes = rowBytes(length);
    for (let row = 0; row < rows; row++) {
      const packed = Uint8Array.from({ length: bytes }, (_, i) => s8(w + row * bytes + i));
      const weights = unpack(packed, length);
      for (let vector = 0; vector < vectors; vector++) {
        const sum = weights.reduce((total, weight, i) => total + weight * s8(x + vector * length + i), 0);
        keep(to + vector * toStride + row, sum, row, rest as unknown as Rounding);
      }
    }
  };
  return {
    signs_s8: (...values: number[]) => multiply(values.toSpliced(3, 1), values[3] as WeightBits),
    nibbles_s8: (...values: number[]) => multiply(values, 4),
    xnor_s8(...values: number[]): void {
      const [x, windows, step, height, across, span, w, rows, ...rest] = values as unknown as [
        ...Six,
        number,
        number,
      ];
      const [to, toStride] = (rest as number[]).slice(6) as [number, number];
      const length = height * span;
      const { rowBytes, unpack } = WEIGHT_TYPES.int1;
      for (let row = 0; row < rows; row++) {
        const at = w + row * rowBytes(length);
        const weights = unpack(
          Uint8Array.from({ length: rowBytes(length) }, (_, i) => s8(at + i)),
          length,
        );
        for (let window = 0; window < windows; window++) {
          const input = (i: number): number =>
            s8(x + window * step + Math.floor(i / span) * across + (i % span));
          const sum = weights.reduce((total, weight, i) => total + weight * input(i), 0);
          keep(to + window * toStride + row, sum, row, rest as unknown as Rounding);
        }
      }
    },
  };
}

function circulantImports({ s8, keep }: Values): Imports<'circulant_s8'> {
  return {
    circulant_s8(...values: number[]): void {
      const [x, w, k, blocks, first, count, ...rest] = values as [...Six];
      const to = (rest as number[])[6]!;
      for (let row = 0; row < count; row++) {
        let sum = 0;
        for (let i = 0; i < blocks * k; i++) {
          const column = i % k;
          sum += s8(x + i) * s8(w + i - column + ((((first + row - column) % k) + k) % k));
        }
        keep(to + row, sum, row, rest as unknown as Rounding);
      }
    },
  };
}

function windowImports({ s8, keep }: Values): Imports<'windows_s8'> {
  return {
    windows_s8(...values: number[]): void {
      const [x, pixel, step, across, height, width, count, w, rows, ...rest] = values as [
        ...Six,
        ...[number, number, number],
      ];
      const [to, toStride] = (rest as number[]).slice(6) as [number, number];
      const span = width * pixel;
      for (let window = 0; window < count; window++)
        for (let row = 0; row < rows; row++) {
          let sum = 0;
          for (let i = 0; i < height * span; i++) {
            const at = x + window * step + Math.floor(i / span) * across + (i % span);
            sum += s8(at) * s8(w + row * height * span + i);
          }
          keep(to + window * toStride + row, sum, row, rest as unknown as Rounding);
        }
    },
  };
}

function sumImports({ s8, putS8, keep }: Values): Imports<'gemm_s8' | 'depthwise_s8' | 'add_s8'> {
  return {
    gemm_s8(...values: number[]): void {
      const [x, vectors, w, rows, length, ...rest] = values as [number, number, number, number, number];
      const [to, toStride] = (rest as number[]).slice(6) as [number, number];
      for (let vector = 0; vector < vectors; vector++)
        for (let row = 0; row < rows; row++) {
          let sum = 0;
          for (let i = 0; i < length; i++) sum += s8(x + vector * length + i) * s8(w + row * length + i);
          keep(to + vector * toStride + row, sum, row, rest as unknown as Rounding);
        }
    },
    depthwise_s8(...values: number[]): void {
      const [x, pixel, step, across, windows, w, wStride, height, width, count, ...rest] = values as [
        ...[number, number, number, number, number, number, number, number, number, number],
      ];
      const to = (rest as number[])[6]!;
      for (let window = 0; window < windows; window++)
        for (let channel = 0; channel < count; channel++) {
          let sum = 0;
          for (let tap = 0; tap < height * width; tap++) {
            const at = x + window * step + Math.floor(tap / width) * across + (tap % width) * pixel;
            sum += s8(at + channel) * s8(w + tap * wStride + channel);
          }
          keep(to + window * pixel + channel, sum, channel, rest as unknown as Rounding);
        }
    },
    add_s8(...values: number[]): void {
      const [a, b, count, up, ...rest] = values as [number, number, number, number];
      const [zeroA, multiplierA, shiftA, zeroB, multiplierB, shiftB, multiplier, shift] = rest as unknown as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const [zeroPoint, low, high, to] = (rest as number[]).slice(8) as [number, number, number, number];
      for (let i = 0; i < count; i++) {
        const sum =
          scale((s8(a + i) - zeroA) * 2 ** up, multiplierA, shiftA) +
          scale((s8(b + i) - zeroB) * 2 ** up, multiplierB, shiftB);
        const y = scale(sum, multiplier, shift) + zeroPoint;
        putS8(to + i, Math.min(Math.max(y, low), high));
      }
    },
  };
}

/** Aᵀ: which products, of a row or a column, make an output. */
const OUTPUT_ROWS = [
  [1, 1, 1, 0],
  [0, 1, -1, -1],
] as const;

/** Bᵀ. */
const INPUT_ROWS = [
  [1, 0, -1, 0],
  [0, 1, 1, 0],
  [0, -1, 1, 0],
  [0, 1, 0, -1],
] as const;
/** 2G. */
const WEIGHT_ROWS = [
  [2, 0, 0],
  [1, 1, 1],
  [1, -1, 1],
  [0, 0, 2],
] as const;

/** M·d·Mᵀ at `position`. */
function sandwich(
  m: readonly (readonly number[])[],
  position: number,
  d: (y: number, x: number) => number,
): number {
  const [rows, columns] = [m[position >> 2]!, m[position & 3]!];
  let sum = 0;
  for (let y = 0; y < rows.length; y++) {
    for (let x = 0; x < columns.length; x++) {
      const factor = rows[y]! * columns[x]!;
      if (factor !== 0) sum += factor * d(y, x);
    }
  }
  return sum;
}

/** Where value `channel` of a position of a block, or of a row of weights, lies: two of them share 64 bytes a channel. */
function winogradPlace(
  from: number,
  channels: number,
  index: number,
  position: number,
  channel: number,
): number {
  const fours = position * channels + (channel & ~3);
  return from + (index >> 1) * 64 * channels + (index & 1) * 8 + fours * 4 + 2 * [0, 2, 1, 3][channel & 3]!;
}

function winogradImports({
  s8,
  s16,
  putS16,
  keep,
}: Values): Imports<'winograd_input_s8' | 'winograd_weights_s8' | 'winograd_s8'> {
  return {
    winograd_input_s8(...values: number[]): void {
      const [x, bytes, pairs, channels, to] = values as [number, number, number, number, number];
      for (let block = 0; block < 2 * pairs; block++)
        for (let channel = 0; channel < channels; channel++)
          for (let position = 0; position < 16; position++) {
            const value = sandwich(INPUT_ROWS, position, (row, column) =>
              s8(x + row * bytes + (2 * block + column) * channels + channel),
            );
            putS16(winogradPlace(to, channels, block, position, channel), value);
          }
    },
    winograd_weights_s8(...values: number[]): void {
      const [w, rows, channels, to] = values as [number, number, number, number];
      for (let row = 0; row < rows; row++)
        for (let channel = 0; channel < channels; channel++)
          for (let position = 0; position < 16; position++) {
            const value = sandwich(WEIGHT_ROWS, position, (y, x) =>
              s8(w + (row * 9 + y * 3 + x) * channels + channel),
            );
            putS16(winogradPlace(to, channels, row, position, channel), value);
          }
    },
    winograd_s8(...values: number[]): void {
      const [x, blocks, w, rows, channels, ...rest] = values as [number, number, number, number, number];
      const [to, pixel, across] = (rest as number[]).slice(6) as [number, number, number];
      const value = (from: number, index: number, position: number, channel: number): number =>
        s16(winogradPlace(from, channels, index, position, channel));
      for (let block = 0; block < blocks; block++)
        for (let row = 0; row < rows; row++) {
          const products = times(16, (position) => {
            let sum = 0;
            for (let channel = 0; channel < channels; channel++)
              sum += value(x, block, position, channel) * value(w, row, position, channel);
            return sum;
          });
          for (const output of [0, 1, 4, 5]) {
            const sum = sandwich(OUTPUT_ROWS, output, (y, z) => products[y * 4 + z]!);
            const at = to + (output >> 2) * across + (2 * block + (output & 3)) * pixel + row;
            keep(at, Math.floor(sum / 4), row, rest as unknown as Rounding);
          }
        }
    },
  };
}

function transformImports({
  s8,
  s32,
  putS32,
  keep,
}: Values): Imports<'ntt_forward_s8' | 'ntt_sums' | 'ntt_inverse_s8'> {
  return {
    ntt_forward_s8(...values: number[]): void {
      const [x, k, _work, to, stride] = values as [number, number, number, number, number];
      const found = spectrum(
        Array.from({ length: k }, (_, i) => residue(s8(x + i))),
        false,
      );
      for (let i = 0; i < k; i++)
        putS32(to + (i >> 2) * stride + (i & 3) * 4, centred(found[reversed(i, k)]!));
    },
    ntt_sums(...values: number[]): void {
      const [x, w, blocks, count, to] = values as [number, number, number, number, number];
      for (let i = 0; i < count; i++) {
        let sum = 0;
        for (let block = 0; block < blocks; block++) {
          const at = ((i >> 2) * blocks + block) * 16 + (i & 3) * 4;
          sum = (sum + modularProduct(residue(s32(x + at)), residue(s32(w + at)))) % NTT_PRIME;
        }
        putS32(to + i * 4, centred(modularProduct(sum, UNSCALED)));
      }
    },
    ntt_inverse_s8(...values: number[]): void {
      const [x, k, ...rest] = values as [number, number];
      const [to, count] = (rest as number[]).slice(6) as [number, number];
      const sums = Array.from({ length: k }, (_, i) => residue(s32(x + reversed(i, k) * 4)));
      spectrum(sums, true).forEach((sum, i) => {
        if (i < count) keep(to + i, centred(sum), i, rest as unknown as Rounding);
      });
    },
  };
}
