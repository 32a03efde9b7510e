// Runs of activations of type T: the loops inside kernels that int8 and int16 share.
import { SIMD } from './mask';

/** Sets each to `value`. */
export function fill<T>(to: usize, end: usize, value: i32): void {
  for (; to < end; to += sizeof<T>()) store<T>(to, <T>value);
}

/** Raises each to its counterpart at `from`, where that is larger. */
export function raise<T>(to: usize, end: usize, from: usize): void {
  if (SIMD && sizeof<T>() == 1) {
    for (; to + 16 <= end; to += 16, from += 16) v128.store(to, i8x16.max_s(v128.load(to), v128.load(from)));
  }
  for (; to < end; to += sizeof<T>(), from += sizeof<T>()) store<T>(to, max(load<T>(to), load<T>(from)));
}

/** Lowers each to `high`, where it is larger. */
export function lower<T>(to: usize, end: usize, high: i32): void {
  if (SIMD && sizeof<T>() == 1) {
    const most = i8x16.splat(<i8>high);
    for (; to + 16 <= end; to += 16) v128.store(to, i8x16.min_s(v128.load(to), most));
  }
  for (; to < end; to += sizeof<T>()) store<T>(to, <T>min(<i32>load<T>(to), high));
}

/** Adds each at `from` to the int32 sums from `to` to `end`. */
export function addTo<T>(to: usize, end: usize, from: usize): void {
  if (SIMD && sizeof<T>() == 1) {
    for (; to + 32 <= end; to += 32, from += 8) {
      const x = v128.load8x8_s(from);
      v128.store(to, i32x4.add(v128.load(to), i32x4.extend_low_i16x8_s(x)));
      v128.store(to, i32x4.add(v128.load(to, 16), i32x4.extend_high_i16x8_s(x)), 16);
    }
  }
  for (; to < end; to += 4, from += sizeof<T>()) store<i32>(to, load<i32>(to) + <i32>load<T>(from));
}
