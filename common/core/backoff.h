/* Exponential backoff with full jitter: the nth delay is uniform in [min, min(max, min * 2^n)]. */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include <stdint.h>

struct backoff {
    uint32_t min_ms, max_ms; /* 0 < min <= max */
    uint32_t tries;          /* since the last reset */
};

void backoff_init(struct backoff *b, uint32_t min_ms, uint32_t max_ms);
void backoff_reset(struct backoff *b); /* it worked */
/* random: any 64 uniform bits. -> ms until the next try */
uint32_t backoff_next(struct backoff *b, uint64_t random);

#endif
