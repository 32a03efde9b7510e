// A block-circulant matrix keeps one vector per k×k block, the block's first column: the element at row r and column i
// of a block is w[(r - i) mod k], and vectors are stored [outBlocks][inBlocks][k]. Blocks at the right and bottom edges
// are cut when k does not divide the sizes. A convolution has such a matrix for each of its `taps` kernel positions:
// vectors [outBlocks][taps][inBlocks][k], dense [outputs][taps][inputs]. (Ding et al., "CirCNN", MICRO 2017.)

/** dense[outputs][taps][inputs] = the matrix that the vectors stand for. */
export function circulantToDense(
  vectors: usize,
  dense: usize,
  outputs: i32,
  inputs: i32,
  blockSize: i32,
  taps: i32,
): void {
  for (let row = 0; row < outputs; row++) {
    let vector = firstVector(vectors, row, inputs, blockSize, taps);
    for (let left = taps * inputs, column = 0; left > 0; vector += blockSize << 2) {
      const run = min(blockSize, inputs - column);
      left -= run;
      column = column + run == inputs ? 0 : column + run;
      let index = row % blockSize;
      for (let i = 0; i < run; i++, dense += 4) {
        store<f32>(dense, load<f32>(vector + (index << 2)));
        index = index == 0 ? blockSize - 1 : index - 1;
      }
    }
  }
}

/** vectors += dense[outputs][taps][inputs] summed along each block's diagonals: the transpose of `circulantToDense`. */
export function denseToCirculant(
  dense: usize,
  vectors: usize,
  outputs: i32,
  inputs: i32,
  blockSize: i32,
  taps: i32,
): void {
  for (let row = 0; row < outputs; row++) {
    let vector = firstVector(vectors, row, inputs, blockSize, taps);
    for (let left = taps * inputs, column = 0; left > 0; vector += blockSize << 2) {
      const run = min(blockSize, inputs - column);
      left -= run;
      column = column + run == inputs ? 0 : column + run;
      let index = row % blockSize;
      for (let i = 0; i < run; i++, dense += 4) {
        const to = vector + (index << 2);
        store<f32>(to, load<f32>(to) + load<f32>(dense));
        index = index == 0 ? blockSize - 1 : index - 1;
      }
    }
  }
}

/** The vector of the leftmost block in a matrix row. */
// @ts-ignore: decorator
@inline
function firstVector(vectors: usize, row: i32, inputs: i32, blockSize: i32, taps: i32): usize {
  const inBlocks = (inputs + blockSize - 1) / blockSize;
  return vectors + (((row / blockSize) * taps * inBlocks * blockSize) << 2);
}
