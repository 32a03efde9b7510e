/*
 * The C of a firmware folder, run on the machine that exports it: whole jobs, of which every access to NVM is told. It comes into
 * no folder: `brownout export` builds it and holds what it tells against the module.
 *
 * Standard input: a job's kind and class, a byte each, then its input; and so on. Standard output, of each access: what it is,
 * address, length, and FNV-1a of the bytes; and behind each job 's' with the state that it came to.
 */
#include "brownout.c"

#include <stdio.h>
#include <stdlib.h>

#ifdef BROWNOUT_LEA
#include "lea-model.h"

void msp_lea_init(void) {
  LEAPMCTL = LEACMDEN;
}
bool msp_lea_acquireLock(void) {
  return true;
}
void msp_lea_freeLock(void) {
}
void msp_lea_invokeCommand(uint16_t command) {
  (void)lea_do(command);
}
#endif

static uint8_t cells[BROWNOUT_NVM_BYTES];
static int is_telling;

static void tell(uint32_t what, uint32_t address, const void *bytes, uint32_t length) {
  const uint8_t *from = bytes;
  uint32_t words[4], i;
  if (!is_telling) return;
  words[0] = what;
  words[1] = address;
  words[2] = length;
  words[3] = 2166136261u;
  for (i = 0; i < length; i++) words[3] = (words[3] ^ from[i]) * 16777619u;
  fwrite(words, sizeof *words, 4, stdout);
}

/* Where C goes wrong, it must not go further. */
static void check(uint32_t address, uint32_t length) {
  if (address > sizeof cells || length > sizeof cells - address) brownout_trap();
}

void brownout_nvm_begin(void) {
}

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  check(address, length);
  tell('v', address, cells + address, length);
  return memcpy(scratch, cells + address, length);
}

void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  check(address, length);
  tell('w', address, source, length);
  memcpy(cells + address, source, length);
}

void brownout_nvm_sync(void) {
  tell('b', 0, cells, 0);
}

#ifdef BROWNOUT_NVM_KEEPS_OLD
void brownout_nvm_forget(void) {
}
#endif

#ifdef BROWNOUT_CHECK_SIGNATURE
int brownout_verify_signature(const uint8_t *signature, const uint8_t *key, const uint8_t *message, uint32_t length) {
  (void)signature;
  (void)key;
  (void)message;
  (void)length;
  return 1;
}
#endif

int brownout_power_low(void) {
  return 0;
}

void brownout_trap(void) {
  fflush(stdout);
  exit(70);
}

int main(void) {
  static int8_t input[BROWNOUT_INPUT_BYTES];
  uint8_t job[2];
  uint32_t ticket = 0;
  if (brownout_begin() != BROWNOUT_IDLE) return 71;
  /* Again, as on a device that has its state. */
  is_telling = 1;
  if (boot() != BROWNOUT_IDLE) return 71;
  while (fread(job, 1, sizeof job, stdin) == sizeof job && fread(input, 1, sizeof input, stdin) == sizeof input) {
    int32_t state = brownout_input(input);
    ticket++;
    if (state >= 0) state = job[0] == BROWNOUT_INFER ? brownout_submit(ticket) : brownout_learn(ticket, job[1]);
    while (state == BROWNOUT_RUN || state == BROWNOUT_LOW) state = brownout_run(0);
    tell('s', (uint32_t)state, cells, 0);
    if (brownout_ack(ticket) < 0) return 72;
  }
  return 0;
}
