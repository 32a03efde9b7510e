/*
 * The module's imports for wasm3 (0.5): brownout_link_wasm3() after m3_LoadModule. Views are copies: what a runtime lends a
 * module lies in the module's memory.
 */
#include "brownout_hal.h"
#include "brownout_model.h"

#include <string.h>
#include <wasm3.h>
#ifndef m3ApiRawFunction
#include <m3_api_defs.h>
#endif

M3Result brownout_link_wasm3(IM3Module module);

static m3ApiRawFunction(nvm_view_raw) {
  m3ApiReturnType(uint32_t) m3ApiGetArg(uint32_t, address) m3ApiGetArg(uint32_t, length) m3ApiGetArg(uint32_t, scratch)
  uint8_t *to = (uint8_t *)_mem + scratch;
  const void *bytes = brownout_nvm_view(address, length, to);
  if (bytes != to) memcpy(to, bytes, length);
  m3ApiReturn(scratch)
}

/* Constants: of the program, or with BROWNOUT_IMAGE_IN_NVM of NVM, as where they come over the air. */
static m3ApiRawFunction(image_view_raw) {
  m3ApiReturnType(uint32_t) m3ApiGetArg(uint32_t, address) m3ApiGetArg(uint32_t, length) m3ApiGetArg(uint32_t, scratch)
  uint8_t *to = (uint8_t *)_mem + scratch;
#ifdef BROWNOUT_IMAGE_IN_NVM
  const void *bytes = brownout_nvm_view(address, length, to);
#else
  const void *bytes = brownout_image + address;
#endif
  if (bytes != to) memcpy(to, bytes, length);
  m3ApiReturn(scratch)
}

static m3ApiRawFunction(nvm_write_raw) {
  m3ApiGetArg(uint32_t, address) m3ApiGetArg(uint32_t, source) m3ApiGetArg(uint32_t, length)
  brownout_nvm_write(address, (const uint8_t *)_mem + source, length);
  m3ApiSuccess()
}

static m3ApiRawFunction(nvm_sync_raw) {
  brownout_nvm_sync();
  m3ApiSuccess()
}

static m3ApiRawFunction(power_low_raw) {
  m3ApiReturnType(uint32_t)
  m3ApiReturn((uint32_t)brownout_power_low())
}

M3Result brownout_link_wasm3(IM3Module module) {
  M3Result result = m3_LinkRawFunction(module, "nvm", "view", "i(iii)", nvm_view_raw);
  if (!result) result = m3_LinkRawFunction(module, "image", "view", "i(iii)", image_view_raw);
  if (!result) result = m3_LinkRawFunction(module, "nvm", "write", "v(iii)", nvm_write_raw);
  if (!result) result = m3_LinkRawFunction(module, "nvm", "sync", "v()", nvm_sync_raw);
  if (!result) result = m3_LinkRawFunction(module, "power", "low", "i()", power_low_raw);
  return result;
}
