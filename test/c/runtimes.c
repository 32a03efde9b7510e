/*
 * Calls the imports that brownout_host_*.c give a runtime with addresses that no module of ours asks for, on memories in blocks
 * of just their size: what reaches outside of one must be refused, and all else be copied.
 *
 *   runtimes COUNT    prints how many calls were refused, how many were not
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brownout_hal.h"
#include "brownout_model.h"

enum { MEMORY_BYTES = 4096 };
struct model {
  int trapped;
};
static struct model model;
static uint8_t *memory, *nvm;
static int as_copy;

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  return as_copy ? memcpy(scratch, nvm + address, length) : nvm + address;
}
void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  memcpy(nvm + address, source, length);
}
void brownout_nvm_sync(void) {}
int brownout_power_low(void) {
  return 0;
}

/* Address outside, length, address in memory. */
typedef uint32_t call(uint32_t a, uint32_t b, uint32_t c);

#ifdef WASM3
#include "brownout_host_wasm3.c"

static M3RawCall calls[3];
static int count_of_calls;

uint32_t m3_GetMemorySize(IM3Runtime runtime) {
  (void)runtime;
  return MEMORY_BYTES;
}
M3Result m3_LinkRawFunction(IM3Module module, const char *from, const char *name, const char *signature, M3RawCall raw) {
  (void)module;
  (void)signature;
  if (strcmp(name, "view") == 0) calls[strcmp(from, "image") == 0] = raw;
  if (strcmp(name, "write") == 0) calls[2] = raw;
  count_of_calls++;
  return m3Err_none;
}
static uint32_t raw(int which, int returns, uint32_t a, uint32_t b, uint32_t c) {
  uint64_t stack[4] = {0};
  uint32_t at = (uint32_t)returns;
  stack[at] = a;
  stack[at + 1] = b;
  stack[at + 2] = c;
  model.trapped = calls[which](&model, NULL, stack, memory) != m3Err_none;
  return (uint32_t)stack[0];
}
static uint32_t view_nvm(uint32_t a, uint32_t b, uint32_t c) { return raw(0, 1, a, b, c); }
static uint32_t view_constants(uint32_t a, uint32_t b, uint32_t c) { return raw(1, 1, a, b, c); }
static uint32_t write_nvm(uint32_t a, uint32_t b, uint32_t c) { return raw(2, 0, a, c, b); }
static int link_all(void) {
  return brownout_link_wasm3(&model) == m3Err_none && count_of_calls == 5;
}
#else
#include "brownout_host_wamr.c"

static NativeSymbol found[8];
static const char *found_in[8];
static uint32_t count_found;

wasm_module_inst_t wasm_runtime_get_module_inst(wasm_exec_env_t env) {
  return env;
}
void wasm_runtime_set_exception(wasm_module_inst_t module, const char *exception) {
  (void)exception;
  module->trapped = 1;
}
bool wasm_runtime_validate_app_addr(wasm_module_inst_t module, uint64_t address, uint64_t length) {
  if (address + length <= MEMORY_BYTES) return true;
  module->trapped = 1;
  return false;
}
void *wasm_runtime_addr_app_to_native(wasm_module_inst_t module, uint64_t address) {
  (void)module;
  return memory + address;
}
bool wasm_runtime_register_natives(const char *from, NativeSymbol *symbols, uint32_t count) {
  uint32_t i;
  for (i = 0; i < count; i++) {
    found_in[count_found] = from;
    found[count_found++] = symbols[i];
  }
  return true;
}
static NativeSymbol *symbol(const char *from, const char *name) {
  uint32_t i;
  for (i = 0; i < count_found; i++)
    if (strcmp(found_in[i], from) == 0 && strcmp(found[i].symbol, name) == 0) return &found[i];
  exit(3);
}
static uint32_t raw(const char *from, uint32_t a, uint32_t b, uint32_t c) {
  uint32_t (*view_of)(wasm_exec_env_t, uint32_t, uint32_t, uint32_t);
  model.trapped = 0;
  *(void **)&view_of = symbol(from, "view")->func_ptr;
  return view_of(&model, a, b, c);
}
static uint32_t view_nvm(uint32_t a, uint32_t b, uint32_t c) { return raw("nvm", a, b, c); }
static uint32_t view_constants(uint32_t a, uint32_t b, uint32_t c) { return raw("image", a, b, c); }
static uint32_t write_nvm(uint32_t a, uint32_t b, uint32_t c) {
  void (*write)(wasm_exec_env_t, uint32_t, uint32_t, uint32_t);
  model.trapped = 0;
  *(void **)&write = symbol("nvm", "write")->func_ptr;
  write(&model, a, c, b);
  return 0;
}
static int link_all(void) {
  return brownout_register_wamr() && count_found == 5;
}
#endif

static call *const imports[3] = {view_nvm, view_constants, write_nvm};
static uint32_t state = 1;
static uint32_t draw(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}
/* Near 0, near the end, where sums wrap around, or anywhere. */
static uint32_t near(uint32_t end) {
  switch (draw() % 4) {
    case 0: return draw() % 64;
    case 1: return end - 32 + draw() % 64;
    case 2: return 0u - draw() % 64;
  }
  return draw() % 8 ? draw() % (end + 64) : draw();
}

int main(int count_of_words, char **words) {
  static const uint32_t bytes[3] = {BROWNOUT_NVM_BYTES, BROWNOUT_IMAGE_BYTES, BROWNOUT_NVM_BYTES};
  uint32_t refused = 0, taken = 0, i;
  if (count_of_words != 2 || !link_all()) return 2;
  memory = malloc(MEMORY_BYTES);
  nvm = malloc(BROWNOUT_NVM_BYTES);
  for (i = 0; i < MEMORY_BYTES; i++) memory[i] = (uint8_t)draw();
  for (i = 0; i < BROWNOUT_NVM_BYTES; i++) nvm[i] = (uint8_t)draw();
  for (i = 0; i < (uint32_t)atoi(words[1]); i++) {
    const uint32_t which = draw() % 3, all = bytes[which];
    const uint32_t address = near(all), length = near(all), in_memory = near(MEMORY_BYTES);
    const int fits = (uint64_t)address + length <= all && (uint64_t)in_memory + length <= MEMORY_BYTES;
    const uint8_t *outside = which == 1 ? brownout_image : nvm;
    uint32_t returned;
    as_copy = (int)(draw() & 1u);
    returned = imports[which](address, length, in_memory);
    if (model.trapped == fits) return 4;
    if (!fits) {
      refused++;
      continue;
    }
    if (memcmp(memory + in_memory, outside + address, length) != 0) return 5;
    if (which < 2 && returned != in_memory) return 6;
    taken++;
  }
  printf("%u %u\n", (unsigned)refused, (unsigned)taken);
  free(memory);
  free(nvm);
  return 0;
}
