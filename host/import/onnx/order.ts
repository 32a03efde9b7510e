// In which order the elements of a value lie: for each element, counted as ONNX counts, where it is stored.
import { elementCount } from '../../model/quantized-network.js';

/** Undefined: as ONNX counts. */
export type Order = Int32Array | undefined;

/** Where elements are if dimensions are stored in the order `permutation`: the first of it changes slowest. */
export function orderOf(shape: readonly number[], permutation: readonly number[]): Order {
  const counted = permutation.filter((axis) => shape[axis] !== 1);
  if (counted.every((axis, i) => i === 0 || axis > counted[i - 1]!)) return undefined;
  const strides = new Array<number>(shape.length).fill(0);
  let stride = 1;
  for (let i = permutation.length - 1; i >= 0; i--) {
    strides[permutation[i]!] = stride;
    stride *= shape[permutation[i]!]!;
  }
  const order = new Int32Array(elementCount({ shape }));
  let [count, period] = [1, 1];
  // The innermost dimension first: what is there is copied with an offset for every step outwards.
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    for (let step = 1; step < shape[axis]!; step++) {
      for (let i = 0; i < period; i++) order[count++] = order[i]! + step * strides[axis]!;
    }
    period = count;
  }
  return order;
}

/** Where the elements of [1, channels, …] are with channels last. */
export const channelsLast = (shape: readonly number[]): Order =>
  orderOf(shape, [0, ...shape.map((_, axis) => axis).slice(2), 1]);

export const sameOrder = (a: Order, b: Order): boolean => {
  if (a && b) return a.length === b.length && a.every((value, i) => value === b[i]);
  return (a ?? b)?.every((value, i) => value === i) ?? true;
};

/** The permutation of dimensions that `order` is: as ONNX has them or with channels last; undefined: another one. */
export function permutationOf(shape: readonly number[], order: Order): number[] | undefined {
  const axes = shape.map((_, axis) => axis);
  const candidates = [axes, ...(shape.length > 2 ? [[0, ...axes.slice(2), 1]] : [])];
  return candidates.find((candidate) => sameOrder(order, orderOf(shape, candidate)));
}

/** What moves elements from one order to another: dimensions of the stored array, and the order they come to lie in. */
export interface Permutation {
  sizes: number[];
  permutation: number[];
}

/** That, of `count` elements; undefined where it is no permutation of dimensions. */
export function permutationBetween(from: Order, to: Order, count: number): Permutation | undefined {
  // Where each element of the new array was.
  const source = new Int32Array(count);
  for (let i = 0; i < count; i++) source[to?.[i] ?? i] = from?.[i] ?? i;
  // Its dimensions, the fastest first: as long as steps stay equal.
  const digits: { size: number; stride: number }[] = [];
  for (let step = 1; step < count;) {
    const stride = source[step]! - source[0]!;
    let size = 2;
    while (step * size < count && source[step * size] === size * stride) size++;
    digits.unshift({ size, stride });
    step *= size;
    if (count % step !== 0) return undefined;
  }
  const sound = source.every((at, i) => {
    let [rest, sum] = [i, 0];
    for (let digit = digits.length - 1; digit >= 0; digit--) {
      sum += (rest % digits[digit]!.size) * digits[digit]!.stride;
      rest = Math.floor(rest / digits[digit]!.size);
    }
    return at === sum;
  });
  if (!sound) return undefined;
  const stored = [...digits].sort((a, b) => b.stride - a.stride);
  return {
    sizes: stored.map(({ size }) => size),
    permutation: digits.map((digit) => stored.indexOf(digit)),
  };
}
