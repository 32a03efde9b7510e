/*
 * NVM in internal flash, which programs only from one to zero and erases by page: a log of sectors. A write changes a
 * copy of its sector in SRAM; a barrier, or a write elsewhere, appends the sector to the log as a record, and the newest
 * record of a sector is what it holds. Pages are emptied by copying what lives in them, and erased.
 *
 *   page     magic, erasures, crc, ~crc; then slots of records
 *   record   sequence, sector, ~sector; the sector; crc, ~crc
 *
 * What a cut tears: a record, which then has no right checksum, and whose slot is never used again; or an erasure, which
 * may leave anything. So an erasure is announced by a record of its own (INTENT) and done again after a boot that finds
 * the page's header not to be the one announced. Nothing is erased before copies of all that lives in it are whole.
 *
 * The early threshold: a part must not program while its power-fail warning is on (nRF52840, NVMC). power_low() must say
 * yes while there is energy for what may be under way, and the commit: an erasure, copying a page, two records. While it
 * says yes no erasure is begun as long as a free page is left.
 */
#include "nvm-flash.h"

#include <stddef.h>
#include <string.h>

#include "hal.h"
#include "model.h"

enum { NONE = 0xffff, INTENT = 0xfffe };
enum { RESERVE = 3 }; /* free pages: the next one, one to copy to, one for slots that cuts spoil on the way */
#define MAGIC 0x4c4e5242u

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
  uint8_t data[FLASH_SECTOR_BYTES];
  struct tail tail;
};
struct page_head {
  uint32_t magic;
  uint32_t erasures;
  struct tail tail;
};

#define SECTORS ((BROWNOUT_NVM_BYTES + FLASH_SECTOR_BYTES - 1u) / FLASH_SECTOR_BYTES)
#define SLOTS ((FLASH_PAGE_BYTES - (uint32_t)sizeof(struct page_head)) / (uint32_t)sizeof(struct record))
typedef char log_is_large_enough[SECTORS <= (FLASH_PAGES - RESERVE) * (SLOTS - 3u) && SECTORS < INTENT ? 1 : -1];
typedef char sectors_are_whole_units[FLASH_SECTOR_BYTES % FLASH_UNIT == 0 ? 1 : -1];
typedef char slots_have_numbers[FLASH_PAGES * SLOTS < NONE ? 1 : -1];

static struct {
  uint16_t map[SECTORS]; /* where the newest record of a sector is: page * SLOTS + slot */
  struct {
    uint32_t erasures;
    uint16_t used; /* slots, from the first */
    uint16_t live; /* records that are the newest of their sector */
    uint8_t has_records;
  } pages[FLASH_PAGES];
  uint32_t sequence;
  uint16_t active; /* the page that records go to */
  uint16_t sector; /* the one in the buffer */
  uint8_t is_dirty;
  uint8_t buffer[FLASH_SECTOR_BYTES];
} nvm_log;

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

static struct tail tail_of(const void *from, uint32_t bytes) {
  const uint32_t crc = crc32(from, bytes);
  const struct tail tail = {crc, ~crc};
  return tail;
}

static int is_sealed(const void *from, uint32_t bytes) {
  const struct tail tail = tail_of(from, bytes);
  return memcmp((const uint8_t *)from + bytes, &tail, sizeof tail) == 0;
}

static uint32_t offset_of(uint32_t location) {
  return location / SLOTS * FLASH_PAGE_BYTES + (uint32_t)sizeof(struct page_head) +
         location % SLOTS * (uint32_t)sizeof(struct record);
}

static const struct record *record_at(uint32_t location) {
  return (const struct record *)(const void *)flash_at(offset_of(location));
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
  return (const struct page_head *)(const void *)flash_at(page * FLASH_PAGE_BYTES);
}

static int has_head(uint32_t page) {
  const struct page_head *head = page_head(page);
  return head->magic == MAGIC && is_sealed(head, (uint32_t)offsetof(struct page_head, tail));
}

/* Erases what is announced, or was never in use. */
static void erase(uint32_t page, uint32_t erasures) {
  struct page_head head;
  flash_erase(page);
  head.magic = MAGIC;
  head.erasures = erasures;
  head.tail = tail_of(&head, (uint32_t)offsetof(struct page_head, tail));
  flash_program(page * FLASH_PAGE_BYTES, &head, sizeof head);
  memset(&nvm_log.pages[page], 0, sizeof nvm_log.pages[page]);
  nvm_log.pages[page].erasures = erasures;
}

