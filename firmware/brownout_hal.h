/*
 * What the module needs of the hardware: five functions, and one for the day something breaks. Bodies of the first four
 * come with the package: NVM that is mapped into the address space, SPI FRAM, EEPROM, internal flash, a file.
 *
 * NVM holds the image's state; the image itself is a constant of the program, brownout_image, and is read where it lies.
 * Addresses count from the start of the region that the state has in NVM; the region starts at a multiple of 64.
 */
#ifndef BROWNOUT_HAL_H
#define BROWNOUT_HAL_H

#include <stdint.h>

#include "brownout_settings.h"

/* What NVM needs before it is accessed for the first time after power came up. */
void brownout_nvm_begin(void);

/*
 * A pointer to `length` bytes of NVM, to be read only: the bytes themselves where NVM is mapped, or a copy of them in
 * `scratch`. Reads see what this boot has written. A multiple of 4 where `address` is one.
 */
const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch);

/* Writes `length` bytes. A power failure may tear the write anywhere. */
void brownout_nvm_write(uint32_t address, const void *source, uint32_t length);

/* Returns when everything written before is durable: a barrier. */
void brownout_nvm_sync(void);

/*
 * Only of memories that keep what was written over (--nvm flash; BROWNOUT_NVM_KEEPS_OLD): returns when none of that is left
 * in any cell.
 */
void brownout_nvm_forget(void);

/*
 * Only of memories that can sleep (BROWNOUT_NVM_SLEEP): until brownout_nvm_begin() it takes microamperes, and is not to be
 * accessed.
 */
void brownout_nvm_sleep(void);

/*
 * Only of firmware that checks who signed its image (export --check-signature): 1 if `signature`, of 64 bytes, is the Ed25519
 * signature (RFC 8032) of `message` by `key`, of 32, else 0. As Monocypher's crypto_ed25519_check and libsodium's
 * crypto_sign_verify_detached have it, but for what they return.
 */
int brownout_verify_signature(const uint8_t *signature, const uint8_t *key, const uint8_t *message, uint32_t length);

/* The voltage monitor: 1 if the power is about to fail, else 0. Without a monitor always 0. */
int brownout_power_low(void);

/* A fault of the module or the hardware: stop or reset. Never returns. */
void brownout_trap(void);

#endif
