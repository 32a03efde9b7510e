// Weights as kernels want them: int8 rows, whether NVM holds them so or packed. A new type is a line in `rowBytes` and in
// `unpack` (docs/CONTRIBUTING.md); host/model/weight-types.ts packs them.
import { OP_WEIGHT_TYPE, WeightType } from '../layout';
import { look } from '../nvm';
import { hasPacked, isOfWeights } from './mask';

/** Whether rows hold weights packed, not as int8. */
export function isPacked(op: usize): bool {
  return hasPacked() && load<u8>(op, OP_WEIGHT_TYPE) != WeightType.INT8;
}

/** Bytes of a row of `count` weights in NVM. */
export function rowBytes(op: usize, count: i32): i32 {
  if (isOfWeights(op, WeightType.INT4)) return (count + 1) >> 1;
  if (isOfWeights(op, WeightType.INT2)) return (count + 3) >> 2;
  if (isOfWeights(op, WeightType.INT1)) return (count + 7) >> 3;
  return count;
}

/** The `count` weights at `row` as int8: in place, or unpacked to `scratch`. */
export function unpack(op: usize, row: usize, count: i32, scratch: usize): usize {
  if (isOfWeights(op, WeightType.INT4)) unpackInt4(row, count, scratch);
  else if (isOfWeights(op, WeightType.INT2)) unpackInt2(row, count, scratch);
  else if (isOfWeights(op, WeightType.INT1)) unpackInt1(row, count, scratch);
  else return row;
  return scratch;
}

function unpackInt4(row: usize, count: i32, to: usize): void {
  for (let i = 0; i < count; i++) {
    const pair: i32 = load<i8>(row + (i >> 1));
    store<i8>(to + i, i & 1 ? pair >> 4 : (pair << 28) >> 28);
  }
}

/** Code c, of an upper and a lower bit, is 2 · c − 3. */
function unpackInt2(row: usize, count: i32, to: usize): void {
  for (let i = 0; i < count; i++) {
    const four = (<i32>load<u8>(row + (i >> 2))) >> (i & 3);
    store<i8>(to + i, ((four >> 2) & 4) + ((four << 1) & 2) - 3);
  }
}

function unpackInt1(row: usize, count: i32, to: usize): void {
  for (let i = 0; i < count; i++) {
    const eight = (<i32>load<u8>(row + (i >> 3))) >> (i & 7);
    store<i8>(to + i, ((eight & 1) << 1) - 1);
  }
}

/** Where unpacked weights go: behind the `bytes` looked up to `scratch`. */
export function behind(scratch: usize, bytes: i32): usize {
  return scratch + ((bytes + 15) & ~15);
}

/** Bits 0 … 3, each as a byte of its own. */
// @ts-ignore: decorator
@inline
function spread(bits: i32): i32 {
  return ((bits & 15) * 0x204081) & 0x1010101;
}

/**
 * `count` weights of first columns from NVM address `at` on, as int8: looked up to `scratch`, and unpacked behind. Packed ones
 * come in multiples of four that fill whole bytes, and four make a word.
 */
export function lookColumns(op: usize, at: usize, count: i32, scratch: usize): usize {
  const bytes = rowBytes(op, count);
  let from = look(at, bytes, scratch);
  if (!isPacked(op)) return from;
  const to = behind(scratch, bytes);
  for (let i = 0; i < count; i += 4) {
    let four: i32 = 0;
    let less = 0x8080808;
    if (isOfWeights(op, WeightType.INT4)) {
      four = load<u16>(from);
      four = (four | (four << 8)) & 0xff00ff;
      four = ((four | (four << 4)) & 0xf0f0f0f) ^ 0x8080808;
      from += 2;
    }
    if (isOfWeights(op, WeightType.INT2)) {
      const codes: i32 = load<u8>(from++);
      four = (spread(codes) << 1) + (spread(codes >> 4) << 2);
      less = 0x3030303;
    }
    if (isOfWeights(op, WeightType.INT1)) {
      const signs: i32 = load<u8>(from);
      four = spread(signs >> (i & 4)) << 1;
      less = 0x1010101;
      from += (i >> 2) & 1;
    }
    // No byte borrows from the next.
    store<i32>(to + i, ((four | 0x80808080) - less) ^ 0x80808080);
  }
  return to;
}

/**
 * Row `r` of a row of circulant blocks over channels: `taps` runs of `channels` int8 to `scratch`, from first columns
 * [tap][block][k]. Block element (r, c) is w[(r − c) mod k]; columns beyond the last channel are left out.
 */
export function unwind(columns: usize, r: i32, k: i32, taps: i32, channels: i32, scratch: usize): void {
  for (let tap = 0; tap < taps; tap++) {
    for (let first = 0; first < channels; first += k) {
      for (let c = 0, count = min(k, channels - first); c < count; c++) {
        store<u8>(scratch++, load<u8>(columns + ((r - c) & (k - 1))));
      }
      columns += k;
    }
  }
}
