// Runs of activations of type T: the loops inside kernels that int8 and int16 share.

/** Sets each to `value`. */
export function fill<T>(to: usize, end: usize, value: i32): void {
  for (; to < end; to += sizeof<T>()) store<T>(to, <T>value);
}

/** Raises each to its counterpart at `from`, where that is larger. */
export function raise<T>(to: usize, end: usize, from: usize): void {
  for (; to < end; to += sizeof<T>(), from += sizeof<T>()) store<T>(to, max(load<T>(to), load<T>(from)));
}

/** Lowers each to `high`, where it is larger. */
export function lower<T>(to: usize, end: usize, high: i32): void {
  for (; to < end; to += sizeof<T>()) store<T>(to, <T>min(<i32>load<T>(to), high));
}

/** Adds each at `from` to the int32 sums from `to` to `end`. */
export function addTo<T>(to: usize, end: usize, from: usize): void {
  for (; to < end; to += 4, from += sizeof<T>()) store<i32>(to, load<i32>(to) + <i32>load<T>(from));
}
