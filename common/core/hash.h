/* Keyed hash for maps whose keys strangers choose (SipHash-1-3, Aumasson and Bernstein 2012). The key is drawn once per process. */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include "core/bytes.h"

uint64_t hash_bytes(struct bytes s);
uint64_t hash_seeded(struct bytes s, uint64_t seed); /* the same in every process that has the seed */
uint64_t hash_u64(uint64_t v); /* a mixer (splitmix64), for numbers that we choose ourselves */

#endif
