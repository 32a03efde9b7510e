// Block-circulant weights of other conventions.
import { BrownoutError, checkFields } from '../error.js';

/**
 * First rows of circulant blocks, [block][block row][k] as PyTorch models of y = Σ conj(F(w)) · F(x) have them, to the
 * first columns this project takes, [block row][block][k]. Row r of such a block is its first row turned right by r, so
 * that element r of the first column is element (k − r) mod k of the first row.
 */
export function firstColumns(
  rows: ArrayLike<number>,
  sizes: { blocks: number; blockRows: number; blockSize: number },
): Float64Array {
  const { blocks, blockRows, blockSize } = checkFields(sizes, 'sizes', 'blocks', 'blockRows', 'blockSize');
  if (rows.length !== blocks * blockRows * blockSize) {
    throw new BrownoutError({
      code: 'E_SHAPE',
      found: `${rows.length} weights`,
      expected: `${blocks} × ${blockRows} × ${blockSize}`,
      hint: 'Give the array as [block][block row][k].',
    });
  }
  return Float64Array.from({ length: rows.length }, (_, i) => {
    const r = i % blockSize;
    const block = Math.floor(i / blockSize) % blocks;
    const row = Math.floor(i / (blockSize * blocks));
    return rows[(block * blockRows + row) * blockSize + ((blockSize - r) % blockSize)]!;
  });
}
