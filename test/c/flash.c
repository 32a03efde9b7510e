/*
 * firmware/nvm-flash.c on a model of flash: programming clears bits of an erased unit once, erasing sets those of a
 * page, and power may fail in any of these steps, which then has done part of its work.
 *
 *   flash cuts FIRST COUNT    workloads by number; prints how many cuts there were
 *   flash wear BARRIERS       a few hot sectors; prints erasures: least, most, total, and steps
 */
#include "nvm-flash.c"

enum { FLASH = FLASH_PAGES * FLASH_PAGE_BYTES };

static struct {
  uint8_t bytes[FLASH];
  uint8_t is_torn[FLASH_PAGES]; /* an erasure that never ended: nothing may be programmed */
} part;

enum { TEARS = 0 };
#include "workloads.h"

/* Of the bits that a step would change: none, some or all. */
static uint8_t partly(uint8_t bits, uint32_t how) {
  return how == 0 ? 0 : how == 1 ? bits : (uint8_t)(bits & draw(256));
}

static void power_on(void) {
}

static void fresh_part(uint32_t seed) {
  if (seed % 2) memset(part.bytes, 0xff, sizeof part.bytes);
}

const uint8_t *flash_at(uint32_t offset) {
  return part.bytes + offset;
}

void flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  const uint8_t *from = source;
  uint32_t at;
  if (offset % FLASH_UNIT || bytes % FLASH_UNIT || offset + bytes > FLASH) fail("a bad range is programmed");
  if (part.is_torn[offset / FLASH_PAGE_BYTES]) fail("a page is programmed that is not erased to the end");
  for (at = 0; at < bytes; at += FLASH_UNIT) {
    uint32_t i;
    const int is_cut = ++steps == cut_at;
    const uint32_t how = is_cut ? draw(3) : 1;
    for (i = at; i < at + FLASH_UNIT; i++) {
      if (part.bytes[offset + i] != 0xff) fail("what is programmed was not erased");
    }
    for (i = at; i < at + FLASH_UNIT; i++) part.bytes[offset + i] ^= partly((uint8_t)~from[i], how);
    if (is_cut) longjmp(off, 1);
  }
}

void flash_erase(uint32_t page) {
  const int is_cut = ++steps == cut_at;
  const uint32_t how = is_cut ? draw(4) : 1;
  const uint32_t from = how == 3 ? draw(FLASH_PAGE_BYTES) : 0;
  uint32_t i;
  for (i = from; i < FLASH_PAGE_BYTES; i++) {
    uint8_t *byte = part.bytes + page * FLASH_PAGE_BYTES + i;
    *byte |= partly((uint8_t)~*byte, how == 3 ? 1 : how);
  }
  part.is_torn[page] = (uint8_t)is_cut;
  if (is_cut) longjmp(off, 1);
}

static int wear(uint32_t barriers) {
  struct flash_wear found;
  memset(part.bytes, 0xff, sizeof part.bytes);
  state = 1;
  nvm_begin();
  while (barriers-- > 0) {
    const uint32_t word = barriers;
    /* All sectors live; two of them take the writes, as the slots of a cursor do. */
    if (barriers % 4096 == 0) {
      uint32_t at;
      for (at = 0; at < NVM; at += 4) nvm_write(at, &word, 4);
    }
    nvm_write(barriers % 2 * 64, &word, 4);
    nvm_sync();
  }
  found = nvm_flash_wear();
  printf("%u %u %u %u\n", found.least, found.most, found.total, steps);
  return 0;
}

int main(int count, char **words) {
  if (count == 4 && strcmp(words[1], "cuts") == 0) {
    return cuts((uint32_t)strtoul(words[2], 0, 10), (uint32_t)strtoul(words[3], 0, 10));
  }
  if (count == 3 && strcmp(words[1], "wear") == 0) return wear((uint32_t)strtoul(words[2], 0, 10));
  return 2;
}
