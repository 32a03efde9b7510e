/*
 * Internal flash as NVM: what brownout_nvm_flash.c needs of the part, and what it tells of its wear. Offsets count from the
 * first page that the log has. The sizes are the part's; the log holds at most (BROWNOUT_FLASH_PAGES - 3) * (slots of a
 * page - 3) sectors, which is checked when compiling.
 */
#ifndef BROWNOUT_NVM_FLASH_H
#define BROWNOUT_NVM_FLASH_H

#include <stdint.h>

#include "brownout_model.h"
#include "brownout_settings.h"

/* The first page of the log: behind the program, as the linker script must know. */
#ifndef BROWNOUT_FLASH_ADDRESS
#define BROWNOUT_FLASH_ADDRESS 0x00080000u
#endif

#ifndef BROWNOUT_FLASH_PAGE_BYTES
#define BROWNOUT_FLASH_PAGE_BYTES 4096u
#endif
/* A record holds so much of NVM: a multiple of 8. Larger ones take less SRAM and write more. */
#ifndef BROWNOUT_FLASH_SECTOR_BYTES
#define BROWNOUT_FLASH_SECTOR_BYTES 128u
#endif
/* Enough, and one to spare: each holds 3 sectors less than it has slots. */
#ifndef BROWNOUT_FLASH_PAGES
#define BROWNOUT_FLASH_PAGES \
  (BROWNOUT_NVM_BYTES / BROWNOUT_FLASH_SECTOR_BYTES / \
       ((BROWNOUT_FLASH_PAGE_BYTES - 32u) / (BROWNOUT_FLASH_SECTOR_BYTES + 16u) - 3u) + \
   5u)
#endif
/* Pages may differ by so many erasures before cold data move. */
#ifndef BROWNOUT_FLASH_SPREAD
#define BROWNOUT_FLASH_SPREAD 4u
#endif

/* What is programmed at once, and only once between two erasures: 8 bytes suit parts with an ECC of 64 bits. */
#define BROWNOUT_FLASH_UNIT 8u

/* To fill in. Programs `bytes`, a multiple of BROWNOUT_FLASH_UNIT, unit after unit; each was erased, to ones. */
void brownout_flash_program(uint32_t offset, const void *source, uint32_t bytes);
/* To fill in. Erases a page to ones. */
void brownout_flash_erase(uint32_t page);
/* To fill in. The bytes at `offset`, mapped. */
const uint8_t *brownout_flash_at(uint32_t offset);

/*
 * A part with a unit for it, or with room for tables, may define BROWNOUT_FLASH_CRC32(from, bytes): the CRC-32 of zlib over so
 * many bytes. A boot takes it of all that the log holds.
 */

/* Erasures of the page that had fewest and of the one that had most: of an endurance of 10,000, say. */
struct brownout_flash_wear {
  uint32_t least;
  uint32_t most;
  uint32_t total;
};
struct brownout_flash_wear brownout_nvm_flash_wear(void);

#endif
