/*
 * NVM in internal flash, which programs only from one to zero and erases by page: a log of sectors. A write changes a
 * copy of its sector in SRAM; a barrier, or a write elsewhere, appends the sector to the log as a record, and the newest
 * record of a sector is what it holds. Pages are emptied by copying what lives in them, and erased.
 *
 *   page     mark; magic, erasures, crc, ~crc; mark; then slots of records
 *   record   sequence, sector, ~sector; the sector; crc, ~crc
 *
 * What a cut tears: a record, which then has no right checksum, and whose slot is never used again; or an erasure, which
 * may do its work in part, from any end, any number of times. So both marks, blank while the page is in use, are cleared
 * before: a page with a bit cleared in either, or without a header, is erased by the next boot. Marks take no slot, so a
 * page in which nothing lives can be erased even where cuts have spoilt every slot. Nothing is erased before copies of all
 * that lives in it are whole, unless it holds but copies of what is still there. The last free page is for copies alone.
 *
 * The early threshold: a part must not program while its power-fail warning is on (nRF52840, NVMC). brownout_power_low()
 * must say yes while there is energy for what may be under way, and the commit: an erasure, copying a page, two records.
 * While it says yes no erasure is begun as long as there is room without.
 */
#include "brownout_nvm_flash.h"

#include <stddef.h>
#include "brownout_string.h"

#include "brownout_hal.h"
#include "brownout_model.h"

enum { BROWNOUT_LOG_NONE = 0xffff };
enum { BROWNOUT_LOG_RESERVE = 3 }; /* free pages: the next one, one to copy to, one for slots that cuts spoil on the way */
enum { BROWNOUT_LOG_TRIES = 4 };   /* of a page whose header a part did not take, and said nothing */
#define BROWNOUT_LOG_MAGIC 0x4c4e5242u

struct head {
  uint32_t sequence;
  uint16_t sector;
  uint16_t inverse;
};
struct tail {
  uint32_t crc;
  uint32_t inverse;
};
struct record {
  struct head head;
  uint8_t data[BROWNOUT_FLASH_SECTOR_BYTES];
  struct tail tail;
};
struct page_head {
  uint32_t mark_before[2];
  uint32_t magic;
  uint32_t erasures;
  struct tail tail;
  uint32_t mark_behind[2];
};

#define BROWNOUT_LOG_SECTORS ((BROWNOUT_NVM_BYTES + BROWNOUT_FLASH_SECTOR_BYTES - 1u) / BROWNOUT_FLASH_SECTOR_BYTES)
#define BROWNOUT_LOG_SLOTS \
  ((BROWNOUT_FLASH_PAGE_BYTES - (uint32_t)sizeof(struct page_head)) / (uint32_t)sizeof(struct record))
#define BROWNOUT_LOG_MOST ((BROWNOUT_FLASH_PAGES - BROWNOUT_LOG_RESERVE) * (BROWNOUT_LOG_SLOTS - 3u))
typedef char brownout_log_is_large_enough[BROWNOUT_LOG_SECTORS <= BROWNOUT_LOG_MOST ? 1 : -1];
typedef char brownout_sectors_have_numbers[BROWNOUT_LOG_SECTORS < BROWNOUT_LOG_NONE ? 1 : -1];
typedef char brownout_sectors_are_whole_units[BROWNOUT_FLASH_SECTOR_BYTES % BROWNOUT_FLASH_UNIT == 0 ? 1 : -1];
typedef char brownout_slots_have_numbers[BROWNOUT_FLASH_PAGES * BROWNOUT_LOG_SLOTS < BROWNOUT_LOG_NONE ? 1 : -1];

static struct {
  uint16_t map[BROWNOUT_LOG_SECTORS]; /* where the newest record of a sector is: page * BROWNOUT_LOG_SLOTS + slot */
  struct {
    uint32_t erasures;
    uint16_t used; /* slots, from the first */
    uint16_t live; /* records that are the newest of their sector */
    uint8_t has_records;
  } pages[BROWNOUT_FLASH_PAGES];
  uint32_t sequence;
  uint16_t active; /* the page that records go to */
  uint16_t sector; /* the one in the buffer */
  uint8_t is_dirty;
  uint8_t buffer[BROWNOUT_FLASH_SECTOR_BYTES];
} nvm_log;

