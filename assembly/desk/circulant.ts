// A block-circulant matrix keeps one vector per k×k block, the block's first column: the element at row r and column i
// of a block is w[(r - i) mod k], and vectors are stored [outBlocks][inBlocks][k]. Blocks at the right and bottom edges
// are cut when k does not divide the sizes. (Ding et al., "CirCNN", MICRO 2017.)

/** dense[outputs][inputs] = the matrix that the vectors stand for. */
export function circulantToDense(
  vectors: usize,
  dense: usize,
  outputs: i32,
  inputs: i32,
  blockSize: i32,
): void {
  for (let row = 0; row < outputs; row++) {
    let vector = firstVector(vectors, row, inputs, blockSize);
    for (let column = 0; column < inputs; column += blockSize, vector += blockSize << 2) {
      let index = row % blockSize;
      for (let left = min(blockSize, inputs - column); left > 0; left--, dense += 4) {
        store<f32>(dense, load<f32>(vector + (index << 2)));
        index = index == 0 ? blockSize - 1 : index - 1;
      }
    }
  }
}

/** vectors += dense[outputs][inputs] summed along each block's diagonals: the transpose of `circulantToDense`. */
export function denseToCirculant(
  dense: usize,
  vectors: usize,
  outputs: i32,
  inputs: i32,
  blockSize: i32,
): void {
  for (let row = 0; row < outputs; row++) {
    let vector = firstVector(vectors, row, inputs, blockSize);
    for (let column = 0; column < inputs; column += blockSize, vector += blockSize << 2) {
      let index = row % blockSize;
      for (let left = min(blockSize, inputs - column); left > 0; left--, dense += 4) {
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
function firstVector(vectors: usize, row: i32, inputs: i32, blockSize: i32): usize {
  const inBlocks = (inputs + blockSize - 1) / blockSize;
  return vectors + (((row / blockSize) * inBlocks * blockSize) << 2);
}
