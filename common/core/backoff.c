#include "core/backoff.h"

#include <assert.h>

void backoff_init(struct backoff *b, uint32_t min_ms, uint32_t max_ms)
{
    assert(min_ms > 0 && min_ms <= max_ms);
    *b = (struct backoff){.min_ms = min_ms, .max_ms = max_ms};
}

void backoff_reset(struct backoff *b)
{
    b->tries = 0;
}

uint32_t backoff_next(struct backoff *b, uint64_t random)
{
    uint64_t top = (uint64_t)b->min_ms << (b->tries < 20 ? b->tries : 20);
    if (top > b->max_ms)
        top = b->max_ms;
    b->tries++;
    return (uint32_t)(b->min_ms + random % (top - b->min_ms + 1));
}
