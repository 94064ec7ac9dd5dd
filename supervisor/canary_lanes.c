#include "canary_lanes.h"

#include <stdio.h>
#include <string.h>

void canary_channel(const char *cell, uint32_t number, char ret_channel[CANARY_CHANNEL_MAX])
{
    snprintf(ret_channel, CANARY_CHANNEL_MAX, "cellcast/canary-%s-%u", cell, number);
}

static void make_lanes(struct canary_lanes *lanes, const struct plan *plan)
{
    *lanes = (struct canary_lanes){.generation = plan->generation};
    for (uint32_t worker = 1; worker <= SLOTS_MAX; worker++)
        if (plan_share(plan, worker))
            lanes->lane[lanes->n++].worker = worker;
}

static unsigned shards_of_each(unsigned n_lanes)
{
    unsigned fair = (SHARDS + n_lanes - 1) / n_lanes;
    return fair < LANE_LEAST ? LANE_LEAST : fair;
}

static bool takes(const struct canary_lane *lane, unsigned index, unsigned each, uint8_t shard)
{
    unsigned from_its_first = (shard + SHARDS - index * each % SHARDS) % SHARDS;
    return from_its_first < each && !memchr(lane->shards, shard, lane->n);
}

static int index_of(const struct canary_lanes *lanes, uint32_t worker)
{
    for (unsigned i = 0; i < lanes->n; i++)
        if (lanes->lane[i].worker == worker)
            return (int)i;
    return -1;
}

/* Lane i takes `each` shards from i * each on. */
void canary_lanes_choose(struct canary_lanes *lanes, const struct plan *plan, const char *cell)
{
    char channel[CANARY_CHANNEL_MAX];
    int lane_of[SLOTS_MAX + 1];
    make_lanes(lanes, plan);
    if (lanes->n == 0)
        return;
    for (uint32_t worker = 1; worker <= SLOTS_MAX; worker++)
        lane_of[worker] = index_of(lanes, worker);
    unsigned each = shards_of_each(lanes->n), wanted = each * lanes->n;
    for (uint32_t number = 0; number < LANE_TRIES && wanted; number++) {
        canary_channel(cell, number, channel);
        struct channel_place place = channel_place(bytes_str(channel));
        int at = lane_of[plan->owners[place.partition_hash % plan->hashed]];
        struct canary_lane *lane = &lanes->lane[at];
        if (!takes(lane, (unsigned)at, each, place.shard))
            continue;
        lane->numbers[lane->n] = number;
        lane->shards[lane->n++] = place.shard;
        wanted--;
    }
}
