/*
 * What the imports of a module that a runtime loads must not reach beyond, whatever module and image ask for: the region
 * that the state has in NVM, and the image. Where either came over the air, that is all which keeps them in.
 */
#ifndef BROWNOUT_HOST_H
#define BROWNOUT_HOST_H

#include "brownout_hal.h"
#include "brownout_model.h"

/* Bytes of NVM that a module may use, for images to come that need more than the one of this folder. */
#ifndef BROWNOUT_HOST_NVM_BYTES
#define BROWNOUT_HOST_NVM_BYTES BROWNOUT_NVM_BYTES
#endif

/* Constants are the program's, or with BROWNOUT_IMAGE_IN_NVM of NVM, as where they come over the air. */
#ifdef BROWNOUT_IMAGE_IN_NVM
#define BROWNOUT_HOST_IMAGE_BYTES BROWNOUT_HOST_NVM_BYTES
#else
#define BROWNOUT_HOST_IMAGE_BYTES BROWNOUT_IMAGE_BYTES
#endif

static inline int brownout_host_within(uint32_t bytes, uint32_t address, uint32_t length) {
  return address <= bytes && length <= bytes - address;
}

/* Bytes of the image, where they are, or in `scratch`. */
static inline const void *brownout_host_image(uint32_t address, uint32_t length, void *scratch) {
#ifdef BROWNOUT_IMAGE_IN_NVM
  return brownout_nvm_view(address, length, scratch);
#else
  (void)length;
  (void)scratch;
  return brownout_image + address;
#endif
}

#endif
