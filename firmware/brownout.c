/* The module, its imports, and the calls around it. brownout_module.inc is made from WASM; brownout.h says what to call. */
#include "brownout.h"

#define BROWNOUT_WASM_MEMORY_BYTES BROWNOUT_SRAM_BYTES
#include "brownout_wasm.h"

#include "brownout_hal.h"

/* A view in place is its distance from the start of SRAM, modulo 2^32: adding the base again gives the pointer. */
static inline uint32_t brownout_module_import_image_view(uint32_t address, uint32_t length, uint32_t scratch) {
#if UINTPTR_MAX > 0xffffffffu
  memcpy(wasm_memory.bytes + scratch, brownout_image + address, length);
  return scratch;
#else
  (void)length;
  (void)scratch;
  return (uint32_t)((uintptr_t)brownout_image + address - BROWNOUT_WASM_BASE);
#endif
}

static inline uint32_t brownout_module_import_nvm_view(uint32_t address, uint32_t length, uint32_t scratch) {
  return (uint32_t)((uintptr_t)brownout_nvm_view(address, length, wasm_memory.bytes + scratch) - BROWNOUT_WASM_BASE);
}

static inline void brownout_module_import_nvm_write(uint32_t address, uint32_t source, uint32_t length) {
  brownout_nvm_write(address, (const void *)(BROWNOUT_WASM_BASE + source), length);
}

#define brownout_module_import_nvm_sync brownout_nvm_sync

#ifndef BROWNOUT_BARE
static inline uint32_t brownout_module_import_power_low(void) {
  return (uint32_t)brownout_power_low();
}
#endif

/* Apart from what calls it: a program that has it has something to fill in. */
void brownout_unported(void) {
  brownout_trap();
}

#include "brownout_accel.h"
#include "brownout_module.inc"

uint8_t *brownout_arena(void) {
  return wasm_memory.bytes + BROWNOUT_ARENA;
}

static const uint8_t zeros[BROWNOUT_CURSOR_BYTES];

/* No state from the first barrier on, one with `cursor` from the last on. Between them the journal is closed, if it may be. */
static void write_state(const void *cursor, int closes) {
  brownout_nvm_write(0, zeros, 4);
  brownout_nvm_sync();
  brownout_nvm_write(4, brownout_first_state + 4, BROWNOUT_STATE_BYTES - 4);
  if (closes) brownout_nvm_write(BROWNOUT_JOURNAL, zeros, BROWNOUT_JOURNAL_BYTES);
  brownout_nvm_write(BROWNOUT_DIAGNOSTICS, zeros, BROWNOUT_DIAGNOSTICS_BYTES);
  brownout_nvm_write(BROWNOUT_SLOT0, cursor, BROWNOUT_CURSOR_BYTES);
  brownout_nvm_write(BROWNOUT_SLOT1, zeros, BROWNOUT_CURSOR_BYTES);
  brownout_nvm_sync();
  brownout_nvm_write(0, brownout_first_state, 4);
  brownout_nvm_sync();
}

#ifndef BROWNOUT_BARE
/* Bytes of NVM, copied. */
static void read_nvm(uint32_t address, void *to, uint32_t length) {
  const void *bytes = brownout_nvm_view(address, length, to);
  if (bytes != to) memcpy(to, bytes, (size_t)length);
}

/* Whatever is wrong is read again: a memory may not be up yet, and one bad read must not wipe what was learnt. */
#define BROWNOUT_READS 3

#include "brownout_update.h"
#endif

#if defined(BROWNOUT_CHECK_SIGNATURE) && !defined(BROWNOUT_BARE)
static int is_signed(void) {
  return brownout_verify_signature(brownout_signature, brownout_signer, brownout_signed, sizeof brownout_signed) == 1;
}
#endif

#if defined(BROWNOUT_CHECK_PLAN) && !defined(BROWNOUT_BARE)
/* Whether all is as exported that addresses and lengths depend on. Whatever else the image holds changes values alone. */
static int is_steered(void) {
  const uint32_t plan_end = BROWNOUT_PLAN + BROWNOUT_PLAN_BYTES;
  if (memcmp(brownout_image, brownout_steering, plan_end) != 0) return 0;
#ifdef BROWNOUT_LEARNING_HEADER
  if (memcmp(brownout_image + BROWNOUT_LEARNING_HEADER, brownout_steering + plan_end, sizeof brownout_steering - plan_end) != 0)
    return 0;
#endif
  return 1;
}
#endif

