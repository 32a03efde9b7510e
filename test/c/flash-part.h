/*
 * Flash: programming clears bits of an erased unit once, erasing sets those of a page, and power may fail in any of these
 * steps, which then has done part of its work. In a weak one some units do not take all that is programmed, and nobody says so.
 */
enum { FLASH = BROWNOUT_FLASH_PAGES * BROWNOUT_FLASH_PAGE_BYTES };

static int must_ask;  /* an erasure waits for power, where there is room without */
static uint32_t weak; /* one in so many programmed units does not take; 0: all do */

static struct {
  uint8_t bytes[FLASH];
  uint8_t is_torn[BROWNOUT_FLASH_PAGES]; /* an erasure that never ended: nothing may be programmed */
} part;

/* Of the bits that a step would change: none, some or all. */
static uint8_t partly(uint8_t bits, uint32_t how) {
  return how == 0 ? 0 : how == 1 ? bits : (uint8_t)(bits & draw(256));
}

/* Zeros may be programmed anywhere: that a unit is not blank does not depend on how well it was erased. */
static int is_mark(const uint8_t *bytes, uint32_t count) {
  while (count > 0 && bytes[count - 1] == 0) count--;
  return count == 0;
}

const uint8_t *brownout_flash_at(uint32_t offset) {
  return part.bytes + offset;
}

void brownout_flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  const uint8_t *from = source;
  uint32_t at;
  const int is_whole = offset % BROWNOUT_FLASH_UNIT == 0 && bytes % BROWNOUT_FLASH_UNIT == 0;
  if (!is_whole || offset + bytes > FLASH) fail("a bad range is programmed");
  if (part.is_torn[offset / BROWNOUT_FLASH_PAGE_BYTES] && !is_mark(from, bytes))
    fail("a page is programmed that is not erased to the end");
  for (at = 0; at < bytes; at += BROWNOUT_FLASH_UNIT) {
    uint32_t i;
    const int is_cut = ++steps == cut_at;
    const uint32_t how = is_cut || (weak && draw(weak) == 0) ? draw(3) : 1;
    for (i = at; i < at + BROWNOUT_FLASH_UNIT; i++) {
      if (part.bytes[offset + i] != 0xff) fail("what is programmed was not erased");
    }
    for (i = at; i < at + BROWNOUT_FLASH_UNIT; i++) part.bytes[offset + i] ^= partly((uint8_t)~from[i], how);
    if (is_cut) longjmp(off, 1);
  }
}

/* Cut, it has erased nothing, all (yet not for good), some bits, or what lies on one side of a border. */
void brownout_flash_erase(uint32_t page) {
  /* Erased once more where its header did not take: that is no other erasure. */
  static uint32_t last = ~0u;
  const int is_early = must_ask && page != last && (!is_asked || is_low);
  const int is_cut = ++steps == cut_at;
  const uint32_t how = is_cut ? draw(5) : 1;
  /* Half of the borders are between two of the first units, where the header is. */
  const uint32_t border = draw(2) ? draw(BROWNOUT_FLASH_PAGE_BYTES) : draw(6) * BROWNOUT_FLASH_UNIT;
  const uint32_t from = how == 3 ? border : 0;
  const uint32_t to = how == 4 ? border : BROWNOUT_FLASH_PAGE_BYTES;
  uint32_t i;
  if (is_early && free_pages() + (uint32_t)has_room() > 1u) fail("an erasure is begun though power is low");
  is_asked = 0;
  last = page;
  for (i = from; i < to; i++) {
    uint8_t *byte = part.bytes + page * BROWNOUT_FLASH_PAGE_BYTES + i;
    *byte |= partly((uint8_t)~*byte, how > 2 ? 1 : how);
  }
  part.is_torn[page] = (uint8_t)is_cut;
  if (is_cut) longjmp(off, 1);
}
