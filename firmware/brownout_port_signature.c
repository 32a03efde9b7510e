/* Who verifies signatures. To fill in with a library that you trust: no code of ours does it. */
#include "brownout_hal.h"

int brownout_verify_signature(const uint8_t *signature, const uint8_t *key, const uint8_t *message, uint32_t length) {
  /*
   * Monocypher:  return crypto_ed25519_check(signature, key, message, length) == 0;
   * libsodium:   return crypto_sign_verify_detached(signature, message, length, key) == 0;
   */
  (void)signature;
  (void)key;
  (void)message;
  (void)length;
  BROWNOUT_FILL_IN_BODY(brownout_verify_signature);
  return 0;
}
