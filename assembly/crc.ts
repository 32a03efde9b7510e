// CRC-32 (reflected, polynomial 0xEDB88320, as in zlib), half a byte at a time: 64 bytes of table. In lanes, for speed, a word at
// a time, without a table: SRAM has no room for a larger one.
import { SIMD, SPEED } from './kernels/mask';

const TABLE = memory.data<u32>([
  0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320,
  0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
]);

/**
 * What a word leaves behind it, by Barrett's reduction: times ⌊x⁶⁴/P⌋, of which the lower half stands for the quotient, times
 * P, of which the upper half is left. Shifts are where the two have ones, in reflected order: 0x1f7011641 and 0x1db710641.
 */
// @ts-ignore: decorator
@inline
function reduce(word: u32): u32 {
  const a = word ^ (word << 6) ^ (word << 9) ^ ((word << 10) ^ (word << 12) ^ (word << 16));
  const b = (word << 24) ^ (word << 25) ^ ((word << 26) ^ (word << 28));
  const q = a ^ (b ^ (word << 29) ^ ((word << 30) ^ (word << 31)));
  const c = q ^ (q >>> 1) ^ (q >>> 2) ^ ((q >>> 4) ^ (q >>> 5) ^ (q >>> 7));
  const d = (q >>> 8) ^ (q >>> 10) ^ (q >>> 11) ^ ((q >>> 12) ^ (q >>> 16));
  return c ^ (d ^ (q >>> 22) ^ ((q >>> 23) ^ (q >>> 26)));
}

/** Continues `crc` (0 to begin) over `length` bytes. */
export function crc32(crc: u32, pointer: usize, length: i32): u32 {
  crc = ~crc;
  if (SIMD && SPEED) {
    for (const words = pointer + (length & ~3); pointer < words; pointer += 4)
      crc = reduce(crc ^ load<u32>(pointer));
    length &= 3;
  }
  for (const end = pointer + length; pointer < end; pointer++) {
    crc ^= load<u8>(pointer);
    crc = (crc >>> 4) ^ load<u32>(TABLE + ((crc & 15) << 2));
    crc = (crc >>> 4) ^ load<u32>(TABLE + ((crc & 15) << 2));
  }
  return ~crc;
}
