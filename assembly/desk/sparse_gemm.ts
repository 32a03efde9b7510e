// C[m][n] += A[m][k] · B[k][n] as `gemm` has it, to the bit, for an A that has zeros: what a ReLU left, or its gradient.
// The elements of a row of A that are not zero become a list; a row of C, 16 columns at a time, stays in four registers.
import { accumulate } from './lanes';

const DEPTH: i32 = 256;
/** Rows of A whose lists are there at a time. */
const BLOCK: i32 = 64;
const COLUMNS: i32 = 16;

/** Bytes of workspace that `sparseGemm` needs. */
export function sparseGemmWorkspaceSize(m: i32, n: i32, k: i32): i32 {
  const depth = min(DEPTH, k);
  return (min(BLOCK, m) * (depth + 1) * 2 + depth * ((n + COLUMNS - 1) & -COLUMNS)) << 2;
}

/** Strides are in elements, as in `gemm`. */
export function sparseGemm(
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
  const pitch = (min(DEPTH, k) + 1) << 3;
  const packed = workspace + <usize>(min(BLOCK, m) * pitch);
  for (let start = 0; start < k; start += DEPTH) {
    const depth = min(DEPTH, k - start);
    const panelBytes = (depth * COLUMNS) << 2;
    for (let j = 0, panel = packed; j < n; j += COLUMNS, panel += panelBytes) {
      const from = b + ((start * bRow + j * bColumn) << 2);
      packPanel(from, bRow << 2, bColumn << 2, depth, min(COLUMNS, n - j), panel);
    }
    for (let first = 0; first < m; first += BLOCK) {
      const rows = min(BLOCK, m - first);
      for (let i = 0; i < rows; i++) {
        const list = workspace + <usize>(i * pitch);
        const row = a + (((first + i) * aRow + start * aColumn) << 2);
        store<usize>(list, listOf(row, aColumn << 2, depth, list + 8));
      }
      for (let j = 0, panel = packed; j < n; j += COLUMNS, panel += panelBytes) {
        const columns = min(COLUMNS, n - j);
        for (let i = 0; i < rows; i++) {
          const list = workspace + <usize>(i * pitch);
          const to = c + (((first + i) * cRow + j) << 2);
          addRows(list + 8, load<usize>(list), panel, to, columns);
        }
      }
    }
  }
}

/** The elements of a row that are not zero, each with the offset of its row in a panel; returns where the list ends. */
// @ts-ignore: decorator
@inline
function listOf(row: usize, stepBytes: i32, depth: i32, list: usize): usize {
  for (let p = 0, offset = 0; p < depth; p++, offset += COLUMNS << 2, row += stepBytes) {
    const value = load<f32>(row);
    store<f32>(list, value);
    store<u32>(list, offset, 4);
    list += value != 0 ? 8 : 0;
  }
  return list;
}

/** to[depth][16] = `columns` columns of B. */
function packPanel(b: usize, rowBytes: i32, columnBytes: i32, depth: i32, columns: i32, to: usize): void {
  const pitch = COLUMNS << 2;
  let j = 0;
  for (; j + 4 <= columns; j += 4) {
    let from = b + j * columnBytes;
    let at = to + (j << 2);
    let p = 0;
    if (columnBytes == 4) {
      for (; p < depth; p++, from += rowBytes, at += pitch) v128.store(at, v128.load(from));
    } else if (rowBytes == 4) {
      for (; p + 4 <= depth; p += 4, from += 16, at += 4 * pitch) {
        const r0 = v128.load(from);
        const r1 = v128.load(from + columnBytes);
        const r2 = v128.load(from + 2 * columnBytes);
        const r3 = v128.load(from + 3 * columnBytes);
        const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
        const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
        const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
        const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
        v128.store(at, v128.shuffle<f64>(low01, low23, 0, 2));
        v128.store(at + pitch, v128.shuffle<f64>(low01, low23, 1, 3));
        v128.store(at + 2 * pitch, v128.shuffle<f64>(high01, high23, 0, 2));
        v128.store(at + 3 * pitch, v128.shuffle<f64>(high01, high23, 1, 3));
      }
    }
    for (; p < depth; p++, from += rowBytes, at += pitch) {
      for (let x = 0; x < 4; x++) store<f32>(at + (x << 2), load<f32>(from + x * columnBytes));
    }
  }
  for (; j < columns; j++) {
    for (let p = 0; p < depth; p++) {
      store<f32>(to + p * pitch + (j << 2), load<f32>(b + p * rowBytes + j * columnBytes));
    }
  }
}

/**
 * c[columns], up to 16, += Σ over a list of (factor, offset) of factor · (b + offset)[columns]. Two at a time: four sums, two
 * factors and eight rows are what fits into sixteen registers, where V8 loads all rows before it multiplies any.
 */
export function addRows(list: usize, end: usize, b: usize, c: usize, columns: i32): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (; list + 8 < end; list += 16) {
    const f0 = v128.load32_splat(list);
    const r0 = b + load<u32>(list, 4);
    s0 = f32x4.add(s0, f32x4.mul(f0, v128.load(r0)));
    s1 = f32x4.add(s1, f32x4.mul(f0, v128.load(r0, 16)));
    s2 = f32x4.add(s2, f32x4.mul(f0, v128.load(r0, 32)));
    s3 = f32x4.add(s3, f32x4.mul(f0, v128.load(r0, 48)));
    const f1 = v128.load32_splat(list, 8);
    const r1 = b + load<u32>(list, 12);
    s0 = f32x4.add(s0, f32x4.mul(f1, v128.load(r1)));
    s1 = f32x4.add(s1, f32x4.mul(f1, v128.load(r1, 16)));
    s2 = f32x4.add(s2, f32x4.mul(f1, v128.load(r1, 32)));
    s3 = f32x4.add(s3, f32x4.mul(f1, v128.load(r1, 48)));
  }
  if (list < end) {
    const factor = v128.load32_splat(list);
    const row = b + load<u32>(list, 4);
    s0 = f32x4.add(s0, f32x4.mul(factor, v128.load(row)));
    s1 = f32x4.add(s1, f32x4.mul(factor, v128.load(row, 16)));
    s2 = f32x4.add(s2, f32x4.mul(factor, v128.load(row, 32)));
    s3 = f32x4.add(s3, f32x4.mul(factor, v128.load(row, 48)));
  }
  accumulate(c, columns, s0);
  accumulate(c + 16, columns - 4, s1);
  accumulate(c + 32, columns - 8, s2);
  accumulate(c + 48, columns - 12, s3);
}
