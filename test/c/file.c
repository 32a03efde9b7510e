/*
 * firmware/brownout_nvm_file.c with system calls that may be cut, or write less than they were asked to: what was not synced has
 * then reached the file in part.
 *
 *   file cuts FIRST COUNT    workloads by number; prints how many cuts there were
 */
#define _POSIX_C_SOURCE 200809L
#include <sys/types.h>
#include <unistd.h>

#include "brownout_model.h"

enum { TEARS = 0 };
static struct {
  uint8_t bytes[BROWNOUT_NVM_BYTES];
} part;

#include "cuts.h"
#include "workloads.h"

/* What the system has not written to the file yet. */
static uint8_t cache[BROWNOUT_NVM_BYTES];

static void step(void) {
  uint32_t at;
  if (++steps != cut_at) return;
  for (at = 0; at < sizeof cache; at++) if (draw(2)) part.bytes[at] = cache[at];
  longjmp(off, 1);
}

static ssize_t cut_pwrite(int file, const void *from, size_t bytes, off_t address) {
  const size_t done = bytes > 1 && draw(4) == 0 ? 1 + draw((uint32_t)bytes - 1) : bytes;
  (void)file;
  memcpy(cache + address, from, done);
  step();
  return (ssize_t)done;
}

static ssize_t model_pread(int file, void *to, size_t bytes, off_t address) {
  (void)file;
  memcpy(to, cache + address, bytes);
  return (ssize_t)bytes;
}

static int cut_fsync(int file) {
  (void)file;
  step();
  memcpy(part.bytes, cache, sizeof cache);
  return 0;
}

#define pwrite cut_pwrite
#define pread model_pread
#define fsync cut_fsync
#include "brownout_nvm_file.c"

static void power_on(void) {
  memcpy(cache, part.bytes, sizeof cache);
}

static void fresh_part(uint32_t seed) {
  (void)seed;
}

int main(int count, char **words) {
  if (count != 4 || strcmp(words[1], "cuts") != 0) return 2;
  return cuts((uint32_t)strtoul(words[2], 0, 10), (uint32_t)strtoul(words[3], 0, 10));
}
