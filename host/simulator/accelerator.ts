// What builds with an accelerator import (docs/ACCEL.md), in plain integers: the bodies of Node, where tests run them.
import { scale } from '../model/fixed-point.js';

/** How a row's sum becomes int8: where its bias and pair lie, then zero point and clamp. */
type Rounding = [
  bias: number,
  pair: number,
  pairStride: number,
  zeroPoint: number,
  low: number,
  high: number,
];

/** Bytes of the module's memory, as address and length. */
type Bytes = [address: number, length: number];

/** What a call reads and writes. */
interface Accesses {
  reads: Bytes[];
  writes: Bytes[];
}

const times = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => of(i));

/** Biases and pairs of `rows` rows. */
const roundingReads = (rows: number, [bias, pair, pairStride]: Rounding): Bytes[] => [
  [bias, 4 * rows],
  ...(pairStride === 0 ? [[pair, 8] as Bytes] : times(rows, (row): Bytes => [pair + row * pairStride, 8])),
];

/** By the contract of each import (docs/ACCEL.md): what it may read and what it writes. */
export const acceleratorAccesses = {
  gemm_s8(values: readonly number[]): Accesses {
    const [x, vectors, w, rows, length, ...rest] = values as [number, number, number, number, number];
    const [to, toStride] = (rest as number[]).slice(6) as [number, number];
    const rounding = roundingReads(rows, rest as unknown as Rounding);
    return {
      reads: [[x, vectors * length], [w, rows * length], ...rounding],
      writes: times(vectors, (vector): Bytes => [to + vector * toStride, rows]),
    };
  },
  depthwise_s8(values: readonly number[]): Accesses {
    const [x, pixel, step, across, windows, w, wStride, height, width, count, ...rest] =
      values as unknown as [
        ...[number, number, number, number, number, number, number, number, number, number],
      ];
    const to = (rest as number[])[6]!;
    const reads = roundingReads(count, rest as unknown as Rounding);
    for (let tap = 0; tap < height * width; tap++) {
      reads.push([w + tap * wStride, count]);
      const at = x + Math.floor(tap / width) * across + (tap % width) * pixel;
      for (let window = 0; window < windows; window++) reads.push([at + window * step, count]);
    }
    return { reads, writes: times(windows, (window): Bytes => [to + window * pixel, count]) };
  },
};

/** The imports `accel.*` over the module's memory. */
export function acceleratorImports(
  memory: () => Uint8Array,
): Record<'gemm_s8' | 'depthwise_s8', (...values: number[]) => void> {
  const s8 = (at: number): number => (memory()[at]! << 24) >> 24;
  const s32 = (at: number): number => {
    const { buffer, byteOffset } = memory();
    return new DataView(buffer, byteOffset).getInt32(at, true);
  };
  const keep = (to: number, sum: number, row: number, rounding: Rounding): void => {
    const [bias, pair, pairStride, zeroPoint, low, high] = rounding;
    const at = pair + row * pairStride;
    const y = scale(sum + s32(bias + row * 4), s32(at), s32(at + 4)) + zeroPoint;
    memory()[to] = Math.min(Math.max(y, low), high);
  };
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
  };
}
