/*
 * What a job does to NVM, played on firmware/brownout_nvm_flash.c with a cut in every step of the flash. After it the log
 * must hold exactly what a prefix of the job's writes leaves, split where sectors end, with all before the last barrier in
 * it; and going on from there must end as if there had been no cut.
 *
 *   flash-job TRACE SEED    prints cuts; those that left all writes since the last barrier, and none of some; views; erasures
 *                           that came after the first boot: of all pages, of that which had fewest, and most
 *
 * SEED 0: no cuts, and a monitor that never warns.
 *
 * TRACE: NVM as it is before, then records of {what, address, length} and, of writes and views, the bytes.
 */
#include "quick-crc.h"

#include "brownout_nvm_flash.c"

#include "cuts.h"
#include "flash-part.h"

enum { MOST = 4096, WRITE = 'w', VIEW = 'v', BARRIER = 's' };

struct action {
  uint32_t what;
  uint32_t address;
  uint32_t length;
  const uint8_t *bytes;
};

static struct action *actions;
static uint32_t action_count;

/* What NVM must hold: bytes behind a barrier, and the pieces written since, in order; of no sector but one. */
static struct {
  uint8_t durable[NVM];
  struct action pending[MOST];
  uint32_t count;
} shadow;

static struct {
  uint32_t cuts;
  uint32_t whole; /* cuts after which every write since the barrier was there */
  uint32_t none;  /* … and none, though there were some */
  uint32_t views;
} tally;

static void put(const struct action *write) {
  uint32_t done = 0;
  while (done < write->length) {
    const uint32_t address = write->address + done;
    const uint32_t room = BROWNOUT_FLASH_SECTOR_BYTES - address % BROWNOUT_FLASH_SECTOR_BYTES;
    const struct action piece = {
        WRITE, address, room < write->length - done ? room : write->length - done, write->bytes + done};
    if (shadow.count == MOST) fail("too many writes without a barrier");
    shadow.pending[shadow.count++] = piece;
    done += piece.length;
  }
  brownout_nvm_write(write->address, write->bytes, write->length);
}

static void apply(uint8_t *nvm, const struct action *piece) {
  memcpy(nvm + piece->address, piece->bytes, piece->length);
}

static void play(const struct action *action) {
  static uint8_t found[NVM];
  uint32_t i;
  if (action->what == WRITE) {
    put(action);
  } else if (action->what == VIEW) {
    brownout_nvm_view(action->address, action->length, found);
    if (memcmp(found, action->bytes, action->length) != 0) fail("a view is not what the job had written");
    tally.views++;
  } else {
    brownout_nvm_sync();
    for (i = 0; i < shadow.count; i++) apply(shadow.durable, shadow.pending + i);
    shadow.count = 0;
  }
}

/* Boots. What is there must be a prefix of what was written; and so it stays. Returns the length of the prefix. */
static uint32_t boot(void) {
  static uint8_t found[NVM];
  uint32_t kept = 0;
  brownout_nvm_begin();
  brownout_nvm_view(0, NVM, found);
  while (memcmp(found, shadow.durable, NVM) != 0) {
    if (kept == shadow.count) fail("NVM is what no prefix of the writes leaves");
    apply(shadow.durable, shadow.pending + kept++);
  }
  return kept;
}

/* From behind the last barrier to the next one, as a job does that a cut threw back; then all must be as without cuts. */
static void go_on(uint32_t at) {
  while (at > 0 && actions[at - 1].what != BARRIER) at--;
  while (at < action_count && actions[at].what != BARRIER) {
    if (actions[at].what == WRITE) put(actions + at);
    at++;
  }
  play(&(const struct action){BARRIER, 0, 0, 0});
}

