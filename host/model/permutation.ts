// Arrays whose dimensions change places.
import { elementCount } from './quantized-network.js';

/** Of each element of an array with its dimensions in the order `permutation`: where it was before. */
export function permutedFrom(shape: readonly number[], permutation: readonly number[]): Int32Array {
  const strides = permutation.map((axis) => elementCount({ shape: shape.slice(axis + 1) }));
  const from = new Int32Array(elementCount({ shape }));
  let [count, period] = [1, 1];
  // The innermost dimension first: what is there is copied with an offset for every step outwards.
  for (let axis = permutation.length - 1; axis >= 0; axis--) {
    for (let step = 1; step < shape[permutation[axis]!]!; step++)
      for (let i = 0; i < period; i++) from[count++] = from[i]! + step * strides[axis]!;
    period = count;
  }
  return from;
}
