// C[m][n] += A[m][k] · B[k][n], for A and B read through strides: one kernel serves A·B, A·Bᵀ and Aᵀ·B.
// B is packed, DEPTH rows at a time, into panels of 8 columns ([panel][depth][8], zero-padded); A is read in place.
// A 4×8 tile of C stays in eight vector registers. Every element of C sums over k in order within each slice of DEPTH,
// wherever it lies in the matrix, so a row's result does not depend on the rows computed beside it.
import { accumulate } from './lanes';

const PANEL: i32 = 8;
const ROWS: i32 = 4;
const DEPTH: i32 = 256;

/** Bytes of workspace that `gemm` needs for n columns. */
export function gemmWorkspaceSize(n: i32): i32 {
  return (DEPTH * ((n + PANEL - 1) & -PANEL)) << 2;
}

/** Strides are in elements: A[i][p] is at a + 4·(i·aRow + p·aColumn), and B likewise; rows of C are cRow apart. */
export function gemm(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aRow: i32,
  aColumn: i32,
  b: usize,
  bRow: i32,
  bColumn: i32,
  c: usize,
  cRow: i32,
  workspace: usize,
): void {
  for (let start = 0; start < k; start += DEPTH) {
    const depth = min(DEPTH, k - start);
    pack(b + ((start * bRow) << 2), bRow << 2, bColumn << 2, depth, n, workspace);
    for (let i = 0; i < m; i += ROWS) {
      const rows = min(ROWS, m - i);
      let panel = workspace;
      for (let j = 0; j < n; j += PANEL) {
        const from = a + ((i * aRow + start * aColumn) << 2);
        tile(from, aRow << 2, aColumn << 2, panel, depth, c + ((i * cRow + j) << 2), cRow << 2, rows, n - j);
        panel += (depth * PANEL) << 2;
      }
    }
  }
}

function pack(b: usize, rowBytes: i32, columnBytes: i32, depth: i32, n: i32, panel: usize): void {
  for (let j = 0; j < n; j += PANEL) {
    const width = min(PANEL, n - j);
    let from = b + j * columnBytes;
    for (let p = 0; p < depth; p++) {
      if (width == PANEL && columnBytes == 4) {
        v128.store(panel, v128.load(from));
        v128.store(panel, v128.load(from, 16), 16);
      } else {
        for (let x = 0; x < PANEL; x++) {
          store<f32>(panel + (x << 2), x < width ? load<f32>(from + x * columnBytes) : 0);
        }
      }
      from += rowBytes;
      panel += PANEL << 2;
    }
  }
}

/** C tile (rows ≤ 4, columns cut at 8) += four rows of A · one panel of B. Rows past the end repeat the last row. */
function tile(
  a: usize,
  aRowBytes: i32,
  aColumnBytes: i32,
  panel: usize,
  depth: i32,
  c: usize,
  cRowBytes: i32,
  rows: i32,
  columns: i32,
): void {
  let a0 = a;
  let a1 = rows > 1 ? a0 + aRowBytes : a0;
  let a2 = rows > 2 ? a1 + aRowBytes : a1;
  let a3 = rows > 3 ? a2 + aRowBytes : a2;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  const end = panel + ((depth * PANEL) << 2);
  while (panel < end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    let x = v128.load32_splat(a0);
    c00 = f32x4.add(c00, f32x4.mul(x, b0));
    c01 = f32x4.add(c01, f32x4.mul(x, b1));
    x = v128.load32_splat(a1);
    c10 = f32x4.add(c10, f32x4.mul(x, b0));
    c11 = f32x4.add(c11, f32x4.mul(x, b1));
    x = v128.load32_splat(a2);
    c20 = f32x4.add(c20, f32x4.mul(x, b0));
    c21 = f32x4.add(c21, f32x4.mul(x, b1));
    x = v128.load32_splat(a3);
    c30 = f32x4.add(c30, f32x4.mul(x, b0));
    c31 = f32x4.add(c31, f32x4.mul(x, b1));
    a0 += aColumnBytes;
    a1 += aColumnBytes;
    a2 += aColumnBytes;
    a3 += aColumnBytes;
    panel += PANEL << 2;
  }
  accumulatePanel(c, columns, c00, c01);
  if (rows > 1) accumulatePanel(c + cRowBytes, columns, c10, c11);
  if (rows > 2) accumulatePanel(c + 2 * cRowBytes, columns, c20, c21);
  if (rows > 3) accumulatePanel(c + 3 * cRowBytes, columns, c30, c31);
}

/** c += the sums, of at most eight columns. */
// @ts-ignore: decorator
@inline
function accumulatePanel(c: usize, columns: i32, low: v128, high: v128): void {
  accumulate(c, columns, low);
  accumulate(c + 16, columns - 4, high);
}