/* Boots until power stays, with another cut on the way in every other case. */
static void recover(uint32_t at) {
  static uint8_t golden[NVM];
  static uint8_t found[NVM];
  volatile uint32_t more;
  const uint32_t written = shadow.count;
  const uint32_t kept = boot();
  uint32_t i;
  tally.whole += kept == written;
  tally.none += kept == 0 && written > 0;
  shadow.count = 0;
  for (more = draw(2); more > 0; more--) {
    cut_at = steps + 1 + draw(60);
    if (setjmp(off)) {
      cut_at = 0;
      boot();
      shadow.count = 0;
      continue;
    }
    brownout_nvm_begin();
    go_on(at);
  }
  cut_at = 0;
  boot();
  shadow.count = 0;
  go_on(at);
  memcpy(golden, shadow.durable, NVM);
  boot();
  brownout_nvm_view(0, NVM, found);
  if (memcmp(found, golden, NVM) != 0) fail("the barrier is lost");
  for (i = 0; i < BROWNOUT_FLASH_PAGES; i++)
    if (part.is_torn[i]) fail("a page is in use that is not erased to the end");
}

/* What a device is between two actions. */
static struct moment {
  unsigned char part[sizeof part];
  unsigned char log[sizeof nvm_log];
  unsigned char shadow[sizeof shadow];
} before, behind;

static void keep(struct moment *moment) {
  memcpy(moment->part, &part, sizeof part);
  memcpy(moment->log, &nvm_log, sizeof nvm_log);
  memcpy(moment->shadow, &shadow, sizeof shadow);
}

static void restore(const struct moment *moment) {
  memcpy(&part, moment->part, sizeof part);
  memcpy(&nvm_log, moment->log, sizeof nvm_log);
  memcpy(&shadow, moment->shadow, sizeof shadow);
}

/* One action, cut in every step it takes, and then not at all. */
static void cut_action(uint32_t at, uint64_t seed) {
  uint32_t last;
  volatile uint32_t cut;
  if (actions[at].what == VIEW || is_steady) {
    play(actions + at);
    return;
  }
  keep(&before);
  state = seed;
  steps = cut_at = 0;
  play(actions + at);
  last = steps;
  if (last == 0) return;
  keep(&behind);
  for (cut = 1; cut <= last; cut++) {
    restore(&before);
    state = seed;
    steps = 0;
    cut_at = cut;
    if (!setjmp(off)) {
      play(actions + at);
      fail("it was not cut");
    }
    cut_at = 0;
    state = seed + cut * 0xd1342543de82ef95u;
    recover(at);
    tally.cuts++;
  }
  restore(&behind);
}

static void read_trace(const char *path) {
  static uint8_t *bytes;
  FILE *file = fopen(path, "rb");
  size_t size;
  size_t at = NVM;
  if (!file || fseek(file, 0, SEEK_END) != 0) exit(2);
  size = (size_t)ftell(file);
  bytes = malloc(size);
  rewind(file);
  if (size < NVM || fread(bytes, 1, size, file) != size) exit(2);
  actions = malloc((size / 12 + 1) * sizeof *actions);
  memcpy(shadow.durable, bytes, NVM);
  while (at + 12 <= size) {
    uint32_t head[3];
    memcpy(head, bytes + at, sizeof head);
    actions[action_count++] = (struct action){head[0], head[1], head[2], bytes + at + 12};
    at += 12 + (head[0] == BARRIER ? 0 : head[2]);
  }
  fclose(file);
}

int main(int count, char **words) {
  struct brownout_flash_wear wear;
  struct brownout_flash_wear first;
  uint64_t seed;
  uint32_t at;
  if (count != 3) return 2;
  seed = strtoull(words[2], 0, 10);
  is_steady = seed == 0;
  if (quick_crc32("123456789", 9) != 0xcbf43926u) fail("the CRC is not that of the log");
  read_trace(words[1]);
  memset(part.bytes, 0xff, sizeof part.bytes);
  state = 1;
  brownout_nvm_begin();
  first = brownout_nvm_flash_wear();
  brownout_nvm_write(0, shadow.durable, NVM);
  brownout_nvm_sync();
  for (at = 0; at < action_count; at++) {
    workload = at;
    cut_action(at, seed * 0x9e3779b97f4a7c15u + at);
  }
  wear = brownout_nvm_flash_wear();
  printf("%u %u %u %u ", tally.cuts, tally.whole, tally.none, tally.views);
  printf("%u %u %u\n", wear.total - first.total, wear.least - first.least, wear.most - first.most);
  return 0;
}
