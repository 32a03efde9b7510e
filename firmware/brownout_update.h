/*
 * Updates, a part of brownout.c: learnt weights of earlier images that go on under this one, and releases that are not gone
 * back from. The start of NVM holds two copies of the latest release and a journal, a line of 16 bytes each (docs/FORMAT.md).
 */
#ifndef BROWNOUT_UPDATE_H
#define BROWNOUT_UPDATE_H

#ifdef BROWNOUT_RELEASE
static const uint32_t release_copies[2] = {BROWNOUT_RELEASE0, BROWNOUT_RELEASE1};

/* The latest release that NVM was that of; 0: none. A bad read must not hide it. */
static uint32_t latest_release(void) {
  uint32_t latest = 0;
  uint32_t i;
  for (i = 0; i < 2u * BROWNOUT_READS; i++) {
    uint32_t copy[2];
    read_nvm(release_copies[i & 1u], copy, sizeof copy);
    if (copy[0] == ~copy[1] && copy[0] > latest) latest = copy[0];
  }
  return latest;
}

/* One copy after the other, so that a cut leaves one of them whole, and what it tore is mended. */
static void raise_release(void) {
  static const uint32_t release[2] = {BROWNOUT_RELEASE, ~BROWNOUT_RELEASE};
  uint32_t i;
  for (i = 0; i < 2; i++) {
    uint32_t copy[2];
    read_nvm(release_copies[i], copy, sizeof copy);
    if (memcmp(copy, release, sizeof copy) == 0) continue;
    brownout_nvm_write(release_copies[i], release, sizeof release);
    brownout_nvm_sync();
  }
}
#endif

#ifdef BROWNOUT_EARLIER
#include "brownout_earlier.h"

/* A cursor as words, and where in it is what. */
enum { BROWNOUT_CURSOR_WORDS = BROWNOUT_CURSOR_BYTES / 4 };
enum { BROWNOUT_OF_IMAGE = 0, BROWNOUT_SEQUENCE = 1, BROWNOUT_CHECKSUM = BROWNOUT_CURSOR_WORDS - 1 };

/* What the first cursor of this image says once the weights are there. Whole if `crc` is that of it and the image. */
struct brownout_journal {
  uint32_t ticket, step, banks, crc;
};

