// Short copies and fills: on a microcontroller a call to memmove costs more than a few bytes.
import { FAST } from '../kernels/mask';

/** Copies `length` bytes upwards, from and to any address; the ranges do not overlap. */
export function copyBytes(destination: usize, source: usize, length: i32): void {
  const end = destination + length;
  for (const whole = destination + (length & ~3); destination < whole; destination += 4, source += 4) {
    store<u32>(destination, load<u32>(source, 0, 1), 0, 1);
  }
  for (; destination < end; destination++, source++) store<u8>(destination, load<u8>(source));
}

/** Sets `length` bytes to the low byte of `value`. */
export function fillBytes(destination: usize, value: i32, length: i32): void {
  if (FAST) {
    const word = (value & 0xff) * 0x01010101;
    for (const whole = destination + (length & ~3); destination < whole; destination += 4) {
      store<u32>(destination, word, 0, 1);
    }
    length &= 3;
  }
  for (const end = destination + length; destination < end; destination++) store<u8>(destination, value);
}
