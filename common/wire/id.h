/* The global id: hybrid logical clock of 42 bits of ms since 2024-01-01, 6 bits of shard, 15 bits of counter,
 * top bit 0. Ids of a shard ascend in commit order; an id is above every id that its publisher had been shown. */
#ifndef WIRE_ID_H
#define WIRE_ID_H

#include <stdint.h>

#define ID_EPOCH_MS 1704067200000LL /* 2024-01-01T00:00:00Z */
#define ID_COUNTER_BITS 15
#define ID_SHARD_BITS 6
#define ID_MS_SHIFT (ID_COUNTER_BITS + ID_SHARD_BITS)

/* The smallest id with this shard's bits that is not below the start of now_ms (ms since 1970) and above both `last`
 * (of the shard) and `shown` (0: none). An overflow of the counter goes into the milliseconds. */
uint64_t id_next(uint64_t now_ms, unsigned shard, uint64_t last, uint64_t shown);

static inline uint64_t id_ms(uint64_t id) /* ms since 1970 */
{
    return (id >> ID_MS_SHIFT) + (uint64_t)ID_EPOCH_MS;
}

static inline unsigned id_shard(uint64_t id)
{
    return (unsigned)(id >> ID_COUNTER_BITS) & ((1u << ID_SHARD_BITS) - 1);
}

/* The smallest id of that millisecond, of any shard: a partition bound. */
static inline uint64_t id_floor(uint64_t ms)
{
    return ms <= (uint64_t)ID_EPOCH_MS ? 0 : (ms - (uint64_t)ID_EPOCH_MS) << ID_MS_SHIFT;
}

#endif
