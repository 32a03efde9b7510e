// Kernels, height × width, that shapes for the cost model are drawn from.

export const KERNELS: readonly [number, number][] = [
  [1, 1],
  [3, 3],
  [5, 5],
  [1, 5],
  [3, 3],
  [1, 1],
  [4, 3],
];

export const LONG_KERNELS: readonly [number, number][] = [
  [3, 3],
  [3, 5],
  [5, 3],
];

export const MAP_KERNELS: readonly [number, number][] = [
  [3, 3],
  [5, 5],
  [4, 6],
  [1, 7],
];
