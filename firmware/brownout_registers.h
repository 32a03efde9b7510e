/* Registers of a part, for its ports. */
#ifndef BROWNOUT_REGISTERS_H
#define BROWNOUT_REGISTERS_H

#include <stdint.h>

#include "brownout_hal.h"
#include "brownout_settings.h"

#define BROWNOUT_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#endif
