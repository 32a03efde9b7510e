/*
 * NVM played by a file on a POSIX system: for tests of an application at the desk. The file is named by the
 * environment variable BROWNOUT_NVM, or nvm.bin; it is made if it is not there.
 */
#define _POSIX_C_SOURCE 200809L
#include "brownout_hal.h"
#include "brownout_model.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int nvm_file(void) {
  static int file = -1;
  const char *name = getenv("BROWNOUT_NVM");
  if (file >= 0) return file;
  file = open(name ? name : "nvm.bin", O_RDWR | O_CREAT, 0644);
  if (file < 0 || ftruncate(file, BROWNOUT_NVM_BYTES) != 0) {
    perror("nvm");
    exit(1);
  }
  return file;
}

void brownout_nvm_begin(void) {
  nvm_file();
}

const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  if (pread(nvm_file(), scratch, length, (off_t)address) != (ssize_t)length) brownout_trap();
  return scratch;
}

void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  const uint8_t *from = source;
  while (length > 0) {
    const ssize_t written = pwrite(nvm_file(), from, length, (off_t)address);
    if (written <= 0) brownout_trap();
    from += written;
    address += (uint32_t)written;
    length -= (uint32_t)written;
  }
}

void brownout_nvm_sync(void) {
  if (fsync(nvm_file()) != 0) brownout_trap();
}
