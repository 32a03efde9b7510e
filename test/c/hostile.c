/*
 * Firmware that checks its plan (export --check-plan) on images that somebody has changed, every checksum made to fit: one with
 * another header or plan is refused, and of any other a job ends. Under sanitizers, with NVM in a block of just its size.
 *
 *   hostile COUNT SEED    prints how many were refused, how many not, and of how many the answer was another; then processor
 *                         time and that of the slowest in ms, and memory in MB
 */
#include "brownout_hal.h"
#define brownout_image brownout_exported
#include "brownout_model.c"
#undef brownout_image
#include "brownout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* What firmware reads. */
uint8_t brownout_image[BROWNOUT_IMAGE_BYTES] __attribute__((aligned(16)));
static uint8_t *nvm;

void brownout_nvm_begin(void) {}
void brownout_nvm_sync(void) {}
const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  return memcpy(scratch, nvm + address, length);
}
void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  memcpy(nvm + address, source, length);
}
int brownout_power_low(void) {
  return 0;
}
void brownout_trap(void) {
  exit(70);
}

static uint32_t state = 1;
static uint32_t draw(uint32_t end) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % end;
}

static uint32_t crc(uint32_t from, uint32_t bytes) {
  uint32_t sum = 0xffffffffu, bit;
  for (; bytes > 0; bytes--, from++) {
    sum ^= brownout_image[from];
    for (bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (0xedb88320u & (0u - (sum & 1u)));
  }
  return ~sum;
}
static void put(uint32_t at, uint32_t word) {
  memcpy(brownout_image + at, &word, sizeof word);
}
static void seal(void) {
  uint32_t at;
  for (at = BROWNOUT_PLAN; at < BROWNOUT_PLAN + BROWNOUT_PLAN_BYTES; at += BROWNOUT_OP_BYTES)
    put(at + BROWNOUT_OP_BYTES - 4, crc(at, BROWNOUT_OP_BYTES - 4));
  put(28, crc(BROWNOUT_PLAN, BROWNOUT_PLAN_BYTES));
  put(8, crc(12, 128 - 12));
}

/* Words within `bytes` from `at` on, by a little or by much. */
static void spoil(uint32_t at, uint32_t bytes, uint32_t edits) {
  for (; edits > 0; edits--) {
    const uint32_t word = at + draw(bytes / 4) * 4;
    uint32_t now;
    memcpy(&now, brownout_image + word, sizeof now);
    switch (draw(4)) {
      case 0: put(word, draw(0xffffffffu)); break;
      case 1: put(word, now + 1u - 2u * draw(2)); break;
      case 2: put(word, draw(2) ? 0x7fffffffu : 0xffffffffu); break;
      case 3: brownout_image[word + draw(4)] ^= (uint8_t)(1u << draw(8)); break;
    }
  }
}

int main(int count_of_words, char **words) {
  static int8_t right[BROWNOUT_OUTPUT_BYTES], answer[BROWNOUT_OUTPUT_BYTES];
  const uint32_t plan_end = BROWNOUT_PLAN + BROWNOUT_PLAN_BYTES, rest = BROWNOUT_IMAGE_BYTES - plan_end;
  uint32_t refused = 0, taken = 0, others = 0, i;
  clock_t slowest = 0;
  struct rusage usage;
  if (count_of_words != 3) return 2;
  state = (uint32_t)strtoul(words[2], NULL, 10);
  nvm = malloc(BROWNOUT_NVM_BYTES);
  for (i = 0; i <= (uint32_t)atoi(words[1]); i++) {
    const clock_t start = clock();
    int32_t found;
    int same;
    memcpy(brownout_image, brownout_exported, sizeof brownout_image);
    memset(nvm, 0, BROWNOUT_NVM_BYTES);
    if (i % 4 == 1) spoil(0, plan_end, 1 + draw(3));
    if (i % 4 > 1) spoil(plan_end, rest, i % 4 == 2 ? 1 + draw(3) : rest / 8);
    seal();
    same = memcmp(brownout_image, brownout_exported, plan_end) == 0;
#ifdef BROWNOUT_LEARNING_HEADER
    same = same && memcmp(brownout_image + BROWNOUT_LEARNING_HEADER, brownout_exported + BROWNOUT_LEARNING_HEADER,
                          BROWNOUT_STEERING_BYTES - plan_end) == 0;
#endif
    found = brownout_begin();
    if (!same) {
      if (found != BROWNOUT_E_PLAN) return 3;
      refused++;
      continue;
    }
    if (found != BROWNOUT_IDLE || brownout_input(brownout_sample) < 0 || brownout_submit(1) != BROWNOUT_RUN) return 4;
    if (brownout_work() != BROWNOUT_DONE || brownout_result(answer) != BROWNOUT_DONE) return 5;
#ifdef BROWNOUT_CLASSES
    /* And learns from it. */
    if (brownout_ack(1) != BROWNOUT_IDLE || brownout_input(brownout_sample) < 0 || brownout_learn(2, 0) < 0) return 6;
    if (brownout_work() != BROWNOUT_DONE) return 7;
#endif
    if (i == 0) memcpy(right, answer, sizeof right);
    others += memcmp(right, answer, sizeof right) != 0;
    taken++;
    if (clock() - start > slowest) slowest = clock() - start;
  }
  getrusage(RUSAGE_SELF, &usage);
  printf("%u %u %u ", (unsigned)refused, (unsigned)taken, (unsigned)others);
  printf("%ld %ld %ld\n", clock() / (CLOCKS_PER_SEC / 1000), slowest / (CLOCKS_PER_SEC / 1000), usage.ru_maxrss / 1024);
  free(nvm);
  return 0;
}
