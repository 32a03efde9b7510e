/*
 * The module's imports for WAMR: brownout_register_wamr() after wasm_runtime_init, before loading. Build WAMR with bulk
 * memory (WAMR_BUILD_BULK_MEMORY=1). Views are copies: what a runtime lends a module lies in the module's memory.
 */
#include "brownout_hal.h"
#include "brownout_model.h"

#include <string.h>
#include <wasm_export.h>

bool brownout_register_wamr(void);

static uint8_t *at(wasm_exec_env_t env, uint32_t address) {
  return wasm_runtime_addr_app_to_native(wasm_runtime_get_module_inst(env), address);
}

static uint32_t view(wasm_exec_env_t env, uint32_t address, uint32_t length, uint32_t scratch) {
  uint8_t *to = at(env, scratch);
  const void *bytes = brownout_nvm_view(address, length, to);
  if (bytes != to) memcpy(to, bytes, length);
  return scratch;
}

/* Constants: of the program, or with BROWNOUT_IMAGE_IN_NVM of NVM, as where they come over the air. */
static uint32_t view_image(wasm_exec_env_t env, uint32_t address, uint32_t length, uint32_t scratch) {
#ifdef BROWNOUT_IMAGE_IN_NVM
  return view(env, address, length, scratch);
#else
  memcpy(at(env, scratch), brownout_image + address, length);
  return scratch;
#endif
}

static void put(wasm_exec_env_t env, uint32_t address, uint32_t source, uint32_t length) {
  brownout_nvm_write(address, at(env, source), length);
}

static void sync(wasm_exec_env_t env) {
  (void)env;
  brownout_nvm_sync();
}

static uint32_t low(wasm_exec_env_t env) {
  (void)env;
  return (uint32_t)brownout_power_low();
}

bool brownout_register_wamr(void) {
  static NativeSymbol nvm[] = {
      {"view", (void *)view, "(iii)i", NULL},
      {"write", (void *)put, "(iii)", NULL},
      {"sync", (void *)sync, "()", NULL},
  };
  static NativeSymbol image[] = {{"view", (void *)view_image, "(iii)i", NULL}};
  static NativeSymbol power[] = {{"low", (void *)low, "()i", NULL}};
  return wasm_runtime_register_natives("nvm", nvm, 3) && wasm_runtime_register_natives("image", image, 1) &&
         wasm_runtime_register_natives("power", power, 1);
}
