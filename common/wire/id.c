#include "wire/id.h"

#include <assert.h>

/* The smallest id of the shard above `floor`. */
static uint64_t above(uint64_t floor, unsigned shard)
{
    uint64_t ms = floor >> ID_MS_SHIFT;
    uint64_t mine = ms << ID_MS_SHIFT | (uint64_t)shard << ID_COUNTER_BITS;
    if (mine > floor)
        return mine;
    uint64_t next = floor + 1;
    if (next >> ID_MS_SHIFT == ms && id_shard(next) == shard)
        return next;
    return (ms + 1) << ID_MS_SHIFT | (uint64_t)shard << ID_COUNTER_BITS;
}

uint64_t id_next(uint64_t now_ms, unsigned shard, uint64_t last, uint64_t shown)
{
    assert(shard < 1u << ID_SHARD_BITS);
    uint64_t floor = last > shown ? last : shown;
    uint64_t now = id_floor(now_ms) | (uint64_t)shard << ID_COUNTER_BITS;
    return now > floor ? now : above(floor, shard);
}
