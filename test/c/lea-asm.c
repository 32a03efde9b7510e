/*
 * The assembler of brownout_msp430_asm.S that LEA's bodies use, held against C on random values, on a simulated MSP430: what
 * differs is counted in `results`, behind how many sums were rounded; then how many lay near to where they round, and how many
 * pairs go the whole way at once.
 */
#include <stdint.h>

typedef struct {
  const uint8_t *w, *bias, *pair;
  uint16_t stride, length, rows, wide;
  int32_t twice;
  int16_t low, high, zero;
} job_of_rows;
typedef struct {
  uint16_t columns, height, across, pixel, pad, upper;
} map_of_columns;
typedef struct {
  int32_t bias;
  uint16_t count, pieces, further, apart;
} job_of_pieces;
void brownout_msp430_rows(const void *x, uint8_t *to, const job_of_rows *job);
void brownout_msp430_same(const int32_t *sums, uint8_t *to, const job_of_rows *job);
void brownout_msp430_columns(const uint8_t *from, int16_t *to, const map_of_columns *map);
void brownout_msp430_split(const uint8_t *from, int16_t *to, const map_of_columns *map);
void brownout_msp430_spread(const uint8_t *from, int16_t *to, uint16_t count, uint16_t apart, int16_t step);
void brownout_msp430_copy(const int16_t *from, int16_t *to, uint16_t length, uint16_t count, uint16_t gap);
void brownout_msp430_combine(const int16_t *from, int32_t *sums, const job_of_pieces *job);

uint16_t results[8];
static uint16_t state;
static uint16_t next(void) {
  state ^= state << 7;
  state ^= state >> 9;
  state ^= state << 8;
  return state;
}
static int32_t sums[16];
static int32_t pair[2];
static uint8_t bytes[256];
static int16_t words[512];
static int16_t copies[128];

/* Of one pair: sums around where results round, within the clamp and beyond, and any. */
static void round(void) {
  job_of_rows job;
  uint8_t as[16], one;
  uint16_t i;
  const uint16_t right = 4 + next() % 19;
  pair[0] = (int32_t)(((uint32_t)(0x4000 | (next() & 0x3fff)) << 16) | next());
  if (next() % 8 == 0) pair[0] >>= 1;
  pair[1] = -(int32_t)right;
  job.pair = (const uint8_t *)pair;
  job.zero = (int16_t)(next() % 256) - 128;
  job.twice = (int32_t)job.zero * 2 + 1;
  job.low = -128;
  job.high = next() % 4 ? 127 : (int16_t)(next() % 100);
  job.length = 0;
  job.wide = 0;
  if (right < 6 || right > 20 || pair[0] < 0x40000000) results[7] += 16;
  for (i = 0; i < 16; i++) {
    const int32_t whole = (int32_t)(int16_t)(next() % 600) - 300;
    const uint16_t kind = next() % 4;
    /* As much as gives whole + 1/2, but for what the multiplier is beyond 2^30. */
    if (kind < 2)
      sums[i] = (whole * 2 + 1) * (int32_t)((uint32_t)1 << right) + (int16_t)(next() % 5) - 2;
    else if (kind == 2)
      sums[i] = whole * (int32_t)((uint32_t)1 << right) + next() % 64;
    else
      sums[i] = (int32_t)(((uint32_t)next() << 16) | next()) >> (next() % 24);
    results[6] += kind < 2;
  }
  job.stride = 1;
  job.rows = 16;
  brownout_msp430_same(sums, as, &job);
  job.rows = 1;
  job.stride = 0;
  for (i = 0; i < 16; i++) {
    job.bias = (const uint8_t *)(sums + i);
    brownout_msp430_rows(sums, &one, &job);
    results[0]++;
    results[1] += as[i] != one;
  }
}

static void lay(void) {
  map_of_columns map;
  uint16_t i, x, y, c, at;
  map.columns = 1 + next() % 6;
  map.height = 1 + next() % 3;
  map.pixel = 1 + next() % 4;
  map.across = map.columns * map.pixel + next() % 4;
  map.pad = map.height * map.pixel & 1;
  for (i = 0; i < 256; i++) bytes[i] = (uint8_t)next();
  map.upper = next() & 1;
  brownout_msp430_columns(bytes, words, &map);
  for (at = 0, x = 0; x < map.columns; x++) {
    for (y = 0; y < map.height; y++)
      for (c = 0; c < map.pixel; c++, at++)
        results[2] += words[at] != (int16_t)((int8_t)bytes[y * map.across + x * map.pixel + c] * (map.upper ? 256 : 1));
    if (map.pad) results[2] += words[at++] != 0;
  }
  map.upper = 8;
  brownout_msp430_split(bytes, words, &map);
  for (at = 0, x = 0; x < map.columns; x++) {
    for (y = 0; y < map.height; y++)
      for (c = 0; c < map.pixel; c++, at += 4) {
        const int16_t w = (int8_t)bytes[y * map.across + x * map.pixel + c];
        const int16_t lower = words[at + 1] / 128;
        results[3] += words[at + 1] % 128 != 0 || lower < -8 || lower > 7 || words[at] / 8 + lower != w;
      }
    if (map.pad) results[3] += words[at] != 0 || words[at + 1] != 0, at += 4;
  }
  brownout_msp430_spread(bytes + 40, words, 30, 6, -1);
  for (i = 0; i < 30; i++) results[4] += words[i * 3] != (int8_t)bytes[40 - i];
  x = 2 * (1 + next() % 12);
  brownout_msp430_copy((const int16_t *)bytes, copies, x, 3, 4);
  for (i = 0; i < 3 * x; i++) results[4] += copies[i] != ((const int16_t *)bytes)[i % x + i / x * (x + 2)];
}

static void add(void) {
  job_of_pieces job;
  int32_t as[3];
  uint16_t i, p;
  job.bias = (int32_t)(((uint32_t)next() << 16) | next()) >> 4;
  job.count = 3;
  job.pieces = 1 + next() % 8;
  job.further = 16;
  job.apart = 4;
  for (i = 0; i < 128; i++) copies[i] = (int16_t)next();
  brownout_msp430_combine(copies, as, &job);
  for (i = 0; i < 3; i++) {
    int32_t sum = job.bias;
    for (p = 0; p < job.pieces; p++) sum += (int32_t)copies[p * 8 + i * 2] * 16 + copies[p * 8 + i * 2 + 1];
    results[5] += as[i] != sum;
  }
}

void fill(void) {
  uint16_t n;
  state = 1;
  for (n = 0; n < 8; n++) results[n] = 0;
  for (n = 0; n < 400; n++) round();
  for (n = 0; n < 60; n++) {
    lay();
    add();
  }
}
