// What circulant_karatsuba_s8 makes of a block: the same splits as the kernel's, done to the matrix (docs/FORMAT.md).

/** A Toeplitz matrix of m rows: entry (r, c) is t[r − c + m − 1]. */
type Toeplitz = Float64Array;

/** Products of 4×4 matrices that a block of size k ≥ 4 takes. */
export function leafCount(k: number): number {
  return (3 ** (29 - Math.clz32(k)) + 1) / 2;
}

/** Bytes of a leaf's matrix: six pairs of int16. */
export const LEAF_BYTES = 24;

/** The least and largest block sizes: of the input's leaves, sums of up to k/4 int8 fit int16. */
export const KARATSUBA_BLOCKS = [4, 512] as const;

function toeplitz(m: number, entry: (difference: number) => number): Toeplitz {
  return Float64Array.from({ length: 2 * m - 1 }, (_, i) => entry(i - m + 1));
}

/** M = [[B, A], [C, B]] in halves: C − B, A − B and B, by which the kernel multiplies the halves of a vector and their sum. */
function split(t: Toeplitz): [Toeplitz, Toeplitz, Toeplitz] {
  const m = (t.length + 1) / 2;
  const half = m / 2;
  const at = (difference: number): number => t[difference + m - 1]!;
  return [
    toeplitz(half, (d) => at(d + half) - at(d)),
    toeplitz(half, (d) => at(d - half) - at(d)),
    toeplitz(half, at),
  ];
}

/** The 4×4 matrices of the circulant of first column `w`, in the kernel's order: seven entries t[−3 … 3] each. */
export function leafMatrices(w: ArrayLike<number>): Toeplitz[] {
  let cyclic = Float64Array.from(w);
  let groups: Toeplitz[] = [];
  for (let m = cyclic.length / 2; m >= 4; m /= 2) {
    const [low, high] = [cyclic.slice(0, m), cyclic.slice(m)];
    groups.push(toeplitz(m, (d) => (d < 0 ? high[d + m]! - low[d + m]! : low[d]! - high[d]!)));
    cyclic = low.map((value, i) => value + high[i]!);
    if (m === 4) break;
    const parts = groups.map(split);
    groups = [...parts.flatMap(([first, second]) => [first, second]), ...parts.map(([, , sum]) => sum)];
  }
  return [...groups, toeplitz(4, (d) => cyclic[(d + 4) % 4]!)];
}

/**
 * Columns as the kernel reads their matrices: [two block rows][leaf][block][row of the two], an odd last row by itself, of
 * six pairs (t[i], t[i − 1]), i = −2 … 3. Undefined where an entry does not fit int16.
 */
export function leafWeights(
  weights: Int8Array,
  k: number,
  rows: number,
  blocks: number,
): Int16Array | undefined {
  const leaves = leafCount(k);
  const all = new Int16Array((rows * blocks * leaves * LEAF_BYTES) / 2);
  for (let row = 0; row < rows; row++) {
    const first = row & ~1;
    const together = Math.min(2, rows - first);
    for (let block = 0; block < blocks; block++) {
      const at = (row * blocks + block) * k;
      const matrices = leafMatrices(weights.subarray(at, at + k));
      for (const [leaf, t] of matrices.entries()) {
        if (t.some((entry) => Math.abs(entry) > 32767)) return undefined;
        const index = first * leaves * blocks + (leaf * blocks + block) * together + row - first;
        for (let i = 0; i < 6; i++) all.set([t[i + 1]!, t[i]!], index * 12 + i * 2);
      }
    }
  }
  return all;
}
