// Matrix-vector products of int8 in 128-bit lanes: four rows at a time. Exact while length · 2¹⁴ < 2³¹.

/** The sums of four vectors of four int32. */
// @ts-ignore: decorator
@inline
export function addAcross(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
}

/** `sum` and eight products. */
// @ts-ignore: decorator
@inline
export function more(sum: v128, x: v128, w: usize): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(x, v128.load8x8_s(w)));
}

/** Ones in the last `count` of eight lanes: those that a load which ends where the vectors end has not seen before. */
// @ts-ignore: decorator
@inline
export function lastLanes(count: i32): v128 {
  return i16x8.gt_s(i16x8(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(<i16>(7 - count)));
}

/** Rows of `length` int8 at `w`, `stride` bytes apart, times the vector at `x`; length ≥ 8. Four int32. */
export function fourRows(x: usize, w: usize, stride: usize, length: i32): v128 {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let w1 = w + stride;
  let w2 = w1 + stride;
  let w3 = w2 + stride;
  for (const end = x + (length & ~15); x < end; x += 16) {
    const low = v128.load8x8_s(x);
    const high = v128.load8x8_s(x, 8);
    a = more(more(a, low, w), high, w + 8);
    b = more(more(b, low, w1), high, w1 + 8);
    c = more(more(c, low, w2), high, w2 + 8);
    d = more(more(d, low, w3), high, w3 + 8);
    w += 16;
    w1 += 16;
    w2 += 16;
    w3 += 16;
  }
  const left = length & 15;
  if (left >= 8) {
    const low = v128.load8x8_s(x);
    a = more(a, low, w);
    b = more(b, low, w1);
    c = more(c, low, w2);
    d = more(d, low, w3);
  }
  if (left & 7) {
    const back = left - 8;
    const last = v128.and(v128.load8x8_s(x + back), lastLanes(left & 7));
    a = more(a, last, w + back);
    b = more(b, last, w1 + back);
    c = more(c, last, w2 + back);
    d = more(d, last, w3 + back);
  }
  return addAcross(a, b, c, d);
}
