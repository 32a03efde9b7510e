// Fourier transforms of Q15 in place, radix 2, for kernels of your own. Scalar and in 128-bit lanes, equal to the bit.
//
// Points first change places (i and i with its bits reversed). Then, for h = 1, 2, 4 … n/2, a at i and b at i + h become
//   t = b · w, rounded: (Σ + 2¹⁴) >> 15 of re and im each, where h ≥ 4; exact where h is 1 (w = 1) and 2 (w = 1 and ∓i)
//   (a + t + 1) >> 1 and (a − t + 1) >> 1, saturated
// so a transform divides by n, rounding halves up. w: entry i mod h of the stage, in the inverse its conjugate. Nothing
// saturates if no point of the input is further from 0 than 32,752: a stage adds at most 1.42 to that.
import { saturated } from './s16';

/**
 * The Fourier transform, divided by n: X[k] = 1/n Σ x[i] · e^(−2πik·i/n). `data`: n {re, im} of int16 at any address, n = 4,
 * 8 … 1024. `twiddles`: for h = 4, 8 … n/2 behind each other, h {re, im} of int16 in −32767 … 32767, e^(−πij/h) in Q15 for j < h
 * (`fftTwiddles` makes them). A table for more points serves fewer.
 */
export function fftQ15(data: usize, n: i32, twiddles: usize): void {
  transform(data, n, twiddles, 0);
}

/** The inverse, divided by n: x[i] = 1/n Σ X[k] · e^(2πik·i/n). Arguments as of `fftQ15`. */
export function ifftQ15(data: usize, n: i32, twiddles: usize): void {
  transform(data, n, twiddles, -1);
}

/** `sign`: 0 forward, −1 inverse. */
function transform(data: usize, n: i32, twiddles: usize, sign: i32): void {
  reverseBits(data, n);
  const end = data + (n << 2);
  for (let at = data; at < end; at += 16) {
    if (ASC_FEATURE_SIMD) v128.store(at, fourPointsInLanes(v128.load(at), sign));
    else fourPoints(at, sign);
  }
  // Bytes between a and b; of the stage's twiddles too.
  for (let half = 16; half <= n << 1; half <<= 1) {
    for (let at = data; at < end; at += half << 1) {
      if (ASC_FEATURE_SIMD) groupInLanes(at, half, twiddles, sign);
      else group(at, half, twiddles, sign);
    }
    twiddles += half;
  }
}

/** Exchanges points whose places are each other's with the bits reversed. */
function reverseBits(data: usize, n: i32): void {
  let mirrored = 0;
  for (let i = 0; i < n; i++) {
    if (i < mirrored) {
      const a = data + (i << 2);
      const b = data + (mirrored << 2);
      const point = load<u32>(a);
      store<u32>(a, load<u32>(b));
      store<u32>(b, point);
    }
    // Counts up from the top bit.
    let bit = n >> 1;
    for (; mirrored & bit; bit >>= 1) mirrored ^= bit;
    mirrored |= bit;
  }
}

/** `value`, or −`value` where `sign` is −1. */
// @ts-ignore: decorator
@inline
function signed(value: i32, sign: i32): i32 {
  return (value ^ sign) - sign;
}

/** The points at `a` and `b`, of which t is made already. */
function combine(a: usize, b: usize, tr: i32, ti: i32): void {
  const re: i32 = load<i16>(a);
  const im: i32 = load<i16>(a, 2);
  store<i16>(a, saturated((re + tr + 1) >> 1));
  store<i16>(a, saturated((im + ti + 1) >> 1), 2);
  store<i16>(b, saturated((re - tr + 1) >> 1));
  store<i16>(b, saturated((im - ti + 1) >> 1), 2);
}

/** The stages h = 1 and 2 of four points. */
function fourPoints(at: usize, sign: i32): void {
  combine(at, at + 4, load<i16>(at, 4), load<i16>(at, 6));
  combine(at + 8, at + 12, load<i16>(at, 12), load<i16>(at, 14));
  combine(at, at + 8, load<i16>(at, 8), load<i16>(at, 10));
  combine(at + 4, at + 12, signed(load<i16>(at, 14), sign), -signed(load<i16>(at, 12), sign));
}

