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
/* As TI documents it: an even length, vectors at multiples of 4, the sum of products in Q31, twice that of the integers. */
msp_status msp_mac_q15(const msp_mac_q15_params *params, const _q15 *a, const _q15 *b, _iq31 *result) {
  int64_t sum = 0;
  uint16_t i;
  if (params->length % 2) return MSP_SIZE_ERROR;
  if (((uintptr_t)a | (uintptr_t)b) % 4) return MSP_LEA_INVALID_ADDRESS;
  for (i = 0; i < params->length; i++) sum += (int64_t)a[i] * b[i] * 2;
  if (sum != (_iq31)sum) return MSP_LEA_COMMAND_OVERFLOW;
  *result = (_iq31)sum;
  return MSP_SUCCESS;
}

/* Even sizes, sums in Q15; a body must not count on how those are rounded. */
msp_status msp_matrix_mpy_q15(const msp_matrix_mpy_q15_params *params, const _q15 *a, const _q15 *b, _q15 *to) {
  uint16_t row;
  uint16_t column;
  if ((params->srcARows | params->srcACols | params->srcBCols) % 2) return MSP_SIZE_ERROR;
  if (((uintptr_t)a | (uintptr_t)b | (uintptr_t)to) % 4) return MSP_LEA_INVALID_ADDRESS;
  for (row = 0; row < params->srcARows; row++, a += params->srcACols)
    for (column = 0; column < params->srcBCols; column++) {
      int64_t sum = 0;
      uint16_t i;
      for (i = 0; i < params->srcACols; i++) sum += (int64_t)a[i] * b[i * params->srcBCols + column];
      if (sum % 32768 || sum / 32768 > INT16_MAX || sum / 32768 < INT16_MIN) return MSP_LEA_COMMAND_OVERFLOW;
      *to++ = (_q15)(sum / 32768);
    }
  return MSP_SUCCESS;
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
