#include "wire/lanes.h"

#include "wire/messages.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FULL_MAX (TENANT_MAX + 1 + CHANNEL_MAX)

struct lane {
    struct map_node by_channel; /* struct lanes::by_channel */
    struct bytes full;          /* in text */
    uint32_t number;
    char text[];
};

void lanes_init(struct lanes *l)
{
    *l = (struct lanes){0};
    map_init(&l->by_channel);
}

void lanes_fini(struct lanes *l)
{
    struct lane *one;
    map_for_each(one, &l->by_channel, by_channel)
    {
        map_remove(&l->by_channel, &one->by_channel);
        free(one);
    }
    map_fini(&l->by_channel);
    l->most = 0;
}

static struct lane *find(const struct lanes *l, struct bytes full)
{
    return map_find_bytes(&l->by_channel, full, struct lane, by_channel, full);
}

static struct lane *add(struct lanes *l, struct bytes full)
{
    struct lane *one = malloc(sizeof *one + full.n);
    assert(one);
    memcpy(one->text, full.p, full.n);
    one->full = bytes_of(one->text, full.n);
    map_insert(&l->by_channel, &one->by_channel, hash_bytes(full));
    return one;
}

static uint32_t highest(const struct lanes *l)
{
    const struct lane *one;
    uint32_t most = 0;
    map_for_each(one, &l->by_channel, by_channel)
        if (one->number > most)
            most = one->number;
    return most;
}

int lanes_put(struct lanes *l, struct bytes full, uint64_t lane)
{
    if (lane < 1 || lane > LANE_MAX || full.n == 0 || full.n > FULL_MAX)
        return -EINVAL;
    struct lane *one = find(l, full);
    if (!one && l->by_channel.count == LANED_CHANNELS_MAX)
        return -ENOSPC;
    bool may_sink = one && one->number == l->most;
    if (!one)
        one = add(l, full);
    one->number = (uint32_t)lane;
    if (may_sink)
        l->most = highest(l);
    else if (one->number > l->most)
        l->most = one->number;
    return 0;
}

int lanes_take(struct lanes *l, struct bytes list)
{
    struct lanes fresh;
    struct ctl_lane one;
    int more, error = 0;
    lanes_init(&fresh);
    while (error == 0 && (more = wire_next_ctl_lane(&list, &one)) != 0)
        error = more < 0 ? more : lanes_put(&fresh, one.channel, one.lane);
    if (error < 0) {
        lanes_fini(&fresh);
        return -EBADMSG;
    }
    lanes_fini(l);
    *l = fresh;
    return 0;
}

uint32_t lanes_of(const struct lanes *l, struct bytes full)
{
    const struct lane *one = l->by_channel.count ? find(l, full) : NULL;
    return one ? one->number : 0;
}

uint32_t lanes_partition(const struct lanes *l, struct bytes full, struct channel_place place, uint32_t hashed)
{
    return lane_partition(lanes_of(l, full), place, hashed);
}