int32_t brownout_provision(void) {
#if defined(BROWNOUT_CHECK_SIGNATURE) && !defined(BROWNOUT_BARE)
  if (!is_signed()) return BROWNOUT_E_SIGNATURE;
#endif
#if defined(BROWNOUT_RELEASE) && !defined(BROWNOUT_BARE)
  if (latest_release() > BROWNOUT_RELEASE) return BROWNOUT_E_ROLLBACK;
#endif
  write_state(brownout_first_cursor, 1);
  return BROWNOUT_IDLE;
}

#ifdef BROWNOUT_BARE
void brownout_enter(uint32_t record) {
  brownout_module_enter(0, 0, record);
}

void brownout_tile(uint32_t index) {
  brownout_module_tile(index);
}
#else
/* Every way to a module that works is through here. */
static int32_t boot(void) {
  brownout_module_start();
#ifdef BROWNOUT_CHECK_SIGNATURE
  if (!is_signed()) return BROWNOUT_E_SIGNATURE;
#endif
#ifdef BROWNOUT_CHECK_PLAN
  if (!is_steered()) return BROWNOUT_E_PLAN;
#endif
  return (int32_t)brownout_module_boot(0, BROWNOUT_IMAGE_BYTES, 0, BROWNOUT_NVM_BYTES, BROWNOUT_SRAM_BYTES);
}

/* An erasure under way, in the journal: its line is its own, so that a torn write of it spoils nothing else. */
static const uint8_t erasing[4] = {'B', 'R', 'N', 'E'};

/* Zeros over all that jobs leave in NVM, then the state of a device that has not run. */
static void erase(void) {
  uint32_t at = BROWNOUT_SLOT0;
  brownout_nvm_write(0, zeros, 4);
  brownout_nvm_sync();
  while (at < BROWNOUT_NVM_BYTES) {
    const uint32_t rest = BROWNOUT_NVM_BYTES - at;
    const uint32_t piece = rest < sizeof zeros ? rest : (uint32_t)sizeof zeros;
    brownout_nvm_write(at, zeros, piece);
    at += piece;
  }
  brownout_nvm_sync();
#ifdef BROWNOUT_NVM_KEEPS_OLD
  brownout_nvm_forget();
#endif
  write_state(brownout_first_cursor, 1);
}

/* Boots; what cannot be booted is made anew where nothing is lost by it. */
static int32_t settle(void) {
  uint8_t copy[sizeof erasing];
  uint32_t blank = 0;
  uint32_t marked = 0;
  int32_t state = 0;
  uint32_t i;
  for (i = 0; i < BROWNOUT_READS; i++) {
    state = boot();
    if (state >= 0 || state == BROWNOUT_E_NO_PROGRESS) return state;
    blank += state == BROWNOUT_E_MAGIC;
    marked += memcmp(brownout_nvm_view(BROWNOUT_JOURNAL, sizeof copy, copy), erasing, sizeof copy) == 0;
  }
#ifdef BROWNOUT_CHECK_SIGNATURE
  if (state == BROWNOUT_E_SIGNATURE) return state;
#endif
#ifdef BROWNOUT_CHECK_PLAN
  if (state == BROWNOUT_E_PLAN) return state;
#endif
#ifdef BROWNOUT_EARLIER
  if (marked == 0 && update(state)) return boot();
#endif
  if (blank < BROWNOUT_READS) return state;
  if (marked > 0) erase();
  else write_state(brownout_first_cursor, 1);
  return boot();
}

int32_t brownout_begin(void) {
  int32_t state;
  brownout_nvm_begin();
#ifdef BROWNOUT_RELEASE
  brownout_module_start();
  if (latest_release() > BROWNOUT_RELEASE) return BROWNOUT_E_ROLLBACK;
#endif
  state = settle();
#ifdef BROWNOUT_EARLIER
  if (state >= 0) close_journal();
#endif
#ifdef BROWNOUT_RELEASE
  if (state >= 0 || state == BROWNOUT_E_NO_PROGRESS) raise_release();
#endif
  return state;
}

