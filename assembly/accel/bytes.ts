// Short copies and fills: on a microcontroller a call to memmove costs more than a few bytes.
import { FAST } from '../kernels/mask';

/** Copies `length` bytes upwards, from and to any address; where the ranges overlap, to the lower one. */
export function copyBytes(destination: usize, source: usize, length: i32): void {
  const end = destination + length;
  if (ASC_FEATURE_SIMD) {
    for (const whole = destination + (length & ~63); destination < whole; destination += 64, source += 64) {
      v128.store(destination, v128.load(source));
      v128.store(destination, v128.load(source, 16), 16);
      v128.store(destination, v128.load(source, 32), 32);
      v128.store(destination, v128.load(source, 48), 48);
    }
    for (const whole = destination + (length & 48); destination < whole; destination += 16, source += 16) {
      v128.store(destination, v128.load(source));
    }
    length &= 15;
  }
  if (FAST) {
    for (const whole = destination + (length & ~15); destination < whole; destination += 16, source += 16) {
      const a = load<u32>(source, 0, 1);
      const b = load<u32>(source, 4, 1);
      const c = load<u32>(source, 8, 1);
      store<u32>(destination, a, 0, 1);
      store<u32>(destination, b, 4, 1);
      store<u32>(destination, c, 8, 1);
      store<u32>(destination, load<u32>(source, 12, 1), 12, 1);
    }
    length &= 15;
  }
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
  if (ASC_FEATURE_SIMD) {
    const lanes = i8x16.splat(<i8>value);
    for (const whole = destination + (length & ~15); destination < whole; destination += 16) {
      v128.store(destination, lanes);
    }
    length &= 15;
  }
  for (const end = destination + length; destination < end; destination++) store<u8>(destination, value);
}
