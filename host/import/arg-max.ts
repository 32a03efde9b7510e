// Which of the values along a dimension is the largest, of ops there are and exact: the first of those that are equal.
import type { TensorSpec } from '../model/quantized-network.js';
import type { NetworkBuilder } from './network-builder.js';

/** Numbers from 0 to 255, as they are. */
export const NUMBERS = { scale: 1, zeroPoint: -128 } as const;

const WHOLE = { clampMin: -128, clampMax: 127 };
/** A factor of 1. */
const ONE = { multiplier: 2 ** 30, shift: 1 };

/**
 * Of int8 [depth][1][columns], depth at most 255, the row of each column's largest value as `NUMBERS` of shape `shape`:
 * what is the largest gets a mark, depth − row, and the largest mark says the first row.
 */
export function argMax(builder: NetworkBuilder, input: number, shape: readonly number[]): number {
  const spec = builder.spec(input);
  const [depth = 1, , columns = 1] = spec.shape;
  const all = [depth, 1, columns];
  const map = (tensor: number, to: TensorSpec, f: (q: number) => number): number => {
    const table = Int8Array.from({ length: 256 }, (_, i) => f(i - 128));
    return builder.add({ kind: 'map', name: 'arg_max', table }, [tensor], to);
  };
  const largest = (tensor: number): number => {
    const window = { kernel: [depth, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] } as const;
    const to = { ...builder.spec(tensor), shape: [1, 1, columns] };
    return builder.add({ kind: 'maxPool2d', name: 'largest', ...window, ...WHOLE }, [tensor], to);
  };
  const most = largest(input);
  const opposite = map(most, { ...builder.spec(most), zeroPoint: -spec.zeroPoint - 1 }, (q) => -q - 1);
  const repeated = builder.add({ kind: 'repeat', name: 'repeat' }, [opposite], {
    ...builder.spec(opposite),
    shape: all,
  });
  // Differences in steps: exact; the largest is at 127.
  const half = { multiplier: 2 ** 30, shift: 0 };
  const sum = {
    leftShift: 20,
    inputScalings: [half, half] as const,
    outputScaling: { multiplier: 2 ** 30, shift: -18 },
  };
  const below = builder.add({ kind: 'add', name: 'below', ...sum, ...WHOLE }, [input, repeated], {
    shape: all,
    scale: spec.scale,
    zeroPoint: 127,
  });
  const is = map(below, { shape: all, scale: 1, zeroPoint: 0 }, (q) => (q === 127 ? 1 : 0));
  const values = Int8Array.from({ length: depth * columns }, (_, i) => depth - Math.floor(i / columns) - 128);
  const marks = {
    kind: 'mul' as const,
    name: 'marks',
    constant: { values, zeroPoint: -128 },
    outputScaling: ONE,
    ...WHOLE,
  };
  const marked = largest(builder.add(marks, [is], { shape: all, ...NUMBERS }));
  const row = map(marked, { shape: [1, 1, columns], ...NUMBERS }, (q) => depth - q - 256);
  return builder.reshape(row, shape);
}
