// Circulant layers by Karatsuba's trick in lanes, for speed: blocks of 16, 32 and 64 without loops, whose values stay in
// registers. What is computed, and the order of leaves, is that of circulant_karatsuba_s8.ts.

/** Whether blocks of `k` have code here. */
// @ts-ignore: decorator
@inline
export function isStraight(k: i32): bool {
  return k == 16 || k == 32 || k == 64;
}

/** Both halves' sums, of a and of b. */
// @ts-ignore: decorator
@inline
function halves(a: v128, b: v128): v128 {
  return i16x8.add(v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
}

/** The difference of the halves of eight, in the lower half. */
// @ts-ignore: decorator
@inline
function lessUpper(a: v128): v128 {
  return i16x8.sub(a, v128.shuffle<i64>(a, a, 1, 0));
}

/** Five leaves of 16 int8. */
function expand16(from: usize, to: usize): void {
  const x = v128.load8x8_s(from);
  const y = v128.load8x8_s(from, 8);
  const d = i16x8.sub(x, y);
  const c = i16x8.add(x, y);
  const sums = halves(d, c);
  v128.store(to, d);
  v128.store(to, v128.shuffle<i64>(sums, lessUpper(c), 0, 2), 16);
  v128.store64_lane(to, sums, 1, 32);
}

/** 14 leaves of 32 int8. */
function expand32(from: usize, to: usize): void {
  const x0 = v128.load8x8_s(from);
  const x1 = v128.load8x8_s(from, 8);
  const x2 = v128.load8x8_s(from, 16);
  const x3 = v128.load8x8_s(from, 24);
  const d0 = i16x8.sub(x0, x2);
  const d1 = i16x8.sub(x1, x3);
  const c0 = i16x8.add(x0, x2);
  const c1 = i16x8.add(x1, x3);
  const s = i16x8.add(d0, d1);
  const n = i16x8.sub(c0, c1);
  const c = i16x8.add(c0, c1);
  v128.store(to, d0);
  v128.store(to, d1, 16);
  v128.store(to, s, 32);
  v128.store(to, n, 48);
  v128.store(to, halves(d0, d1), 64);
  v128.store(to, halves(s, n), 80);
  v128.store(to, v128.shuffle<i64>(lessUpper(c), halves(c, c), 0, 2), 96);
}

/** 41 leaves of 64 int8. */
function expand64(from: usize, to: usize): void {
  const x0 = v128.load8x8_s(from);
  const x1 = v128.load8x8_s(from, 8);
  const x2 = v128.load8x8_s(from, 16);
  const x3 = v128.load8x8_s(from, 24);
  const x4 = v128.load8x8_s(from, 32);
  const x5 = v128.load8x8_s(from, 40);
  const x6 = v128.load8x8_s(from, 48);
  const x7 = v128.load8x8_s(from, 56);
  const d0 = i16x8.sub(x0, x4);
  const d1 = i16x8.sub(x1, x5);
  const d2 = i16x8.sub(x2, x6);
  const d3 = i16x8.sub(x3, x7);
  v128.store(to, d0);
  v128.store(to, d1, 16);
  v128.store(to, d2, 32);
  v128.store(to, d3, 48);
  v128.store(to, halves(d0, d1), 208);
  v128.store(to, halves(d2, d3), 224);
  const s0 = i16x8.add(d0, d2);
  const s1 = i16x8.add(d1, d3);
  v128.store(to, s0, 64);
  v128.store(to, s1, 80);
  v128.store(to, halves(s0, s1), 240);
  const d = i16x8.add(d0, d1);
  const e = i16x8.add(d2, d3);
  v128.store(to, d, 128);
  v128.store(to, e, 144);
  v128.store(to, halves(d, e), 272);
  const c0 = i16x8.add(x0, x4);
  const c1 = i16x8.add(x1, x5);
  const c2 = i16x8.add(x2, x6);
  const c3 = i16x8.add(x3, x7);
  const n0 = i16x8.sub(c0, c2);
  const n1 = i16x8.sub(c1, c3);
  v128.store(to, n0, 96);
  v128.store(to, n1, 112);
  v128.store(to, halves(n0, n1), 256);
  const s = i16x8.add(s0, s1);
  const n = i16x8.add(n0, n1);
  v128.store(to, s, 160);
  v128.store(to, n, 176);
  v128.store(to, halves(s, n), 288);
  const f0 = i16x8.add(c0, c2);
  const f1 = i16x8.add(c1, c3);
  const last = i16x8.sub(f0, f1);
  const c = i16x8.add(f0, f1);
  const sums = halves(last, c);
  v128.store(to, last, 192);
  v128.store(to, v128.shuffle<i64>(sums, lessUpper(c), 0, 2), 304);
  v128.store64_lane(to, sums, 1, 320);
}

/** The leaves of `k` int8 at `from`, where `isStraight`. */
export function expandStraight(from: usize, k: i32, to: usize): void {
  if (k == 64) expand64(from, to);
  else if (k == 32) expand32(from, to);
  else expand16(from, to);
}

/** The lower half of eight sums, of group `group`: its second leaf, and one of those from `thirds` on. */
// @ts-ignore: decorator
@inline
function lower(s: usize, group: usize, thirds: usize): v128 {
  return i32x4.add(v128.load(s + (group * 32 + 16)), v128.load(s + (thirds + group) * 16));
}

/** The upper half: by its first leaf. */
// @ts-ignore: decorator
@inline
function upper(s: usize, group: usize, thirds: usize): v128 {
  return i32x4.add(v128.load(s + group * 32), v128.load(s + (thirds + group) * 16));
}

/** Half of a + b to `to`, half of a − b to `apart` bytes behind it; both are whole. */
// @ts-ignore: decorator
@inline
function join(a: v128, b: v128, to: usize, apart: usize): void {
  v128.store(to, i32x4.shr_s(i32x4.add(a, b), 1));
  v128.store(to + apart, i32x4.shr_s(i32x4.sub(a, b), 1));
}

/** 16 cyclic sums to `to`: of the last group of eight that is negacyclic, and of the last two leaves. */
// @ts-ignore: decorator
@inline
function join16(s: usize, group: usize, thirds: usize, to: usize): void {
  const last = v128.load(s + (thirds + group + 1) * 16);
  const cyclic = v128.load(s + (thirds + group + 2) * 16);
  join(i32x4.shr_s(i32x4.add(cyclic, last), 1), lower(s, group, thirds), to, 32);
  join(i32x4.shr_s(i32x4.sub(cyclic, last), 1), upper(s, group, thirds), to + 16, 32);
}

/** 16 negacyclic sums of groups p, q and r of eight, joined with as many cyclic ones at `to`. */
// @ts-ignore: decorator
@inline
function join32(s: usize, p: usize, q: usize, r: usize, thirds: usize, to: usize): void {
  let both = lower(s, r, thirds);
  join(v128.load(to), i32x4.add(lower(s, q, thirds), both), to, 64);
  join(v128.load(to, 32), i32x4.add(lower(s, p, thirds), both), to + 32, 64);
  both = upper(s, r, thirds);
  join(v128.load(to, 16), i32x4.add(upper(s, q, thirds), both), to + 16, 64);
  join(v128.load(to, 48), i32x4.add(upper(s, p, thirds), both), to + 48, 64);
}

/** Every other four of 32 negacyclic sums, from groups that begin at `s`, joined with as many cyclic ones at `to`. */
// @ts-ignore: decorator
@inline
function join64(s: usize, thirds: usize, to: usize): void {
  const both = i32x4.add(v128.load(s + 320), v128.load(thirds + 160));
  const first = i32x4.add(v128.load(s + 128), v128.load(thirds + 64));
  const second = i32x4.add(v128.load(s + 160), v128.load(thirds + 80));
  // Of the third of three: its lower and its upper eight.
  const low = i32x4.add(second, both);
  const high = i32x4.add(first, both);
  const q = i32x4.add(v128.load(s + 288), v128.load(thirds + 144));
  join(
    v128.load(to),
    i32x4.add(i32x4.add(i32x4.add(v128.load(s + 96), v128.load(thirds + 48)), q), low),
    to,
    128,
  );
  join(
    v128.load(to, 32),
    i32x4.add(i32x4.add(i32x4.add(v128.load(s + 64), v128.load(thirds + 32)), q), high),
    to + 32,
    128,
  );
  const p = i32x4.add(v128.load(s + 256), v128.load(thirds + 128));
  join(
    v128.load(to, 64),
    i32x4.add(i32x4.add(i32x4.add(v128.load(s + 32), v128.load(thirds + 16)), p), low),
    to + 64,
    128,
  );
  join(
    v128.load(to, 96),
    i32x4.add(i32x4.add(i32x4.add(v128.load(s), v128.load(thirds)), p), high),
    to + 96,
    128,
  );
}

function collect32(s: usize, to: usize): void {
  join16(s, 3, 8, to);
  join32(s, 0, 1, 2, 8, to);
}

function collect64(s: usize, to: usize): void {
  join16(s, 12, 26, to);
  join32(s, 6, 7, 11, 26, to);
  join64(s + 16, s + 416, to);
  join64(s, s + 416, to + 16);
}

/** The `k` sums that the leaves' at `sums` make, where `isStraight`, to `to`. */
export function collectStraight(sums: usize, k: i32, to: usize): void {
  if (k == 64) collect64(sums, to);
  else if (k == 32) collect32(sums, to);
  else join16(sums, 0, 2, to);
}