/* CRC-32, bit by bit: of few bytes. */
static uint32_t crc_of(uint32_t crc, const void *of, uint32_t count) {
  const uint8_t *bytes = of;
  uint32_t bit;
  for (crc = ~crc; count > 0; count--) {
    crc ^= *bytes++;
    for (bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

static uint32_t journal_crc(const struct brownout_journal *journal) {
  return crc_of(crc_of(0, brownout_image + BROWNOUT_IMAGE_ID, 4), journal, sizeof *journal - 4);
}

static int read_journal(struct brownout_journal *journal) {
  read_nvm(BROWNOUT_JOURNAL, journal, sizeof *journal);
  return journal->crc == journal_crc(journal);
}

/* Nothing is under way any more: a journal that is still there is of an update that came to its end. */
static void close_journal(void) {
  struct brownout_journal journal;
  if (!read_journal(&journal)) return;
  brownout_nvm_write(BROWNOUT_JOURNAL, zeros, sizeof journal);
  brownout_nvm_sync();
}

/* The newest whole cursor of an earlier image, as a boot would choose it. Returns whether there is one. */
static int newest_of(const struct brownout_earlier *image, uint32_t *newest) {
  uint32_t cursor[BROWNOUT_CURSOR_WORDS];
  int found = 0;
  uint32_t i;
  /* Each slot twice: one bad read must not lose it. */
  for (i = 0; i < 4; i++) {
    read_nvm(image->slots + (i >> 1) * image->stride, cursor, sizeof cursor);
    if (cursor[BROWNOUT_CHECKSUM] != crc_of(0, cursor, sizeof cursor - 4) || cursor[BROWNOUT_OF_IMAGE] != image->id) continue;
    i |= 1;
    if (found) {
      if (cursor[BROWNOUT_SEQUENCE] + 1u == newest[BROWNOUT_SEQUENCE]) break;
      if (cursor[BROWNOUT_SEQUENCE] != newest[BROWNOUT_SEQUENCE] + 1u) return 0;
    }
    memcpy(newest, cursor, sizeof cursor);
    found = 1;
  }
  return found;
}

/* Writes a bank of this image: what was learnt where layers agree, the factory's weights elsewhere. */
static void take_weights(const struct brownout_earlier *image, uint32_t from, uint32_t to) {
  const struct brownout_part *part = brownout_parts + image->first;
  uint32_t i;
  for (i = 0; i < image->count; i++, part++) {
    uint32_t at = 0;
    while (at < part->bytes) {
      uint8_t bytes[64];
      const uint32_t rest = part->bytes - at;
      const uint32_t piece = rest < sizeof bytes ? rest : (uint32_t)sizeof bytes;
      if (part->from == BROWNOUT_FACTORY) memcpy(bytes, brownout_image + BROWNOUT_FACTORY_WEIGHTS + part->to + at, piece);
      else read_nvm(from + part->from + at, bytes, piece);
      brownout_nvm_write(to + part->to + at, bytes, piece);
      at += piece;
    }
  }
  brownout_nvm_sync();
}

static void write_journal(const struct brownout_journal *journal) {
  brownout_nvm_write(BROWNOUT_JOURNAL, journal, sizeof *journal);
  brownout_nvm_sync();
}

/* From a whole journal to a device that is ready. Cut anywhere, it is begun again. */
static void finish_update(const struct brownout_journal *journal) {
  uint32_t cursor[BROWNOUT_CURSOR_WORDS];
#ifdef BROWNOUT_UNSTABLE
  /* What a cut has torn may read otherwise the next time. Where a line may be spoilt, it must not be written again. */
  write_journal(journal);
#endif
  memcpy(cursor, brownout_first_cursor, sizeof cursor);
  cursor[BROWNOUT_CURSOR_TICKET / 4] = journal->ticket;
  cursor[BROWNOUT_CURSOR_STEP / 4] = journal->step;
  cursor[BROWNOUT_CURSOR_BANKS / 4] = journal->banks;
  cursor[BROWNOUT_CHECKSUM] = crc_of(0, cursor, sizeof cursor - 4);
  write_state(cursor, 0);
  close_journal();
}

/*
 * Makes NVM of an earlier image that of this one. Until the journal is whole nothing that the earlier image needs is
 * written over; from then on nothing of it is read. Returns whether it did.
 */
static int update(int32_t state) {
  struct brownout_journal journal;
  uint32_t record[BROWNOUT_STATE_BYTES / 4], cursor[BROWNOUT_CURSOR_WORDS], i, bank, into;
  if (!read_journal(&journal)) {
    if (state != BROWNOUT_E_CURSOR_IMAGE) return 0;
    read_nvm(0, record, sizeof record);
    for (i = 0; i < BROWNOUT_EARLIER && brownout_earlier[i].id != record[1]; i++) continue;
    if (i == BROWNOUT_EARLIER || !newest_of(&brownout_earlier[i], cursor)) return 0;
    bank = cursor[BROWNOUT_CURSOR_BANKS / 4] & 15u;
    if (bank > 3) return 0;
    into = brownout_earlier[i].into[bank];
    if (into > 0) {
      take_weights(&brownout_earlier[i], brownout_earlier[i].banks + (bank - 1u) * brownout_earlier[i].bank_bytes,
                   BROWNOUT_WEIGHTS + (into - 1u) * BROWNOUT_WEIGHTS_BYTES);
    }
    journal.ticket = cursor[BROWNOUT_CURSOR_TICKET / 4];
    journal.step = into > 0 ? cursor[BROWNOUT_CURSOR_STEP / 4] : 0;
#ifdef BROWNOUT_SUMS
    /* A head by sums has no guard: its good weights are the factory's. */
    journal.banks = into;
#else
    journal.banks = into | into << 4;
#endif
    journal.crc = journal_crc(&journal);
    write_journal(&journal);
  }
  finish_update(&journal);
  return 1;
}
#endif

#endif
