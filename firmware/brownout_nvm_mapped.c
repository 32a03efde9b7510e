/*
 * NVM (FRAM, MRAM, or RAM that plays it) that is mapped into the address space: a store writes. BROWNOUT_NVM_COPY copies
 * what is viewed to SRAM; without it views are the bytes in place. The results do not depend on it.
 */
#include "brownout_hal.h"

#include "brownout_string.h"

#ifndef BROWNOUT_NVM_ADDRESS
#define BROWNOUT_NVM_ADDRESS 0x21000000u
#endif

void brownout_nvm_begin(void) {
}

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  const void *bytes = (const void *)(uintptr_t)(BROWNOUT_NVM_ADDRESS + address);
#ifdef BROWNOUT_NVM_COPY
  return memcpy(scratch, bytes, (size_t)length);
#else
  (void)length;
  (void)scratch;
  return bytes;
#endif
}

void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  memcpy((void *)(uintptr_t)(BROWNOUT_NVM_ADDRESS + address), source, (size_t)length);
}

void brownout_nvm_sync(void) {
  /* Stores reach mapped NVM in program order; a part with a write buffer or a cache must drain it here. */
#if defined(__GNUC__)
  __asm__ volatile("" ::: "memory");
#if defined(__arm__)
  __asm__ volatile("dsb" ::: "memory");
#endif
#endif
}
