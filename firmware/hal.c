/*
 * The hardware, where NVM (FRAM, MRAM, or RAM that plays it) is mapped into the address space.
 * To fill in for another part: NVM_ADDRESS, nvm_write if a store alone does not write, and power_low.
 * NVM_COPY copies what is viewed to SRAM, as one must where NVM is behind SPI; without it views are the bytes in place.
 */
#include "hal.h"

#include <string.h>

#ifndef NVM_ADDRESS
#define NVM_ADDRESS 0x21000000u
#endif

void nvm_begin(void) {
}

const void *nvm_view(uint32_t address, uint32_t length, void *scratch) {
  const void *bytes = (const void *)(uintptr_t)(NVM_ADDRESS + address);
#ifdef NVM_COPY
  return memcpy(scratch, bytes, length);
#else
  (void)length;
  (void)scratch;
  return bytes;
#endif
}

void nvm_write(uint32_t address, const void *source, uint32_t length) {
  memcpy((void *)(uintptr_t)(NVM_ADDRESS + address), source, length);
}

void nvm_sync(void) {
  /* Stores reach mapped NVM in program order; a part with a write buffer or a cache must drain it here. */
#if defined(__GNUC__)
  __asm__ volatile("" ::: "memory");
#if defined(__arm__)
  __asm__ volatile("dsb" ::: "memory");
#endif
#endif
}

int power_low(void) {
  return 0;
}

void wasm_trap(void) {
  for (;;) {
  }
}
