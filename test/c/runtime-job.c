/*
 * A job of an exported folder on wasm3: the input from standard input, the answer to standard output. NVM is a block
 * of just its size, with the state that provisioning leaves.
 *
 *   runtime-job MODULE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasm3.h>

#include "brownout_hal.h"
#include "brownout_model.h"

M3Result brownout_link_wasm3(IM3Module module);

static uint8_t *nvm;
static IM3Runtime runtime;

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  (void)length;
  (void)scratch;
  return nvm + address;
}
void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  memcpy(nvm + address, source, length);
}
void brownout_nvm_sync(void) {}
int brownout_power_low(void) {
  return 0;
}
void brownout_trap(void) {
  exit(70);
}

static int32_t ask(const char *name, uint32_t count, const void **values) {
  IM3Function function;
  int32_t state = 0;
  M3Result wrong = m3_FindFunction(&function, runtime, name);
  if (!wrong) wrong = m3_Call(function, count, values);
  if (!wrong) wrong = m3_GetResultsV(function, &state);
  if (!wrong) return state;
  fprintf(stderr, "%s: %s\n", name, wrong);
  exit(71);
}

int main(int count, char **words) {
  static uint8_t wasm[1 << 20];
  static uint8_t input[BROWNOUT_INPUT_BYTES];
  IM3Module module;
  FILE *file = count == 2 ? fopen(words[1], "rb") : NULL;
  uint32_t zero = 0, one = 1, image = BROWNOUT_IMAGE_BYTES, bytes = BROWNOUT_NVM_BYTES, size;
  uint32_t sram = BROWNOUT_SRAM_BYTES, arena = BROWNOUT_ARENA;
  uint8_t *memory;
  int32_t state;
  M3Result wrong;
  if (!file) return 2;
  size = (uint32_t)fread(wasm, 1, sizeof wasm, file);
  fclose(file);
  nvm = calloc(1, BROWNOUT_NVM_BYTES);
  memcpy(nvm, brownout_first_state, BROWNOUT_STATE_BYTES);
  memcpy(nvm + BROWNOUT_SLOT0, brownout_first_cursor, BROWNOUT_CURSOR_BYTES);
  if (fread(input, 1, sizeof input, stdin) != sizeof input) return 3;
  {
    const IM3Environment environment = m3_NewEnvironment();
    runtime = m3_NewRuntime(environment, 65536, NULL);
    wrong = m3_ParseModule(environment, &module, wasm, size);
  }
  if (!wrong) wrong = m3_LoadModule(runtime, module);
  if (!wrong) wrong = brownout_link_wasm3(module);
  if (wrong) {
    fprintf(stderr, "%s\n", wrong);
    return 4;
  }
  state = ask("boot", 5, (const void *[]){&zero, &image, &zero, &bytes, &sram});
  if (state == 0) {
    memory = m3_GetMemory(runtime, &size, 0);
    memcpy(memory + arena, input, sizeof input);
    size = sizeof input;
    state = ask("feed", 2, (const void *[]){&arena, &size});
  }
  if (state >= 0) state = ask("submit", 2, (const void *[]){&one, &zero});
  while (state == 1) state = ask("run", 1, (const void *[]){&zero});
  if (state != 2) {
    fprintf(stderr, "state %d\n", (int)state);
    return 5;
  }
  fwrite(nvm + BROWNOUT_OUTPUT, 1, BROWNOUT_OUTPUT_BYTES, stdout);
  return 0;
}