#ifndef BROWNOUT_FLASH_CRC32
#define BROWNOUT_FLASH_CRC32 crc32
static uint32_t crc32(const void *from, uint32_t bytes) {
  static const uint32_t table[16] = {
      0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
      0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
  };
  const uint8_t *at = from;
  uint32_t crc = ~0u;
  while (bytes-- > 0) {
    crc ^= *at++;
    crc = crc >> 4 ^ table[crc & 15u];
    crc = crc >> 4 ^ table[crc & 15u];
  }
  return ~crc;
}
#endif

static struct tail tail_of(const void *from, uint32_t bytes) {
  const uint32_t crc = BROWNOUT_FLASH_CRC32(from, bytes);
  const struct tail tail = {crc, ~crc};
  return tail;
}

static int is_sealed(const void *from, uint32_t bytes) {
  const struct tail tail = tail_of(from, bytes);
  return memcmp((const uint8_t *)from + bytes, &tail, sizeof tail) == 0;
}

static uint32_t offset_of(uint32_t location) {
  return location / BROWNOUT_LOG_SLOTS * BROWNOUT_FLASH_PAGE_BYTES + (uint32_t)sizeof(struct page_head) +
         location % BROWNOUT_LOG_SLOTS * (uint32_t)sizeof(struct record);
}

static const struct record *record_at(uint32_t location) {
  return (const struct record *)(const void *)brownout_flash_at(offset_of(location));
}

static int is_record(const struct record *record) {
  return (record->head.sector ^ record->head.inverse) == 0xffff &&
         is_sealed(record, (uint32_t)offsetof(struct record, tail));
}

static int is_blank(const struct record *record) {
  const uint8_t *bytes = (const uint8_t *)record;
  uint32_t at;
  for (at = 0; at < sizeof *record; at++)
    if (bytes[at] != 0xffu) return 0;
  return 1;
}

static const struct page_head *page_head(uint32_t page) {
  return (const struct page_head *)(const void *)brownout_flash_at(page * BROWNOUT_FLASH_PAGE_BYTES);
}

static int has_head(uint32_t page) {
  const uint32_t *words = &page_head(page)->magic;
  return words[0] == BROWNOUT_LOG_MAGIC && is_sealed(words, 2 * sizeof *words);
}

static int is_blank_mark(const uint32_t *mark) {
  return (mark[0] & mark[1]) == ~0u;
}

/* Neither about to be erased nor erased in part. */
static int is_in_use(uint32_t page) {
  const struct page_head *head = page_head(page);
  return is_blank_mark(head->mark_before) && is_blank_mark(head->mark_behind) && has_head(page);
}

static void clear_mark(uint32_t offset) {
  static const uint32_t zeros[2];
  const uint32_t *mark = (const uint32_t *)(const void *)brownout_flash_at(offset);
  if (is_blank_mark(mark)) brownout_flash_program(offset, zeros, sizeof zeros);
}

/* Erases a page in which nothing lives. A page without its header is none, and the next boot would erase what is in it. */
static void erase(uint32_t page) {
  const uint32_t erasures = nvm_log.pages[page].erasures + 1u;
  const uint32_t start = page * BROWNOUT_FLASH_PAGE_BYTES;
  uint32_t tries = BROWNOUT_LOG_TRIES;
  uint32_t words[4];
  struct tail tail;
  if (has_head(page)) {
    clear_mark(start + (uint32_t)offsetof(struct page_head, mark_before));
    clear_mark(start + (uint32_t)offsetof(struct page_head, mark_behind));
  }
  words[0] = BROWNOUT_LOG_MAGIC;
  words[1] = erasures;
  tail = tail_of(words, 2 * sizeof *words);
  memcpy(words + 2, &tail, sizeof tail);
  do {
    if (tries-- == 0) brownout_trap();
    brownout_flash_erase(page);
    brownout_flash_program(start + (uint32_t)offsetof(struct page_head, magic), words, sizeof words);
  } while (!has_head(page));
  memset(&nvm_log.pages[page], 0, sizeof nvm_log.pages[page]);
  nvm_log.pages[page].erasures = erasures;
}

