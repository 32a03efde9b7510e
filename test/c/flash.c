/*
 * firmware/brownout_nvm_flash.c on a model of flash.
 *
 *   flash cuts FIRST COUNT    workloads by number; prints how many cuts there were
 *   flash tears BOOTS         power that fails in the same step of every boot, or early in most; prints how many cuts there were
 *   flash weak FIRST COUNT    as cuts, on a part of which units do not take what is programmed, one in 64
 *   flash wear BARRIERS       a few hot sectors; prints erasures: least, most, total, and steps. What is there already, written
 *                             again, takes no step
 */
#define brownout_nvm_begin begin_of_log
#include "brownout_nvm_flash.c"
#undef brownout_nvm_begin
void brownout_nvm_begin(void);

#include "cuts.h"
#include "flash-part.h"

enum { TEARS = 0 };
#include "workloads.h"

/* A boot erases what cuts have left; from then on the monitor is asked. */
void brownout_nvm_begin(void) {
  must_ask = 0;
  begin_of_log();
  must_ask = 1;
}

static void power_on(void) {
}

static void fresh_part(uint32_t seed) {
  if (seed % 2) memset(part.bytes, 0xff, sizeof part.bytes);
}

/* Boots in which power fails in step `how`, and for `how` above EARLY in one of the first few most times. */
static void tear(uint32_t how, uint32_t boots) {
  enum { EARLY = 48 };
  volatile uint32_t left = boots;
  memset(part.bytes, 0xff, sizeof part.bytes);
  memset(part.is_torn, 0, sizeof part.is_torn);
  memset(&shadow, 0, sizeof shadow);
  state = how * 0x9e3779b97f4a7c15u + 1;
  cut_at = 0;
  run(how, 256);
  for (; left > 0; left--) {
    steps = 0;
    cut_at = how <= EARLY ? how : draw(how - EARLY + 1) ? 1 + draw(4) : 1 + draw(64);
    if (setjmp(off)) continue;
    brownout_nvm_begin();
    check_boot();
    for (;;) act();
  }
  cut_at = 0;
  run(how + 1, 64);
  run(how + 2, 0);
}

static int tears(uint32_t boots) {
  for (workload = 1; workload < 96; workload++) tear(workload, boots);
  printf("%u\n", 95 * boots);
  return 0;
}

/* Every sector's own bytes again, each behind a barrier. */
static void write_again(void) {
  static uint8_t bytes[NVM];
  const uint32_t before = steps;
  uint32_t at;
  brownout_nvm_view(0, NVM, bytes);
  for (at = 0; at < NVM; at += BROWNOUT_FLASH_SECTOR_BYTES) {
    brownout_nvm_write(at, bytes + at, BROWNOUT_FLASH_SECTOR_BYTES);
    brownout_nvm_sync();
  }
  if (steps != before) fail("what is there already is programmed again");
}

static int wear(uint32_t barriers) {
  struct brownout_flash_wear found;
  memset(part.bytes, 0xff, sizeof part.bytes);
  state = 1;
  brownout_nvm_begin();
  while (barriers-- > 0) {
    const uint32_t word = barriers;
    /* All sectors live; two of them take the writes, as the slots of a cursor do. */
    if (barriers % 4096 == 0) {
      uint32_t at;
      for (at = 0; at < NVM; at += 4) brownout_nvm_write(at, &word, 4);
    }
    brownout_nvm_write(barriers % 2 * 64, &word, 4);
    brownout_nvm_sync();
  }
  write_again();
  found = brownout_nvm_flash_wear();
  printf("%u %u %u %u\n", found.least, found.most, found.total, steps);
  return 0;
}

int main(int count, char **words) {
  if (count == 4 && strcmp(words[1], "cuts") == 0) {
    return cuts((uint32_t)strtoul(words[2], 0, 10), (uint32_t)strtoul(words[3], 0, 10));
  }
  if (count == 4 && strcmp(words[1], "weak") == 0) {
    weak = 64;
    return cuts((uint32_t)strtoul(words[2], 0, 10), (uint32_t)strtoul(words[3], 0, 10));
  }
  if (count == 3 && strcmp(words[1], "tears") == 0) return tears((uint32_t)strtoul(words[2], 0, 10));
  if (count == 3 && strcmp(words[1], "wear") == 0) return wear((uint32_t)strtoul(words[2], 0, 10));
  return 2;
}
