// CRC-32 (reflected, polynomial 0xEDB88320, as in zlib), half a byte at a time: 64 bytes of table.
const TABLE = memory.data<u32>([
  0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320,
  0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
]);

/** Continues `crc` (0 to begin) over `length` bytes. */
export function crc32(crc: u32, pointer: usize, length: i32): u32 {
  crc = ~crc;
  for (const end = pointer + length; pointer < end; pointer++) {
    crc ^= load<u8>(pointer);
    crc = (crc >>> 4) ^ load<u32>(TABLE + ((crc & 15) << 2));
    crc = (crc >>> 4) ^ load<u32>(TABLE + ((crc & 15) << 2));
  }
  return ~crc;
}
