/*
 * Random writes and barriers on a model of NVM, cut after every step of the model: what was behind a barrier must be there
 * after the next boot, and the rest be old or new. Besides what cuts.h says, the model has power_on() and fresh_part().
 * TEARS: a byte under way may be anything after a cut.
 */
enum { MOST = 64, LONGEST = 48 };

static void power_on(void);
static void fresh_part(uint32_t seed);

/* What NVM must hold: bytes behind a barrier, and writes that are not. */
static struct {
  uint8_t durable[NVM];
  struct write {
    uint32_t address;
    uint32_t length;
    uint8_t bytes[LONGEST];
  } pending[MOST];
  uint32_t count;
} shadow;

static int is_pending(uint32_t address, uint8_t value) {
  uint32_t i;
  for (i = 0; i < shadow.count; i++) {
    const struct write *write = shadow.pending + i;
    if (address - write->address >= write->length) continue;
    if (TEARS || write->bytes[address - write->address] == value) return 1;
  }
  return 0;
}

/* After a boot: every byte old or new, and so it stays. */
static void check_boot(void) {
  static uint8_t found[NVM];
  uint32_t at;
  brownout_nvm_view(0, NVM, found);
  for (at = 0; at < NVM; at++) {
    if (found[at] != shadow.durable[at] && !is_pending(at, found[at])) fail("an acknowledged byte is lost");
  }
  memcpy(shadow.durable, found, NVM);
  shadow.count = 0;
}

static void barrier(void) {
  uint32_t i;
  brownout_nvm_sync();
  for (i = 0; i < shadow.count; i++) {
    memcpy(shadow.durable + shadow.pending[i].address, shadow.pending[i].bytes, shadow.pending[i].length);
  }
  shadow.count = 0;
}

/* A write, a barrier, or a look at what this boot has written. */
static void act(void) {
  static uint8_t found[LONGEST];
#ifdef BROWNOUT_NVM_SLEEP
  /* Between barriers, too: what was written is not lost by it. */
  if (draw(8) == 0) {
    brownout_nvm_sleep();
    brownout_nvm_begin();
  }
#endif
  const uint32_t what = draw(8);
  struct write *write = shadow.pending + shadow.count;
  uint32_t i;
  if (what < 3 || shadow.count == MOST) {
    barrier();
    return;
  }
  /* Most writes go to a few places, as cursors do. */
  write->length = 1 + draw(LONGEST - 1);
  write->address = draw(3) ? draw(3) * 100 : draw(NVM - LONGEST);
  for (i = 0; i < write->length; i++) write->bytes[i] = (uint8_t)draw(256);
  shadow.count++;
  brownout_nvm_write(write->address, write->bytes, write->length);
  /* Not every time: a body may wait where it reads, and must where a barrier follows a write at once. */
  if (shadow.count % 2) return;
  brownout_nvm_view(write->address, write->length, found);
  if (memcmp(found, write->bytes, write->length) != 0) fail("a read does not see this boot's write");
}

static void run(uint64_t seed, uint32_t actions) {
  state = seed * 0x9e3779b97f4a7c15u + 1;
  power_on();
  brownout_nvm_begin();
  check_boot();
  while (actions-- > 0) act();
}

/* Boots until power stays, with up to three more cuts soon; then the part must take anything. */
static void recover(uint64_t seed) {
  volatile uint32_t more;
  state = seed * 0xd1342543de82ef95u + 7;
  for (more = draw(4); more > 0; more--) {
    cut_at = steps + 1 + draw(12);
    if (setjmp(off)) continue;
    power_on();
    brownout_nvm_begin();
    check_boot();
    act();
    act();
  }
  cut_at = 0;
  power_on();
  brownout_nvm_begin();
  check_boot();
  act();
  barrier();
  power_on();
  brownout_nvm_begin();
  check_boot();
}

static int cuts(uint32_t first, uint32_t count) {
  enum { GROUP = 64, ACTIONS = 8 };
  volatile uint64_t total = 0;
  static unsigned char kept_part[sizeof part];
  static unsigned char kept_shadow[sizeof shadow];
  for (workload = first / GROUP * GROUP; workload < first + count; workload++) {
    uint32_t last;
    volatile uint32_t cut;
    if (workload % GROUP == 0) {
      memset(&part, 0, sizeof part);
      memset(&shadow, 0, sizeof shadow);
      fresh_part(workload / GROUP);
    }
    memcpy(kept_part, &part, sizeof part);
    memcpy(kept_shadow, &shadow, sizeof shadow);
    cut_at = 0;
    steps = 0;
    run(workload, ACTIONS);
    last = steps;
    for (cut = 1; workload >= first && cut <= last; cut++) {
      memcpy(&part, kept_part, sizeof part);
      memcpy(&shadow, kept_shadow, sizeof shadow);
      steps = 0;
      cut_at = cut;
      if (!setjmp(off)) {
        run(workload, ACTIONS);
        fail("it was not cut");
      }
      recover(workload * 1000003u + cut);
      total++;
    }
    /* The next workload goes on from where this one was cut last, or from its end. */
    if (last == 0 || workload % 2) {
      memcpy(&part, kept_part, sizeof part);
      memcpy(&shadow, kept_shadow, sizeof shadow);
      cut_at = 0;
      run(workload, ACTIONS);
    }
  }
  printf("%llu\n", (unsigned long long)total);
  return 0;
}