/* Erased, or spoilt in its first slots only. */
static int is_free(uint32_t page) {
  return page != nvm_log.active && !nvm_log.pages[page].has_records && nvm_log.pages[page].used < SLOTS;
}

static uint32_t free_pages(void) {
  uint32_t count = 0;
  uint32_t page;
  for (page = 0; page < FLASH_PAGES; page++) count += (uint32_t)is_free(page);
  return count;
}

/* The free page with fewest erasures becomes the active one. */
static void open_page(void) {
  uint32_t best = NONE;
  uint32_t page;
  for (page = 0; page < FLASH_PAGES; page++) {
    if (!is_free(page)) continue;
    if (best == NONE || nvm_log.pages[page].erasures < nvm_log.pages[best].erasures) best = page;
  }
  if (best == NONE) wasm_trap();
  nvm_log.active = (uint16_t)best;
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
    if (nvm_log.active == NONE || nvm_log.pages[nvm_log.active].used == SLOTS) open_page();
    location = nvm_log.active * SLOTS + nvm_log.pages[nvm_log.active].used++;
    flash_program(offset_of(location), &record, sizeof record);
  } while (memcmp(record_at(location), &record, sizeof record) != 0);
  nvm_log.pages[nvm_log.active].has_records = 1;
  if (sector == INTENT) return;
  if (nvm_log.map[sector] != NONE) nvm_log.pages[nvm_log.map[sector] / SLOTS].live--;
  nvm_log.map[sector] = (uint16_t)location;
  nvm_log.pages[nvm_log.active].live++;
}

/* Copies what lives in a page, announces that it is erased, and erases it. */
static void reclaim(uint32_t page) {
  uint8_t data[FLASH_SECTOR_BYTES];
  const uint32_t words[2] = {page, nvm_log.pages[page].erasures + 1u};
  uint32_t slot;
  for (slot = 0; slot < SLOTS && nvm_log.pages[page].live > 0; slot++) {
    const struct record *record = record_at(page * SLOTS + slot);
    const uint16_t sector = record->head.sector;
    if (sector >= SECTORS || nvm_log.map[sector] != page * SLOTS + slot) continue;
    memcpy(data, record->data, sizeof data);
    append(sector, data);
  }
  memset(data, 0, sizeof data);
  memcpy(data, words, sizeof words);
  append(INTENT, data);
  erase(page, words[1]);
}

/* The page to reclaim: of those in use the one in which least lives, or (`cold`) the least worn. */
static uint32_t choose(int cold) {
  uint32_t best = NONE;
  uint32_t page;
  for (page = 0; page < FLASH_PAGES; page++) {
    if (page == nvm_log.active || is_free(page)) continue;
    if (best == NONE ||
        (cold ? nvm_log.pages[page].erasures < nvm_log.pages[best].erasures
              : nvm_log.pages[page].live < nvm_log.pages[best].live)) {
      best = page;
    }
  }
  return best;
}

/* Makes room, and evens wear: a page of data that never change gives way once others are ahead of it. */
static void collect(void) {
  uint32_t cold;
  while (free_pages() < RESERVE) {
    if (power_low() && free_pages() > 0) return;
    reclaim(choose(0));
  }
  cold = choose(1);
  if (cold == NONE || power_low()) return;
  if (nvm_flash_wear().most - nvm_log.pages[cold].erasures <= FLASH_SPREAD) return;
  reclaim(cold);
  while (free_pages() < RESERVE) reclaim(choose(0));
}

/* What a sector holds; 0: nothing was ever written. */
static const uint8_t *stored(uint16_t sector) {
  return nvm_log.map[sector] == NONE ? 0 : record_at(nvm_log.map[sector])->data;
}

static void flush(void) {
  const uint8_t *old;
  if (!nvm_log.is_dirty) return;
  nvm_log.is_dirty = 0;
  old = stored(nvm_log.sector);
  if (old && memcmp(old, nvm_log.buffer, sizeof nvm_log.buffer) == 0) return;
  if (free_pages() < RESERVE - 1 || nvm_log.active == NONE || nvm_log.pages[nvm_log.active].used == SLOTS) collect();
  append(nvm_log.sector, nvm_log.buffer);
}