/** A stage's butterflies of the points at `at` and `half` bytes on. */
function group(at: usize, half: i32, twiddles: usize, sign: i32): void {
  for (const end = at + half; at < end; at += 4, twiddles += 4) {
    const b = at + half;
    const re: i32 = load<i16>(b);
    const im: i32 = load<i16>(b, 2);
    const wr: i32 = load<i16>(twiddles);
    const wi = signed(load<i16>(twiddles, 2), sign);
    combine(at, b, (re * wr - im * wi + 0x4000) >> 15, (re * wi + im * wr + 0x4000) >> 15);
  }
}

/** (x + y + 1) >> 1 in four lanes. */
// @ts-ignore: decorator
@inline
function halved(x: v128, y: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.add(x, y), i32x4.splat(1)), 1);
}

/** −x in the lanes where `sign` is −1, x where it is 0. */
// @ts-ignore: decorator
@inline
function signedLanes(x: v128, sign: v128): v128 {
  return i32x4.sub(v128.xor(x, sign), sign);
}

/** Four {re, im}, saturated. */
// @ts-ignore: decorator
@inline
function packed(re: v128, im: v128): v128 {
  const parts = i16x8.narrow_i32x4_s(re, im);
  return v128.shuffle<i16>(parts, parts, 0, 4, 1, 5, 2, 6, 3, 7);
}

/** Re of four points. */
// @ts-ignore: decorator
@inline
function reals(points: v128): v128 {
  return i32x4.shr_s(i32x4.shl(points, 16), 16);
}

/** Stage h = 1 of re or im: lanes 0 and 1, 2 and 3. */
// @ts-ignore: decorator
@inline
function neighbours(x: v128): v128 {
  const b = v128.shuffle<i32>(x, x, 1, 1, 3, 3);
  const sums = halved(v128.shuffle<i32>(x, x, 0, 0, 2, 2), signedLanes(b, i32x4(0, -1, 0, -1)));
  return i32x4.min_s(sums, i32x4.splat(i16.MAX_VALUE));
}

function fourPointsInLanes(points: v128, sign: i32): v128 {
  const re = neighbours(reals(points));
  const im = neighbours(i32x4.shr_s(points, 16));
  // t: b of lane 2, and of lane 3 times −i, or i.
  const turn = v128.and(i32x4.splat(sign), i32x4(0, -1, 0, -1));
  const tr = signedLanes(v128.shuffle<i32>(re, im, 2, 7, 2, 7), v128.xor(turn, i32x4(0, 0, -1, -1)));
  const ti = signedLanes(v128.shuffle<i32>(im, re, 2, 7, 2, 7), v128.xor(turn, i32x4(0, -1, -1, 0)));
  return packed(
    halved(v128.shuffle<i32>(re, re, 0, 1, 0, 1), tr),
    halved(v128.shuffle<i32>(im, im, 0, 1, 0, 1), ti),
  );
}

/** Σ of two products a lane, rounded to Q15: they fit, as twiddles are no less than −32767. */
// @ts-ignore: decorator
@inline
function products(points: v128, w: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(points, w), i32x4.splat(0x4000)), 15);
}

function groupInLanes(at: usize, half: i32, twiddles: usize, sign: i32): void {
  const conjugate = i32x4.splat(0xffff0000);
  const turn = v128.and(i32x4.splat(sign), conjugate);
  for (const end = at + half; at < end; at += 16, twiddles += 16) {
    const a = v128.load(at);
    const b = v128.load(at + half);
    const w = i16x8.sub(v128.xor(v128.load(twiddles), turn), turn);
    const tr = products(b, i16x8.sub(v128.xor(w, conjugate), conjugate));
    const ti = products(b, v128.shuffle<i16>(w, w, 1, 0, 3, 2, 5, 4, 7, 6));
    const re = reals(a);
    const im = i32x4.shr_s(a, 16);
    v128.store(at, packed(halved(re, tr), halved(im, ti)));
    v128.store(at + half, packed(halved(re, i32x4.neg(tr)), halved(im, i32x4.neg(ti))));
  }
}
