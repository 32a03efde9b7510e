/*
 * The module's imports for wasm3 (0.5): brownout_link_wasm3() after m3_LoadModule. Views are copies: what a runtime lends a
 * module lies in the module's memory. An access outside of that memory, of NVM or of the image is a trap.
 */
#include "brownout_host.h"

#include <string.h>
#include <wasm3.h>

M3Result brownout_link_wasm3(IM3Module module);

#define BROWNOUT_KEEP_WITHIN(bytes, address, length) \
  if (!brownout_host_within(bytes, address, length)) m3ApiTrap(m3Err_trapOutOfBoundsMemoryAccess)

static m3ApiRawFunction(nvm_view_raw) {
  m3ApiReturnType(uint32_t) m3ApiGetArg(uint32_t, address) m3ApiGetArg(uint32_t, length) m3ApiGetArg(uint32_t, scratch)
  uint8_t *to = (uint8_t *)_mem + scratch;
  const void *bytes;
  BROWNOUT_KEEP_WITHIN(m3_GetMemorySize(runtime), scratch, length)
  BROWNOUT_KEEP_WITHIN(BROWNOUT_HOST_NVM_BYTES, address, length)
  bytes = brownout_nvm_view(address, length, to);
  if (bytes != to) memcpy(to, bytes, length);
  m3ApiReturn(scratch)
}

static m3ApiRawFunction(image_view_raw) {
  m3ApiReturnType(uint32_t) m3ApiGetArg(uint32_t, address) m3ApiGetArg(uint32_t, length) m3ApiGetArg(uint32_t, scratch)
  uint8_t *to = (uint8_t *)_mem + scratch;
  const void *bytes;
  BROWNOUT_KEEP_WITHIN(m3_GetMemorySize(runtime), scratch, length)
  BROWNOUT_KEEP_WITHIN(BROWNOUT_HOST_IMAGE_BYTES, address, length)
  bytes = brownout_host_image(address, length, to);
  if (bytes != to) memcpy(to, bytes, length);
  m3ApiReturn(scratch)
}

static m3ApiRawFunction(nvm_write_raw) {
  m3ApiGetArg(uint32_t, address) m3ApiGetArg(uint32_t, source) m3ApiGetArg(uint32_t, length)
  BROWNOUT_KEEP_WITHIN(m3_GetMemorySize(runtime), source, length)
  BROWNOUT_KEEP_WITHIN(BROWNOUT_HOST_NVM_BYTES, address, length)
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