int32_t brownout_erase(void) {
#ifdef BROWNOUT_RELEASE
  if (latest_release() > BROWNOUT_RELEASE) return BROWNOUT_E_ROLLBACK;
#endif
  brownout_nvm_write(BROWNOUT_JOURNAL, erasing, sizeof erasing);
  brownout_nvm_sync();
  erase();
  memset(wasm_memory.bytes + BROWNOUT_ARENA, 0, BROWNOUT_SRAM_BYTES - BROWNOUT_ARENA);
  return boot();
}

int32_t brownout_input(const int8_t *input) {
  const uint32_t room = BROWNOUT_SRAM_BYTES - BROWNOUT_ARENA;
  int32_t state = (int32_t)brownout_module_feed(BROWNOUT_ARENA, 0);
  uint32_t at = 0;
  while (at < BROWNOUT_INPUT_BYTES && state >= 0) {
    const uint32_t piece = BROWNOUT_INPUT_BYTES - at < room ? BROWNOUT_INPUT_BYTES - at : room;
    memcpy(wasm_memory.bytes + BROWNOUT_ARENA, input + at, (size_t)piece);
    state = (int32_t)brownout_module_feed(BROWNOUT_ARENA, piece);
    at += piece;
  }
  return state;
}

int32_t brownout_submit(uint32_t ticket) {
  return (int32_t)brownout_module_submit(ticket, BROWNOUT_INFER);
}

int32_t brownout_learn(uint32_t ticket, uint32_t y) {
#ifdef BROWNOUT_CLASSES
  if (y >= BROWNOUT_CLASSES) return BROWNOUT_E_LABEL;
  return (int32_t)brownout_module_submit(ticket, BROWNOUT_LEARN | y << 8);
#else
  (void)ticket;
  (void)y;
  return BROWNOUT_E_KIND;
#endif
}

int32_t brownout_label(uint32_t ticket, uint32_t y) {
  return (int32_t)brownout_module_label(ticket, y);
}

int32_t brownout_run(uint32_t budget) {
  return (int32_t)brownout_module_run(budget);
}

int32_t brownout_work(void) {
  int32_t state = brownout_status();
  const uint32_t budget = state == BROWNOUT_RUN && brownout_boots() > BROWNOUT_CAREFUL_BOOTS;
  while (state == BROWNOUT_RUN) state = brownout_run(budget);
  return state;
}

int32_t brownout_result(int8_t *output) {
  const int32_t state = brownout_status();
  if (state != BROWNOUT_DONE) return state < 0 ? state : BROWNOUT_E_STATE;
  read_nvm(BROWNOUT_OUTPUT, output, BROWNOUT_OUTPUT_BYTES);
  return state;
}

int32_t brownout_ack(uint32_t ticket) {
  return (int32_t)brownout_module_ack(ticket);
}

int32_t brownout_cancel(uint32_t ticket) {
  return (int32_t)brownout_module_cancel(ticket);
}

int32_t brownout_forget(uint32_t ticket, uint32_t y) {
#ifdef BROWNOUT_CLASSES
  return (int32_t)brownout_module_forget(ticket, y);
#else
  (void)ticket;
  (void)y;
  return BROWNOUT_E_KIND;
#endif
}

int32_t brownout_restore(void) {
#ifdef BROWNOUT_CLASSES
  return (int32_t)brownout_module_restore();
#else
  return BROWNOUT_E_KIND;
#endif
}

int32_t brownout_reset_state(void) {
#ifdef BROWNOUT_STATES
  return (int32_t)brownout_module_restore();
#else
  return BROWNOUT_E_KIND;
#endif
}

int32_t brownout_status(void) {
  return (int32_t)brownout_module_status();
}

uint32_t brownout_version(void) {
  return brownout_module_version();
}

uint32_t brownout_ticket(void) {
  return load32(BROWNOUT_CURSOR, BROWNOUT_CURSOR_TICKET);
}

uint32_t brownout_kind(void) {
  return load32(BROWNOUT_CURSOR, BROWNOUT_CURSOR_KIND);
}

uint32_t brownout_steps(void) {
  return load32(BROWNOUT_CURSOR, BROWNOUT_CURSOR_STEP);
}

uint32_t brownout_boots(void) {
  uint32_t boots;
  read_nvm(BROWNOUT_DIAGNOSTICS + BROWNOUT_DIAGNOSTICS_BOOTS, &boots, sizeof boots);
  return boots;
}
#endif