/* Takes in a record that a scan finds. */
static void find(uint32_t location, const struct record *record) {
  const uint16_t sector = record->head.sector;
  const uint32_t old = sector < BROWNOUT_LOG_SECTORS ? nvm_log.map[sector] : BROWNOUT_LOG_NONE;
  if (sector >= BROWNOUT_LOG_SECTORS) return;
  if (old == BROWNOUT_LOG_NONE || record->head.sequence > record_at(old)->head.sequence) {
    nvm_log.map[sector] = (uint16_t)location;
  }
}

static void scan_page(uint32_t page) {
  uint32_t slot;
  nvm_log.pages[page].used = 0;
  nvm_log.pages[page].live = 0;
  nvm_log.pages[page].has_records = 0;
  if (!is_in_use(page)) return;
  for (slot = 0; slot < BROWNOUT_LOG_SLOTS; slot++) {
    const struct record *record = record_at(page * BROWNOUT_LOG_SLOTS + slot);
    if (is_blank(record)) continue;
    nvm_log.pages[page].used = (uint16_t)(slot + 1u);
    if (!is_record(record)) continue;
    nvm_log.pages[page].has_records = 1;
    if (record->head.sequence >= nvm_log.sequence) {
      nvm_log.sequence = record->head.sequence + 1u;
      nvm_log.active = (uint16_t)page;
    }
    find(page * BROWNOUT_LOG_SLOTS + slot, record);
  }
}

/* Finds the newest record of each sector. */
static void scan(void) {
  uint32_t page;
  uint32_t sector;
  memset(nvm_log.map, 0xff, sizeof nvm_log.map);
  nvm_log.active = BROWNOUT_LOG_NONE;
  for (page = 0; page < BROWNOUT_FLASH_PAGES; page++) scan_page(page);
  for (sector = 0; sector < BROWNOUT_LOG_SECTORS; sector++)
    if (nvm_log.map[sector] != BROWNOUT_LOG_NONE) nvm_log.pages[nvm_log.map[sector] / BROWNOUT_LOG_SLOTS].live++;
}

/* Erased, or spoilt in its first slots only. */
static int is_free(uint32_t page) {
  return page != nvm_log.active && !nvm_log.pages[page].has_records && nvm_log.pages[page].used < BROWNOUT_LOG_SLOTS;
}

static uint32_t free_pages(void) {
  uint32_t count = 0;
  uint32_t page;
  for (page = 0; page < BROWNOUT_FLASH_PAGES; page++) count += (uint32_t)is_free(page);
  return count;
}

/* Whether another page still has what the record at `location`, the newest of its sector, was copied from. */
static int is_copy(uint32_t location) {
  const struct record *record = record_at(location);
  const struct record *best = 0;
  uint32_t other;
  for (other = 0; other < BROWNOUT_FLASH_PAGES * BROWNOUT_LOG_SLOTS; other++) {
    const struct record *candidate = record_at(other);
    if (other / BROWNOUT_LOG_SLOTS == location / BROWNOUT_LOG_SLOTS) continue;
    if (candidate->head.sector != record->head.sector) continue;
    if (!is_in_use(other / BROWNOUT_LOG_SLOTS) || !is_record(candidate)) continue;
    if (!best || candidate->head.sequence > best->head.sequence) best = candidate;
  }
  return best && memcmp(best->data, record->data, sizeof record->data) == 0;
}

static int has_copies_only(uint32_t page) {
  uint32_t sector;
  for (sector = 0; sector < BROWNOUT_LOG_SECTORS; sector++) {
    const uint32_t location = nvm_log.map[sector];
    if (location != BROWNOUT_LOG_NONE && location / BROWNOUT_LOG_SLOTS == page && !is_copy(location)) return 0;
  }
  return 1;
}

/* Where cuts have spoilt every slot left: frees a page in which nothing lives, else one of copies of what is still there. */
static uint32_t salvage(void) {
  uint32_t copies;
  uint32_t page;
  for (copies = 0; copies <= BROWNOUT_LOG_SLOTS; copies += BROWNOUT_LOG_SLOTS) {
    for (page = 0; page < BROWNOUT_FLASH_PAGES; page++) {
      if (nvm_log.pages[page].live > copies || !has_copies_only(page)) continue;
      erase(page);
      scan();
      return page;
    }
  }
  return BROWNOUT_LOG_NONE;
}