/* Takes in a record that a boot finds. */
static void find(uint32_t location, const struct record *record) {
  const uint16_t sector = record->head.sector;
  const uint32_t old = sector < SECTORS ? nvm_log.map[sector] : NONE;
  if (sector >= SECTORS) return;
  if (old == NONE || record->head.sequence > record_at(old)->head.sequence) nvm_log.map[sector] = (uint16_t)location;
}

static void scan(uint32_t page, struct record *intent) {
  uint32_t slot;
  for (slot = 0; slot < SLOTS; slot++) {
    const struct record *record = record_at(page * SLOTS + slot);
    if (is_blank(record)) continue;
    nvm_log.pages[page].used = (uint16_t)(slot + 1u);
    if (!is_record(record)) continue;
    nvm_log.pages[page].has_records = 1;
    if (record->head.sequence >= nvm_log.sequence) {
      nvm_log.sequence = record->head.sequence + 1u;
      nvm_log.active = (uint16_t)page;
    }
    if (record->head.sector == INTENT && record->head.sequence >= intent->head.sequence) *intent = *record;
    find(page * SLOTS + slot, record);
  }
}

void nvm_begin(void) {
  struct record intent;
  uint32_t words[2];
  uint32_t page;
  uint32_t sector;
  memset(&nvm_log, 0, sizeof nvm_log);
  memset(nvm_log.map, 0xff, sizeof nvm_log.map);
  memset(&intent, 0, sizeof intent);
  nvm_log.active = NONE;
  nvm_log.sector = NONE;
  nvm_log.sequence = 1;
  for (page = 0; page < FLASH_PAGES; page++) {
    if (!has_head(page)) continue;
    nvm_log.pages[page].erasures = page_head(page)->erasures;
    scan(page, &intent);
  }
  memcpy(words, intent.data, sizeof words);
  for (page = 0; page < FLASH_PAGES; page++) {
    const int is_announced = intent.head.sequence != 0 && words[0] == page;
    if (is_announced && (!has_head(page) || page_head(page)->erasures < words[1])) erase(page, words[1]);
    else if (!has_head(page)) erase(page, 0);
  }
  for (sector = 0; sector < SECTORS; sector++)
    if (nvm_log.map[sector] != NONE) nvm_log.pages[nvm_log.map[sector] / SLOTS].live++;
}

const void *nvm_view(uint32_t address, uint32_t length, void *scratch) {
  uint8_t *to = scratch;
  while (length > 0) {
    const uint16_t sector = (uint16_t)(address / FLASH_SECTOR_BYTES);
    const uint32_t from = address % FLASH_SECTOR_BYTES;
    const uint32_t piece = FLASH_SECTOR_BYTES - from < length ? FLASH_SECTOR_BYTES - from : length;
    const uint8_t *bytes = sector == nvm_log.sector ? nvm_log.buffer : stored(sector);
    if (bytes) memcpy(to, bytes + from, (size_t)piece);
    else memset(to, 0, (size_t)piece);
    to += piece;
    address += piece;
    length -= piece;
  }
  return scratch;
}

void nvm_write(uint32_t address, const void *source, uint32_t length) {
  const uint8_t *bytes = source;
  while (length > 0) {
    const uint16_t sector = (uint16_t)(address / FLASH_SECTOR_BYTES);
    const uint32_t from = address % FLASH_SECTOR_BYTES;
    const uint32_t piece = FLASH_SECTOR_BYTES - from < length ? FLASH_SECTOR_BYTES - from : length;
    if (sector != nvm_log.sector) {
      flush();
      nvm_log.sector = NONE;
      nvm_view(sector * FLASH_SECTOR_BYTES, FLASH_SECTOR_BYTES, nvm_log.buffer);
      nvm_log.sector = sector;
    }
    memcpy(nvm_log.buffer + from, bytes, (size_t)piece);
    nvm_log.is_dirty = 1;
    bytes += piece;
    address += piece;
    length -= piece;
  }
}

void nvm_sync(void) {
  flush();
}

struct flash_wear nvm_flash_wear(void) {
  struct flash_wear wear = {~0u, 0, 0};
  uint32_t page;
  for (page = 0; page < FLASH_PAGES; page++) {
    const uint32_t erasures = nvm_log.pages[page].erasures;
    if (erasures < wear.least) wear.least = erasures;
    if (erasures > wear.most) wear.most = erasures;
    wear.total += erasures;
  }
  return wear;
}
