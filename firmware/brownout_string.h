/* The functions of string.h that the C here stands on, also where the compiler comes without a C library. */
#ifndef BROWNOUT_STRING_H
#define BROWNOUT_STRING_H

#if defined(__MSP430__) && defined(__clang__)
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
#else
#include <string.h>
#endif

#endif