/* The free page with fewest erasures becomes the active one. */
static void open_page(void) {
  uint32_t best = BROWNOUT_LOG_NONE;
  uint32_t page;
  for (page = 0; page < BROWNOUT_FLASH_PAGES; page++) {
    if (!is_free(page)) continue;
    if (best == BROWNOUT_LOG_NONE || nvm_log.pages[page].erasures < nvm_log.pages[best].erasures) best = page;
  }
  if (best == BROWNOUT_LOG_NONE) best = salvage();
  if (best == BROWNOUT_LOG_NONE) brownout_trap();
  nvm_log.active = (uint16_t)best;
}

static int has_room(void) {
  return nvm_log.active != BROWNOUT_LOG_NONE && nvm_log.pages[nvm_log.active].used < BROWNOUT_LOG_SLOTS;
}

static void append(uint16_t sector, const uint8_t *data) {
  struct record record;
  uint32_t location;
  record.head.sequence = nvm_log.sequence++;
  record.head.sector = sector;
  record.head.inverse = (uint16_t)~sector;
  memcpy(record.data, data, sizeof record.data);
  record.tail = tail_of(&record, (uint32_t)offsetof(struct record, tail));
  do {
    if (!has_room()) open_page();
    location = nvm_log.active * BROWNOUT_LOG_SLOTS + nvm_log.pages[nvm_log.active].used++;
    brownout_flash_program(offset_of(location), &record, sizeof record);
  } while (memcmp(record_at(location), &record, sizeof record) != 0);
  nvm_log.pages[nvm_log.active].has_records = 1;
  if (nvm_log.map[sector] != BROWNOUT_LOG_NONE) nvm_log.pages[nvm_log.map[sector] / BROWNOUT_LOG_SLOTS].live--;
  nvm_log.map[sector] = (uint16_t)location;
  nvm_log.pages[nvm_log.active].live++;
}

/* Copies what lives in a page, and erases it. */
static void reclaim(uint32_t page) {
  uint32_t slot = 0;
  /* More than once around only if copies had to be given up. */
  for (; nvm_log.pages[page].live > 0; slot = (slot + 1u) % BROWNOUT_LOG_SLOTS) {
    const struct record *record = record_at(page * BROWNOUT_LOG_SLOTS + slot);
    const uint16_t sector = record->head.sector;
    if (sector >= BROWNOUT_LOG_SECTORS || nvm_log.map[sector] != page * BROWNOUT_LOG_SLOTS + slot) continue;
    append(sector, record->data);
  }
  erase(page);
}

/* The page to reclaim: of those in use the one in which least lives, or (`cold`) the least worn. */
static uint32_t choose(int cold) {
  uint32_t best = BROWNOUT_LOG_NONE;
  uint32_t page;
  for (page = 0; page < BROWNOUT_FLASH_PAGES; page++) {
    if (page == nvm_log.active || is_free(page)) continue;
    if (best == BROWNOUT_LOG_NONE ||
        (cold ? nvm_log.pages[page].erasures < nvm_log.pages[best].erasures
              : nvm_log.pages[page].live < nvm_log.pages[best].live)) {
      best = page;
    }
  }
  return best;
}

/* Up to the reserve, as long as power holds; without it only what there is no room without. */
static void make_room(void) {
  while (free_pages() < BROWNOUT_LOG_RESERVE) {
    if (brownout_power_low() && free_pages() + (uint32_t)has_room() > 1u) return;
    reclaim(choose(0));
  }
}

/* Makes room, and evens wear: a page of data that never change gives way once others are ahead of it. */
static void collect(void) {
  uint32_t cold;
  make_room();
  cold = choose(1);
  if (cold == BROWNOUT_LOG_NONE || brownout_power_low()) return;
  if (brownout_nvm_flash_wear().most - nvm_log.pages[cold].erasures <= BROWNOUT_FLASH_SPREAD) return;
  reclaim(cold);
  make_room();
}

