/*
 * The CRC-32 of zlib, eight bytes at a time by tables: for models that boot a log some ten thousand times. It is the one that
 * the log computes itself, which other tests run.
 */
#include <stdint.h>
#include <string.h>

static uint32_t quick_crc32(const void *from, uint32_t bytes) {
  static uint32_t tables[8][256];
  const uint8_t *at = from;
  uint32_t crc = ~0u;
  uint32_t i, k;
  if (tables[0][255] == 0) {
    for (i = 0; i < 256; i++) {
      uint32_t entry = i;
      for (k = 0; k < 8; k++) entry = entry >> 1 ^ (0xedb88320u & (0u - (entry & 1u)));
      tables[0][i] = entry;
    }
    for (k = 1; k < 8; k++)
      for (i = 0; i < 256; i++) tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 255u];
  }
  for (; bytes >= 8; bytes -= 8, at += 8) {
    uint32_t low, high;
    memcpy(&low, at, 4);
    memcpy(&high, at + 4, 4);
    low ^= crc;
    crc = tables[7][low & 255u] ^ tables[6][low >> 8 & 255u] ^ tables[5][low >> 16 & 255u] ^ tables[4][low >> 24] ^
          tables[3][high & 255u] ^ tables[2][high >> 8 & 255u] ^ tables[1][high >> 16 & 255u] ^ tables[0][high >> 24];
  }
  for (; bytes > 0; bytes--) crc = crc >> 8 ^ tables[0][(crc ^ *at++) & 255u];
  return ~crc;
}
#define BROWNOUT_FLASH_CRC32 quick_crc32
