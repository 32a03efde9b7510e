/*
 * brownout_verify_signature that tells on standard error, in hex, what it was asked: signature, key, message. What it answers is
 * the environment's VERDICT.
 */
#include <stdio.h>
#include <stdlib.h>

#include "brownout_hal.h"

static void tell(const uint8_t *bytes, uint32_t length) {
  uint32_t i;
  for (i = 0; i < length; i++) fprintf(stderr, "%02x", bytes[i]);
  fputc('\n', stderr);
}

int brownout_verify_signature(const uint8_t *signature, const uint8_t *key, const uint8_t *message, uint32_t length) {
  tell(signature, 64);
  tell(key, 32);
  tell(message, length);
  return atoi(getenv("VERDICT"));
}
