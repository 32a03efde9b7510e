/*
 * brownout_begin on NVM in a file, and a cut in one of its writes or barriers.
 *
 *   begin FILE CUT SEED LINE [erase|provision]    CUT: 0, or in which write or barrier power fails
 *
 * Of what was written since the last barrier, a cut keeps bytes as SEED says; with LINE above 1 it spoils whole lines that were
 * being written. Prints the state, the ticket and the steps done, or `cut`; leaves NVM in the file.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brownout.h"
#include "brownout_hal.h"

enum { MOST = 1 << 16 };
static uint8_t cells[MOST], seen[MOST];
static uint8_t pending[MOST];
static uint32_t steps, cut_at, line, state = 1;
static size_t size;
static jmp_buf off;

static uint32_t draw(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state >> 3;
}

static void cut(void) {
  uint32_t at, i;
  for (at = 0; at < size; at += line) {
    uint32_t touched = 0;
    const uint32_t how = draw() % 3u;
    for (i = at; i < at + line && i < size; i++) touched |= pending[i];
    if (!touched) continue;
    for (i = at; i < at + line && i < size; i++) {
      if (line > 1) cells[i] = how == 0 ? cells[i] : how == 1 ? seen[i] : (uint8_t)draw();
      else if (how) cells[i] = seen[i];
    }
  }
  longjmp(off, 1);
}

static void step(void) {
  if (++steps == cut_at) cut();
}

void brownout_nvm_begin(void) {}

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  return memcpy(scratch, seen + address, length);
}

void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  if (address + length > size) exit(71);
  memcpy(seen + address, source, length);
  memset(pending + address, 1, length);
  step();
}

void brownout_nvm_sync(void) {
  step();
  memcpy(cells, seen, size);
  memset(pending, 0, size);
}

int brownout_power_low(void) { return 0; }
void brownout_trap(void) { exit(70); }

int main(int count, char **words) {
  FILE *file;
  if (count < 5 || !(file = fopen(words[1], "rb"))) return 72;
  size = fread(cells, 1, MOST, file);
  fclose(file);
  memcpy(seen, cells, size);
  cut_at = (uint32_t)atoi(words[2]);
  state += 2654435761u * (uint32_t)atoi(words[3]);
  line = (uint32_t)atoi(words[4]);
  if (setjmp(off) == 0) {
    int32_t code = brownout_begin();
    if (count > 5 && strcmp(words[5], "provision") == 0) code = brownout_provision();
    if (count > 5 && strcmp(words[5], "erase") == 0) code = brownout_erase();
    printf("%d %u %u", (int)code, code < 0 ? 0 : (unsigned)brownout_ticket(), (unsigned)steps);
    memcpy(cells, seen, size);
  } else printf("cut");
  if (!(file = fopen(words[1], "wb"))) return 73;
  fwrite(cells, 1, size, file);
  return fclose(file);
}
