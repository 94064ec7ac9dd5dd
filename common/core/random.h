/* Randomness from the kernel, for ids, keys and jitter. */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stdint.h>

uint64_t random_u64(void);
/* A version 4 UUID in its text form (RFC 9562), 36 characters and a NUL. */
void random_uuid(char ret_text[37]);

#endif
