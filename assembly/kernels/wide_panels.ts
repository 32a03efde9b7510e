// Weights that a host keeps widened: panels of int16 (panel_lanes.ts) of dense layers and convolutions, behind all else in
// memory, made once of the constants and of nothing else. They are no state: a device without them computes the same bytes.
import {
  CONSTANT,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  GROUP_SHIFT,
  H_CRC,
  H_PLAN,
  OP_BYTES,
  OP_KIND,
  OP_WEIGHTS,
  OpKind,
  WIN_BLOCK,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
} from '../layout';
import { MAPPED } from '../nvm';
import { IMAGE, WIDE, WORK } from '../sram';
import { WORK_BYTES } from '../work-layout';
import { HAS_BLOCKS, isInt16, LEARNING } from './mask';
import { pack, widen } from './panel_lanes';
import { ALIKE_BYTES, prepareAlike, requantizeAlike, requantizeFours } from './requantize_lanes';
import { isPacked } from './weights';

/** Checksum of the header of the image whose weights are widened, which names all that is in it; 0: none is. */
let widened: u32 = 0;

/** Channels of a panel. */
const PANEL_ROWS = 8;

/** Rows of weights of an op that is computed by wide panels: those that all its inputs meet; else 0. */
function rowsOf(op: usize): i32 {
  const kind: u32 = load<u8>(op, OP_KIND);
  if (isPacked(op)) return 0;
  if (kind == OpKind.DENSE) return isInt16(op, OpKind.DENSE) ? 0 : load<i32>(op, DENSE_OUTPUTS);
  if (kind == OpKind.SEPARABLE_CONV2D) return load<i32>(op, WIN_OUTPUT_CHANNELS);
  if (kind != OpKind.CONV2D || isInt16(op, OpKind.CONV2D)) return 0;
  return HAS_BLOCKS && load<i32>(op, WIN_BLOCK) > 1 ? 0 : load<i32>(op, WIN_OUTPUT_CHANNELS);
}

/** Weights of such a row. */
function lengthOf(op: usize): i32 {
  const kind = load<u8>(op, OP_KIND);
  if (kind == OpKind.DENSE) return load<i32>(op, DENSE_INPUTS);
  const inputs = load<i32>(op, WIN_INPUT_CHANNELS);
  if (kind == OpKind.SEPARABLE_CONV2D) return inputs;
  const kernel = load<u32>(op, WIN_KERNEL);
  return <i32>(kernel & 0xffff) * <i32>(kernel >> 16) * inputs;
}

/** Bytes of a line of a cache. */
const LINE = 64;

/** Where panels of rows of `length` of `op` lie, or would; 0: none are made but of constants, eights of rows, whole fours. */
function panelsOf(op: usize, length: i32): usize {
  const rows = rowsOf(op);
  const weights = load<usize>(op, OP_WEIGHTS);
  const at = weights & ~CONSTANT;
  if (!rows || rows & (PANEL_ROWS - 1) || length & 3 || length != lengthOf(op)) return 0;
  if (!(weights & CONSTANT) || (LEARNING && at >>> GROUP_SHIFT)) return 0;
  // Whole lines of a cache; as panels are too, none reaches into those behind it.
  return WIDE + ((at * 2 + LINE - 1) & -LINE);
}

/** Panels of all rows of `op`, `length` weights each; 0: they are not kept. */
export function widePanels(op: usize, length: i32): usize {
  const header = MAPPED + CONSTANT + load<usize>(IMAGE);
  return widened && widened == load<u32>(header, H_CRC) ? panelsOf(op, length) : 0;
}

/**
 * Widens the weights of the image at `image`, as `boot` names it, once it has booted: anew whenever another is put there. Returns
 * how many bytes they take.
 */
export function widenAll(image: usize): i32 {
  const from = MAPPED + image;
  let bytes = 0;
  widened = load<u32>(from, H_CRC);
  const plan = from + load<u32>(from, H_PLAN);
  for (let op = plan, end = plan + load<u32>(from, H_PLAN + 4); op < end; op += OP_BYTES) {
    const length = lengthOf(op);
    let to = panelsOf(op, length);
    if (!to) continue;
    const rows = rowsOf(op);
    let row = from + (load<usize>(op, OP_WEIGHTS) & ~CONSTANT);
    for (let i = 0; i < rows; i += PANEL_ROWS) {
      pack(row, PANEL_ROWS, length, length, to);
      row += length * PANEL_ROWS;
      to += length * PANEL_ROWS * 2;
    }
    bytes += rows * length * 2;
  }
  return bytes;
}

/** Four sums and two pairs of inputs. */
// @ts-ignore: decorator
@inline
function twoPairs(sum: v128, a: v128, b: v128, w: usize): v128 {
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(a, v128.load(w)));
  return i32x4.add(sum, i32x4.dot_i16x8_s(b, v128.load(w, 32)));
}

/** Sums of `count` rows, a multiple of 8, of the panel at `w` on, of `length` int16 at `x`, to `to`. */
function sumRows(x: usize, length: i32, w: usize, count: i32, to: usize): void {
  const size = length * PANEL_ROWS * 2;
  const end = x + length * 2;
  for (; count >= 16; count -= 16, to += 64) {
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let next = w + size;
    for (let p = x; p < end; p += 8, w += 64, next += 64) {
      const pair = v128.load32_splat(p);
      const other = v128.load32_splat(p, 4);
      a = twoPairs(a, pair, other, w);
      b = twoPairs(b, pair, other, w + 16);
      c = twoPairs(c, pair, other, next);
      d = twoPairs(d, pair, other, next + 16);
    }
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
    w = next;
  }
  if (!count) return;
  let a = i32x4.splat(0);
  let b = a;
  for (let p = x; p < end; p += 8, w += 64) {
    const pair = v128.load32_splat(p);
    const other = v128.load32_splat(p, 4);
    a = twoPairs(a, pair, other, w);
    b = twoPairs(b, pair, other, w + 16);
  }
  v128.store(to, a);
  v128.store(to, b, 16);
}

/**
 * Rows `first` to `first` + `count` of a dense layer on its inputs at `x`, int8, to `output`. Returns false, and does nothing,
 * where its weights are not kept, rows are not eights, or there is no room for inputs and sums.
 */
export function wideRows(
  op: usize,
  x: usize,
  first: i32,
  count: i32,
  bias: usize,
  pair: usize,
  output: usize,
): bool {
  const length = load<i32>(op, DENSE_INPUTS);
  // Rows are eights, so that a tile of eights begins with one.
  const panels = count & (PANEL_ROWS - 1) ? 0 : widePanels(op, length);
  if (!panels || ALIKE_BYTES + length * 2 + count * 4 > WORK_BYTES) return false;
  const inputs = WORK + ALIKE_BYTES;
  const sums = widen(x, length, inputs);
  sumRows(inputs, length, panels + first * length * 2, count, sums);
  if (prepareAlike(op, pair, WORK)) requantizeAlike(WORK, sums, bias, output, count);
  else requantizeFours(op, sums, bias, pair, output, count);
  return true;
}