/* What a sector holds; 0: nothing was ever written. */
static const uint8_t *stored(uint16_t sector) {
  return nvm_log.map[sector] == BROWNOUT_LOG_NONE ? 0 : record_at(nvm_log.map[sector])->data;
}

static void flush(void) {
  const uint8_t *old;
  if (!nvm_log.is_dirty) return;
  nvm_log.is_dirty = 0;
  old = stored(nvm_log.sector);
  if (old && memcmp(old, nvm_log.buffer, sizeof nvm_log.buffer) == 0) return;
  if (free_pages() < BROWNOUT_LOG_RESERVE - 1 || !has_room()) collect();
  append(nvm_log.sector, nvm_log.buffer);
}

void brownout_nvm_begin(void) {
  uint32_t most;
  uint32_t page;
  memset(&nvm_log, 0, sizeof nvm_log);
  nvm_log.sector = BROWNOUT_LOG_NONE;
  nvm_log.sequence = 1;
  for (page = 0; page < BROWNOUT_FLASH_PAGES; page++)
    if (has_head(page)) nvm_log.pages[page].erasures = page_head(page)->erasures;
  /* How often a page was erased whose header is gone: no more often than any other. */
  most = brownout_nvm_flash_wear().most;
  for (page = 0; page < BROWNOUT_FLASH_PAGES; page++)
    if (!has_head(page)) nvm_log.pages[page].erasures = most;
  scan();
  for (page = 0; page < BROWNOUT_FLASH_PAGES; page++)
    if (!is_in_use(page)) erase(page);
}

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  uint8_t *to = scratch;
  while (length > 0) {
    const uint16_t sector = (uint16_t)(address / BROWNOUT_FLASH_SECTOR_BYTES);
    const uint32_t from = address % BROWNOUT_FLASH_SECTOR_BYTES;
    const uint32_t piece = BROWNOUT_FLASH_SECTOR_BYTES - from < length ? BROWNOUT_FLASH_SECTOR_BYTES - from : length;
    const uint8_t *bytes = sector == nvm_log.sector ? nvm_log.buffer : stored(sector);
    if (bytes) memcpy(to, bytes + from, (size_t)piece);
    else memset(to, 0, (size_t)piece);
    to += piece;
    address += piece;
    length -= piece;
  }
  return scratch;
}

void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  const uint8_t *bytes = source;
  while (length > 0) {
    const uint16_t sector = (uint16_t)(address / BROWNOUT_FLASH_SECTOR_BYTES);
    const uint32_t from = address % BROWNOUT_FLASH_SECTOR_BYTES;
    const uint32_t piece = BROWNOUT_FLASH_SECTOR_BYTES - from < length ? BROWNOUT_FLASH_SECTOR_BYTES - from : length;
    if (sector != nvm_log.sector) {
      flush();
      nvm_log.sector = BROWNOUT_LOG_NONE;
      brownout_nvm_view(sector * BROWNOUT_FLASH_SECTOR_BYTES, BROWNOUT_FLASH_SECTOR_BYTES, nvm_log.buffer);
      nvm_log.sector = sector;
    }
    memcpy(nvm_log.buffer + from, bytes, (size_t)piece);
    nvm_log.is_dirty = 1;
    bytes += piece;
    address += piece;
    length -= piece;
  }
}

void brownout_nvm_sync(void) {
  flush();
}

/* Pages that hold anything are emptied by copies of what lives, and erased. */
void brownout_nvm_forget(void) {
  uint32_t page;
  flush();
  for (page = 0; page < BROWNOUT_FLASH_PAGES; page++) {
    if (nvm_log.pages[page].used == 0) continue;
    if (page == nvm_log.active) nvm_log.active = BROWNOUT_LOG_NONE;
    reclaim(page);
  }
}

struct brownout_flash_wear brownout_nvm_flash_wear(void) {
  struct brownout_flash_wear wear = {~0u, 0, 0};
  uint32_t page;
  for (page = 0; page < BROWNOUT_FLASH_PAGES; page++) {
    const uint32_t erasures = nvm_log.pages[page].erasures;
    if (erasures < wear.least) wear.least = erasures;
    if (erasures > wear.most) wear.most = erasures;
    wear.total += erasures;
  }
  return wear;
}
