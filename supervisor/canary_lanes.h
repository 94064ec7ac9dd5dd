/* Which channels the canaries use: `cellcast/canary-CELL-N`, a few for each worker, chosen so that they lie in
 * partitions which that worker owns and, over all lanes together, in every shard. Pure. */
#ifndef SUPERVISOR_CANARY_LANES_H
#define SUPERVISOR_CANARY_LANES_H

#include "child.h"
#include "plan.h"
#include "wire/channel.h"

#define LANE_LEAST 4         /* shards that one worker's canaries are spread over at least */
#define LANE_TRIES 400000    /* numbers tried; a rare place of a very large cell may stay uncovered */
#define CANARY_CHANNEL_MAX 80

struct canary_lane {
    uint32_t worker; /* slot */
    unsigned n;      /* channels, at least 1 */
    uint32_t numbers[SHARDS];
    uint8_t shards[SHARDS];
};

struct canary_lanes {
    uint64_t generation; /* of the plan that they were chosen for */
    unsigned n;          /* workers that own something */
    struct canary_lane lane[SLOTS_MAX]; /* ascending by worker */
};

void canary_lanes_choose(struct canary_lanes *lanes, const struct plan *plan, const char *cell);
void canary_channel(const char *cell, uint32_t number, char ret_channel[CANARY_CHANNEL_MAX]);

#endif
