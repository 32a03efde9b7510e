/*
 * The module's imports for WAMR: brownout_register_wamr() after wasm_runtime_init, before loading. Build WAMR with bulk
 * memory (WAMR_BUILD_BULK_MEMORY=1). Views are copies: what a runtime lends a module lies in the module's memory. An access
 * outside of that memory, of NVM or of the image is an exception of the module.
 */
#include "brownout_host.h"

#include <string.h>
#include <wasm_export.h>

bool brownout_register_wamr(void);

/* The module's bytes from `address` on, if the other end of a copy, of `bytes`, holds as many; else NULL and an exception. */
static uint8_t *at(wasm_exec_env_t env, uint32_t address, uint32_t length, uint32_t bytes, uint32_t other) {
  const wasm_module_inst_t module = wasm_runtime_get_module_inst(env);
  if (!brownout_host_within(bytes, other, length)) {
    wasm_runtime_set_exception(module, "out of bounds access of NVM or image");
    return NULL;
  }
  /* Says what is wrong by an exception itself. */
  if (!wasm_runtime_validate_app_addr(module, address, length)) return NULL;
  return wasm_runtime_addr_app_to_native(module, address);
}

static uint32_t view(wasm_exec_env_t env, uint32_t address, uint32_t length, uint32_t scratch) {
  uint8_t *to = at(env, scratch, length, BROWNOUT_HOST_NVM_BYTES, address);
  const void *bytes = to ? brownout_nvm_view(address, length, to) : NULL;
  if (bytes != to) memcpy(to, bytes, length);
  return scratch;
}

static uint32_t view_image(wasm_exec_env_t env, uint32_t address, uint32_t length, uint32_t scratch) {
  uint8_t *to = at(env, scratch, length, BROWNOUT_HOST_IMAGE_BYTES, address);
  const void *bytes = to ? brownout_host_image(address, length, to) : NULL;
  if (bytes != to) memcpy(to, bytes, length);
  return scratch;
}

static void put(wasm_exec_env_t env, uint32_t address, uint32_t source, uint32_t length) {
  const uint8_t *from = at(env, source, length, BROWNOUT_HOST_NVM_BYTES, address);
  if (from) brownout_nvm_write(address, from, length);
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
